import { expect } from 'chai';
import { claimsOf } from '../../src/tars/claims-of.ts';
import { formatPath, type Path } from '../../src/tars/finding.ts';
import { textOf, valueAt } from '../../src/tars/json.ts';
import { isRecognisedClass, parseClasses, classesText, DEFAULT_SETTINGS } from '../../src/tars/settings.ts';
import type { StatefulSet } from '../../src/tars/shapes.ts';
import { statefulSetOf } from '../../src/tars/statefulset-of.ts';
import { tserverName, type TServer, type TServerK8S } from '../../src/tars/tserver.ts';
import { claim, create, localMount, NAME, podOf, statefulSet, templateMount, tserver } from './builders.ts';

describe('tserverName', () => {
  const CASES: [string, string, string][] = [
    ['tars', 'tarslog', 'tars-tarslog'],
    ['Tars', 'TarsLog', 'tars-tarslog'],
    ['Test', 'HelloServer', 'test-helloserver'],
    ['A1', 'B2', 'a1-b2'],
  ];
  for (const [app, server, name] of CASES) {
    it(`of ${app} and ${server} is ${name}`, () => {
      expect(tserverName(app, server)).to.equal(name);
    });
  }
});

describe('claimsOf', () => {
  const names = (set: StatefulSet) => claimsOf(set).map(({ metadata }) => metadata?.name);

  it('names them as the seeds do', () => {
    const server = tserver({ mounts: [localMount('remote-log-dir')] });
    expect(names(create(statefulSet(), { server }))).to.deep.equal([
      'remote-log-dir-tars-tarslog-0',
      'remote-log-dir-tars-tarslog-1',
      'remote-log-dir-tars-tarslog-2',
    ]);
  });

  it('counts from ordinals.start', () => {
    const spec = { replicas: 2, ordinals: { start: 5 } };
    expect(names(statefulSet({ spec, templates: [claim('a'), claim('b')] }))).to.deep.equal([
      'a-tars-tarslog-5',
      'b-tars-tarslog-5',
      'a-tars-tarslog-6',
      'b-tars-tarslog-6',
    ]);
  });

  it('counts one replica where none is said, and none where there are none', () => {
    const templates = [claim('a')];
    expect(names(statefulSet({ spec: { replicas: null }, templates }))).to.deep.equal(['a-tars-tarslog-0']);
    expect(names(statefulSet({ spec: { replicas: 0 }, templates }))).to.deep.equal([]);
    expect(names(statefulSet())).to.deep.equal([]);
    expect(names(statefulSet({ metadata: { name: null }, templates }))).to.deep.equal([]);
  });

  it('puts the labels of the selector over those of the template, as the controller does', () => {
    const set = statefulSet({
      spec: { replicas: 1, selector: { matchLabels: { app: 'x', team: 'b' } } },
      templates: [claim('a', {}, { labels: { team: 'a', kept: 'yes' }, annotations: { note: 'kept' } })],
    });
    expect(claimsOf(set)).to.deep.equal([
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          name: 'a-tars-tarslog-0',
          namespace: 'default',
          labels: { team: 'b', kept: 'yes', app: 'x' },
          annotations: { note: 'kept' },
        },
        spec: claim('a').spec,
      },
    ]);
  });

  it('names no namespace where the set has none', () => {
    const [first] = claimsOf(statefulSet({ metadata: { namespace: null }, templates: [claim('a')] }));
    expect(first?.metadata).to.not.have.property('namespace');
  });
});

