import { pathBelow } from '../../../src/agent/caches.ts';
import {
  ANNOTATION,
  FINALIZER,
  HOSTNAME_LABEL,
  LABEL,
  OURS,
  SELECTED_NODE,
} from '../../../src/tars/vocabulary.ts';
import { bytesOf } from '../../../src/tars/quantity.ts';
import { HOSTNAME, POOL, ROOT } from './simulation-agent.ts';
import type { SimClaim, SimVolume } from './simulation-api.ts';
import { keyOf } from './simulation-controllers.ts';
import { pathOf, type World } from './simulation.ts';

/** What people, pods and controllers do, at any moment. `at` chooses among what there is, whatever its size. */
export interface Deeds {
  readonly 'create claim': { readonly slot: number; readonly adopt: boolean };
  readonly 'delete claim': OfOne;
  /** With its pod. */
  readonly 'end claim': OfOne;
  readonly 'force-delete claim': OfOne;
  readonly 'run pod': OfOne;
  readonly write: OfOne;
  readonly 'stop pod': OfOne;
  readonly schedule: OfOne & { readonly node: string };
  readonly unschedule: OfOne;
  readonly annotate: OfOne & { readonly as: 'owner' | 'bad owner' | 'adopt' | 'no adopt' };
  readonly 'delete volume': OfOne;
  readonly 'force-delete volume': OfOne;
  /** As people do to give a Released volume to another claim. */
  readonly 'take claim out': OfOne;
  /** By a controller that was late, or by hand. */
  readonly 'call released': OfOne;
  readonly policy: OfOne & { readonly policy: string };
  readonly 'foreign volume': OfPath & { readonly like: number; readonly claimed: boolean };
  readonly 'foreign data': OfPath;
  readonly 'lose data': OfPath;
  readonly mount: OfPath;
  readonly unmount: OfPath;
  readonly link: OfPath;
  /** In a mount namespace that the agent does not see. */
  readonly hold: OfPath;
  readonly 'let go': OfPath;
  readonly expand: OfOne & { readonly to: string };
  readonly controllers: OfOne & { readonly count: number };
}

interface OfOne {
  readonly at: number;
}

interface OfPath {
  readonly path: number;
}

export type Deed = { [D in keyof Deeds]: { readonly do: D } & Deeds[D] }[keyof Deeds];

interface Slot {
  readonly namespace: string;
  readonly name: string;
  readonly volume: string;
  readonly storageClass: 't-storage-class' | 'second' | 'offers';
  readonly scope?: 'Pod';
}

export const SLOTS: readonly Slot[] = [
  { namespace: 'shop', name: 'data-cart-0', volume: 'data', storageClass: 't-storage-class' },
  // The same path, for scope Node has one for all replicas.
  { namespace: 'shop', name: 'data-cart-1', volume: 'data', storageClass: 't-storage-class' },
  { namespace: 'shop', name: 'data-cart-2', volume: 'data', storageClass: 't-storage-class', scope: 'Pod' },
  // And again, for a claim of another class.
  { namespace: 'shop', name: 'data-cart-3', volume: 'data', storageClass: 'second' },
  { namespace: 'shop', name: 'tmp-cart-0', volume: 'tmp', storageClass: 'second' },
  { namespace: 'shop', name: 'log-cart-0', volume: 'log', storageClass: 'offers' },
  { namespace: 'shop', name: 'log-cart-1', volume: 'log', storageClass: 'offers' },
  { namespace: 'mall', name: 'log-cart-0', volume: 'log', storageClass: 'offers' },
];
export const PATHS = [
  'shop/Shop.cart/data',
  'shop/Shop.cart/data.2',
  'shop/Shop.cart/tmp',
  'shop/Shop.cart/log',
  'mall/Shop.cart/log',
].map(pathOf);
export const chosen = <T>(items: Iterable<T>, index: number): T | undefined => {
  const list = [...items];
  return list[index % Math.max(list.length, 1)];
};

type Doer<A> = (world: World, given: A) => void;

const onClaim =
  <A extends OfOne>(work: (world: World, claim: SimClaim, given: A) => void): Doer<A> =>
  (world, given) => {
    const claim = chosen(world.api.claims.values(), given.at);
    if (claim) work(world, claim, given);
  };

const onVolume =
  <A extends OfOne>(work: (world: World, volume: SimVolume, given: A) => void): Doer<A> =>
  (world, given) => {
    const volume = chosen(world.api.volumes.values(), given.at);
    if (volume) work(world, volume, given);
  };

