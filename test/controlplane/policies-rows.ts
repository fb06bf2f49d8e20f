import type { Claim, ClaimSpec, Container, Metadata, PodSpec, VolumeMount } from '../../src/tars/shapes.ts';
import type { TServerK8S } from '../../src/tars/tserver.ts';
import { claim, LABELS, localMount, mount, statefulSet, templateMount, tserver } from '../unit/builders.ts';

/** One violation by itself, and what is nearly the same and right. */
export interface PolicyRow {
  readonly code: string;
  readonly name: string;
  readonly kind: 'TServer' | 'StatefulSet' | 'PersistentVolumeClaim';
  readonly wrong: object;
  readonly right: readonly object[];
  /** Where the policy's words are not quite the webhook's. */
  readonly says?: string;
  /** Checked with per-node classes and posix modes instead of the defaults. */
  readonly settings?: 'both';
}

const POD_SCOPE = { annotations: { 'local.tars.io/scope': 'Pod' } };
const NODE_SCOPE = { annotations: { 'local.tars.io/scope': 'Node' } };
const NO_SCOPE = { annotations: { 'local.tars.io/scope': 'pod' } };

const ofServer = (
  code: string,
  name: string,
  wrong: object,
  right: readonly object[],
  more: Partial<PolicyRow> = {},
): PolicyRow => ({ code, name, kind: 'TServer', wrong, right, ...more });

const k8s = (fields: TServerK8S) => tserver(fields);
const oneMount = (fields: object) => k8s({ mounts: [{ ...localMount('a'), ...fields }] });
const hostPorts = (...ports: readonly (readonly [string, number])[]) =>
  k8s({ hostPorts: ports.map(([nameRef, port]) => ({ nameRef, port })) });
const owned = (volume: Record<string, unknown>) =>
  k8s({ mounts: [localMount('z'), localMount('a', volume)] });
const ID =
  'must be a whole number from 0 to 999999 as a string of ASCII digits without sign, space or leading zero (^(0|[1-9][0-9]{0,5})$)';