describe('statefulSetOf', () => {
  const of = (k8s: TServerK8S, spec: Partial<TServer['spec']> = {}): StatefulSet =>
    statefulSetOf(tserver(k8s, spec)) ?? {};
  const labels = { 'tars.io/ServerApp': 'tars', 'tars.io/ServerName': 'tarslog' };

  it('is the bare StatefulSet of a server', () => {
    expect(of({}, { release: { image: 'tarslog:1', secret: 'pull' } })).to.deep.equal({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: NAME, namespace: 'default', labels },
      spec: {
        podManagementPolicy: 'Parallel',
        replicas: 1,
        selector: { matchLabels: labels },
        serviceName: NAME,
        template: {
          metadata: { name: NAME, labels },
          spec: {
            containers: [
              {
                name: NAME,
                image: 'tarslog:1',
                ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }],
              },
            ],
            imagePullSecrets: [{ name: 'pull' }],
          },
        },
      },
    });
  });

  it('has labels as app and server are written', () => {
    const server = tserver({}, { app: 'Tars', server: 'TarsLog' });
    expect(statefulSetOf(server)?.metadata).to.deep.equal({
      name: NAME,
      namespace: 'default',
      labels: { 'tars.io/ServerApp': 'Tars', 'tars.io/ServerName': 'TarsLog' },
    });
  });

  it('is none of a daemonSet and of a TServer without a name', () => {
    expect(statefulSetOf(tserver({ daemonSet: true }))).to.equal(undefined);
    expect(statefulSetOf(tserver({}, {}, { name: null }))).to.equal(undefined);
  });

  it('carries what the TServer says of its pods', () => {
    const set = of({
      args: ['-v'],
      command: ['run'],
      env: [{ name: 'A', value: 'b' }],
      envFrom: [{ configMapRef: { name: 'c' } }],
      hostIPC: true,
      imagePullPolicy: 'Always',
      podManagementPolicy: 'OrderedReady',
      readinessGates: ['tars.io/active'],
      replicas: 0,
      resources: { limits: { cpu: '1' } },
      serviceAccount: 'robot',
      updateStrategy: { type: 'OnDelete' },
    });
    expect(set.spec).to.include({ podManagementPolicy: 'OrderedReady', replicas: 0 });
    expect(set.spec?.['updateStrategy']).to.deep.equal({ type: 'OnDelete' });
    const { containers, ...pod } = podOf(set);
    expect(pod).to.deep.equal({
      hostIPC: true,
      readinessGates: [{ conditionType: 'tars.io/active' }],
      serviceAccountName: 'robot',
    });
    expect(containers?.[0]).to.deep.include({
      args: ['-v'],
      command: ['run'],
      env: [{ name: 'A', value: 'b' }],
      envFrom: [{ configMapRef: { name: 'c' } }],
      imagePullPolicy: 'Always',
      resources: { limits: { cpu: '1' } },
    });
  });

  const ports = {
    tars: {
      servants: [
        { name: 'LogObj', port: 12111 },
        { name: 'PushObj', port: 12112, isTcp: false },
      ],
      ports: [{ name: 'http', port: 80 }],
    },
    normal: { ports: [{ name: 'dns', port: 53, isTcp: false }] },
  };
  const hostPorts = [
    { nameRef: 'http', port: 8080 },
    { nameRef: 'PushObj', port: 9000 },
  ];

  it('opens named ports always and servants where a host port refers to them', () => {
    expect(podOf(of({ hostPorts }, ports)).containers?.[0]?.ports).to.deep.equal([
      { name: 'http', containerPort: 80, hostPort: 8080, protocol: 'TCP' },
      { name: 'dns', containerPort: 53, protocol: 'UDP' },
      { name: 'p9000-12112', containerPort: 12112, hostPort: 9000, protocol: 'UDP' },
    ]);
  });

  it('opens no host port on the host network', () => {
    const pod = podOf(of({ hostNetwork: true, hostPorts }, ports));
    expect(pod.hostNetwork).to.equal(true);
    expect(pod['dnsPolicy']).to.equal('ClusterFirstWithHostNet');
    expect((pod.containers?.[0]?.ports ?? []).map(({ hostPort }) => hostPort)).to.deep.equal([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('mounts everything and has volumes of the sources that are no claim templates', () => {
    const source = (kind: string, given: object) => ({
      name: kind.toLowerCase(),
      mountPath: `/${kind}`,
      source: { [kind]: given },
    });
    const k8s = {
      mounts: [
        localMount('data'),
        source('configMap', { name: 'c' }),
        source('downwardAPI', { items: [] }),
        source('emptyDir', {}),
        templateMount('net'),
        source('hostPath', { path: '/p' }),
        source('persistentVolumeClaim', { claimName: 'mine' }),
        { ...source('secret', { secretName: 's' }), readOnly: true, subPath: 'key' },
      ],
    };
    const pod = podOf(of(k8s));
    expect(pod.volumes).to.deep.equal([
      { name: 'configmap', configMap: { name: 'c' } },
      { name: 'downwardapi', downwardAPI: { items: [] } },
      { name: 'emptydir', emptyDir: {} },
      { name: 'hostpath', hostPath: { path: '/p' } },
      { name: 'persistentvolumeclaim', persistentVolumeClaim: { claimName: 'mine' } },
      { name: 'secret', secret: { secretName: 's' } },
    ]);
    expect((pod.containers?.[0]?.volumeMounts ?? []).map(({ name }) => name)).to.deep.equal(
      k8s.mounts.map(({ name }) => name),
    );
    expect(pod.containers?.[0]?.volumeMounts?.at(-1)).to.deep.equal({
      name: 'secret',
      mountPath: '/secret',
      readOnly: true,
      subPath: 'key',
    });
  });

  it('becomes what a StatefulSet of the same TServer becomes', () => {
    const server = tserver({ hostIPC: true, mounts: [localMount('data'), templateMount('net')] });
    const expanded = create(statefulSetOf(server) ?? {}, { server });
    expect((podOf(expanded).containers?.[0]?.volumeMounts ?? []).map(({ name }) => name)).to.deep.equal([
      'data',
      'net',
    ]);
    expect(create(expanded, { server })).to.equal(expanded);
  });
});

describe('parseClasses', () => {
  it('reads one class after the other', () => {
    expect([...parseClasses(' t-storage-class=per-node , fast.disks-2=discovery:enforced')]).to.deep.equal([
      ['t-storage-class', { way: 'per-node', sizeEnforced: false }],
      ['fast.disks-2', { way: 'discovery', sizeEnforced: true }],
    ]);
  });

  it('serves unless told the class of the seeds, and those of the backends, whose sizes are enforced', () => {
    const others = ['loop', 'loop-xfs', 'tmpfs', 'btrfs', 'quota', 'lvm'].map(
      (name) => [`t-storage-${name}`, { way: 'on-demand', sizeEnforced: true }] as const,
    );
    expect([...DEFAULT_SETTINGS.classes]).to.deep.equal([
      ['t-storage-class', { way: 'on-demand', sizeEnforced: false }],
      ...others,
    ]);
    expect([...parseClasses(classesText('per-node'))]).to.deep.equal([
      ['t-storage-class', { way: 'per-node', sizeEnforced: false }],
      ...others,
    ]);
  });

  const shape =
    'expected NAME=WAY[:enforced] with WAY one of on-demand, per-node, discovery, for example "t-storage-class=on-demand"';
  const ERRORS: [string, string][] = [
    ['', `class setting "": ${shape}`],
    ['t-storage-class', `class setting "t-storage-class": ${shape}`],
    ['t-storage-class=', `class setting "t-storage-class=": ${shape}`],
    ['t-storage-class=dynamic', `class setting "t-storage-class=dynamic": ${shape}`],
    ['t-storage-class=on-demand:', `class setting "t-storage-class=on-demand:": ${shape}`],
    ['t-storage-class=on-demand:soft', `class setting "t-storage-class=on-demand:soft": ${shape}`],
    ['T=on-demand', `class setting "T=on-demand": ${shape}`],
    ['t-storage-class=on-demand,', `class setting "": ${shape}`],
    ['t-storage-class=on-demand,-a=discovery', `class setting "-a=discovery": ${shape}`],
    [
      't-storage-class=on-demand,t-storage-class=discovery',
      'class setting "t-storage-class=discovery": t-storage-class is listed twice',
    ],
    [
      'fast=discovery',
      'class setting "fast=discovery": t-storage-class is missing; templates are made with this class, so add "t-storage-class=on-demand" or another way for it',
    ],
  ];
  for (const [text, message] of ERRORS) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(() => parseClasses(text))
        .to.throw(Error)
        .with.property('message', message);
    });
  }

  it("recognises TarsK8S's class beside the served ones", () => {
    const recognised = ['t-storage-class', 'tars-storage-class', 'nfs', '', null, undefined].filter((name) =>
      isRecognisedClass(name, DEFAULT_SETTINGS),
    );
    expect(recognised).to.deep.equal(['t-storage-class', 'tars-storage-class']);
  });
});

