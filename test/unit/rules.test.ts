import { expect } from 'chai';
import type { Finding } from '../../src/tars/finding.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../src/tars/settings.ts';
import type { Claim, ClaimSpec, Metadata, StatefulSet } from '../../src/tars/shapes.ts';
import type { TServer, TServerK8S } from '../../src/tars/tserver.ts';
import { ruleOf, RULES } from '../../src/validate/catalogue.ts';
import { validateClaim } from '../../src/validate/claim.ts';
import { readClaim, readStatefulSet, readTServer, type Read } from '../../src/validate/read.ts';
import { warnLateTServer } from '../../src/validate/late-tserver.ts';
import { validateStatefulSet } from '../../src/validate/statefulset.ts';
import { validateTServer } from '../../src/validate/tserver.ts';
import type { Verdict } from '../../src/validate/verdict.ts';
import {
  claim,
  create,
  DISCOVERY,
  LABELS,
  lines,
  localMount,
  mount,
  NAMESPACE,
  PER_NODE,
  settingsWith,
  statefulSet,
  stored,
  templateMount,
  tserver,
  update,
} from './builders.ts';

const saidOf = ({ violations, warnings }: Verdict): Finding[] => [...violations, ...warnings];
const shapeOf = <T>(read: Read<T>): readonly Finding[] => (read.ok ? [] : read.violations);

const ofServer = (server: TServer, settings: Settings = DEFAULT_SETTINGS) =>
  saidOf(validateTServer(server, { namespace: NAMESPACE, settings }));
const ofK8s = (k8s: TServerK8S) => ofServer(tserver(k8s));
const ofServerUpdate = (server: TServer, old: TServer) =>
  validateTServer(server, { namespace: NAMESPACE, settings: DEFAULT_SETTINGS, old });

/** Everything that is said of a StatefulSet that is created: expanded first, as in the webhook. */
const ofSet = (set: StatefulSet, settings: Settings = DEFAULT_SETTINGS, server?: TServer) =>
  saidOf(validateStatefulSet(create(set, { server, settings }), { namespace: NAMESPACE, settings, server }));
const ofUpdate = (set: StatefulSet, old: StatefulSet, server?: TServer) =>
  validateStatefulSet(set, { namespace: NAMESPACE, settings: DEFAULT_SETTINGS, server, old });
const warned = (set: StatefulSet, old: StatefulSet, server?: TServer) => [
  ...update(set, old, { server }).warnings,
];

const plain = { metadata: { labels: LABELS } };
const withTemplate = (spec: ClaimSpec, metadata: Metadata = {}) =>
  statefulSet({ ...plain, templates: [claim('data', spec, metadata)] });
const ofTemplate = (spec: ClaimSpec, metadata: Metadata = {}, settings: Settings = DEFAULT_SETTINGS) =>
  ofSet(withTemplate(spec, metadata), settings);
const ofClaim = (spec: ClaimSpec, metadata: Metadata = {}, settings: Settings = DEFAULT_SETTINGS) =>
  saidOf(validateClaim(claim('data', spec, metadata), { namespace: NAMESPACE, settings }));

const LABELS_OF_CLAIM = { 'tars.io/LocalVolume': 'a', 'tars.io/ServerApp': 'b', 'tars.io/ServerName': 'c' };
const TEMPLATE = 'spec.volumeClaimTemplates[0]';
const ID_RULE = `must be a whole number from 0 to 999999 as a string of ASCII digits without sign, space or leading zero (^(0|[1-9][0-9]{0,5})$)`;
const MODE_RULE = `must be three octal digits from 1 to 7, with at most one leading 0, as a string (^0?[1-7]{3,3}$)`;
const RESERVED = `Forbidden: "delay-bind": the name is reserved for the claim that ties each replica to its node and is added by itself where it is needed; choose another name`;
const NAME_RULE = `must be letters and digits, a letter first, 63 characters at most (^[A-Za-z][0-9A-Za-z]*$), because labels, names and a directory are made of it; write "tarslog", for example`;
const MOUNT_NAME_RULE = `must be lower-case letters, digits and inner hyphens, 63 characters at most (^[a-z0-9]([-a-z0-9]*[a-z0-9])?$), because a claim, a volume and a directory are named after it; write "remote-log-dir", for example`;
const PATH_RULE = 'must be an absolute path in the container, without a colon; write "/data", for example';
const PORT_RULE = 'must be a whole number from 1 to 65535; write 8080, for example';
const SOURCES =
  'configMap, downwardAPI, emptyDir, hostPath, persistentVolumeClaim, persistentVolumeClaimTemplate, secret, tLocalVolume';
const SCOPE_RULE =
  'supported values: "Node" (one replica a node, one directory a server), "Pod" (a directory for each replica); write one of them, or drop the annotation for the default';
const ACCESS_RULE =
  'supported values: "ReadWriteOnce", "ReadWriteOncePod"; a local volume is on one node, so write one of them, or a class of network volumes';
const BLOCK_RULE =
  'supported values: "Filesystem"; a directory is no block device, so write Filesystem, or use a class of discovered block devices';
const SOURCE_RULE =
  'nothing fills a local volume from a snapshot or another claim, it would start empty; drop the field and restore the data into the running server';
const VOLUME_RULE = 'a claim of a local class waits for the scheduler, which then binds it; drop volumeName';
const labelRule = (key: string, marks: string, pattern: string) =>
  `it is a component of the path on the host and must be a string of letters, digits and inner ${marks}, 63 characters at most (${pattern}); set the label ${key} to such a value`;
const VOLUME_LABEL = labelRule('tars.io/LocalVolume', '- _ .', '^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$');
const APP_LABEL = labelRule('tars.io/ServerApp', '- _', '^[A-Za-z0-9]([-A-Za-z0-9_]*[A-Za-z0-9])?$');
const selectorRule = (key: string, label: string) =>
  `the label ${key} is "${label}", so this selector asks for a volume of something else; drop the selector (it is filled in) or write the label's value`;
const POD_SCOPE_RULE =
  'Forbidden: "Pod": the class t-storage-class is not made on demand, so its volumes do not know their replica; use a class that is, or write Node';
const sizeRule = (size: string) =>
  `${size} of class t-storage-class is not enforced: its volumes are directories, and the disk below is shared; use a class whose backend enforces sizes where that matters`;
const immutableRule = (was: string) =>
  `the field is immutable and was "${was}", because volumes are found by it; write that again, or create another TServer and move the data`;
const REMEDY = `to get the new list: kubectl -n default delete sts tars-tarslog --cascade=orphan, apply this manifest again, then delete the old pods one by one, waiting for Ready each time (until all are replaced the StatefulSet neither scales nor rolls; claims and data stay)`;

