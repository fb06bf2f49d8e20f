import { expect } from 'chai';
import type { Settings } from '../../src/tars/settings.ts';
import type { PodSpec, StatefulSet } from '../../src/tars/shapes.ts';
import type { TServer, TServerK8S } from '../../src/tars/tserver.ts';
import {
  claim,
  create,
  DISCOVERY,
  LABELS,
  localMount,
  mount,
  mountsOf,
  NAME,
  OUR_TERM,
  PER_NODE,
  podOf,
  requiredTerms,
  settingsWith,
  statefulSet,
  stored,
  templateMount,
  templateNames,
  templatesOf,
  tserver,
  withRequired,
} from './builders.ts';

const SEED_LABELS = {
  'tars.io/LocalVolume': 'remote-log-dir',
  'tars.io/ServerApp': 'tars',
  'tars.io/ServerName': 'tarslog',
};
const BIND_LABELS = { ...SEED_LABELS, 'tars.io/LocalVolume': 'delay-bind' };

describe('the template of a local volume', () => {
  const server = tserver({ mounts: [localMount('remote-log-dir', { uid: '1000', gid: '0', mode: '755' })] });

  it('is that of the seeds, written as the API server defaults it', () => {
    expect(templatesOf(create(statefulSet(), { server }))).to.deep.equal([
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          name: 'remote-log-dir',
          labels: SEED_LABELS,
          annotations: {
            'tars.io/LocalVolumeUID': '1000',
            'tars.io/LocalVolumeGID': '0',
            'tars.io/LocalVolumeMode': '755',
          },
        },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1G' } },
          selector: { matchLabels: SEED_LABELS },
          storageClassName: 't-storage-class',
          volumeMode: 'Filesystem',
        },
        status: { phase: 'Pending' },
      },
    ]);
  });

  it('has the defaults where the TServer says nothing', () => {
    const [template] = templatesOf(
      create(statefulSet(), { server: tserver({ mounts: [localMount('data')] }) }),
    );
    expect(template?.metadata?.annotations).to.deep.equal({
      'tars.io/LocalVolumeUID': '0',
      'tars.io/LocalVolumeGID': '0',
      'tars.io/LocalVolumeMode': '755',
    });
  });

  it('has app and server as they are written, not as names are', () => {
    const given = tserver({ mounts: [localMount('d')] }, { app: 'Tars', server: 'TarsLog' });
    expect(templatesOf(create(statefulSet(), { server: given }))[0]?.metadata?.labels).to.deep.equal({
      'tars.io/LocalVolume': 'd',
      'tars.io/ServerApp': 'Tars',
      'tars.io/ServerName': 'TarsLog',
    });
  });
});

describe('a mount of the reserved name, which is refused', () => {
  it('is expanded to nothing: no template, and no mount that leads nowhere', () => {
    const server = tserver({ mounts: [localMount('delay-bind'), localMount('data')] });
    const set = create(statefulSet(), { server });
    expect(templateNames(set)).to.deep.equal(['data']);
    expect(mountsOf(set)).to.deep.equal([`${NAME}: data@/data`]);
  });
});

describe("a template of the manifest's own for a volume of its TServer", () => {
  it('gets the owner and mode that the TServer says, where it says nothing itself', () => {
    const server = tserver({ mounts: [localMount('data', { uid: '1000', gid: '2000', mode: '711' })] });
    const said = { annotations: { 'tars.io/LocalVolumeGID': '7' } };
    const [template] = templatesOf(create(statefulSet({ templates: [claim('data', {}, said)] }), { server }));
    expect(template?.metadata?.annotations).to.deep.equal({
      'tars.io/LocalVolumeUID': '1000',
      'tars.io/LocalVolumeGID': '7',
      'tars.io/LocalVolumeMode': '711',
    });
  });
});

