import { expect } from 'chai';
import { mutateClaim } from '../../src/mutate/claim.ts';
import { nodeLabelValue } from '../../src/tars/label-value.ts';
import { patchBetween } from '../../src/mutate/patch.ts';
import { claimsOf } from '../../src/tars/claims-of.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../src/tars/settings.ts';
import type { Claim, ClaimSpec, Metadata } from '../../src/tars/shapes.ts';
import { validateClaim } from '../../src/validate/claim.ts';
import {
  claim,
  create,
  DISCOVERY,
  LABELS,
  localMount,
  NAMESPACE,
  PER_NODE,
  settingsWith,
  statefulSet,
  tserver,
} from './builders.ts';

const created = (given: Claim, settings: Settings = DEFAULT_SETTINGS, namespace = NAMESPACE) =>
  mutateClaim(given, { namespace, settings });
const updated = (given: Claim, old: Claim = given) =>
  mutateClaim(given, { namespace: NAMESPACE, settings: DEFAULT_SETTINGS, old });

const SELECTED = 'volume.kubernetes.io/selected-node';
const NODE = 'local.tars.io/node';

describe('a claim that is created', () => {
  const bare = (spec: ClaimSpec = {}, metadata: Metadata = {}): Claim => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'uploads', ...metadata },
    spec: { storageClassName: 't-storage-class', ...spec },
  });
  const labels = {
    'tars.io/LocalVolume': 'uploads',
    'tars.io/ServerApp': 'claim',
    'tars.io/ServerName': 'uploads',
  };
  const owner = {
    'tars.io/LocalVolumeUID': '0',
    'tars.io/LocalVolumeGID': '0',
    'tars.io/LocalVolumeMode': '755',
  };

  it('bare, belongs to itself', () => {
    expect(created(bare())).to.deep.equal({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'uploads', labels, annotations: owner },
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1G' } },
        selector: { matchLabels: labels },
        storageClassName: 't-storage-class',
        volumeMode: 'Filesystem',
      },
    });
  });

  it('keeps what it has', () => {
    const full = created(
      bare(
        {
          accessModes: ['ReadWriteOncePod'],
          resources: { requests: { storage: '9Gi' } },
          volumeMode: 'Filesystem',
        },
        {
          labels: { team: 'a', 'tars.io/LocalVolume': 'shared' },
          annotations: { 'tars.io/LocalVolumeMode': '711' },
        },
      ),
    );
    expect(full.metadata).to.deep.equal({
      name: 'uploads',
      labels: { team: 'a', ...labels, 'tars.io/LocalVolume': 'shared' },
      annotations: { ...owner, 'tars.io/LocalVolumeMode': '711' },
    });
    expect(full.spec?.resources).to.deep.equal({ requests: { storage: '9Gi' } });
    expect(full.spec?.accessModes).to.deep.equal(['ReadWriteOncePod']);
  });

  it('belongs to the server that both its labels name', () => {
    expect(created(bare({}, { labels: LABELS })).metadata?.labels).to.deep.equal({
      ...LABELS,
      'tars.io/LocalVolume': 'uploads',
    });
  });

  it('is complete once and for all', () => {
    const once = created(bare());
    expect(created(once)).to.equal(once);
    const context = { namespace: NAMESPACE, settings: DEFAULT_SETTINGS };
    expect(validateClaim(once, context)).to.deep.equal({ violations: [], warnings: [] });
  });

  const SETTINGS: [string, Settings][] = [
    ['on demand', DEFAULT_SETTINGS],
    ['per node', PER_NODE],
    ['discovery', DISCOVERY],
  ];
  for (const [way, settings] of SETTINGS) {
    it(`of a StatefulSet of ours is complete already: ${way}`, () => {
      const server = tserver({ hostIPC: true, mounts: [localMount('data', { uid: '7' })] });
      const plain = statefulSet({
        templates: [claim('data'), claim('net', { storageClassName: 'ceph-rbd' })],
      });
      for (const set of [create(statefulSet(), { server, settings }), create(plain, { settings })]) {
        for (const each of claimsOf(set)) expect(created(each, settings)).to.equal(each);
      }
    });
  }

  it('has the fourth label of a per-node class, with its namespace', () => {
    const offered = created(bare(), PER_NODE, 'games');
    const four = { ...labels, 'local.tars.io/namespace': 'games' };
    expect(offered.metadata?.labels).to.deep.equal(four);
    expect(offered.spec?.selector).to.deep.equal({ matchLabels: four });
  });

  it('has no selector of a discovery class', () => {
    expect(created(bare(), DISCOVERY).spec).to.not.have.property('selector');
  });

  it('has no owner where it only ties to a node', () => {
    const placeholder = created(
      bare({}, { name: 'delay-bind-x-0', labels: { 'tars.io/LocalVolume': 'delay-bind' } }),
    );
    expect(placeholder.metadata).to.not.have.property('annotations');
    expect(placeholder.metadata?.labels).to.deep.equal({
      'tars.io/LocalVolume': 'delay-bind',
      'tars.io/ServerApp': 'claim',
      'tars.io/ServerName': 'delay-bind-x-0',
    });
  });

  it('is routed at once where a node is chosen already', () => {
    const chosen = created(bare({}, { annotations: { [SELECTED]: 'node-1' } }));
    expect(chosen.metadata?.labels).to.deep.equal({ ...labels, [NODE]: 'node-1' });
  });

  it('brings no routing label of its own', () => {
    expect(created(bare({}, { labels: { [NODE]: 'node-9' } })).metadata?.labels).to.deep.equal(labels);
  });

  const OTHERS: [string, Claim][] = [
    ['another class', bare({ storageClassName: 'ceph-rbd' })],
    ["TarsK8S's class", bare({ storageClassName: 'tars-storage-class' })],
    ['no class', bare({ storageClassName: null })],
    ['the empty class', bare({ storageClassName: '' })],
    ['no spec', { metadata: { name: 'x' } }],
    ['no name', bare({}, { name: null })],
    ['no metadata', { spec: { storageClassName: 't-storage-class' } }],
  ];
  for (const [name, other] of OTHERS) {
    it(`of ${name} is the same reference`, () => {
      expect(created(other)).to.equal(other);
      expect(updated(other)).to.equal(other);
    });
  }

  it('of a class that is listed is completed as well', () => {
    const settings = settingsWith('t-storage-class=on-demand,tars-storage-class=on-demand');
    expect(
      created(bare({ storageClassName: 'tars-storage-class' }), settings).metadata?.labels,
    ).to.deep.equal(labels);
  });

  it('is not changed where it stands', () => {
    const given = bare({}, { labels: { [NODE]: 'x' }, annotations: { [SELECTED]: 'y' } });
    const before = structuredClone(given);
    created(given);
    updated(given);
    expect(given).to.deep.equal(before);
  });
});