interface Row {
  /** What is wrong. */
  readonly name: string;
  readonly said: () => readonly Finding[];
  /** Each whole: code, field, message. */
  readonly expected: string[];
  /** What is nearly the same, and right. */
  readonly nearMiss: () => readonly Finding[];
}

const POD_SCOPE = { annotations: { 'local.tars.io/scope': 'Pod' } };
const inNode = { annotations: { 'local.tars.io/scope': 'Node' } };
const hostPort = (nameRef: string, port: number) => ({ nameRef, port });
const source = (given: Record<string, object>) => ({ mounts: [{ ...localMount('a'), source: given }] });
const small = tserver({ mounts: [templateMount('net', '1Gi')] });
const owned = (mode: string) => tserver({ mounts: [localMount('data', { mode })] });
const live = (server: TServer) => stored(create(statefulSet(), { server }));

const ROWS: Row[] = [
  {
    name: 'a TServer without app',
    said: () => shapeOf(readTServer({ spec: { server: 'x' } })),
    expected: [
      'TLV001 spec.app: Invalid value: spec.app must be a string, and it is missing; see kubectl explain for the field',
    ],
    nearMiss: () => shapeOf(readTServer({ spec: { app: 'tars', server: 'x', more: [1] }, status: 1 })),
  },
  {
    name: 'a TServer with a number for a name and a text for a port',
    said: () =>
      shapeOf(
        readTServer(
          tserver({
            mounts: [{ ...localMount('a'), name: 7 as never }],
            hostPorts: [{ nameRef: 'http', port: '80' as never }],
          }),
        ),
      ),
    expected: [
      'TLV001 spec.k8s.hostPorts[0].port: Invalid value: "80": spec.k8s.hostPorts.port must be a number, and it is a string; see kubectl explain for the field',
      'TLV001 spec.k8s.mounts[0].name: Invalid value: 7: spec.k8s.mounts.name must be a string, and it is a number; where a string is meant, write it in quotes: "7"',
    ],
    nearMiss: () => shapeOf(readTServer(tserver({ mounts: null, hostPorts: null, hostIPC: null }))),
  },
  {
    name: 'a TServer with more mounts than fit',
    said: () =>
      shapeOf(
        readTServer(tserver({ mounts: Array.from({ length: 65 }, (_, index) => localMount(`m${index}`)) })),
      ),
    expected: [
      'TLV001 spec.k8s.mounts: Invalid value: a list of 65: must have at most 64 items; split the server, or leave some out',
    ],
    nearMiss: () =>
      shapeOf(
        readTServer(tserver({ mounts: Array.from({ length: 64 }, (_, index) => localMount(`m${index}`)) })),
      ),
  },
  {
    name: 'a StatefulSet with a text for a list',
    said: () => shapeOf(readStatefulSet({ spec: { volumeClaimTemplates: 'data' } })),
    expected: [
      'TLV001 spec.volumeClaimTemplates: Invalid value: "data": spec.volumeClaimTemplates must be a list, and it is a string; see kubectl explain for the field',
    ],
    nearMiss: () => shapeOf(readStatefulSet({ spec: { volumeClaimTemplates: null } })),
  },
  {
    name: 'a claim that is a list, a number, nothing',
    said: () => [[], 3, null].flatMap((json) => shapeOf(readClaim(json))),
    expected: [
      'TLV001 : Invalid value: a list of 0: the object must be a map, and it is a list; see kubectl explain for the field',
      'TLV001 : Invalid value: 3: the object must be a map, and it is a number; where a string is meant, write it in quotes: "3"',
      'TLV001 : Invalid value: null: the object must be a map, and it is null; see kubectl explain for the field',
    ],
    nearMiss: () => shapeOf(readClaim({})),
  },
  {
    name: 'a TServer of another name',
    said: () => ofServer(tserver({}, { app: 'Tars', server: 'Log' }, { name: 'Tars-Log' })),
    expected: [
      'TLV101 metadata.name: Invalid value: "Tars-Log": a TServer is named lower(app)-lower(server), and app is "Tars", server is "Log"; name it "tars-log"',
    ],
    nearMiss: () => ofServer(tserver({}, { app: 'Tars', server: 'Log' }, { name: 'tars-log' })),
  },
  {
    name: 'an app with a dot and a server that climbs',
    said: () => ofServer(tserver({}, { app: 'tars.eu', server: '../log' })),
    expected: [
      `TLV102 spec.app: Invalid value: "tars.eu": ${NAME_RULE}`,
      `TLV102 spec.server: Invalid value: "../log": ${NAME_RULE}`,
    ],
    nearMiss: () =>
      ofServer(tserver({}, { app: `T${'a'.repeat(62)}`, server: 'x9' }, { name: `t${'a'.repeat(62)}-x9` })),
  },
  {
    name: 'an empty app, and a server of 64 characters',
    said: () => ofServer(tserver({}, { app: '', server: 'a'.repeat(64) })),
    expected: [
      `TLV102 spec.app: Invalid value: "": ${NAME_RULE}`,
      `TLV102 spec.server: Invalid value: "${'a'.repeat(64)}": ${NAME_RULE}`,
    ],
    nearMiss: () =>
      ofServer(tserver({}, { app: 'a', server: 'a'.repeat(63) }, { name: `a-${'a'.repeat(63)}` })),
  },
  {
    name: 'a TServer that changes app, server and subType',
    said: () =>
      saidOf(ofServerUpdate(tserver({}, { app: 'TARS', server: 'TarsLog', subType: 'normal' }), tserver())),
    expected: [
      `TLV103 spec.app: Forbidden: "TARS": ${immutableRule('tars')}`,
      `TLV103 spec.server: Forbidden: "TarsLog": ${immutableRule('tarslog')}`,
      `TLV103 spec.subType: Forbidden: "normal": ${immutableRule('tars')}`,
    ],
    nearMiss: () => saidOf(ofServerUpdate(tserver({ replicas: 9 }, { release: { image: 'x' } }), tserver())),
  },
  {
    name: 'a subType that is none, and none at all',
    said: () => [ofServer(tserver({}, { subType: 'java' })), ofServer(tserver({}, { subType: null }))].flat(),
    expected: [
      'TLV104 spec.subType: Unsupported value: "java": supported values: "tars", "normal"; write one of them',
      'TLV104 spec.subType: Unsupported value: supported values: "tars", "normal"; write one of them',
    ],
    nearMiss: () => ofServer(tserver({}, { subType: 'normal' })),
  },
  {
    name: 'a daemonSet with claims',
    said: () => ofK8s({ daemonSet: true, mounts: [localMount('a'), templateMount('b')] }),
    expected: [
      'TLV105 spec.k8s.daemonSet: Forbidden: true: a DaemonSet has no claim templates, so its pods would start without a, b; give these mounts a hostPath or emptyDir source, or drop daemonSet',
    ],
    nearMiss: () =>
      ofK8s({ daemonSet: true, mounts: [{ ...localMount('a'), source: { hostPath: { path: '/x' } } }] }),
  },
  {
    name: 'a host port of nothing',
    said: () => ofK8s({ hostPorts: [hostPort('nosuch', 8080)] }),
    expected: [
      'TLV106 spec.k8s.hostPorts[0].nameRef: Not found: "nosuch": no servant or port has this name; name one of LogObj, http',
    ],
    nearMiss: () => ofK8s({ hostPorts: [hostPort('LogObj', 8080), hostPort('http', 8081)] }),
  },
  {
    name: 'a host port where there are no ports',
    said: () => ofServer(tserver({ hostPorts: [hostPort('http', 8080)] }, { tars: null })),
    expected: [
      'TLV106 spec.k8s.hostPorts[0].nameRef: Not found: "http": no servant or port has this name; name a servant or port (this server has none)',
    ],
    nearMiss: () =>
      ofServer(
        tserver(
          { hostPorts: [hostPort('web', 8080)] },
          { tars: null, subType: 'normal', normal: { ports: [{ name: 'web', port: 80 }] } },
        ),
      ),
  },
  {
    name: 'two host ports of one port, and two of one number',
    said: () =>
      ofK8s({ hostPorts: [hostPort('http', 8080), hostPort('http', 8081), hostPort('LogObj', 8080)] }),
    expected: [
      'TLV107 spec.k8s.hostPorts[1].nameRef: Duplicate value: "http": this port has a host port already; drop one of the two',
      'TLV107 spec.k8s.hostPorts[2].port: Duplicate value: 8080: another host port of this server has this number; choose a free one',
    ],
    nearMiss: () => [
      ...ofK8s({ hostPorts: [hostPort('http', 8080), hostPort('LogObj', 8081)] }),
      // One number for both protocols, as DNS has it.
      ...ofServer(
        tserver(
          { hostPorts: [hostPort('dns', 53), hostPort('dns-udp', 53)] },
          {
            subType: 'normal',
            normal: {
              ports: [
                { name: 'dns', port: 53 },
                { name: 'dns-udp', port: 53, isTcp: false },
              ],
            },
          },
        ),
      ),
    ],
  },
  {
    name: 'host ports out of range',
    said: () => [0, -1, 65536, 80.5].flatMap((port) => ofK8s({ hostPorts: [hostPort('http', port)] })),
    expected: [0, -1, 65536, 80.5].map(
      (port) => `TLV108 spec.k8s.hostPorts[0].port: Invalid value: ${port}: ${PORT_RULE}`,
    ),
    nearMiss: () => ofK8s({ hostPorts: [hostPort('http', 1), hostPort('LogObj', 65535)] }),
  },
  {
    name: 'a mount of the reserved name',
    said: () => ofK8s({ mounts: [localMount('delay-bind')] }),
    expected: [`TLV201 spec.k8s.mounts[0].name: ${RESERVED}`],
    nearMiss: () => ofK8s({ mounts: [localMount('delay-binds')] }),
  },
  {
    name: 'mounts whose names are no names',
    said: () =>
      ofK8s({
        mounts: ['Data', 'a_b', '-a', 'a-', 'a.b', '', '..', 'a'.repeat(64)].map((name, index) =>
          localMount(name, {}, `/${index}`),
        ),
      }),
    expected: ['Data', 'a_b', '-a', 'a-', 'a.b', '', '..', 'a'.repeat(64)].map(
      (name, index) => `TLV202 spec.k8s.mounts[${index}].name: Invalid value: "${name}": ${MOUNT_NAME_RULE}`,
    ),
    nearMiss: () => ofK8s({ mounts: ['0', 'a--b', 'a'.repeat(63)].map((name) => localMount(name)) }),
  },
  {
    name: 'two mounts of one name',
    said: () => ofK8s({ mounts: [localMount('a'), localMount('b'), localMount('a', {}, '/c')] }),
    expected: [
      'TLV203 spec.k8s.mounts[2].name: Duplicate value: "a": another mount has this name, and both would be one volume; give each mount a name of its own',
    ],
    nearMiss: () => ofK8s({ mounts: [localMount('a'), localMount('b')] }),
  },
  {
    name: 'a mount with no source',
    said: () =>
      [source({}), { mounts: [{ name: 'a', mountPath: '/a' }] }, source({ nfs: {} })].flatMap((k8s) =>
        ofK8s(k8s),
      ),
    expected: [1, 2, 3].map(
      () =>
        `TLV204 spec.k8s.mounts[0].source: Invalid value: a mount needs exactly one source; give one of ${SOURCES}`,
    ),
    nearMiss: () => ofK8s({ mounts: [{ ...localMount('a'), source: { emptyDir: {}, tLocalVolume: null } }] }),
  },
  {
    name: 'a mount with two sources',
    said: () => ofK8s(source({ tLocalVolume: {}, emptyDir: {} })),
    expected: [
      'TLV204 spec.k8s.mounts[0].source: Invalid value: "emptyDir, tLocalVolume": a mount has exactly one source, not emptyDir and tLocalVolume; keep one and make a mount of its own for the other',
    ],
    nearMiss: () => ofK8s(source({ emptyDir: {} })),
  },
  {
    name: 'mount paths that are none',
    said: () =>
      ofK8s({
        mounts: ['data', '', './a', '/a:ro', 'C:\\data'].map((path, index) =>
          localMount(`m${index}`, {}, path),
        ),
      }),
    expected: ['data', '', './a', '/a:ro', 'C:\\\\data'].map(
      (path, index) => `TLV205 spec.k8s.mounts[${index}].mountPath: Invalid value: "${path}": ${PATH_RULE}`,
    ),
    nearMiss: () =>
      ofK8s({ mounts: ['/', '/a b', '/..a/数据'].map((path, index) => localMount(`m${index}`, {}, path)) }),
  },
  {
    name: 'two mounts of a TServer at one path',
    said: () => ofK8s({ mounts: [localMount('a', {}, '/x'), localMount('b', {}, '/x')] }),
    expected: [
      'TLV206 spec.k8s.mounts[1].mountPath: Duplicate value: "/x": the volume "a" is mounted there already, and the container would see only one of them; mount "b" at a path of its own',
    ],
    nearMiss: () => ofK8s({ mounts: [localMount('a', {}, '/x'), localMount('b', {}, '/x/y')] }),
  },
  {
    name: 'two mounts of a container at one path',
    said: () =>
      ofSet(
        statefulSet({
          ...plain,
          pod: { initContainers: [{ volumeMounts: [mount('a', '/x'), mount('b', '/x')] }] },
        }),
      ),
    expected: [
      'TLV206 spec.template.spec.initContainers[0].volumeMounts[1].mountPath: Duplicate value: "/x": the volume "a" is mounted there already, and the container would see only one of them; mount "b" at a path of its own',
    ],
    nearMiss: () =>
      ofSet(
        statefulSet({
          ...plain,
          pod: { containers: [{ volumeMounts: [mount('a', '/x')] }, { volumeMounts: [mount('b', '/x')] }] },
        }),
      ),
  },
  {
    name: "a TServer's mount where the StatefulSet has one already",
    said: () =>
      ofSet(
        statefulSet({ mounts: [mount('tmp', '/net')] }),
        DEFAULT_SETTINGS,
        tserver({ mounts: [localMount('net')] }),
      ),
    expected: [
      'TLV206 spec.template.spec.containers[0].volumeMounts[1].mountPath: Duplicate value: "/net": the volume "tmp" is mounted there already, and the container would see only one of them; mount "net" at a path of its own',
    ],
    nearMiss: () =>
      ofSet(
        statefulSet({ mounts: [mount('tmp', '/tmp')] }),
        DEFAULT_SETTINGS,
        tserver({ mounts: [localMount('net')] }),
      ),
  },
  {
    name: 'a uid that is none',
    said: () => ofTemplate({}, { annotations: { 'tars.io/LocalVolumeUID': '01' } }),
    expected: [
      `TLV301 ${TEMPLATE}.metadata.annotations[tars.io/LocalVolumeUID]: Invalid value: "01": ${ID_RULE}; write uid: "1000", for example`,
    ],
    nearMiss: () => ofTemplate({}, { annotations: { 'tars.io/LocalVolumeUID': '1' } }),
  },
  {
    name: 'a gid that is none',
    said: () => ofClaim({}, { annotations: { 'tars.io/LocalVolumeGID': '-1' } }),
    expected: [
      `TLV302 metadata.annotations[tars.io/LocalVolumeGID]: Invalid value: "-1": ${ID_RULE}; write gid: "1000", for example`,
    ],
    nearMiss: () => ofClaim({}, { annotations: { 'tars.io/LocalVolumeGID': '0' } }),
  },
  {
    name: 'a mode that is none',
    said: () => ofK8s({ mounts: [localMount('a', { mode: '888' })] }),
    expected: [
      `TLV303 spec.k8s.mounts[0].source.tLocalVolume.mode: Invalid value: "888": ${MODE_RULE}; write mode: "755", for example`,
    ],
    nearMiss: () => ofK8s({ mounts: [localMount('a', { mode: '0777' })] }),
  },
  {
    name: 'scopes that are none, on all three',
    said: () => {
      const metadata = { annotations: { 'local.tars.io/scope': 'pod' } };
      const set = statefulSet({
        metadata: { labels: LABELS, ...metadata },
        templates: [claim('data', {}, metadata)],
      });
      return [...ofServer(tserver({}, {}, metadata)), ...ofSet(set), ...ofClaim({}, metadata)];
    },
    expected: [
      `TLV304 metadata.annotations[local.tars.io/scope]: Unsupported value: "pod": ${SCOPE_RULE}`,
      `TLV304 metadata.annotations[local.tars.io/scope]: Unsupported value: "pod": ${SCOPE_RULE}`,
      `TLV304 ${TEMPLATE}.metadata.annotations[local.tars.io/scope]: Unsupported value: "pod": ${SCOPE_RULE}`,
      `TLV304 metadata.annotations[local.tars.io/scope]: Unsupported value: "pod": ${SCOPE_RULE}`,
    ],
    nearMiss: () => [
      ...ofServer(tserver({}, {}, POD_SCOPE)),
      ...ofTemplate({}, inNode),
      ...ofClaim({}, POD_SCOPE),
    ],
  },
  {
    name: 'the scope Pod with a per-node class, on a StatefulSet, a template, a claim',
    said: () => [
      ...ofSet(
        statefulSet({ metadata: { labels: LABELS, ...POD_SCOPE }, templates: [claim('data')] }),
        PER_NODE,
      ),
      ...ofTemplate({}, POD_SCOPE, PER_NODE),
      ...ofClaim({}, POD_SCOPE, DISCOVERY),
    ],
    expected: [
      `TLV305 metadata.annotations[local.tars.io/scope]: ${POD_SCOPE_RULE}`,
      `TLV305 ${TEMPLATE}.metadata.annotations[local.tars.io/scope]: ${POD_SCOPE_RULE}`,
      `TLV305 metadata.annotations[local.tars.io/scope]: ${POD_SCOPE_RULE}`,
    ],
    nearMiss: () => [
      ...ofTemplate({}, inNode, PER_NODE),
      ...ofTemplate({}, {}, PER_NODE),
      ...ofTemplate({}, POD_SCOPE),
    ],
  },
  {
    name: 'access modes for several nodes',
    said: () => [
      ...ofTemplate({ accessModes: ['ReadWriteOnce', 'ReadWriteMany'] }),
      ...ofClaim({ accessModes: ['ReadOnlyMany'] }),
    ],
    expected: [
      `TLV401 ${TEMPLATE}.spec.accessModes[1]: Unsupported value: "ReadWriteMany": ${ACCESS_RULE}`,
      `TLV401 spec.accessModes[0]: Unsupported value: "ReadOnlyMany": ${ACCESS_RULE}`,
    ],
    nearMiss: () => [
      ...ofTemplate({ accessModes: ['ReadWriteOncePod'] }),
      ...ofTemplate({ accessModes: ['ReadWriteMany'], storageClassName: 'nfs' }),
    ],
  },
  {
    name: 'a block device',
    said: () => [...ofTemplate({ volumeMode: 'Block' }), ...ofClaim({ volumeMode: 'Block' }, {}, PER_NODE)],
    expected: [
      `TLV402 ${TEMPLATE}.spec.volumeMode: Unsupported value: "Block": ${BLOCK_RULE}`,
      `TLV402 spec.volumeMode: Unsupported value: "Block": ${BLOCK_RULE}`,
    ],
    nearMiss: () => [
      ...ofTemplate({ volumeMode: 'Block' }, {}, DISCOVERY),
      ...ofClaim({ volumeMode: 'Block', storageClassName: 'ceph-rbd' }),
    ],
  },
  {
    name: 'data sources',
    said: () =>
      ofTemplate({
        dataSource: { kind: 'VolumeSnapshot', name: 'x' },
        dataSourceRef: { kind: 'PersistentVolumeClaim', name: 'y' },
      }),
    expected: [
      `TLV403 ${TEMPLATE}.spec.dataSource: Forbidden: ${SOURCE_RULE}`,
      `TLV403 ${TEMPLATE}.spec.dataSourceRef: Forbidden: ${SOURCE_RULE}`,
    ],
    nearMiss: () => [
      ...ofClaim({ dataSource: null, dataSourceRef: null }),
      ...ofClaim({ dataSource: { kind: 'x' }, storageClassName: 'ceph-rbd' }),
    ],
  },
  {
    name: "a selector that is not the labels'",
    said: () => ofTemplate({ selector: { matchLabels: { 'tars.io/ServerName': 'other', disk: 'ssd' } } }),
    expected: [
      `TLV404 ${TEMPLATE}.spec.selector.matchLabels[tars.io/ServerName]: Invalid value: "other": ${selectorRule('tars.io/ServerName', 'cart')}`,
    ],
    nearMiss: () => ofTemplate({ selector: { matchLabels: { 'tars.io/ServerName': 'cart', disk: 'ssd' } } }),
  },
  {
    name: 'a selector for the volumes of another namespace',
    said: () =>
      ofTemplate({ selector: { matchLabels: { 'local.tars.io/namespace': 'other' } } }, {}, PER_NODE),
    expected: [
      `TLV404 ${TEMPLATE}.spec.selector.matchLabels[local.tars.io/namespace]: Invalid value: "other": ${selectorRule('local.tars.io/namespace', 'default')}`,
    ],
    nearMiss: () => ofTemplate({ selector: { matchLabels: { 'local.tars.io/namespace': 'other' } } }),
  },
  {
    name: 'labels that are no path components',
    said: () => [
      ...['..', '.', 'a/b', '/etc', 'a\\b', '', ' a', 'a'.repeat(64), 7].flatMap((value) =>
        ofClaim({}, { labels: { 'tars.io/LocalVolume': value } }),
      ),
      ...ofTemplate({}, { labels: { 'tars.io/ServerApp': 'a.b' } }),
    ],
    expected: [
      ...['".."', '"."', '"a/b"', '"/etc"', '"a\\\\b"', '""', '" a"', `"${'a'.repeat(64)}"`, '7'].map(
        (value) => `TLV405 metadata.labels[tars.io/LocalVolume]: Invalid value: ${value}: ${VOLUME_LABEL}`,
      ),
      `TLV405 ${TEMPLATE}.metadata.labels[tars.io/ServerApp]: Invalid value: "a.b": ${APP_LABEL}`,
    ],
    nearMiss: () => [
      ...ofClaim({}, { labels: { 'tars.io/LocalVolume': 'a..b_C-9', 'tars.io/ServerName': 'v1.2' } }),
      ...ofClaim({ storageClassName: 'nfs' }, { labels: { 'tars.io/LocalVolume': '..' } }),
    ],
  },
  {
    name: 'a claim that leaves its name to the API server',
    said: () => [
      ...ofClaim({}, { name: '', generateName: 'data-' }),
      ...ofClaim({}, { generateName: 'data-', labels: LABELS_OF_CLAIM }),
      ...ofClaim({ selector: { matchLabels: LABELS_OF_CLAIM } }, { generateName: 'data-' }),
    ],
    expected: Array.from(
      { length: 3 },
      () =>
        'TLV405 metadata.generateName: Invalid value: "data-": labels, selector and directory are made of the name, and a generated one comes too late for that; write metadata.name in its place',
    ),
    nearMiss: () => [
      ...ofClaim(
        { selector: { matchLabels: LABELS_OF_CLAIM } },
        { generateName: 'data-', labels: LABELS_OF_CLAIM },
      ),
      ...ofClaim({ storageClassName: 'nfs' }, { generateName: 'data-' }),
      ...ofClaim({}, { generateName: '' }),
      ...saidOf(
        validateClaim(claim('data', {}, { generateName: 'data-' }), {
          namespace: NAMESPACE,
          settings: DEFAULT_SETTINGS,
          old: claim('data', {}, { generateName: 'data-' }),
        }),
      ),
    ],
  },
  {
    name: 'a label of a StatefulSet that is no path component, said once',
    said: () =>
      ofSet(
        statefulSet({
          metadata: { labels: { ...LABELS, 'tars.io/ServerApp': 'my.shop' } },
          templates: [claim('a'), claim('b')],
        }),
      ),
    expected: [`TLV405 metadata.labels[tars.io/ServerApp]: Invalid value: "my.shop": ${APP_LABEL}`],
    nearMiss: () =>
      ofSet(
        statefulSet({
          metadata: { labels: { ...LABELS, 'tars.io/ServerName': 'my.cart' } },
          templates: [claim('a')],
        }),
      ),
  },
  {
    name: 'two templates that would be one directory',
    said: () =>
      ofSet(
        statefulSet({ templates: [claim('a'), claim('b', {}, { labels: { 'tars.io/LocalVolume': 'a' } })] }),
      ),
    expected: [
      'TLV407 spec.volumeClaimTemplates[1].metadata.labels[tars.io/LocalVolume]: Duplicate value: "a": the template "a" has the same labels, and both would be one directory; drop the label (it is filled in with the template\'s name) or write another value',
    ],
    nearMiss: () => [
      ...ofSet(statefulSet({ templates: [claim('a'), claim('b')] })),
      ...ofSet(
        statefulSet({
          templates: [
            claim('a', { storageClassName: 'nfs' }, { labels: { 'tars.io/LocalVolume': 'x' } }),
            claim('b', {}, { labels: { 'tars.io/LocalVolume': 'x' } }),
          ],
        }),
      ),
    ],
  },
  {
    name: "a TServer's own template that could never bind",
    said: () =>
      ofK8s({
        mounts: [
          {
            name: 'data',
            mountPath: '/data',
            source: {
              persistentVolumeClaimTemplate: {
                spec: { storageClassName: 't-storage-class', volumeMode: 'Block', volumeName: 'pv-1' },
              },
            },
          },
        ],
      }).map((finding) => ({ ...finding, message: finding.message.slice(0, 40) })),
    expected: [
      'TLV402 spec.k8s.mounts[0].source.persistentVolumeClaimTemplate.spec.volumeMode: Unsupported value: "Block": supported va',
      'TLV406 spec.k8s.mounts[0].source.persistentVolumeClaimTemplate.spec.volumeName: Forbidden: "pv-1": a claim of a local cl',
    ],
    nearMiss: () => ofK8s({ mounts: [templateMount('data', '1Gi')] }),
  },
  {
    name: 'a volume by name',
    said: () => [...ofTemplate({ volumeName: 'pv-1' }), ...ofClaim({ volumeName: 'pv-1' })],
    expected: [
      `TLV406 ${TEMPLATE}.spec.volumeName: Forbidden: "pv-1": ${VOLUME_RULE}`,
      `TLV406 spec.volumeName: Forbidden: "pv-1": ${VOLUME_RULE}`,
    ],
    nearMiss: () => [
      ...ofClaim({ volumeName: '' }),
      ...ofClaim({ volumeName: 'pv-1', storageClassName: 'nfs' }),
      ...saidOf(
        validateClaim(claim('data', { volumeName: 'pv-1' }), {
          namespace: NAMESPACE,
          settings: DEFAULT_SETTINGS,
          old: claim('data'),
        }),
      ),
    ],
  },
  {
    name: 'a StatefulSet before the TServer that it requires',
    said: () => ofSet(statefulSet({ metadata: { labels: { 'local.tars.io/tserver': 'required' } } })),
    expected: [
      'TLV501 metadata.labels[local.tars.io/tserver]: Required value: there is no TServer for StatefulSet default/tars-tarslog yet, and without it the volumes would be missing for good; apply the TServer first, or just apply again',
    ],
    nearMiss: () => [
      ...ofSet(
        statefulSet({ metadata: { labels: { 'local.tars.io/tserver': 'required' } } }),
        DEFAULT_SETTINGS,
        tserver(),
      ),
      ...ofSet(statefulSet({ metadata: { labels: { 'local.tars.io/tserver': 'optional' } } })),
      ...saidOf(
        ofUpdate(
          statefulSet({ metadata: { labels: { 'local.tars.io/tserver': 'required' } } }),
          statefulSet(),
        ),
      ),
    ],
  },
  {
    name: 'another list than the one that is kept',
    said: () =>
      warned(
        statefulSet(),
        live(small),
        tserver({ mounts: [templateMount('net', '1Gi', 'nfs'), localMount('more')] }),
      ),
    expected: [
      `TLV901 spec.volumeClaimTemplates: the list is immutable, so StatefulSet default/tars-tarslog keeps the one it has, without more and with net unchanged; ${REMEDY}`,
    ],
    nearMiss: () => warned(statefulSet(), live(small), small),
  },
  {
    name: 'another size than the one that is kept',
    said: () => warned(statefulSet(), live(small), tserver({ mounts: [templateMount('net', '2Gi')] })),
    expected: [
      `TLV902 spec.volumeClaimTemplates: the list is immutable, so the template net of StatefulSet default/tars-tarslog keeps its request of 1Gi, not 2Gi; expand the claims instead, where the class has allowVolumeExpansion: kubectl -n default patch pvc net-tars-tarslog-0 -p '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}', and so for each replica`,
    ],
    nearMiss: () => warned(statefulSet(), live(small), small),
  },
  {
    name: 'another owner than the one that is kept',
    said: () => warned(statefulSet(), live(owned('755')), owned('711')),
    expected: [
      'TLV903 spec.volumeClaimTemplates: the list is immutable, so the template data of StatefulSet default/tars-tarslog keeps mode 755, not mode 711; change the claims instead: kubectl -n default annotate --overwrite pvc data-tars-tarslog-0 tars.io/LocalVolumeMode=711, and so for each replica',
    ],
    nearMiss: () => warned(statefulSet(), live(owned('755')), owned('755')),
  },
  {
    name: 'a TServer that comes after its StatefulSet',
    said: () => warnLateTServer(owned('755'), statefulSet(), NAMESPACE),
    expected: [
      'TLV906 metadata.name: StatefulSet default/tars-tarslog was created before this TServer and its list of claim templates is immutable, so it stays without data; to get them: kubectl -n default delete sts tars-tarslog --cascade=orphan, apply its manifest again, then delete the old pods one by one, waiting for Ready each time (until all are replaced the StatefulSet neither scales nor rolls; claims and data stay)',
    ],
    nearMiss: () => warnLateTServer(owned('755'), live(owned('755')), NAMESPACE),
  },
  {
    name: 'pods that no scheduler sees',
    said: () => ofSet(statefulSet({ ...plain, templates: [claim('data')], pod: { nodeName: 'node-1' } })),
    expected: [
      'TLV904 spec.template.spec.nodeName: with nodeName no scheduler runs, so the local claims of these pods stay Pending for ever; use nodeSelector: {kubernetes.io/hostname: node-1} instead',
    ],
    nearMiss: () => [
      ...ofSet(statefulSet({ ...plain, pod: { nodeName: 'node-1' } })),
      ...ofSet(statefulSet({ ...plain, templates: [claim('data')], pod: { nodeName: '' } })),
    ],
  },
  {
    name: 'a size that nobody enforces',
    said: () => [
      ...ofTemplate({ resources: { requests: { storage: '10Gi' } } }),
      ...ofClaim({ resources: { requests: { storage: 5 } } }),
    ],
    expected: [
      `TLV905 ${TEMPLATE}.spec.resources.requests.storage: ${sizeRule('10Gi')}`,
      `TLV905 spec.resources.requests.storage: ${sizeRule('5')}`,
    ],
    nearMiss: () => [
      ...ofTemplate({ resources: { requests: { storage: '1G' } } }),
      ...ofTemplate(
        { resources: { requests: { storage: '10Gi' } } },
        {},
        settingsWith('t-storage-class=on-demand:enforced'),
      ),
      ...ofClaim({ resources: { requests: { storage: '10Gi' } } }, { labels: LABELS }),
    ],
  },
];