describe('the template of a persistentVolumeClaimTemplate', () => {
  const spec = {
    accessModes: ['ReadWriteMany'],
    resources: { requests: { storage: '3Gi' } },
    storageClassName: 'nfs',
  };

  it('is as given, named after the mount, of a class that is not ours', () => {
    const given = { metadata: { name: 'other', labels: { a: 'b' } }, spec };
    const server = tserver({
      mounts: [{ name: 'shared', mountPath: '/shared', source: { persistentVolumeClaimTemplate: given } }],
    });
    expect(templatesOf(create(statefulSet(), { server }))).to.deep.equal([
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'shared', labels: { a: 'b' } },
        spec: { ...spec, volumeMode: 'Filesystem' },
        status: { phase: 'Pending' },
      },
    ]);
    expect(given.metadata.name).to.equal('other');
  });

  it('is completed where its class is ours', () => {
    const server = tserver({ mounts: [templateMount('data', '7Gi', 't-storage-class')] });
    const [template] = templatesOf(create(statefulSet(), { server }));
    expect(template?.metadata?.labels).to.deep.equal({ ...SEED_LABELS, 'tars.io/LocalVolume': 'data' });
    expect(template?.spec?.resources?.requests).to.deep.equal({ storage: '7Gi' });
  });
});

describe('delay-bind', () => {
  it('is the template of the seed, field by field', () => {
    expect(templatesOf(create(statefulSet(), { server: tserver({ hostIPC: true }) }))).to.deep.equal([
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'delay-bind', labels: BIND_LABELS },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1G' } },
          selector: { matchLabels: BIND_LABELS },
          storageClassName: 't-storage-class',
          volumeMode: 'Filesystem',
        },
        status: { phase: 'Pending' },
      },
    ]);
  });

  it('is mounted nowhere', () => {
    expect(mountsOf(create(statefulSet(), { server: tserver({ hostNetwork: true }) }))).to.deep.equal([]);
  });

  const plain = { metadata: { labels: LABELS } };
  const CASES: [string, boolean, TServerK8S | undefined, PodSpec][] = [
    ['hostIPC of the TServer', true, { hostIPC: true }, {}],
    ['hostNetwork of the TServer', true, { hostNetwork: true }, {}],
    ['hostPorts of the TServer', true, { hostPorts: [{ nameRef: 'http', port: 8080 }] }, {}],
    ['hostIPC of the pod', true, undefined, { hostIPC: true }],
    ['hostNetwork of the pod', true, undefined, { hostNetwork: true }],
    [
      'a hostPort of a container',
      true,
      undefined,
      { containers: [{ name: 'a' }, { ports: [{}, { hostPort: 80 }] }] },
    ],
    ['a hostPort of an init container', true, undefined, { initContainers: [{ ports: [{ hostPort: 80 }] }] }],
    ['hostNetwork of the pod with a TServer', true, {}, { hostNetwork: true }],
    ['nothing at all', false, undefined, {}],
    [
      'everything false',
      false,
      { hostIPC: false, hostNetwork: false, hostPorts: [] },
      { hostIPC: false, hostNetwork: false },
    ],
    [
      'everything null',
      false,
      { hostIPC: null, hostNetwork: null, hostPorts: null },
      { hostIPC: null, hostNetwork: null },
    ],
    [
      'a container port and the hostPort 0',
      false,
      undefined,
      { containers: [{ ports: [{ containerPort: 80, hostPort: 0 }] }] },
    ],
    ['hostPID, which ties nothing', false, undefined, { hostPID: true }],
  ];
  for (const [name, expected, k8s, pod] of CASES) {
    it(`is ${expected ? '' : 'not '}added for ${name}`, () => {
      const server = k8s && tserver(k8s);
      const names = templateNames(create(statefulSet({ ...plain, pod }), { server }));
      expect(names).to.deep.equal(expected ? ['delay-bind'] : []);
    });
  }
});