const DOERS: { readonly [D in keyof Deeds]: Doer<Deeds[D]> } = {
  'create claim': (world, { slot, adopt }) => createClaim(world, SLOTS[slot]!, adopt),
  'delete claim': onClaim(({ api }, claim) => api.delete('claim', keyOf(claim))),
  'end claim': onClaim(({ api, pods }, claim) => {
    pods.delete(keyOf(claim));
    api.delete('claim', keyOf(claim));
  }),
  'force-delete claim': onClaim(({ api, pods }, claim) => {
    pods.delete(keyOf(claim));
    api.force('claim', keyOf(claim));
  }),
  'run pod': onClaim((world, claim) => world.run(claim, false)),
  write: onClaim((world, claim) => world.run(claim, true)),
  'stop pod': onClaim(({ pods }, claim) => void pods.delete(keyOf(claim))),
  schedule: onClaim((world, claim, { node }) => void world.schedule(claim, node)),
  unschedule: onClaim(({ api }, claim) =>
    api.editClaim(keyOf(claim), ({ metadata }) => {
      delete metadata.annotations[SELECTED_NODE];
      delete metadata.labels[OURS.node];
    }),
  ),
  annotate: onClaim((world, claim, { as }) => annotate(world, claim, as)),
  'delete volume': onVolume(({ api }, { metadata }) => api.delete('volume', metadata.name)),
  'force-delete volume': onVolume(({ api }, { metadata }) => api.force('volume', metadata.name)),
  'take claim out': onVolume(takeClaimOut),
  'call released': onVolume(callReleased),
  policy: onVolume(({ api }, { metadata }, { policy }) =>
    api.editVolume(metadata.name, ({ spec }) => void (spec.persistentVolumeReclaimPolicy = policy)),
  ),
  'foreign volume': (world, given) => foreignVolume(world, PATHS[given.path]!, given),
  'foreign data': (world, { path }) => {
    if (!world.isPoolAway) world.foreignData(PATHS[path]!);
  },
  'lose data': (world, { path }) => loseData(world, PATHS[path]!),
  mount: (world, { path }) => mount(world, PATHS[path]!, true),
  unmount: (world, { path }) => mount(world, PATHS[path]!, false),
  link: (world, { path }) => link(world, PATHS[path]!),
  hold: ({ disk }, { path }) => {
    const filesystem = disk.filesystems.get(PATHS[path]!);
    if (filesystem?.isMounted) filesystem.isHeld = true;
  },
  'let go': ({ disk }, { path }) => {
    const filesystem = disk.filesystems.get(PATHS[path]!);
    if (filesystem) filesystem.isHeld = false;
  },
  expand: onClaim((world, claim, { to }) => expand(world, claim, to)),
  controllers: (world, { at, count }) => void world.control(at, count),
};

export const isDeed = (order: { readonly do: string }): order is Deed => Object.hasOwn(DOERS, order.do);

/** What takes no time, and so may happen while the agent works. */
export function happen(world: World, deed: Deed): void {
  const { do: what, ...given } = deed;
  const whom = 'path' in given ? PATHS[given.path]! : nameOf(world, deed);
  const details = Object.entries(given).filter(([key]) => !['at', 'path', 'slot'].includes(key));
  world.log.push([what, whom, ...details.map(([key, value]) => `${key}: ${value}`)].join(' '));
  (DOERS[what] as Doer<typeof given>)(world, given);
}

function nameOf({ api }: World, deed: Deed): string {
  if (!('at' in deed) || deed.do === 'controllers') return '';
  const isOfVolume = /volume|claim out|released|policy/.test(deed.do);
  const object = chosen<SimClaim | SimVolume>((isOfVolume ? api.volumes : api.claims).values(), deed.at);
  return object ? `${object.metadata.name} (${object.metadata.uid})` : 'of nothing';
}

function createClaim(
  world: World,
  { namespace, name, volume, storageClass, scope }: Slot,
  adopt: boolean,
): void {
  if (world.api.claims.has(`${namespace}/${name}`)) return;
  const labels = {
    [LABEL.app]: 'Shop',
    [LABEL.server]: 'cart',
    [LABEL.volume]: volume,
    ...(storageClass === 'offers' ? { [OURS.namespace]: namespace } : {}),
  };
  const { metadata } = world.api.addClaim({
    metadata: {
      namespace,
      name,
      labels,
      annotations: { ...(adopt ? { [OURS.adopt]: 'true' } : {}), ...(scope ? { [OURS.scope]: scope } : {}) },
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1G' } },
      storageClassName: storageClass,
      selector: { matchLabels: labels },
    },
  });
  if (adopt) world.given.add(metadata.uid);
  world.log.push(`  it is ${namespace}/${name} (${metadata.uid})`);
}