describe('formatPath', () => {
  const CASES: [Path, string][] = [
    [[], ''],
    [['spec'], 'spec'],
    [['spec', 'k8s', 'mounts', 0, 'name'], 'spec.k8s.mounts[0].name'],
    [['metadata', 'annotations', 'tars.io/LocalVolumeUID'], 'metadata.annotations[tars.io/LocalVolumeUID]'],
    [['metadata', 'labels', 'app-name_1'], 'metadata.labels.app-name_1'],
    [['metadata', 'labels', '7', ''], 'metadata.labels[7][]'],
    [['items', 2, 'spec'], 'items[2].spec'],
  ];
  for (const [path, text] of CASES) {
    it(`writes ${text || 'nothing for the whole object'}`, () => {
      expect(formatPath(path)).to.equal(text);
    });
  }
});

describe('json', () => {
  it('finds the value at a path and nothing beside it', () => {
    const json = { a: [{ b: null }, 'text'] };
    expect(valueAt(json, ['a', 0, 'b'])).to.equal(null);
    expect(valueAt(json, [])).to.equal(json);
    for (const path of [
      ['a', 2],
      ['a', 1, 'length'],
      ['a', 0, 'b', 'c'],
      ['toString'],
      ['constructor', 'name'],
    ]) {
      expect(valueAt(json, path), path.join('.')).to.equal(undefined);
    }
  });

  it('writes a scalar as text', () => {
    expect(['1', 1, true, null, undefined].map(textOf)).to.deep.equal(['1', '1', 'true', 'null', '']);
  });
});
