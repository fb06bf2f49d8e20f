import { expect } from 'chai';
import fc from 'fast-check';
import { type ClaimView, readClaimView } from '../../../src/agent/claim-view.ts';
import type { KubeObject } from '../../../src/cluster/kube-object.ts';
import { DEFAULT_SETTINGS, parseClasses, type Settings } from '../../../src/tars/settings.ts';
import { law, PATIENCE } from '../laws/law.ts';

const SETTINGS: Settings = {
  ...DEFAULT_SETTINGS,
  classes: parseClasses('t-storage-class=on-demand,offers=per-node,disks=discovery'),
};

interface Parts {
  readonly metadata?: Record<string, unknown>;
  readonly labels?: Record<string, unknown>;
  readonly annotations?: Record<string, unknown>;
  readonly spec?: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
}

/** A replica's claim as the API server has it. */
function object({ metadata, labels, annotations, spec, status }: Parts = {}): KubeObject {
  return {
    metadata: {
      namespace: 'shop',
      name: 'data-shop-cart-3',
      uid: 'claim-1',
      resourceVersion: '7',
      creationTimestamp: '2024-01-01T00:00:00Z',
      labels: {
        'tars.io/ServerApp': 'Shop',
        'tars.io/ServerName': 'cart',
        'tars.io/LocalVolume': 'data',
        ...labels,
      },
      annotations: { ...annotations },
      ...metadata,
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1G' } },
      storageClassName: 't-storage-class',
      volumeMode: 'Filesystem',
      ...spec,
    },
    status: { phase: 'Pending', ...status },
  } as KubeObject;
}

function view(parts: Parts = {}): ClaimView {
  const read = readClaimView(object(parts), SETTINGS);
  if (!read) throw new Error('it is not served');
  return read;
}

const faultOf = (parts: Parts): string | undefined => {
  const { wanted } = view(parts);
  return 'fault' in wanted ? wanted.fault : undefined;
};
const pathOf = (parts: Parts): string | undefined => {
  const { wanted } = view(parts);
  return 'path' in wanted ? wanted.path : undefined;
};

describe('a claim, as the agent sees it', () => {
  it('is read whole', () => {
    expect(view()).to.deep.equal({
      namespace: 'shop',
      name: 'data-shop-cart-3',
      uid: 'claim-1',
      resourceVersion: '7',
      createdAt: '2024-01-01T00:00:00Z',
      isDeleting: false,
      phase: 'Pending',
      storageClass: 't-storage-class',
      way: 'on-demand',
      selectedNode: undefined,
      routedTo: undefined,
      volumeName: undefined,
      mayAdopt: false,
      accessMode: 'ReadWriteOnce',
      request: '1G',
      requestBytes: 10 ** 9,
      capacityBytes: 0,
      wanted: {
        address: { namespace: 'shop', app: 'Shop', server: 'cart', volume: 'data' },
        path: 'shop/Shop.cart/data',
        owner: { uid: 0, gid: 0, mode: 0o755 },
      },
    });
  });

  const FIELDS: [string, Parts, Partial<ClaimView>][] = [
    ['its node', { annotations: { 'volume.kubernetes.io/selected-node': 'n1' } }, { selectedNode: 'n1' }],
    [
      'no node where it is empty',
      { annotations: { 'volume.kubernetes.io/selected-node': '' } },
      { selectedNode: undefined },
    ],
    ['its routing label', { labels: { 'local.tars.io/node': 'n1' } }, { routedTo: 'n1' }],
    [
      'its volume',
      { spec: { volumeName: 'v' }, status: { phase: 'Bound' } },
      { volumeName: 'v', phase: 'Bound' },
    ],
    ['that it is Lost', { status: { phase: 'Lost' } }, { phase: 'Lost' }],
    [
      'that it is being deleted',
      { metadata: { deletionTimestamp: '2024-01-01T00:00:00Z' } },
      { isDeleting: true },
    ],
    ['that it adopts', { annotations: { 'local.tars.io/adopt': 'true' } }, { mayAdopt: true }],
    ['its access mode', { spec: { accessModes: ['ReadWriteOncePod'] } }, { accessMode: 'ReadWriteOncePod' }],
    ['the default access mode', { spec: { accessModes: undefined } }, { accessMode: 'ReadWriteOnce' }],
    [
      'its request',
      { spec: { resources: { requests: { storage: '1.5Gi' } } } },
      { request: '1.5Gi', requestBytes: 1.5 * 2 ** 30 },
    ],
    ['the default request', { spec: { resources: undefined } }, { request: '1G', requestBytes: 10 ** 9 }],
    [
      'a request that is none as nothing',
      { spec: { resources: { requests: { storage: 'x' } } } },
      { requestBytes: 0 },
    ],
    [
      'the way of its class',
      { spec: { storageClassName: 'offers' } },
      { way: 'per-node', storageClass: 'offers' },
    ],
  ];
  for (const [name, parts, expected] of FIELDS) {
    it(`says ${name}`, () => {
      expect(view(parts)).to.deep.include(expected);
    });
  }

  // Data is given away by one word only.
  for (const value of ['True', 'TRUE', 'yes', '1', ' true', 'true ', '', 'false', true, 1, null]) {
    it(`adopts nothing by ${JSON.stringify(value)}`, () => {
      expect(view({ annotations: { 'local.tars.io/adopt': value } }).mayAdopt).to.equal(false);
    });
  }

  const UNSERVED: [string, Parts][] = [
    ['another class', { spec: { storageClassName: 'nfs' } }],
    ['no class', { spec: { storageClassName: undefined } }],
    ['an empty class', { spec: { storageClassName: '' } }],
    ['a class by a word of JavaScript', { spec: { storageClassName: 'constructor' } }],
    ["TarsK8S's own class, which is not listed", { spec: { storageClassName: 'tars-storage-class' } }],
    ['no namespace', { metadata: { namespace: undefined } }],
    ['fields of other types', { spec: { accessModes: 'ReadWriteOnce' } }],
  ];
  for (const [name, parts] of UNSERVED) {
    it(`is none with ${name}`, () => {
      expect(readClaimView(object(parts), SETTINGS)).to.equal(undefined);
    });
  }
});