describe('a claim that is updated', () => {
  const incomplete = (labels: Record<string, string>, annotations: Record<string, unknown> = {}) =>
    claim('data', {}, { labels, annotations });

  const CASES: [string, Record<string, string>, Record<string, unknown>, unknown[]][] = [
    [
      'gets the label',
      { a: 'b' },
      { [SELECTED]: 'node-1' },
      [{ op: 'add', path: '/metadata/labels/local.tars.io~1node', value: 'node-1' }],
    ],
    [
      'follows to another node',
      { [NODE]: 'node-1' },
      { [SELECTED]: 'node-2' },
      [{ op: 'replace', path: '/metadata/labels/local.tars.io~1node', value: 'node-2' }],
    ],
    [
      'loses it with the annotation',
      { [NODE]: 'node-1' },
      {},
      [{ op: 'remove', path: '/metadata/labels/local.tars.io~1node' }],
    ],
    [
      'loses it with an empty annotation',
      { [NODE]: 'node-1' },
      { [SELECTED]: '' },
      [{ op: 'remove', path: '/metadata/labels/local.tars.io~1node' }],
    ],
    [
      'gets it back where somebody took it',
      {},
      { [SELECTED]: 'node-1' },
      [{ op: 'add', path: '/metadata/labels/local.tars.io~1node', value: 'node-1' }],
    ],
  ];
  for (const [name, labels, annotations, patch] of CASES) {
    it(`${name}, and nothing else happens to it`, () => {
      const given = incomplete(labels, annotations);
      const routed = updated(given);
      expect(patchBetween(given, routed)).to.deep.equal(patch);
      expect(updated(routed)).to.equal(routed);
      expect(routed.spec).to.equal(given.spec);
    });
  }

  it('is the same reference where label and annotation agree, and where there is neither', () => {
    for (const given of [incomplete({ [NODE]: 'n' }, { [SELECTED]: 'n' }), incomplete({}), claim('data')]) {
      expect(updated(given)).to.equal(given);
    }
  });

  it('gets its first label', () => {
    const given = claim('data', {}, { annotations: { [SELECTED]: 'n' }, labels: null });
    expect(updated(given).metadata?.labels).to.deep.equal({ [NODE]: 'n' });
  });
});

describe('the value of the routing label', () => {
  for (const name of ['node-1', 'node8.67', '10.0.0.7', 'a', 'a'.repeat(63)]) {
    it(`is the name of the node: ${name}`, () => {
      expect(nodeLabelValue(name)).to.equal(name);
    });
  }

  // Pinned: agents find their claims by these.
  const HASHED: [string, string][] = [
    [`${'node.'.repeat(13)}example`, 'sha256-d53da2463947d87fdac02b7d6eb227976482eea2'],
    ['a'.repeat(64), 'sha256-ffe054fe7ae0cb6dc65c3af9b61d5209f439851d'],
    ['node-', 'sha256-f8dadb7489a9c188d55073c35d3a08b57797bab1'],
  ];
  for (const [name, hash] of HASHED) {
    it(`is a hash where the name is no label value: ${name}`, () => {
      expect(nodeLabelValue(name)).to.equal(hash);
    });
  }

  it('is a label value always', () => {
    for (const name of ['', '-', 'a/b', 'x'.repeat(253), 'ü']) {
      expect(nodeLabelValue(name))
        .to.match(/^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/)
        .and.have.length.at.most(63);
    }
  });
});