describe('the order of the templates', () => {
  const grown = tserver({
    hostIPC: true,
    mounts: [
      localMount('one'),
      templateMount('two'),
      { ...localMount('conf'), source: { configMap: {} } },
      localMount('three'),
    ],
  });

  it('is that of the mounts, delay-bind last', () => {
    expect(templateNames(create(statefulSet(), { server: grown }))).to.deep.equal([
      'one',
      'two',
      'three',
      'delay-bind',
    ]);
  });

  it('begins with what the user has', () => {
    const set = statefulSet({ templates: [claim('mine'), claim('net', { storageClassName: 'ceph-rbd' })] });
    expect(templateNames(create(set, { server: grown }))).to.deep.equal([
      'mine',
      'net',
      'one',
      'two',
      'three',
      'delay-bind',
    ]);
  });

  it("leaves a user's template of a mount's name where it is, and as it is", () => {
    const own = claim('two', { storageClassName: 'nfs' });
    const created = create(statefulSet({ templates: [own] }), { server: grown });
    expect(templateNames(created)).to.deep.equal(['two', 'one', 'three', 'delay-bind']);
    expect(templatesOf(created)[0]).to.equal(own);
  });

  it('keeps delay-bind last when an injected list is created again and the TServer has grown', () => {
    const small = tserver({ hostIPC: true, mounts: [localMount('one')] });
    const readBack = stored(create(statefulSet(), { server: small }));
    const again = create(readBack, { server: grown });
    expect(templateNames(again)).to.deep.equal(['one', 'two', 'three', 'delay-bind']);
    expect(mountsOf(again)).to.deep.equal(['one', 'two', 'three'].map((name) => `${NAME}: ${name}@/${name}`));
  });

  it('puts delay-bind last when a list without it is created again', () => {
    const readBack = stored(create(statefulSet(), { server: tserver({ mounts: [localMount('one')] }) }));
    expect(templateNames(create(readBack, { server: grown }))).to.deep.equal([
      'one',
      'two',
      'three',
      'delay-bind',
    ]);
  });

  it('is the same list when it is created again', () => {
    const created = create(statefulSet({ templates: [claim('mine')] }), { server: grown });
    expect(create(created, { server: grown })).to.equal(created);
    const readBack = stored(created);
    expect(create(readBack, { server: grown })).to.equal(readBack);
  });
});