const SERVER_ROWS: readonly PolicyRow[] = [
  ofServer('TLV101', 'another name', tserver({}, { app: 'Tars', server: 'Log' }, { name: 'log' }), [
    tserver({}, { app: 'Tars', server: 'Log' }, { name: 'tars-log' }),
  ]),
  ofServer('TLV102', 'an app with a dot', tserver({}, { app: 'tars.eu' }), [
    tserver({}, { app: `T${'a'.repeat(62)}` }, { name: `t${'a'.repeat(62)}-tarslog` }),
  ]),
  ofServer('TLV102', 'a server that climbs', tserver({}, { server: '../log' }), []),
  ofServer('TLV102', 'an empty app', tserver({}, { app: '' }), []),
  ofServer('TLV102', 'a server of 64 characters', tserver({}, { server: 'a'.repeat(64) }), []),
  ofServer('TLV104', 'a subType that is none', tserver({}, { subType: 'java' }), [
    tserver({}, { subType: 'normal' }),
  ]),
  ofServer('TLV104', 'no subType', tserver({}, { subType: undefined }), [], {
    says: 'TLV104 spec.subType: Unsupported value: "": supported values: "tars", "normal"; write one of them',
  }),
  ofServer(
    'TLV105',
    'a daemonSet with claims',
    k8s({ daemonSet: true, mounts: [localMount('a'), templateMount('b')] }),
    [
      k8s({ daemonSet: true, mounts: [{ ...localMount('a'), source: { hostPath: { path: '/x' } } }] }),
      k8s({ daemonSet: false, mounts: [localMount('a')] }),
    ],
  ),
  ofServer('TLV106', 'a host port of nothing', hostPorts(['http', 80], ['nosuch', 8080]), [
    hostPorts(['LogObj', 8080], ['http', 8081]),
  ]),
  ofServer(
    'TLV106',
    'a host port where there are no ports',
    tserver({ hostPorts: [{ nameRef: 'http', port: 80 }] }, { tars: null }),
    [
      tserver(
        { hostPorts: [{ nameRef: 'web', port: 80 }] },
        { tars: null, subType: 'normal', normal: { ports: [{ name: 'web', port: 80 }] } },
      ),
    ],
  ),
  ofServer(
    'TLV107',
    'two host ports of one port',
    hostPorts(['http', 8080], ['LogObj', 1], ['http', 8081]),
    [],
  ),
  ofServer('TLV107', 'two host ports of one number', hostPorts(['http', 8080], ['LogObj', 8080]), [
    tserver(
      { hostPorts: ['dns', 'dns-udp'].map((nameRef) => ({ nameRef, port: 53 })) },
      {
        tars: {
          ports: [
            { name: 'dns', port: 53 },
            { name: 'dns-udp', port: 53, isTcp: false },
          ],
        },
      },
    ),
  ]),
  ...[0, -1, 65536, 80.5].map((port) =>
    ofServer('TLV108', `the host port ${port}`, hostPorts(['http', port]), [hostPorts(['http', 65535])]),
  ),
  ofServer(
    'TLV201',
    'a mount of the reserved name',
    k8s({ mounts: [localMount('a'), localMount('delay-bind')] }),
    [k8s({ mounts: [localMount('delay-binds')] })],
  ),
  ...['Data', 'a_b', '-a', 'a.b', '', '..', 'a'.repeat(64)].map((name) =>
    ofServer('TLV202', `the mount name "${name}"`, oneMount({ name, mountPath: '/a' }), [
      oneMount({ name: 'a'.repeat(63) }),
    ]),
  ),
  ofServer(
    'TLV203',
    'two mounts of one name',
    k8s({ mounts: [localMount('a'), localMount('b'), localMount('a', {}, '/c')] }),
    [k8s({ mounts: [localMount('a'), localMount('b')] })],
  ),
  ofServer('TLV204', 'no source', oneMount({ source: {} }), [
    oneMount({ source: { emptyDir: {}, tLocalVolume: null } }),
  ]),
  ofServer('TLV204', 'a source that is unknown', oneMount({ source: { nfs: {} } }), []),
  ofServer('TLV204', 'source missing', oneMount({ source: undefined }), []),
  ofServer('TLV204', 'two sources', oneMount({ source: { tLocalVolume: {}, emptyDir: {} } }), []),
  ...['data', '', './a', '/a:ro'].map((mountPath) =>
    ofServer('TLV205', `the mount path "${mountPath}"`, oneMount({ mountPath }), [
      oneMount({ mountPath: '/..a/数据' }),
    ]),
  ),
  ofServer(
    'TLV206',
    'two mounts at one path',
    k8s({ mounts: [localMount('a', {}, '/x'), localMount('b', {}, '/x')] }),
    [k8s({ mounts: [localMount('a', {}, '/x'), localMount('b', {}, '/x/y')] })],
  ),
  ofServer('TLV301', 'a uid with a zero before it', owned({ uid: '01' }), [
    owned({ uid: '999999' }),
    owned({ uid: null }),
  ]),
  ofServer('TLV301', 'a uid that is a number', owned({ uid: 1000 }), [owned({ uid: '1000' })], {
    says: `TLV301 spec.k8s.mounts[1].source.tLocalVolume.uid: Invalid value: 1000: ${ID}; write uid: "1000", for example`,
  }),
  ofServer('TLV302', 'a gid with a sign', owned({ gid: '-1' }), [owned({ gid: '0' })]),
  ofServer('TLV303', 'a mode that is none', owned({ mode: '888' }), [owned({ mode: '0777' })]),
  ofServer('TLV303', 'a mode with the digit 0', owned({ mode: '750' }), [owned({ mode: '755' })]),
  ofServer('TLV304', 'a scope that is none', tserver({}, {}, NO_SCOPE), [
    tserver({}, {}, POD_SCOPE),
    tserver({}, {}, NODE_SCOPE),
  ]),
  ofServer(
    'TLV305',
    'the scope Pod',
    tserver({ mounts: [localMount('a')] }, {}, POD_SCOPE),
    [tserver({ mounts: [localMount('a')] }, {}, NODE_SCOPE), tserver({}, {}, POD_SCOPE)],
    { settings: 'both' },
  ),
  ofServer(
    'TLV303',
    'a posix mode that is none',
    owned({ mode: '780' }),
    [owned({ mode: '750' }), owned({ mode: '0700' })],
    {
      settings: 'both',
    },
  ),
];

interface ClaimCase {
  readonly code: string;
  readonly name: string;
  readonly wrong: readonly [ClaimSpec, Metadata?];
  readonly right: readonly (readonly [ClaimSpec, Metadata?])[];
  readonly settings?: 'both';
}

