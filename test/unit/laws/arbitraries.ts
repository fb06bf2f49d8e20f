import fc, { type Arbitrary } from 'fast-check';
import type { ClassWay, Settings } from '../../../src/tars/settings.ts';
import type { Claim, StatefulSet } from '../../../src/tars/shapes.ts';
import type { TServer } from '../../../src/tars/tserver.ts';
import { LABEL, ANNOTATION, OURS, SELECTED_NODE } from '../../../src/tars/vocabulary.ts';

/**
 * Objects for the laws. Two tempers: `tidy` ones are what people mean to write, so most of them are valid;
 * `odd` ones reach the corners: null instead of absent, empty lists, doubles, numbers where strings belong,
 * keys that every JavaScript object inherits. Both have the shape that `read` accepts.
 */
export type Temper = 'tidy' | 'odd';

type Fields = Record<string, Arbitrary<unknown>>;
export type Json = Record<string, unknown>;

/** What came over a wire: plain objects, own keys only (`__proto__` too), nothing undefined. */
export const json = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const LONG = 'a'.repeat(300);
const SET_NAME = 'tars-tarslog';
const NAMESPACES = ['default', 'shop'];
const VOLUMES = ['data', 'log', 'cache', 'tmp'];
const PATHS = ['/data', '/log', '/cache', '/tmp', '/a b/c'];
const ODD_WORDS = ['', '..', 'a/b', 'a~1b', '数据', '__proto__', 'constructor', 'toString', LONG, '1\n', ' '];

const oddKey = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', 'toJSON', 'length', ...ODD_WORDS),
  fc.string({ maxLength: 6 }),
);

/** Any JSON, small. */
export const anyJson = fc.jsonValue({ maxDepth: 3 });

/** What a field of no concern to us may hold. */
const payload = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('x', 7, true, null) }, anyJson);

const extras = fc
  .array(fc.tuple(oddKey, payload), { maxLength: 3 })
  .map((entries) => Object.fromEntries(entries));

/** Fields that nobody knows, on odd objects only. */
function spare(temper: Temper): Arbitrary<Json> {
  return temper === 'odd' ? extras : fc.constant({});
}

/** Always there on a tidy object, nearly always on an odd one. */
function nearly(temper: Temper, value: Arbitrary<unknown>): Arbitrary<unknown> {
  return temper === 'odd' ? maybe(temper, value, 20) : value;
}

/** Present most of the time, else absent or (odd) null; shrinks towards absent. */
function maybe(temper: Temper, value: Arbitrary<unknown>, weight = 6): Arbitrary<unknown> {
  const absent = { weight: 1, arbitrary: fc.constant<unknown>(undefined) };
  const empty = { weight: 1, arbitrary: fc.constant<unknown>(null) };
  const given = { weight, arbitrary: value };
  return temper === 'odd'
    ? fc.oneof({ withCrossShrink: true }, absent, empty, given)
    : fc.oneof({ withCrossShrink: true }, absent, given);
}

function object(required: Fields, optional: Fields = {}, more: Arbitrary<Json> = fc.constant({})) {
  return fc
    .tuple(fc.record(required), fc.record(optional), more)
    .map(([must, may, rest]): Json => ({ ...rest, ...must, ...may }));
}