describe("a user's template of the class", () => {
  const plain = { metadata: { labels: LABELS } };

  it('gets all that it lacks', () => {
    const bare = { metadata: { name: 'data' }, spec: { storageClassName: 't-storage-class' } };
    const labels = {
      'tars.io/LocalVolume': 'data',
      'tars.io/ServerApp': 'shop',
      'tars.io/ServerName': 'cart',
    };
    expect(templatesOf(create(statefulSet({ ...plain, templates: [bare] })))).to.deep.equal([
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          name: 'data',
          labels,
          annotations: {
            'tars.io/LocalVolumeUID': '0',
            'tars.io/LocalVolumeGID': '0',
            'tars.io/LocalVolumeMode': '755',
            'local.tars.io/scope': 'Pod',
          },
        },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1G' } },
          selector: { matchLabels: labels },
          storageClassName: 't-storage-class',
          volumeMode: 'Filesystem',
        },
        status: { phase: 'Pending' },
      },
    ]);
  });

  it('keeps all that it has', () => {
    const labels = {
      team: 'a',
      'tars.io/LocalVolume': 'old-data',
      'tars.io/ServerApp': 'x',
      'tars.io/ServerName': 'y',
    };
    const full = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name: 'data',
        creationTimestamp: null,
        labels,
        annotations: {
          note: 'mine',
          'tars.io/LocalVolumeUID': '7',
          'tars.io/LocalVolumeGID': '8',
          'tars.io/LocalVolumeMode': '711',
          'local.tars.io/scope': 'Node',
        },
      },
      spec: {
        accessModes: ['ReadWriteOncePod'],
        resources: { requests: { storage: '5Gi' }, limits: { storage: '6Gi' } },
        selector: {
          matchLabels: {
            disk: 'ssd',
            'tars.io/LocalVolume': 'old-data',
            'tars.io/ServerApp': 'x',
            'tars.io/ServerName': 'y',
          },
          matchExpressions: [{ key: 'zone', operator: 'Exists' }],
        },
        storageClassName: 't-storage-class',
        volumeMode: 'Filesystem',
        volumeAttributesClassName: 'gold',
      },
      status: { phase: 'Bound' },
    };
    const set = statefulSet({ ...plain, templates: [full] });
    expect(templatesOf(create(set))[0]).to.equal(full);
  });

  it('selects by its own labels where it has some', () => {
    const own = claim('data', {}, { labels: { 'tars.io/LocalVolume': 'old-data' } });
    const [template] = templatesOf(create(statefulSet({ ...plain, templates: [own] })));
    expect(template?.spec?.selector?.matchLabels).to.deep.equal({
      'tars.io/LocalVolume': 'old-data',
      'tars.io/ServerApp': 'shop',
      'tars.io/ServerName': 'cart',
    });
  });

  it('takes empty and null for lacking', () => {
    const nulls = {
      apiVersion: '',
      kind: null,
      metadata: { name: 'data', labels: null, annotations: null },
      spec: {
        accessModes: [],
        resources: null,
        selector: null,
        storageClassName: 't-storage-class',
        volumeMode: '',
      },
    };
    const bare = { metadata: { name: 'data' }, spec: { storageClassName: 't-storage-class' } };
    const [fromNulls] = templatesOf(create(statefulSet({ ...plain, templates: [nulls] })));
    const [fromBare] = templatesOf(create(statefulSet({ ...plain, templates: [bare] })));
    expect(fromNulls).to.deep.equal(fromBare);
  });

  it('keeps Block of a discovered disk', () => {
    const templates = [claim('raw', { volumeMode: 'Block' })];
    const [template] = templatesOf(create(statefulSet({ ...plain, templates }), { settings: DISCOVERY }));
    expect(template?.spec?.volumeMode).to.equal('Block');
  });

  it('of another class is not touched', () => {
    const net = { metadata: { name: 'net' }, spec: { storageClassName: 'ceph-rbd' } };
    const created = create(statefulSet({ ...plain, templates: [net, claim('data')] }));
    expect(templatesOf(created)[0]).to.equal(net);
  });

  it('is named by the StatefulSet where nothing else says whose it is', () => {
    const [template] = templatesOf(create(statefulSet({ templates: [claim('data')] })));
    expect(template?.metadata?.labels).to.deep.equal({
      'tars.io/LocalVolume': 'data',
      'tars.io/ServerApp': 'statefulset',
      'tars.io/ServerName': NAME,
    });
  });

  it('changes nothing in the object that came in', () => {
    const set = statefulSet({ ...plain, templates: [claim('data')] });
    const before = structuredClone(set);
    create(set, { server: tserver({ hostIPC: true, mounts: [localMount('a')] }) });
    expect(set).to.deep.equal(before);
  });
});

describe('the mounts of a TServer', () => {
  const server = tserver({
    mounts: [localMount('data'), { ...localMount('conf'), source: { configMap: {} } }, templateMount('net')],
  });

  it('go into the container named as the StatefulSet', () => {
    const pod = { containers: [{ name: 'sidecar' }, { name: NAME, volumeMounts: [mount('tmp')] }] };
    expect(mountsOf(create(statefulSet({ pod }), { server }))).to.deep.equal([
      `${NAME}: tmp@/tmp`,
      `${NAME}: data@/data`,
      `${NAME}: net@/net`,
    ]);
  });

  it('go into the first container where none is named so', () => {
    const pod = { containers: [{ name: 'one' }, { name: 'two' }] };
    expect(mountsOf(create(statefulSet({ pod }), { server }))).to.deep.equal([
      'one: data@/data',
      'one: net@/net',
    ]);
  });

  it('are not added twice', () => {
    const mounts = [{ name: 'net', mountPath: '/net', readOnly: true }];
    expect(podOf(create(statefulSet({ mounts }), { server })).containers?.[0]?.volumeMounts).to.deep.equal([
      ...mounts,
      { name: 'data', mountPath: '/data' },
    ]);
  });

  it("leave a user's own path of the volume alone", () => {
    const mounts = [mount('data', '/srv'), mount('net')];
    const set = statefulSet({ mounts });
    expect(mountsOf(create(set, { server }))).to.deep.equal([`${NAME}: data@/srv`, `${NAME}: net@/net`]);
  });

  it('carry what the TServer says of them', () => {
    const extra = {
      mountPropagation: 'HostToContainer',
      readOnly: true,
      subPath: 'logs',
      subPathExpr: '$(POD)',
    };
    const given = tserver({ mounts: [{ ...localMount('data'), ...extra }] });
    expect(podOf(create(statefulSet(), { server: given })).containers?.[0]?.volumeMounts).to.deep.equal([
      { name: 'data', mountPath: '/data', ...extra },
    ]);
  });

  it('leave the other containers as they were', () => {
    const sidecar = { name: 'sidecar', volumeMounts: [mount('tmp')] };
    const created = create(statefulSet({ pod: { containers: [{ name: NAME }, sidecar] } }), { server });
    expect(podOf(created).containers?.[1]).to.equal(sidecar);
  });
});