const annotated = (key: string, value: string): readonly [ClaimSpec, Metadata] => [
  {},
  { annotations: { [key]: value } },
];
const labelled = (key: string, value: string): readonly [ClaimSpec, Metadata] => [
  {},
  { labels: { [key]: value } },
];
const selecting = (matchLabels: Record<string, string>): readonly [ClaimSpec, Metadata] => [
  { selector: { matchLabels } },
  { labels: LABELS },
];
const OTHER_CLASS = { storageClassName: 'nfs' };

/** What holds for claims holds for claim templates. */
const CLAIM_CASES: readonly ClaimCase[] = [
  {
    code: 'TLV401',
    name: 'ReadWriteMany',
    wrong: [{ accessModes: ['ReadWriteOnce', 'ReadWriteMany'] }],
    right: [[{ accessModes: ['ReadWriteOncePod'] }], [{ accessModes: ['ReadWriteMany'], ...OTHER_CLASS }]],
  },
  {
    code: 'TLV402',
    name: 'Block',
    wrong: [{ volumeMode: 'Block' }],
    right: [[{ volumeMode: 'Filesystem' }], [{ volumeMode: 'Block', ...OTHER_CLASS }]],
  },
  {
    code: 'TLV403',
    name: 'a data source',
    wrong: [{ dataSource: { apiGroup: 'snapshot.storage.k8s.io', kind: 'VolumeSnapshot', name: 'x' } }],
    right: [[{ dataSource: { kind: 'PersistentVolumeClaim', name: 'x' }, ...OTHER_CLASS }]],
  },
  {
    code: 'TLV404',
    name: "a selector that is not the labels'",
    wrong: selecting({ 'tars.io/ServerName': 'other', disk: 'ssd' }),
    right: [selecting({ 'tars.io/ServerName': 'cart', disk: 'ssd' })],
  },
  {
    code: 'TLV405',
    name: 'an app with a dot',
    wrong: labelled('tars.io/ServerApp', 'a.b'),
    right: [labelled('tars.io/ServerApp', 'a-b_C')],
  },
  {
    code: 'TLV406',
    name: 'a volume by name',
    wrong: [{ volumeName: 'pv-1' }],
    right: [[{ volumeName: '' }], [{ volumeName: 'pv-1', ...OTHER_CLASS }]],
  },
  {
    code: 'TLV301',
    name: 'a uid that is none',
    wrong: annotated('tars.io/LocalVolumeUID', '1000000'),
    right: [annotated('tars.io/LocalVolumeUID', '999999')],
  },
  {
    code: 'TLV302',
    name: 'a gid that is none',
    wrong: annotated('tars.io/LocalVolumeGID', ''),
    right: [annotated('tars.io/LocalVolumeGID', '0')],
  },
  {
    code: 'TLV303',
    name: 'a mode that is none',
    wrong: annotated('tars.io/LocalVolumeMode', 'rwx'),
    right: [annotated('tars.io/LocalVolumeMode', '0755')],
  },
  {
    code: 'TLV303',
    name: 'a mode with the digit 0',
    wrong: annotated('tars.io/LocalVolumeMode', '0700'),
    right: [annotated('tars.io/LocalVolumeMode', '711')],
  },
  {
    code: 'TLV304',
    name: 'a scope that is none',
    wrong: [{}, NO_SCOPE],
    right: [
      [{}, NODE_SCOPE],
      [{}, POD_SCOPE],
    ],
  },
  {
    code: 'TLV303',
    name: 'a posix mode that is none',
    wrong: annotated('tars.io/LocalVolumeMode', '780'),
    right: [annotated('tars.io/LocalVolumeMode', '0700')],
    settings: 'both',
  },
  {
    code: 'TLV305',
    name: 'the scope Pod',
    wrong: [{}, POD_SCOPE],
    right: [[{}, NODE_SCOPE]],
    settings: 'both',
  },
  {
    code: 'TLV404',
    name: 'a selector for another namespace',
    wrong: selecting({ 'local.tars.io/namespace': 'other' }),
    right: [selecting({ 'local.tars.io/namespace': 'default' })],
    settings: 'both',
  },
];

