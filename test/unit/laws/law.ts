import fc, { type Arbitrary } from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import type { StatefulSet } from '../../../src/tars/shapes.ts';
import type { TServer } from '../../../src/tars/tserver.ts';
import { json, type Edit, type Json, type ServerChange } from './arbitraries.ts';

/** TLV_SOAK=1 searches long and elsewhere each time; else the search is short and always the same. */
const SOAK = Number(process.env.TLV_SOAK ?? 0);

/** Holds the predicate against many examples, and shrinks the first that breaks it. */
export function law<T>(arbitrary: Arbitrary<T>, predicate: (example: T) => void, runs = 400): void {
  fc.assert(
    fc.property(arbitrary, (example) => {
      predicate(example);
    }),
    SOAK > 0 ? { numRuns: runs * 25 * SOAK } : { numRuns: runs, seed: 20_240_229 },
  );
}

/** Milliseconds that a law may take at most, on a machine that is busy with other things as well. */
export const PATIENCE = SOAK > 0 ? 0 : 180_000;

export function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const item of Object.values(value)) deepFreeze(item);
  }
  return value;
}

/** Deep equality that tells null from absent; chai draws the difference. */
export function same(actual: unknown, expected: unknown, what: string): void {
  if (!isDeepStrictEqual(actual, expected)) {
    expect(JSON.stringify(actual, undefined, 1), what).to.equal(JSON.stringify(expected, undefined, 1));
    expect.fail(`${what}: the same text, but not the same value`);
  }
}

/** A list that may be absent, null or empty, which are one to the API server. */
export const listed = <T>(value: readonly T[] | null | undefined): readonly T[] => value ?? [];

/** What a person sends next: the plain or the complete manifest, edited. */
export function edited(base: StatefulSet, edits: readonly Edit[]): StatefulSet {
  const set = json(base) as Json;
  for (const step of edits) apply(set, step);
  return json(set);
}

/* oxlint-disable-next-line complexity -- a table of edits */
function apply(set: Json, step: Edit): void {
  const spec = set.spec as Json | null | undefined;
  const pod = ((spec?.template as Json | null | undefined)?.spec ?? undefined) as Json | undefined;
  const containers = (pod?.containers ?? []) as Json[];
  const container = containers[step.at % Math.max(containers.length, 1)];
  const mounts = (container?.volumeMounts ?? []) as Json[];
  const templates = (spec?.volumeClaimTemplates ?? []) as Json[];
  const place = (items: readonly unknown[]): number => step.at % Math.max(items.length, 1);
  switch (step.edit) {
    case 'replicas':
      if (spec) spec.replicas = step.at + 10;
      return;
    case 'image':
      if (container) container.image = `new:${step.at}`;
      return;
    case 'noTemplates':
      if (spec) spec.volumeClaimTemplates = [undefined, null, [], []][step.at];
      return;
    case 'noMounts':
      for (const each of containers) delete each.volumeMounts;
      return;
    case 'reorder':
      containers.push(...containers.splice(0, 1));
      return;
    case 'dropMount':
      mounts.splice(place(mounts), 1);
      return;
    case 'dropTemplate':
      templates.splice(place(templates), 1);
      return;
    case 'dropContainer':
      containers.splice(place(containers), 1);
      return;
    case 'movePath':
      if (mounts.length > 0) mounts[place(mounts)]!.mountPath = step.path;
      return;
    case 'addMount':
      if (container) container.volumeMounts = mounts.toSpliced(place(mounts), 0, step.value);
      return;
    case 'addInitMount':
      if (pod) pod.initContainers = [{ name: 'init', volumeMounts: [step.value] }];
      return;
    case 'addTemplate':
      if (spec) spec.volumeClaimTemplates = templates.toSpliced(place(templates), 0, step.value);
      return;
    case 'changeTemplate':
      if (templates.length > 0) templates[place(templates)] = step.value;
      return;
    case 'addContainer':
      if (pod) pod.containers = containers.toSpliced(place(containers), 0, step.value);
      return;
    case 'affinity':
    case 'volumes':
      if (pod) pod[step.edit] = step.value;
      return;
    case 'labels':
    case 'annotations':
      if (set.metadata) (set.metadata as Json)[step.edit] = step.value;
  }
}

/** The TServer at the time of the next write. */
export function changed(server: TServer | undefined, change: ServerChange): TServer | undefined {
  if (change.change === 'gone') return undefined;
  if (change.change === 'other') return change.server;
  if (!server?.spec.k8s) return server;
  const next = json(server);
  const k8s = next.spec.k8s!;
  const mounts = k8s.mounts ?? [];
  switch (change.change) {
    case 'same':
      return server;
    case 'hostIPC':
      k8s.hostIPC = !k8s.hostIPC;
      return next;
    case 'paths':
      for (const [index, mount] of mounts.entries()) mount.mountPath = change.paths[index % 4]!;
      return next;
    case 'dropMount':
      mounts.splice(change.at % Math.max(mounts.length, 1), 1);
      return next;
    case 'addMount':
      k8s.mounts = mounts.toSpliced(change.at, 0, change.value as (typeof mounts)[number]);
      return next;
  }
}