describe('the scope', () => {
  const annotated = (scope: string) => ({ annotations: { 'local.tars.io/scope': scope } });
  const mounts = [localMount('data')];
  const scopeOf = (set: StatefulSet) => templatesOf(set)[0]?.metadata?.annotations?.['local.tars.io/scope'];
  const withServer = (metadata = {}) => tserver({ mounts }, {}, metadata);
  const plain = (metadata = {}) => statefulSet({ metadata, templates: [claim('data')] });

  const CASES: [string, StatefulSet, TServer | undefined, Settings | undefined, unknown, number][] = [
    ['of a TServer is Node', statefulSet(), withServer(), undefined, undefined, 1],
    ['of a TServer may be Pod', statefulSet(), withServer(annotated('Pod')), undefined, 'Pod', 0],
    [
      'of a StatefulSet goes before its TServer: Pod',
      statefulSet({ metadata: annotated('Pod') }),
      withServer(),
      undefined,
      'Pod',
      0,
    ],
    [
      'of a StatefulSet goes before its TServer: Node',
      statefulSet({ metadata: annotated('Node') }),
      withServer(annotated('Pod')),
      undefined,
      undefined,
      1,
    ],
    ['of a plain one is Pod', plain(), undefined, undefined, 'Pod', 0],
    ['of a plain one may be Node', plain(annotated('Node')), undefined, undefined, undefined, 1],
    ['of a per-node class is Node, for a plain one too', plain(), undefined, PER_NODE, undefined, 0],
    ['of a per-node class is Node with a TServer', statefulSet(), withServer(), PER_NODE, undefined, 0],
    ['of a discovery class is Node', plain(), undefined, DISCOVERY, undefined, 0],
  ];
  for (const [name, set, server, settings, scope, terms] of CASES) {
    it(`${name}, with ${terms === 0 ? 'no' : 'one'} anti-affinity term`, () => {
      const created = create(set, { server, ...(settings ? { settings } : {}) });
      expect(scopeOf(created)).to.equal(scope);
      expect(requiredTerms(created)).to.deep.equal(terms === 0 ? [] : [OUR_TERM]);
    });
  }

  it('Pod is on the placeholder as well', () => {
    const created = create(statefulSet({ metadata: { labels: LABELS }, pod: { hostIPC: true } }));
    expect(templatesOf(created)[0]?.metadata?.annotations).to.deep.equal({ 'local.tars.io/scope': 'Pod' });
  });

  it('Node of one template alone is enough for the anti-affinity', () => {
    const templates = [claim('a'), claim('b', {}, annotated('Node'))];
    expect(requiredTerms(create(statefulSet({ templates })))).to.deep.equal([OUR_TERM]);
  });
});