describe('the directory that a claim wants', () => {
  const noLabels = {
    labels: {
      'tars.io/ServerApp': undefined,
      'tars.io/ServerName': undefined,
      'tars.io/LocalVolume': undefined,
    },
  };
  const pod = { 'local.tars.io/scope': 'Pod' };
  const PATHS: [string, Parts, string][] = [
    ['as its labels say', {}, 'shop/Shop.cart/data'],
    [
      'one for all replicas, in scope Node',
      { annotations: { 'local.tars.io/scope': 'Node' } },
      'shop/Shop.cart/data',
    ],
    ['one a replica, in scope Pod', { annotations: pod }, 'shop/Shop.cart/data.3'],
    [
      'one alone where its name has no ordinal',
      { annotations: pod, metadata: { name: 'data' } },
      'shop/Shop.cart/data',
    ],
    [
      'one alone where the number is none',
      { annotations: pod, metadata: { name: 'data-03' } },
      'shop/Shop.cart/data',
    ],
    [
      'one alone where the number is too long',
      { annotations: pod, metadata: { name: 'data-1234567890' } },
      'shop/Shop.cart/data',
    ],
    ['of replica 0', { annotations: pod, metadata: { name: 'data-0' } }, 'shop/Shop.cart/data.0'],
    ['of itself, where it is bare', noLabels, 'shop/claim.data-shop-cart-3/data-shop-cart-3'],
    [
      'of itself, where its name is long',
      { ...noLabels, metadata: { name: 'x'.repeat(253) } },
      `shop/claim.${'x'.repeat(46)}-1329e1bd71a6a7b2/${'x'.repeat(46)}-1329e1bd71a6a7b2`,
    ],
    [
      'of itself, where half of its labels are there',
      { labels: { 'tars.io/ServerName': undefined } },
      'shop/claim.data-shop-cart-3/data',
    ],
    ['of its namespace', { metadata: { namespace: 'mall' } }, 'mall/Shop.cart/data'],
  ];
  for (const [name, parts, path] of PATHS) {
    it(`is ${name}`, () => {
      expect(pathOf(parts)).to.equal(path);
    });
  }

  it('has the owner and mode of the annotations', () => {
    const annotations = {
      'tars.io/LocalVolumeUID': '1000',
      'tars.io/LocalVolumeGID': '999999',
      'tars.io/LocalVolumeMode': '0711',
    };
    expect(view({ annotations }).wanted).to.have.deep.property('owner', {
      uid: 1000,
      gid: 999_999,
      mode: 0o711,
    });
  });
});

