/* oxlint-disable max-lines -- one table, read from top to bottom */
import type { Code } from '../tars/finding.ts';

/** Cause of a Status, as the Kubernetes API names it (metav1.CauseType). */
export type Reason =
  | 'FieldValueInvalid'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueForbidden'
  | 'FieldValueNotFound'
  | 'FieldValueNotSupported';

export interface Rule {
  readonly code: Code;
  readonly name: string;
  readonly on: readonly ('TServer' | 'StatefulSet' | 'PersistentVolumeClaim')[];
  readonly reason: Reason;
  /** What would go wrong later without this rule. */
  readonly protects: string;
  /** A line or two of YAML that break it. */
  readonly example: string;
  readonly remedy: string;
}

/** Every rule, in the order of its code; docs/rules.md is generated from this list. */
export const RULES = [
  {
    code: 'TLV001',
    name: 'shape',
    on: ['TServer', 'StatefulSet', 'PersistentVolumeClaim'],
    reason: 'FieldValueInvalid',
    protects: 'An object whose fields have the wrong types can be neither expanded nor checked.',
    example: 'spec: {volumeClaimTemplates: data}',
    remedy: 'Give the field the type that `kubectl explain` shows for it.',
  },
  {
    code: 'TLV101',
    name: 'tserver-name',
    on: ['TServer'],
    reason: 'FieldValueInvalid',
    protects: 'StatefulSet, claims and directories are found by the name lower(app)-lower(server).',
    example: 'metadata: {name: log}\nspec: {app: tars, server: tarslog}',
    remedy: 'Name the TServer after its app and server: tars-tarslog.',
  },
  {
    code: 'TLV102',
    name: 'app-and-server',
    on: ['TServer'],
    reason: 'FieldValueInvalid',
    protects: 'App and server become label values, object names and one directory, `<app>.<server>`.',
    example: 'spec: {app: tars.eu, server: ../log}',
    remedy: 'Use letters and digits, a letter first, 63 characters at most.',
  },
  {
    code: 'TLV103',
    name: 'immutable',
    on: ['TServer'],
    reason: 'FieldValueForbidden',
    protects: 'Another app or server is another directory: the server would start without its data.',
    example: 'spec: {server: newlog}  # was tarslog',
    remedy: 'Keep the value, or create a new TServer and move the data.',
  },
  {
    code: 'TLV104',
    name: 'sub-type',
    on: ['TServer'],
    reason: 'FieldValueNotSupported',
    protects: 'TarsK8S builds pods for these two kinds of servers only.',
    example: 'spec: {subType: java}',
    remedy: 'Write tars or normal.',
  },
  {
    code: 'TLV105',
    name: 'daemon-set-claims',
    on: ['TServer'],
    reason: 'FieldValueForbidden',
    protects: 'A DaemonSet has no claim templates, so its pods would start without these volumes.',
    example: 'k8s: {daemonSet: true, mounts: [{name: data, mountPath: /data, source: {tLocalVolume: {}}}]}',
    remedy: 'Use a hostPath or emptyDir source, or drop daemonSet.',
  },
  {
    code: 'TLV106',
    name: 'host-port-reference',
    on: ['TServer'],
    reason: 'FieldValueNotFound',
    protects: 'A host port that refers to no servant and no port is never opened.',
    example: 'k8s: {hostPorts: [{nameRef: nosuch, port: 8080}]}',
    remedy: 'Name one of tars.servants, tars.ports or normal.ports.',
  },
  {
    code: 'TLV107',
    name: 'host-port-unique',
    on: ['TServer'],
    reason: 'FieldValueDuplicate',
    protects: 'Two containers cannot listen on one port of a host, and one port needs one host port.',
    example: 'k8s: {hostPorts: [{nameRef: http, port: 80}, {nameRef: admin, port: 80}]}',
    remedy: 'Give each host port a number and a reference of its own.',
  },
  {
    code: 'TLV108',
    name: 'host-port-range',
    on: ['TServer'],
    reason: 'FieldValueInvalid',
    protects: 'A pod with such a port is refused long after the TServer was accepted.',
    example: 'k8s: {hostPorts: [{nameRef: http, port: 70000}]}',
    remedy: 'Use a whole number from 1 to 65535.',
  },
  {
    code: 'TLV201',
    name: 'reserved-name',
    on: ['TServer', 'StatefulSet'],
    reason: 'FieldValueForbidden',
    protects: 'delay-bind ties replicas to their nodes; a volume of that name would take its place.',
    example: 'mounts: [{name: delay-bind, mountPath: /data, source: {tLocalVolume: {}}}]',
    remedy: 'Choose another name.',
  },
  {
    code: 'TLV202',
    name: 'mount-name',
    on: ['TServer'],
    reason: 'FieldValueInvalid',
    protects: 'The name becomes a claim, a volume and a directory.',
    example: 'mounts: [{name: Data_1, mountPath: /data, source: {tLocalVolume: {}}}]',
    remedy: 'Use lower-case letters, digits and inner hyphens, 63 characters at most.',
  },
  {
    code: 'TLV203',
    name: 'mount-name-unique',
    on: ['TServer'],
    reason: 'FieldValueDuplicate',
    protects: 'Two mounts of one name would be one volume.',
    example: 'mounts: [{name: data, …}, {name: data, …}]',
    remedy: 'Give each mount a name of its own.',
  },
  {
    code: 'TLV204',
    name: 'one-source',
    on: ['TServer'],
    reason: 'FieldValueInvalid',
    protects: 'A mount with no source is an empty promise, and of two sources one is silently lost.',
    example: 'source: {emptyDir: {}, tLocalVolume: {}}',
    remedy: 'Give exactly one source.',
  },
  {
    code: 'TLV205',
    name: 'mount-path',
    on: ['TServer'],
    reason: 'FieldValueInvalid',
    protects: 'Container runtimes need an absolute path and split on colons.',
    example: 'mounts: [{name: data, mountPath: data, …}]',
    remedy: 'Write an absolute path without a colon.',
  },
  {
    code: 'TLV206',
    name: 'mount-path-unique',
    on: ['TServer', 'StatefulSet'],
    reason: 'FieldValueDuplicate',
    protects: 'Of two mounts at one path a container sees only one: data goes to the wrong volume.',
    example: 'volumeMounts: [{name: a, mountPath: /data}, {name: b, mountPath: /data}]',
    remedy: 'Mount each volume at a path of its own.',
  },
  {
    code: 'TLV301',
    name: 'uid',
    on: ['TServer', 'StatefulSet', 'PersistentVolumeClaim'],
    reason: 'FieldValueInvalid',
    protects: 'The directory would belong to the wrong user, or to nobody that the agent can set.',
    example: 'tLocalVolume: {uid: 1000}',
    remedy: 'Write a whole number from 0 to 999999 as a string: "1000".',
  },
  {
    code: 'TLV302',
    name: 'gid',
    on: ['TServer', 'StatefulSet', 'PersistentVolumeClaim'],
    reason: 'FieldValueInvalid',
    protects: 'The directory would belong to the wrong group, or to none that the agent can set.',
    example: 'tLocalVolume: {gid: "01"}',
    remedy: 'Write a whole number from 0 to 999999 as a string: "1000".',
  },
  {
    code: 'TLV303',
    name: 'mode',
    on: ['TServer', 'StatefulSet', 'PersistentVolumeClaim'],
    reason: 'FieldValueInvalid',
    protects: 'The directory would be open to the wrong people or closed to its own server.',
    example: 'tLocalVolume: {mode: "750"}',
    remedy: 'Write three octal digits as a string: "755"; the digit 0 needs --mode-pattern posix.',
  },
  {
    code: 'TLV304',
    name: 'scope',
    on: ['TServer', 'StatefulSet', 'PersistentVolumeClaim'],
    reason: 'FieldValueNotSupported',
    protects: 'Any other word would silently mean the default.',
    example: 'metadata: {annotations: {local.tars.io/scope: pod}}',
    remedy: 'Write Node or Pod.',
  },
  {
    code: 'TLV305',
    name: 'pod-scope-on-demand',
    on: ['TServer', 'StatefulSet', 'PersistentVolumeClaim'],
    reason: 'FieldValueForbidden',
    protects: 'Only a volume made on demand knows its replica; offers and discovered disks do not.',
    example: 'metadata: {annotations: {local.tars.io/scope: Pod}}  # with a per-node class',
    remedy: 'Use a class that is made on demand, or the scope Node.',
  },
  {
    code: 'TLV401',
    name: 'access-mode',
    on: ['TServer', 'StatefulSet', 'PersistentVolumeClaim'],
    reason: 'FieldValueNotSupported',
    protects: 'A directory of one node can be shared by no other node: the claim would never bind.',
    example: 'spec: {accessModes: [ReadWriteMany], storageClassName: t-storage-class}',
    remedy: 'Write ReadWriteOnce or ReadWriteOncePod.',
  },
  {
    code: 'TLV402',
    name: 'volume-mode',
    on: ['TServer', 'StatefulSet', 'PersistentVolumeClaim'],
    reason: 'FieldValueNotSupported',
    protects: 'A directory is no block device: the claim would never bind.',
    example: 'spec: {volumeMode: Block, storageClassName: t-storage-class}',
    remedy: 'Write Filesystem, or use a class of discovered block devices.',
  },
  {
    code: 'TLV403',
    name: 'data-source',
    on: ['TServer', 'StatefulSet', 'PersistentVolumeClaim'],
    reason: 'FieldValueForbidden',
    protects: 'Nothing copies a snapshot or another claim into a local volume: it would start empty.',
    example: 'spec: {dataSource: {kind: VolumeSnapshot, name: yesterday}, storageClassName: t-storage-class}',
    remedy: 'Drop the data source and restore into the running server.',
  },
  {
    code: 'TLV404',
    name: 'selector',
    on: ['TServer', 'StatefulSet', 'PersistentVolumeClaim'],
    reason: 'FieldValueInvalid',
    protects: 'A selector that disagrees with the labels asks for a volume of another server.',
    example: 'labels: {tars.io/ServerName: a}\nselector: {matchLabels: {tars.io/ServerName: b}}',
    remedy: "Drop the selector (it is filled in) or give it the labels' values.",
  },
  {
    code: 'TLV405',
    name: 'label-value',
    on: ['TServer', 'StatefulSet', 'PersistentVolumeClaim'],
    reason: 'FieldValueInvalid',
    protects: 'These labels are the components of the path on the host.',
    example: 'labels: {tars.io/LocalVolume: ../../etc}',
    remedy: 'Use letters, digits and inner - _ . (the app: no dots), 63 characters at most.',
  },
  {
    code: 'TLV406',
    name: 'volume-name',
    on: ['TServer', 'StatefulSet', 'PersistentVolumeClaim'],
    reason: 'FieldValueForbidden',
    protects: "A claim that names its volume bypasses the scheduler and can take another server's data.",
    example: 'spec: {volumeName: default-data-a-b-1234, storageClassName: t-storage-class}',
    remedy: 'Drop volumeName; the binder sets it.',
  },
  {
    code: 'TLV407',
    name: 'volume-unique',
    on: ['StatefulSet'],
    reason: 'FieldValueDuplicate',
    protects: 'Two templates with the same three labels are one directory: one of the two would never bind.',
    example: 'two templates, both with labels: {tars.io/LocalVolume: data}',
    remedy: "Drop the label; it is filled in with the template's name.",
  },
  {
    code: 'TLV501',
    name: 'tserver-required',
    on: ['StatefulSet'],
    reason: 'FieldValueRequired',
    protects: 'Created before its TServer, a StatefulSet lacks its volumes for good: the list is immutable.',
    example: 'metadata: {labels: {local.tars.io/tserver: required}}  # and no TServer yet',
    remedy: 'Apply the TServer first, or just apply again.',
  },
  {
    code: 'TLV901',
    name: 'list-kept',
    on: ['StatefulSet'],
    reason: 'FieldValueForbidden',
    protects: 'Warning: another list of claim templates was asked for than the immutable one.',
    example: 'a TServer that grew a tLocalVolume mount after its StatefulSet was created',
    remedy: 'Delete the StatefulSet with --cascade=orphan, apply it again, replace its pods one by one.',
  },
  {
    code: 'TLV902',
    name: 'size-kept',
    on: ['StatefulSet'],
    reason: 'FieldValueForbidden',
    protects: 'Warning: only the size of a template changed, and the list is immutable.',
    example: 'resources: {requests: {storage: 2Gi}}  # was 1Gi',
    remedy: 'Expand the claims instead; claims do not shrink.',
  },
  {
    code: 'TLV903',
    name: 'owner-kept',
    on: ['StatefulSet'],
    reason: 'FieldValueForbidden',
    protects: 'Warning: uid, gid or mode of a template changed, and the list is immutable.',
    example: 'tLocalVolume: {mode: "711"}  # was "755"',
    remedy: 'Annotate the claims instead; the agent applies it to the directories.',
  },
  {
    code: 'TLV904',
    name: 'scheduler-bypassed',
    on: ['StatefulSet'],
    reason: 'FieldValueForbidden',
    protects: 'Warning: with nodeName no scheduler runs, and a claim that waits for it stays Pending.',
    example: 'template: {spec: {nodeName: node-1}}',
    remedy: 'Use a nodeSelector on kubernetes.io/hostname.',
  },
  {
    code: 'TLV905',
    name: 'size-not-enforced',
    on: ['StatefulSet', 'PersistentVolumeClaim'],
    reason: 'FieldValueForbidden',
    protects: 'Warning: a directory stops no writer, so one server can fill the disk of all.',
    example: 'resources: {requests: {storage: 10Gi}}  # on a class of directories',
    remedy: 'Use a class whose backend enforces the size, or watch the disk.',
  },
  {
    code: 'TLV906',
    name: 'late-tserver',
    on: ['TServer'],
    reason: 'FieldValueForbidden',
    protects: 'Warning: its StatefulSet was created first, and lacks the volumes of the TServer for good.',
    example: 'kustomize and Helm, which apply the StatefulSet before the TServer',
    remedy:
      'Delete the StatefulSet with --cascade=orphan, apply it again, replace its pods one by one; next time, label it local.tars.io/tserver: required.',
  },
] as const satisfies readonly Rule[];

export type RuleCode = (typeof RULES)[number]['code'];

const BY_CODE = new Map<Code, Rule>(RULES.map((rule) => [rule.code, rule]));

/** @throws Error for a code that is not in the catalogue, which no finding has. */
export function ruleOf(code: Code): Rule {
  const rule = BY_CODE.get(code);
  if (!rule) throw new Error(`no rule ${code} in the catalogue`);
  return rule;
}