describe('the anti-affinity', () => {
  const server = tserver({ mounts: [localMount('data')] });
  const own = { labelSelector: { matchLabels: { app: 'other' } }, topologyKey: 'zone' };

  it("comes after a user's own terms", () => {
    expect(requiredTerms(create(statefulSet({ pod: withRequired([own]) }), { server }))).to.deep.equal([
      own,
      OUR_TERM,
    ]);
  });

  it('is not added beside an equal term', () => {
    const pod = withRequired([
      { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'tarslog' } } },
      own,
    ]);
    const created = create(statefulSet({ pod }), { server });
    expect(podOf(created).affinity).to.equal(pod.affinity);
  });

  it('is added beside one that is weaker', () => {
    const weaker = { ...OUR_TERM, namespaces: ['other'] };
    expect(requiredTerms(create(statefulSet({ pod: withRequired([weaker]) }), { server }))).to.deep.equal([
      weaker,
      OUR_TERM,
    ]);
  });

  it('keeps every other affinity', () => {
    const preferred = [{ weight: 1, podAffinityTerm: own }];
    const affinity = {
      nodeAffinity: { x: 1 },
      podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred },
    };
    expect(podOf(create(statefulSet({ pod: { affinity } }), { server })).affinity).to.deep.equal({
      nodeAffinity: { x: 1 },
      podAntiAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: preferred,
        requiredDuringSchedulingIgnoredDuringExecution: [OUR_TERM],
      },
    });
  });

  it('takes null for none', () => {
    for (const affinity of [null, { podAntiAffinity: null }]) {
      expect(requiredTerms(create(statefulSet({ pod: { affinity } }), { server }))).to.deep.equal([OUR_TERM]);
    }
  });

  it('is there for delay-bind alone, which is a volume on demand as well', () => {
    expect(requiredTerms(create(statefulSet(), { server: tserver({ hostIPC: true }) }))).to.deep.equal([
      OUR_TERM,
    ]);
  });

  it('needs a selector', () => {
    expect(podOf(create(statefulSet({ spec: { selector: null } }), { server })).affinity).to.equal(undefined);
  });
});

describe('a per-node class', () => {
  const server = tserver({ hostIPC: true, mounts: [localMount('remote-log-dir')] });
  const created = create(statefulSet(), { server, settings: PER_NODE });

  it('gets the namespace as a fourth label and selector term, delay-bind too', () => {
    const [data, bind] = templatesOf(created);
    const four = { ...SEED_LABELS, 'local.tars.io/namespace': 'default' };
    expect(data?.metadata?.labels).to.deep.equal(four);
    expect(data?.spec?.selector).to.deep.equal({ matchLabels: four });
    expect(bind?.spec?.selector).to.deep.equal({
      matchLabels: { ...four, 'tars.io/LocalVolume': 'delay-bind' },
    });
  });

  it('has the namespace of the request', () => {
    const there = create(statefulSet(), { server, settings: PER_NODE, namespace: 'games' });
    expect(templatesOf(there)[0]?.metadata?.labels?.['local.tars.io/namespace']).to.equal('games');
  });

  it('is a matter of the class, not of the StatefulSet', () => {
    const settings = settingsWith('t-storage-class=on-demand,offers=per-node,disks=discovery');
    const templates = [
      claim('a'),
      claim('b', { storageClassName: 'offers' }),
      claim('c', { storageClassName: 'disks' }),
    ];
    const [a, b, c] = templatesOf(create(statefulSet({ templates }), { settings }));
    expect([a, b, c].map((template) => Object.keys(template?.metadata?.labels ?? {}).length)).to.deep.equal([
      3, 4, 3,
    ]);
    expect(
      [a, b, c].map((template) => template?.metadata?.annotations?.['local.tars.io/scope']),
    ).to.deep.equal(['Pod', undefined, undefined]);
  });
});

describe('a discovery class', () => {
  it('gets the labels but no selector', () => {
    const server = tserver({ hostIPC: true, mounts: [localMount('remote-log-dir')] });
    for (const template of templatesOf(create(statefulSet(), { server, settings: DISCOVERY }))) {
      expect(template.spec).to.not.have.property('selector');
    }
    const [data] = templatesOf(create(statefulSet(), { server, settings: DISCOVERY }));
    expect(data?.metadata?.labels).to.deep.equal(SEED_LABELS);
  });

  it("keeps a user's own selector", () => {
    const selector = { matchLabels: { disk: 'ssd' } };
    const [template] = templatesOf(
      create(statefulSet({ templates: [claim('data', { selector })] }), { settings: DISCOVERY }),
    );
    expect(template?.spec?.selector).to.equal(selector);
  });
});