function annotate(world: World, claim: SimClaim, as: Deeds['annotate']['as']): void {
  if (as === 'adopt') world.given.add(claim.metadata.uid);
  if (as === 'bad owner') world.faulty.add(claim.metadata.uid);
  world.api.editClaim(keyOf(claim), ({ metadata: { annotations } }) => {
    if (as === 'owner') annotations[ANNOTATION.uid] = annotations[ANNOTATION.uid] === '7' ? '8' : '7';
    else if (as === 'bad owner') annotations[ANNOTATION.uid] = '../7';
    else if (as === 'adopt') annotations[OURS.adopt] = 'true';
    else delete annotations[OURS.adopt];
  });
}

function takeClaimOut(world: World, { metadata, spec, status }: SimVolume): void {
  if (status.phase !== 'Released') return;
  world.given.add(metadata.uid);
  // Its data may be in the trash already.
  const path = pathBelow(ROOT, spec.local.path);
  if (path !== undefined) world.lostPaths.add(path);
  world.api.editVolume(metadata.name, (volume) => void delete volume.spec.claimRef);
}

function callReleased({ api }: World, { metadata: { name }, spec }: SimVolume): void {
  // Else the controller would never say anything else again.
  if (spec.claimRef && api.claimOf(spec.claimRef)?.spec.volumeName !== name) return;
  api.editVolume(name, ({ status }) => {
    if (status.phase === 'Bound') status.phase = 'Released';
  });
}

function mount(world: World, where: (typeof PATHS)[number], isMounted: boolean): void {
  const { disk } = world;
  const directory = disk.directories.get(where);
  if (!directory || directory.isBlocked) return;
  if (!isMounted && !directory.isMounted && disk.filesystems.get(where)?.isMounted) {
    if (disk.unmount(where)) world.forgetData(where);
    return;
  }
  world.lostPaths.add(where);
  directory.isMounted = isMounted;
}

/** By hand: what is in a volume, its image where it is not mounted, or a plain directory as a whole. */
function loseData(world: World, where: (typeof PATHS)[number]): void {
  const { disk } = world;
  const filesystem = disk.filesystems.get(where);
  world.lostPaths.add(where);
  if (filesystem?.isMounted) filesystem.files = [];
  else if (filesystem) disk.filesystems.delete(where);
  else if (!disk.directories.get(where)?.isBare) disk.directories.delete(where);
}

/** As the API server allows it: of what is bound, and never back. */
function expand(world: World, claim: SimClaim, storage: string): void {
  const isMore = bytesOf(storage) > bytesOf(claim.spec.resources.requests.storage);
  if (claim.status.phase !== 'Bound' || !isMore) return;
  world.api.editClaim(keyOf(claim), ({ spec }) => void (spec.resources = { requests: { storage } }));
}

/** Where something is already, nobody makes a link in its place. */
function link(world: World, where: (typeof PATHS)[number]): void {
  world.lostPaths.add(where);
  const directory = world.disk.directories.get(where);
  if (!directory) world.disk.at(where).isBlocked = true;
  else if (directory.isBlocked) world.disk.directories.delete(where);
}

/** A volume as another agent, or a person, makes it. */
function foreignVolume(
  world: World,
  where: (typeof PATHS)[number],
  { like, claimed }: Deeds['foreign volume'],
): void {
  const name = `foreign-${where.replaceAll('/', '-').toLowerCase()}`;
  if (world.api.volumes.has(name)) return;
  const slot = SLOTS.find(({ namespace, volume }) => where.startsWith(`${namespace}/Shop.cart/${volume}`));
  if (!slot) return;
  world.foreignPaths.add(where);
  const { metadata } = world.api.addVolume({
    metadata: {
      name,
      labels: {
        [HOSTNAME_LABEL]: HOSTNAME,
        [LABEL.app]: 'Shop',
        [LABEL.server]: 'cart',
        [LABEL.volume]: slot.volume,
        ...(like > 0 ? { [OURS.namespace]: slot.namespace } : {}),
      },
      annotations: like > 1 ? { [OURS.pool]: like === 2 ? 'pool-of-another-disk' : POOL } : {},
      finalizers: like > 1 ? [FINALIZER] : [],
    },
    spec: {
      storageClassName: slot.storageClass,
      ...(claimed ? { claimRef: { namespace: slot.namespace, name: slot.name } } : {}),
      capacity: { storage: '5Gi' },
      local: { path: `${ROOT}/${where}` },
      persistentVolumeReclaimPolicy: 'Delete',
    },
  });
  world.given.add(metadata.uid);
}