function words(temper: Temper, good: readonly string[], weight = 6): Arbitrary<string> {
  const tidy = { weight, arbitrary: fc.constantFrom(...good) };
  if (temper === 'tidy') return fc.oneof(tidy);
  return fc.oneof(
    tidy,
    { weight: 1, arbitrary: fc.constantFrom(...ODD_WORDS, 'delay-bind') },
    { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
  );
}

/** A map of strings, in which (odd) values are not always strings. */
function stringMap(temper: Temper, known: Readonly<Record<string, readonly unknown[]>>): Arbitrary<unknown> {
  const odd = [null, 7, true, ...ODD_WORDS];
  const fields = Object.fromEntries(
    Object.entries(known).map(([key, values]) => [
      key,
      maybe(
        temper,
        temper === 'odd' ? fc.constantFrom(...values, ...values, ...odd) : fc.constantFrom(...values),
        2,
      ),
    ]),
  );
  const more = temper === 'odd' ? extras : fc.constantFrom<Json>({}, { team: 'a' });
  return object({}, fields, more);
}

const CLASSES = ['t-storage-class', 'fast', 'tars-storage-class', 'nfs'];

const ways = fc.constantFrom<ClassWay>('on-demand', 'per-node', 'discovery');

export const settings: Arbitrary<Settings> = fc
  .record({
    own: fc.oneof({ weight: 3, arbitrary: fc.constant<ClassWay>('on-demand') }, ways),
    fast: fc.option(ways),
    tarsk8s: fc.option(fc.constant<ClassWay>('on-demand'), { freq: 4 }),
    sizeEnforced: fc.boolean(),
    modePattern: fc.constantFrom('seed' as const, 'posix' as const),
  })
  .map(({ own, fast, tarsk8s, sizeEnforced, modePattern }) => ({
    classes: new Map([
      ['t-storage-class', { way: own, sizeEnforced }],
      ...(fast ? ([['fast', { way: fast, sizeEnforced }]] as const) : []),
      ...(tarsk8s ? ([['tars-storage-class', { way: tarsk8s, sizeEnforced }]] as const) : []),
    ]),
    modePattern,
  }));

const apps = { tidy: ['tars', 'Shop'], odd: ['tars', 'Shop', 'a.b', '..', ''] };

function labels(temper: Temper): Arbitrary<unknown> {
  return stringMap(temper, { [LABEL.app]: apps[temper], [LABEL.server]: ['tarslog', 'Gateway'] });
}

function claimLabels(temper: Temper): Arbitrary<unknown> {
  const known = { [LABEL.app]: ['tars'], [LABEL.server]: ['tarslog'], [OURS.namespace]: NAMESPACES };
  const volume = { [LABEL.volume]: temper === 'odd' ? [...VOLUMES, 'delay-bind'] : ['data'] };
  return stringMap(temper, { ...known, ...volume });
}

const annotations = (temper: Temper) =>
  stringMap(temper, {
    [ANNOTATION.uid]: ['0', '1000'],
    [ANNOTATION.gid]: ['0', '999999'],
    [ANNOTATION.mode]: ['755', '0711'],
    [OURS.scope]: temper === 'odd' ? ['Node', 'Pod', 'node'] : ['Node'],
    ...(temper === 'odd' ? { [SELECTED_NODE]: ['node-1', LONG, 'a/b'] } : {}),
  });

const accessModes = (temper: Temper) =>
  temper === 'odd'
    ? fc.constantFrom<unknown>([], ['ReadWriteOnce'], ['ReadWriteOncePod'], ['ReadWriteMany', 'x'])
    : fc.constantFrom<unknown>([], ['ReadWriteOnce'], ['ReadWriteOncePod']);

const size = fc.constantFrom<unknown>('1G', '5Gi', 7, '');

const claimSelector = object({}, { matchLabels: maybe('odd', claimLabels('odd')) }, extras);

function claimSpec(temper: Temper): Arbitrary<unknown> {
  const odd = temper === 'odd';
  const requests = object({}, { storage: maybe(temper, size, 3) }, spare(temper));
  return object(
    {},
    {
      storageClassName: maybe(temper, words(temper, CLASSES), 12),
      accessModes: maybe(temper, accessModes(temper), 2),
      resources: maybe(temper, object({}, { requests: maybe(temper, requests) }), 2),
      volumeMode: maybe(temper, words(temper, ['Filesystem'], 3), 1),
      ...(odd
        ? {
            selector: maybe(temper, claimSelector, 1),
            volumeName: maybe(temper, words(temper, ['pv-1']), 1),
            dataSource: maybe(temper, extras, 1),
          }
        : {}),
    },
    spare(temper),
  );
}

function template(temper: Temper): Arbitrary<Json> {
  const odd = temper === 'odd';
  const tidyLabels = fc.constantFrom({}, { team: 'a' });
  const metadata = object(
    { name: words(temper, odd ? [...VOLUMES, 'delay-bind'] : VOLUMES) },
    {
      labels: maybe(temper, odd ? claimLabels(temper) : tidyLabels, 2),
      annotations: maybe(temper, annotations(temper), 2),
    },
    spare(temper),
  );
  return object(
    {},
    {
      apiVersion: maybe(temper, fc.constant('v1'), 1),
      kind: maybe(temper, fc.constant('PersistentVolumeClaim'), 1),
      metadata: odd ? maybe(temper, metadata, 20) : metadata,
      spec: odd ? maybe(temper, claimSpec(temper), 20) : claimSpec(temper),
      status: maybe(temper, fc.constantFrom<unknown>({}, { phase: 'Pending' }), 1),
    },
    spare(temper),
  );
}

function mount(temper: Temper): Arbitrary<Json> {
  return object(
    { name: words(temper, VOLUMES), mountPath: words(temper, PATHS) },
    { readOnly: maybe(temper, fc.boolean(), 1), subPath: maybe(temper, fc.constant('x'), 1) },
    spare(temper),
  ).chain((full) => {
    if (temper === 'tidy') return fc.constant(full);
    const { name: _name, ...unnamed } = full;
    return fc.oneof(
      { weight: 12, arbitrary: fc.constant(full) },
      { weight: 1, arbitrary: fc.constant<Json>({ ...full, mountPath: null }) },
      { weight: 1, arbitrary: fc.constant<Json>(unnamed) },
    );
  });
}

const byName = (item: Json): unknown => item.name;
const templateName = (item: Json): unknown => (item.metadata as Json | undefined)?.name;

function list(
  temper: Temper,
  item: Arbitrary<Json>,
  key: (item: Json) => unknown,
  maxLength = 3,
): Arbitrary<Json[]> {
  return temper === 'odd'
    ? fc.array(item, { maxLength })
    : fc.uniqueArray(item, { maxLength, selector: key });
}

function mounts(temper: Temper): Arbitrary<Json[]> {
  if (temper === 'odd') return fc.array(mount(temper), { maxLength: 4 });
  return fc.uniqueArray(mount(temper), { maxLength: 2, selector: ({ mountPath }) => mountPath });
}

function container(temper: Temper): Arbitrary<Json> {
  const odd = temper === 'odd';
  const port = object(
    { containerPort: fc.constant(80) },
    { hostPort: maybe(temper, fc.constantFrom(0, 8080), 1) },
  );
  return object(
    odd ? {} : { name: fc.constantFrom(SET_NAME, 'main', 'side') },
    {
      ...(odd ? { name: maybe(temper, words(temper, [SET_NAME, 'main', 'side']), 12) } : {}),
      image: maybe(temper, fc.constantFrom('a:1', 'b:2')),
      ports: maybe(temper, fc.array(port, { maxLength: 2 }), 1),
      volumeMounts: maybe(temper, mounts(temper), 5),
    },
    spare(temper),
  );
}

/** Includes the very term that we add, written by a user, for a selector of `app: x`. */
const term = fc.oneof(
  object({
    labelSelector: fc.constantFrom({ matchLabels: { app: 'x' } }, { matchLabels: { app: 'y' } }),
    topologyKey: fc.constantFrom('kubernetes.io/hostname', 'zone'),
  }),
  extras,
);

function affinity(temper: Temper): Arbitrary<unknown> {
  const anti = object(
    {},
    {
      requiredDuringSchedulingIgnoredDuringExecution: maybe(temper, fc.array(term, { maxLength: 3 }), 4),
      preferredDuringSchedulingIgnoredDuringExecution: maybe(temper, fc.constant([{ weight: 1 }]), 1),
    },
    spare(temper),
  );
  return object(
    {},
    { podAntiAffinity: maybe(temper, anti, 4), nodeAffinity: maybe(temper, fc.constant({ a: 1 }), 1) },
  );
}

function volumes(temper: Temper): Arbitrary<unknown> {
  return list(temper, object({ name: words(temper, VOLUMES), emptyDir: fc.constant({}) }), byName, 2);
}

function pod(temper: Temper): Arbitrary<unknown> {
  const odd = temper === 'odd';
  const few = list(temper, container(temper), byName, 3);
  return object(
    odd ? {} : { containers: few.filter(({ length }) => length > 0) },
    {
      ...(odd ? { containers: maybe(temper, few, 20) } : {}),
      initContainers: maybe(temper, few, 1),
      affinity: maybe(temper, affinity(temper), 1),
      hostIPC: maybe(temper, fc.boolean(), 1),
      hostNetwork: maybe(temper, fc.boolean(), 1),
      nodeName: maybe(temper, fc.constant('node-1'), 1),
      volumes: maybe(temper, volumes(temper), 1),
    },
    spare(temper),
  );
}

const selector = (temper: Temper) =>
  fc.oneof(
    fc.constant({ matchLabels: { app: 'x' } }),
    object({}, { matchLabels: maybe(temper, labels(temper)) }, spare(temper)),
  );

export function statefulSet(temper: Temper): Arbitrary<StatefulSet> {
  const podTemplate = object(
    { spec: nearly(temper, pod(temper)) },
    { metadata: maybe(temper, object({}, { labels: labels(temper) }), 1) },
    spare(temper),
  );
  const spec = object(
    { template: nearly(temper, podTemplate) },
    {
      replicas: maybe(temper, fc.nat({ max: 3 }), 2),
      selector: maybe(temper, selector(temper), 12),
      volumeClaimTemplates: maybe(temper, list(temper, template(temper), templateName), 4),
    },
    spare(temper),
  );
  return object(
    { apiVersion: fc.constant('apps/v1'), kind: fc.constant('StatefulSet') },
    { metadata: nearly(temper, setMetadata(temper)), spec: nearly(temper, spec) },
    spare(temper),
  ).map((set) => json(set) as StatefulSet);
}

function setMetadata(temper: Temper): Arbitrary<Json> {
  const owners = object({
    apiVersion: fc.constant('k8s.tars.io/v1beta3'),
    kind: fc.constant('TServer'),
    name: words(temper, [SET_NAME]),
  });
  const scopes = temper === 'odd' ? ['Node', 'Pod', 'pod'] : ['Node', 'Pod'];
  return object(
    { name: nearly(temper, words(temper, [SET_NAME, 'other'])) },
    {
      namespace: maybe(temper, fc.constantFrom(...NAMESPACES), 1),
      labels: maybe(temper, labels(temper), 3),
      annotations: maybe(temper, stringMap(temper, { [OURS.scope]: scopes }), 1),
      ownerReferences: maybe(temper, fc.array(owners, { maxLength: 2 }), 1),
    },
    spare(temper),
  );
}

const oddOwner = fc.constantFrom<unknown>('0', '1000', 1000, true, null, '', '01', '٣', '1\n', {}, []);

function localVolume(temper: Temper): Arbitrary<unknown> {
  const odd = temper === 'odd';
  return object(
    {},
    {
      uid: maybe(temper, odd ? oddOwner : fc.constantFrom('0', '1000'), 1),
      gid: maybe(temper, odd ? oddOwner : fc.constantFrom('0', '1000'), 1),
      mode: maybe(temper, odd ? oddOwner : fc.constantFrom('755', '0711'), 1),
    },
    spare(temper),
  );
}

function source(temper: Temper): Arbitrary<unknown> {
  const { fixed, given } = {
    fixed: fc.constantFrom<unknown>({ emptyDir: {} }, { hostPath: { path: '/x' } }),
    given: object({ persistentVolumeClaimTemplate: template(temper) }),
  };
  const local = object({ tLocalVolume: localVolume(temper) });
  const common = fc.oneof(
    { weight: 4, arbitrary: local },
    { weight: 1, arbitrary: given },
    { weight: 1, arbitrary: fixed },
  );
  if (temper === 'tidy') return common;
  const both = fc.tuple(local, given).map(([a, b]) => ({ ...a, ...b }));
  return fc.oneof({ weight: 6, arbitrary: common }, fc.constantFrom<unknown>(null, {}), both);
}

function tserverMount(temper: Temper): Arbitrary<Json> {
  return object(
    { name: words(temper, VOLUMES, 12), mountPath: words(temper, PATHS, 12) },
    {
      source: temper === 'odd' ? maybe(temper, source(temper), 20) : source(temper),
      readOnly: maybe(temper, fc.boolean(), 1),
      subPath: maybe(temper, fc.constant('x'), 1),
    },
    spare(temper),
  );
}

function tserverMounts(temper: Temper): Arbitrary<Json[]> {
  if (temper === 'odd') return fc.array(tserverMount(temper), { maxLength: 4 });
  return fc
    .uniqueArray(tserverMount(temper), { maxLength: 3, selector: byName })
    .filter((items) => new Set(items.map(({ mountPath }) => mountPath)).size === items.length);
}

export function tserver(temper: Temper): Arbitrary<TServer> {
  const odd = temper === 'odd';
  const k8s = object(
    {},
    {
      mounts: maybe(temper, tserverMounts(temper), 12),
      hostIPC: maybe(temper, fc.boolean(), 1),
      hostNetwork: maybe(temper, fc.boolean(), 1),
      hostPorts: maybe(temper, fc.constantFrom<unknown>([], [{ nameRef: 'http', port: 8080 }]), 1),
      replicas: maybe(temper, fc.nat({ max: 3 }), 1),
      daemonSet: maybe(temper, odd ? fc.boolean() : fc.constant(false), 1),
    },
    spare(temper),
  );
  const spec = object(
    {
      app: words(temper, ['tars']),
      server: words(temper, ['tarslog']),
      subType: fc.constantFrom('tars', 'normal'),
      normal: fc.constant({ ports: [{ name: 'http', port: 80 }] }),
    },
    { k8s: maybe(temper, k8s, 20) },
    spare(temper),
  );
  const metadata = object(
    { name: words(temper, [SET_NAME]) },
    {
      namespace: maybe(temper, fc.constantFrom(...NAMESPACES), 1),
      annotations: maybe(
        temper,
        stringMap(temper, { [OURS.scope]: odd ? ['Node', 'Pod', 'x'] : ['Node', 'Pod'] }),
        1,
      ),
    },
  );
  return object(
    { apiVersion: fc.constant('k8s.tars.io/v1beta3'), kind: fc.constant('TServer'), spec },
    { metadata: odd ? maybe(temper, metadata, 20) : metadata },
    spare(temper),
  ).map((server) => json(server) as TServer);
}

/** A TServer whose one mount is a claim template, most often of a served class. */
export const templateServer: Arbitrary<TServer> = fc
  .tuple(tserver('tidy'), template('tidy'), template('odd'), fc.boolean())
  .map(([server, tidy, odd, isOdd]) => {
    const given = { persistentVolumeClaimTemplate: isOdd ? odd : tidy };
    const k8s = { mounts: [{ name: 'data', mountPath: '/data', source: given }] };
    return json({ ...server, spec: { ...server.spec, k8s } });
  });

export function claim(temper: Temper): Arbitrary<Claim> {
  return fc
    .tuple(template(temper), maybe(temper, fc.constant('2030-01-01T00:00:00Z'), 1))
    .map(([found, deleted]) => {
      const metadata = found.metadata as Json | null | undefined;
      const dated = metadata && temper === 'odd' ? { ...metadata, deletionTimestamp: deleted } : metadata;
      return json({
        ...found,
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: dated,
      });
    });
}

/** A StatefulSet and everything around it. */
export interface Scene {
  readonly set: StatefulSet;
  readonly server: TServer | undefined;
  readonly settings: Settings;
  readonly namespace: string;
}

export function scene(temper: Temper): Arbitrary<Scene> {
  return fc.record({
    set: statefulSet(temper),
    server: fc.option(tserver(temper), { nil: undefined, freq: 4 }),
    settings,
    namespace: fc.constantFrom(...NAMESPACES),
  });
}

export const anyScene = fc.oneof(scene('tidy'), scene('odd'));

export interface ClaimScene {
  readonly claim: Claim;
  readonly settings: Settings;
  readonly namespace: string;
}

function claimScene(temper: Temper): Arbitrary<ClaimScene> {
  return fc.record({ claim: claim(temper), settings, namespace: fc.constantFrom(...NAMESPACES) });
}

export const anyClaimScene = fc.oneof(claimScene('tidy'), claimScene('odd'));

/** One thing that a person changes in a manifest before sending it again. */
export type Edit =
  | { readonly edit: 'replicas' | 'image' | 'noTemplates' | 'noMounts' | 'reorder'; readonly at: number }
  | { readonly edit: 'dropMount' | 'dropTemplate' | 'dropContainer'; readonly at: number }
  | { readonly edit: 'movePath'; readonly at: number; readonly path: string }
  | { readonly edit: 'addMount' | 'addInitMount'; readonly at: number; readonly value: Json }
  | { readonly edit: 'addTemplate' | 'changeTemplate'; readonly at: number; readonly value: Json }
  | { readonly edit: 'addContainer'; readonly at: number; readonly value: Json }
  | {
      readonly edit: 'affinity' | 'volumes' | 'labels' | 'annotations';
      readonly at: number;
      readonly value: unknown;
    };

const at = fc.nat({ max: 3 });

function edit(temper: Temper): Arbitrary<Edit> {
  const valued = <K extends string, V>(name: K, value: Arbitrary<V>) =>
    fc.record({ edit: fc.constant(name), at, value });
  return fc.oneof(
    fc.record({ edit: fc.constantFrom('replicas', 'image', 'noTemplates', 'noMounts', 'reorder'), at }),
    fc.record({ edit: fc.constantFrom('dropMount', 'dropTemplate', 'dropContainer'), at }),
    fc.record({ edit: fc.constant('movePath'), at, path: fc.constantFrom(...PATHS) }),
    valued('addMount', mount(temper)),
    valued('addInitMount', mount(temper)),
    valued('addTemplate', template(temper)),
    valued('changeTemplate', template(temper)),
    valued('addContainer', container(temper)),
    valued('affinity', maybe(temper, affinity(temper))),
    valued('volumes', volumes(temper)),
    valued('labels', maybe(temper, labels(temper))),
    valued('annotations', maybe(temper, stringMap(temper, { [OURS.scope]: ['Node', 'Pod'] }))),
  );
}

/** What becomes of the TServer between two writes of its StatefulSet. */
export type ServerChange =
  | { readonly change: 'same' | 'gone' | 'hostIPC' }
  | { readonly change: 'other'; readonly server: TServer }
  | { readonly change: 'paths'; readonly paths: readonly string[] }
  | { readonly change: 'dropMount'; readonly at: number }
  | { readonly change: 'addMount'; readonly at: number; readonly value: Json };

function serverChange(temper: Temper): Arbitrary<ServerChange> {
  return fc.oneof(
    fc.constant({ change: 'same' as const }),
    fc.constantFrom({ change: 'gone' as const }, { change: 'hostIPC' as const }),
    fc.record({ change: fc.constant('other' as const), server: tserver(temper) }),
    fc.record({
      change: fc.constant('paths' as const),
      paths: fc.shuffledSubarray(PATHS, { minLength: 4 }),
    }),
    fc.record({ change: fc.constant('dropMount' as const), at }),
    fc.record({ change: fc.constant('addMount' as const), at, value: tserverMount(temper) }),
  );
}

/** A StatefulSet as it was first applied, and what is sent after it. */
export interface Story extends Scene {
  readonly base: 'plain' | 'complete';
  readonly edits: readonly Edit[];
  readonly change: ServerChange;
}

function story(temper: Temper): Arbitrary<Story> {
  return fc
    .record({
      first: scene(temper),
      base: fc.constantFrom('plain' as const, 'complete' as const),
      edits: fc.array(edit(temper), { maxLength: 4 }),
      change: serverChange(temper),
    })
    .map(({ first, ...next }) => ({ ...first, ...next }));
}

export const anyStory = fc.oneof(story('tidy'), story('odd'));