describe('the rules', () => {
  for (const { name, said, expected, nearMiss } of ROWS) {
    describe(name, () => {
      it('is said', () => {
        expect(lines(said())).to.deep.equal(expected);
      });
      it('and nearly so is not', () => {
        expect(lines(nearMiss())).to.deep.equal([]);
      });
    });
  }
});

describe('the catalogue', () => {
  const codes = RULES.map(({ code }) => code);

  it('has every code in the table above, and no other is said', () => {
    const tested = new Set(ROWS.flatMap(({ expected }) => expected.map((line) => line.slice(0, 6))));
    expect([...tested]).to.have.members(codes);
  });

  it('has each code and each name once, in their order', () => {
    expect(codes).to.deep.equal([...new Set(codes)].toSorted());
    expect(new Set(RULES.map(({ name }) => name)).size).to.equal(RULES.length);
  });

  it('knows its codes and no other', () => {
    expect(ruleOf('TLV406').name).to.equal('volume-name');
    expect(() => ruleOf('TLV999')).to.throw('no rule TLV999 in the catalogue');
  });
});

/** A TServer with nearly everything wrong. */
const wrong = (metadata: Metadata = {}) =>
  tserver(
    {
      daemonSet: true,
      hostPorts: [hostPort('nosuch', 0), hostPort('nosuch', 0)],
      mounts: [
        localMount('delay-bind', { uid: 1, gid: '', mode: '0' }, 'x'),
        localMount('A', {}, '/a'),
        { ...localMount('A', {}, '/a'), source: {} },
      ],
    },
    { subType: 'java' },
    { name: 'other', annotations: { 'local.tars.io/scope': '' }, ...metadata },
  );