const asClaim = ([spec, metadata]: readonly [ClaimSpec, Metadata?]): Claim => claim('data', spec, metadata);
const asTemplate = (parts: readonly [ClaimSpec, Metadata?]) =>
  statefulSet({ metadata: { labels: LABELS }, templates: [claim('other', OTHER_CLASS), asClaim(parts)] });

const CLAIM_ROWS: readonly PolicyRow[] = CLAIM_CASES.flatMap(({ code, name, wrong, right, settings }) => {
  const more = settings ? { settings } : {};
  return [
    {
      code,
      name: `${name}, in a claim`,
      kind: 'PersistentVolumeClaim',
      wrong: asClaim(wrong),
      right: right.map(asClaim),
      ...more,
    },
    {
      code,
      name: `${name}, in a template`,
      kind: 'StatefulSet',
      wrong: asTemplate(wrong),
      right: right.map(asTemplate),
      ...more,
    },
  ] as const;
});

const ofSet = (
  code: string,
  name: string,
  wrong: object,
  right: readonly object[],
  more: Partial<PolicyRow> = {},
): PolicyRow => ({
  code,
  name,
  kind: 'StatefulSet',
  wrong,
  right,
  ...more,
});
const plain = { metadata: { labels: LABELS } };
const container = (name: string, ...volumeMounts: VolumeMount[]): Container => ({
  name,
  image: name,
  volumeMounts,
});
const tied = (pod: PodSpec) =>
  statefulSet({ ...plain, pod: { hostIPC: true, ...pod }, templates: [claim('data')] });
const volumeLabel = (value: string) => ({ labels: { 'tars.io/LocalVolume': value } });

const SET_ROWS: readonly PolicyRow[] = [
  ofSet(
    'TLV405',
    'a label that is no app',
    statefulSet({ metadata: { labels: { ...LABELS, 'tars.io/ServerApp': 'my.shop' } } }),
    [
      statefulSet({ metadata: { labels: { ...LABELS, 'tars.io/ServerName': 'my.cart' } } }),
      statefulSet({ metadata: { labels: { 'tars.io/ServerApp': 'my.shop' } } }),
    ],
  ),
  ofSet('TLV304', 'a scope that is none', statefulSet({ metadata: { labels: LABELS, ...NO_SCOPE } }), [
    statefulSet({ metadata: { labels: LABELS, ...POD_SCOPE } }),
  ]),
  ofSet(
    'TLV201',
    'a pod volume of the reserved name',
    statefulSet({ ...plain, pod: { volumes: [{ name: 'a' }, { name: 'delay-bind' }] } }),
    [statefulSet({ ...plain, pod: { volumes: [{ name: 'delay' }] } })],
  ),
  ...(['containers', 'initContainers'] as const).map((kind) =>
    ofSet(
      'TLV201',
      `a mount of the reserved name, in ${kind}`,
      tied({ [kind]: [container('i', mount('data')), container('j', mount('data'), mount('delay-bind'))] }),
      [tied({ [kind]: [container('j', mount('data'))] })],
    ),
  ),
  ofSet(
    'TLV201',
    'a template of the reserved name',
    statefulSet({
      ...plain,
      templates: [claim('data'), claim('delay-bind', { resources: { requests: { storage: '2G' } } })],
    }),
    [statefulSet({ ...plain, pod: { hostIPC: true }, templates: [claim('data')] })],
  ),
  ofSet(
    'TLV201',
    'a template of the reserved name, without labels',
    statefulSet({ ...plain, templates: [claim('delay-bind')] }),
    [],
  ),
  ofSet(
    'TLV407',
    'two templates of one volume',
    statefulSet({
      ...plain,
      templates: [
        claim('first'),
        claim('n', { storageClassName: 'nfs' }),
        claim('second', {}, volumeLabel('first')),
      ],
    }),
    [statefulSet({ ...plain, templates: [claim('first'), claim('second', {}, volumeLabel('third'))] })],
  ),
  ofSet(
    'TLV305',
    'the scope Pod of a StatefulSet',
    statefulSet({ metadata: { labels: LABELS, ...POD_SCOPE }, templates: [claim('data')] }),
    [statefulSet({ metadata: { labels: LABELS, ...POD_SCOPE }, templates: [] })],
    { settings: 'both' },
  ),
];

export const ROWS: readonly PolicyRow[] = [...SERVER_ROWS, ...SET_ROWS, ...CLAIM_ROWS];