describe('a claim with a fault', () => {
  const FAULTS: [string, Parts, string][] = [
    ...['../7', '7/', '7\0', '-1', '1e3', '0x1', '01', '', ' 7', '9'.repeat(300), '٣', '７'].map(
      (value): [string, Parts, string] => [
        `uid ${JSON.stringify(value).slice(0, 20)}`,
        { annotations: { 'tars.io/LocalVolumeUID': value } },
        'TLV301 metadata.annotations[tars.io/LocalVolumeUID]: ',
      ],
    ),
    [
      'gid "root"',
      { annotations: { 'tars.io/LocalVolumeGID': 'root' } },
      'TLV302 metadata.annotations[tars.io/LocalVolumeGID]: ',
    ],
    ...['750', '4755', '7', '799', 'rwx', '../..', '7'.repeat(300)].map((value): [string, Parts, string] => [
      `mode ${JSON.stringify(value).slice(0, 20)}`,
      { annotations: { 'tars.io/LocalVolumeMode': value } },
      'TLV303 metadata.annotations[tars.io/LocalVolumeMode]: ',
    ]),
    ['a scope that is none', { annotations: { 'local.tars.io/scope': 'node' } }, 'TLV304 '],
    [
      'scope Pod of a class that has none',
      { annotations: { 'local.tars.io/scope': 'Pod' }, spec: { storageClassName: 'offers' } },
      'TLV305 ',
    ],
    [
      'an access mode of networks',
      { spec: { accessModes: ['ReadWriteMany'] } },
      'TLV401 spec.accessModes[0]: ',
    ],
    [
      'one of several',
      { spec: { accessModes: ['ReadWriteOnce', 'ReadOnlyMany'] } },
      'TLV401 spec.accessModes[1]: ',
    ],
    ['Block', { spec: { volumeMode: 'Block' } }, 'TLV402 spec.volumeMode: '],
    [
      'a dataSource',
      { spec: { dataSource: { kind: 'VolumeSnapshot', name: 'x' } } },
      'TLV403 spec.dataSource: ',
    ],
    ['a dataSourceRef', { spec: { dataSourceRef: { kind: 'X', name: 'x' } } }, 'TLV403 spec.dataSourceRef: '],
    [
      'a selector for something else',
      { spec: { selector: { matchLabels: { 'tars.io/LocalVolume': 'other' } } } },
      'TLV404 spec.selector.matchLabels[tars.io/LocalVolume]: ',
    ],
    ...['tars.io/ServerApp', 'tars.io/ServerName', 'tars.io/LocalVolume'].flatMap((label) =>
      ['..', '.', '../../etc', 'a/b', 'a\0', 'a\n', '', 'a'.repeat(64), 'a'.repeat(300), 'ü', '-a'].map(
        (value): [string, Parts, string] => [
          `${label} ${JSON.stringify(value).slice(0, 20)}`,
          { labels: { [label]: value } },
          `TLV405 metadata.labels[${label}]: `,
        ],
      ),
    ),
    [
      'a dot in the app',
      { labels: { 'tars.io/ServerApp': 'a.b' } },
      'TLV405 metadata.labels[tars.io/ServerApp]: ',
    ],
  ];
  for (const [name, parts, begin] of FAULTS) {
    it(`says so: ${name}`, () => {
      const fault = faultOf(parts);
      expect(fault?.slice(0, begin.length)).to.equal(begin);
      expect(fault).to.have.length.greaterThan(begin.length + 20);
    });
  }

  it('says the first of several', () => {
    const parts = { spec: { volumeMode: 'Block' }, labels: { 'tars.io/ServerApp': '..' } };
    expect(faultOf(parts)).to.match(/^TLV405 /);
  });

  it('says what is wrong with a namespace or a name that no API server would take', () => {
    expect(faultOf({ metadata: { namespace: '..' } })).to.match(
      /^its namespace "\.\." cannot be part of a path/,
    );
    const bare = { 'tars.io/ServerApp': undefined, 'tars.io/ServerName': undefined };
    expect(faultOf({ labels: bare, metadata: { name: '..' } })).to.match(/^its server "\.\." cannot be part/);
  });

  it('has its whole message for people', () => {
    expect(faultOf({ annotations: { 'tars.io/LocalVolumeMode': '750' } })).to.equal(
      'TLV303 metadata.annotations[tars.io/LocalVolumeMode]: Invalid value: "750": must be three octal digits from 1 to 7, with at most one leading 0, as a string (^0?[1-7]{3,3}$); write a mode without the digit 0, such as "755", or start webhook and agent with --mode-pattern posix, which allows "750"',
    );
  });
});

describe('laws of claims', function () {
  this.timeout(PATIENCE);
  const nasty = fc.oneof(
    fc.constantFrom(
      '..',
      '.',
      'a/../b',
      'a\0b',
      'ok',
      'a.b',
      'Shop',
      'x'.repeat(300),
      '',
      '%2e%2e',
      'true',
      'Pod',
    ),
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.constantFrom(null, 1, true, {}, []),
  );
  const map = (...keys: string[]) =>
    fc.dictionary(fc.constantFrom(...keys), nasty, { maxKeys: keys.length, noNullPrototype: true });

  it('whatever a claim says, its directory is below its own namespace, and its owner is a number', () => {
    let served = 0;
    law(
      fc.record({
        labels: map('tars.io/ServerApp', 'tars.io/ServerName', 'tars.io/LocalVolume'),
        annotations: map(
          'local.tars.io/scope',
          'local.tars.io/adopt',
          'tars.io/LocalVolumeUID',
          'tars.io/LocalVolumeMode',
        ),
        metadata: fc.record({ name: fc.oneof(fc.constantFrom('a', 'a-0', '..', 'a.b-1'), fc.string()) }),
      }),
      (parts) => {
        const read = readClaimView(object(parts), SETTINGS);
        if (!read || 'fault' in read.wanted) return;
        served += 1;
        expect(read.wanted.path).to.match(
          /^shop\/[A-Za-z0-9][-\w]*\.[A-Za-z0-9][-\w.]*\/[A-Za-z0-9][-\w.]*$/,
        );
        for (const part of read.wanted.path.split('/')) expect(part).to.not.match(/^\.\.?$/);
        const { uid, gid, mode } = read.wanted.owner;
        for (const number of [uid, gid, mode]) expect(number).to.satisfy(Number.isInteger).and.at.least(0);
        expect(mode).to.be.at.most(0o777);
      },
      3000,
    );
    expect(served).to.be.greaterThan(50);
  });
});