const wrongClaim = (metadata: Metadata = {}): Claim =>
  claim(
    'data',
    {
      accessModes: ['ReadWriteMany'],
      volumeMode: 'Block',
      dataSource: {},
      selector: { matchLabels: { 'tars.io/ServerApp': 'x' } },
      volumeName: 'pv',
    },
    {
      labels: { 'tars.io/LocalVolume': '..', 'tars.io/ServerApp': 'a.b', 'tars.io/ServerName': '' },
      annotations: {
        'local.tars.io/scope': 'pod',
        'tars.io/LocalVolumeMode': '',
        'tars.io/LocalVolumeGID': '',
        'tars.io/LocalVolumeUID': '',
      },
      ...metadata,
    },
  );

const wrongSet = (metadata: Metadata = {}) =>
  statefulSet({
    metadata: {
      labels: { 'tars.io/ServerApp': '.', 'tars.io/ServerName': '..', 'local.tars.io/tserver': 'required' },
      annotations: { 'local.tars.io/scope': 'x' },
      ...metadata,
    },
    pod: {
      nodeName: 'n',
      volumes: [{ name: 'delay-bind' }],
      initContainers: [{ volumeMounts: [mount('delay-bind', '/a'), mount('b', '/a')] }],
      containers: [{ volumeMounts: [mount('delay-bind', '/c'), mount('d', '/c')] }],
    },
    templates: [claim('delay-bind'), wrongClaim()],
  });

describe('everything at once, in a fixed order', () => {
  const fields = (findings: readonly Finding[]) => lines(findings).map((line) => line.replace(/: .*/s, ''));

  it('of a TServer', () => {
    expect(fields(ofServer(wrong()))).to.deep.equal([
      'TLV101 metadata.name',
      'TLV104 spec.subType',
      'TLV304 metadata.annotations[local.tars.io/scope]',
      'TLV105 spec.k8s.daemonSet',
      'TLV106 spec.k8s.hostPorts[0].nameRef',
      'TLV108 spec.k8s.hostPorts[0].port',
      'TLV106 spec.k8s.hostPorts[1].nameRef',
      'TLV107 spec.k8s.hostPorts[1].nameRef',
      'TLV107 spec.k8s.hostPorts[1].port',
      'TLV108 spec.k8s.hostPorts[1].port',
      'TLV201 spec.k8s.mounts[0].name',
      'TLV205 spec.k8s.mounts[0].mountPath',
      'TLV301 spec.k8s.mounts[0].source.tLocalVolume.uid',
      'TLV302 spec.k8s.mounts[0].source.tLocalVolume.gid',
      'TLV303 spec.k8s.mounts[0].source.tLocalVolume.mode',
      'TLV202 spec.k8s.mounts[1].name',
      'TLV202 spec.k8s.mounts[2].name',
      'TLV204 spec.k8s.mounts[2].source',
      'TLV203 spec.k8s.mounts[2].name',
      'TLV206 spec.k8s.mounts[2].mountPath',
    ]);
  });

  it('of a StatefulSet', () => {
    expect(fields(ofSet(wrongSet()))).to.deep.equal([
      'TLV501 metadata.labels[local.tars.io/tserver]',
      'TLV405 metadata.labels[tars.io/ServerApp]',
      'TLV405 metadata.labels[tars.io/ServerName]',
      'TLV304 metadata.annotations[local.tars.io/scope]',
      'TLV201 spec.template.spec.volumes[0].name',
      'TLV201 spec.template.spec.initContainers[0].volumeMounts[0].name',
      'TLV201 spec.template.spec.containers[0].volumeMounts[0].name',
      'TLV206 spec.template.spec.initContainers[0].volumeMounts[1].mountPath',
      'TLV206 spec.template.spec.containers[0].volumeMounts[1].mountPath',
      'TLV201 spec.volumeClaimTemplates[0].metadata.name',
      'TLV405 spec.volumeClaimTemplates[1].metadata.labels[tars.io/LocalVolume]',
      'TLV405 spec.volumeClaimTemplates[1].metadata.labels[tars.io/ServerApp]',
      'TLV405 spec.volumeClaimTemplates[1].metadata.labels[tars.io/ServerName]',
      'TLV401 spec.volumeClaimTemplates[1].spec.accessModes[0]',
      'TLV402 spec.volumeClaimTemplates[1].spec.volumeMode',
      'TLV403 spec.volumeClaimTemplates[1].spec.dataSource',
      'TLV404 spec.volumeClaimTemplates[1].spec.selector.matchLabels[tars.io/ServerApp]',
      'TLV301 spec.volumeClaimTemplates[1].metadata.annotations[tars.io/LocalVolumeUID]',
      'TLV302 spec.volumeClaimTemplates[1].metadata.annotations[tars.io/LocalVolumeGID]',
      'TLV303 spec.volumeClaimTemplates[1].metadata.annotations[tars.io/LocalVolumeMode]',
      'TLV304 spec.volumeClaimTemplates[1].metadata.annotations[local.tars.io/scope]',
      'TLV406 spec.volumeClaimTemplates[1].spec.volumeName',
      'TLV904 spec.template.spec.nodeName',
    ]);
  });

  it('of a claim', () => {
    const said = saidOf(validateClaim(wrongClaim(), { namespace: NAMESPACE, settings: DEFAULT_SETTINGS }));
    expect(said.map(({ code }) => code).join(' ')).to.equal(
      'TLV405 TLV405 TLV405 TLV401 TLV402 TLV403 TLV404 TLV301 TLV302 TLV303 TLV304 TLV406',
    );
  });

  it('none of an object that is being deleted', () => {
    const gone = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    const context = { namespace: NAMESPACE, settings: DEFAULT_SETTINGS };
    const nothing = { violations: [], warnings: [] };
    expect(validateTServer(wrong(gone), context)).to.deep.equal(nothing);
    expect(validateTServer(wrong(gone), { ...context, old: tserver() })).to.deep.equal(nothing);
    expect(validateStatefulSet(wrongSet(gone), context)).to.deep.equal(nothing);
    expect(validateStatefulSet(wrongSet(gone), { ...context, old: statefulSet() })).to.deep.equal(nothing);
    expect(validateClaim(wrongClaim(gone), context)).to.deep.equal(nothing);
    expect(validateClaim(wrongClaim(gone), { ...context, old: claim('data') })).to.deep.equal(nothing);
  });
});

describe('what the stored object had already', () => {
  const split = ({ violations, warnings }: Verdict) =>
    [violations, warnings].map((said) => said.map(({ code }) => code));
  const uid = (value: unknown, name = 'a') => localMount(name, { uid: value });
  const ofMounts = (mounts: ReturnType<typeof localMount>[], old: ReturnType<typeof localMount>[]) =>
    split(ofServerUpdate(tserver({ mounts }), tserver({ mounts: old })));

  it('is a warning, with the very same words', () => {
    const { violations, warnings } = ofServerUpdate(
      tserver({ mounts: [uid('01')], replicas: 9 }),
      tserver({ mounts: [uid('01')] }),
    );
    expect(violations).to.deep.equal([]);
    expect(lines(warnings)).to.deep.equal([
      `TLV301 spec.k8s.mounts[0].source.tLocalVolume.uid: Invalid value: "01": ${ID_RULE}; write uid: "1000", for example`,
    ]);
  });

  it('is a warning at another index', () => {
    expect(ofMounts([localMount('b'), uid('01')], [uid('01')])).to.deep.equal([[], ['TLV301']]);
    expect(ofMounts([uid('01')], [localMount('b'), uid('01')])).to.deep.equal([[], ['TLV301']]);
  });

  it('is a violation with another value, another type, at another field', () => {
    expect(ofMounts([uid('02')], [uid('01')])).to.deep.equal([['TLV301'], []]);
    expect(ofMounts([uid(1)], [uid('1 ')])).to.deep.equal([['TLV301'], []]);
    expect(ofMounts([localMount('a', { gid: '01' })], [uid('01')])).to.deep.equal([['TLV302'], []]);
  });

  it('is a violation the second time: one more mount with the same bad value is new', () => {
    expect(ofMounts([uid('01'), uid('01', 'b')], [uid('01')])).to.deep.equal([['TLV301'], ['TLV301']]);
  });

  it('is a violation where it is wrong in another way: no source before, two sources now', () => {
    const none = tserver({ mounts: [{ ...localMount('a'), source: {} }] });
    const two = tserver({ mounts: [{ ...localMount('a'), source: { emptyDir: {}, tLocalVolume: {} } }] });
    expect(split(ofServerUpdate(two, none))).to.deep.equal([['TLV204'], []]);
  });

  it('may be mended', () => {
    expect(ofMounts([uid('1')], [uid('01')])).to.deep.equal([[], []]);
  });

  it('may be mended although the field is immutable: no subType before, one now', () => {
    for (const subType of [null, undefined, 'java']) {
      expect(split(ofServerUpdate(tserver(), tserver({}, { subType })))).to.deep.equal([[], []]);
    }
  });

  it('is no change where null became nothing', () => {
    expect(
      split(ofServerUpdate(tserver({}, { subType: undefined }), tserver({}, { subType: null }))),
    ).to.deep.equal([[], ['TLV104']]);
  });

  it('does not excuse a change of what is immutable', () => {
    expect(
      split(ofServerUpdate(tserver({}, { server: 'a-b' }), tserver({}, { server: 'a_b' })))[0],
    ).to.include('TLV103');
  });

  describe('in a StatefulSet', () => {
    const withMounts = (...names: string[]) =>
      statefulSet({ ...plain, mounts: names.map((name, index) => mount(name, `/${index}`)) });

    it('is a warning at another index', () => {
      expect(split(ofUpdate(withMounts('a', 'delay-bind'), withMounts('delay-bind')))).to.deep.equal([
        [],
        ['TLV201'],
      ]);
    });

    it('is a violation where it is new', () => {
      expect(split(ofUpdate(withMounts('delay-bind'), withMounts()))).to.deep.equal([['TLV201'], []]);
    });

    it('is a violation in another list', () => {
      const volume = statefulSet({ ...plain, pod: { volumes: [{ name: 'delay-bind' }] } });
      expect(split(ofUpdate(volume, withMounts('delay-bind')))).to.deep.equal([['TLV201'], []]);
    });

    it('is a warning for a label, a violation for another bad one', () => {
      const labelled = (app: string) =>
        statefulSet({ metadata: { labels: { ...LABELS, 'tars.io/ServerApp': app } } });
      expect(split(ofUpdate(labelled('a.b'), labelled('a.b')))).to.deep.equal([[], ['TLV405']]);
      expect(split(ofUpdate(labelled('c.d'), labelled('a.b')))).to.deep.equal([['TLV405'], []]);
    });

    it('is not looked for in the list, which nobody can change', () => {
      const old = statefulSet({ ...plain, templates: [wrongClaim()] });
      expect(split(ofUpdate(structuredClone(old), old))).to.deep.equal([[], []]);
    });

    it('does not silence the warning about nodeName', () => {
      const old = statefulSet({ ...plain, templates: [claim('data')], pod: { nodeName: 'n' } });
      expect(split(ofUpdate(structuredClone(old), old))).to.deep.equal([[], ['TLV904']]);
    });
  });

  describe('in a claim', () => {
    const annotated = (mode: string) =>
      claim('data', { volumeName: 'pv' }, { annotations: { 'tars.io/LocalVolumeMode': mode } });
    const context = { namespace: NAMESPACE, settings: DEFAULT_SETTINGS };

    it('is a warning, and the binder may set the volume', () => {
      const verdict = validateClaim(annotated('750'), { ...context, old: annotated('750') });
      expect(split(verdict)).to.deep.equal([[], ['TLV303']]);
    });

    it('is a violation with another value', () => {
      expect(split(validateClaim(annotated('700'), { ...context, old: annotated('750') }))).to.deep.equal([
        ['TLV303'],
        [],
      ]);
    });

    it('is neither in a claim of another class', () => {
      const other = { ...annotated('700'), spec: { storageClassName: 'nfs' } };
      expect(split(validateClaim(other, context))).to.deep.equal([[], []]);
    });
  });
});

describe('the scope Pod of a TServer', () => {
  it('is refused with a per-node class as well, and not quietly taken for Node', () => {
    const server = tserver({ mounts: [localMount('data')] }, {}, POD_SCOPE);
    const said = [...ofServer(server, PER_NODE), ...ofSet(statefulSet(), PER_NODE, server)];
    expect(said.map(({ code }) => code)).to.include('TLV305');
  });
});
