import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { patchBetween } from '../../../src/mutate/patch.ts';
import { mutateStatefulSet } from '../../../src/mutate/statefulset.ts';
import type { Claim, Container, PodSpec, StatefulSet, VolumeMount } from '../../../src/tars/shapes.ts';
import { claimMounts, type TServer } from '../../../src/tars/tserver.ts';
import type { StatefulSetContext } from '../../../src/tars/context.ts';
import { validateStatefulSet } from '../../../src/validate/statefulset.ts';
import { validateTServer } from '../../../src/validate/tserver.ts';
import { applied } from './apply-patch.ts';
import { anyStory, json, type Json, type Story } from './arbitraries.ts';
import { changed, deepFreeze, edited, law, listed, PATIENCE, same } from './law.ts';

const RUNS = 400;
const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';

/** One update: the manifest as first applied, what was stored, what is sent next, and what becomes of it. */
interface Update {
  readonly plain: StatefulSet;
  readonly old: StatefulSet;
  readonly sent: StatefulSet;
  readonly result: StatefulSet;
  readonly server: TServer | undefined;
  readonly first: TServer | undefined;
  readonly context: StatefulSetContext;
}

function play({ set, server: first, settings, namespace, base, edits, change }: Story): Update {
  const old = deepFreeze(
    json(mutateStatefulSet(deepFreeze(set), { server: first, settings, namespace }).object),
  );
  const sent = deepFreeze(edited(base === 'plain' ? set : old, edits));
  const server = deepFreeze(changed(first, change));
  const context = { server, settings, namespace, old };
  return { plain: set, old, sent, result: mutateStatefulSet(sent, context).object, server, first, context };
}

/** A law of updates of StatefulSets that are, or were, ours and have a spec. */
function updateLaw(predicate: (update: Update) => void): void {
  law(
    anyStory,
    (story) => {
      const update = play(story);
      fc.pre(Boolean(update.sent.spec && update.old.spec) && isOurs(update));
      predicate(update);
    },
    RUNS,
  );
}

describe('laws of mutation on UPDATE', function () {
  this.timeout(PATIENCE);

  it('mutating again with the same old object changes nothing', () => {
    law(
      anyStory,
      (story) => {
        const { old, sent, result, context } = play(story);
        fc.pre(!hasClash(old) && [old, sent].every(isWellNamed));
        const again = mutateStatefulSet(result, context).object;
        expect(patchBetween(result, again)).to.deep.equal([]);
      },
      RUNS,
    );
  });

  it('the patch applied to what was sent is the result, and touches our places only', () => {
    law(
      anyStory,
      (story) => {
        const { sent, result } = play(story);
        const patch = patchBetween(sent, result);
        same(applied(sent, patch), result, 'patched');
        expect(patch.length === 0).to.equal(JSON.stringify(sent) === JSON.stringify(result));
        for (const { path } of patch) expect(path).to.match(PATHS);
      },
      RUNS,
    );
  });

  it('the old list comes back byte for byte', () => {
    updateLaw(({ old, result }) => {
      const kept = listed(old.spec?.volumeClaimTemplates);
      const list = listed(result.spec?.volumeClaimTemplates);
      same(list, kept, 'list');
      if (!isDeepStrictEqual(list, kept)) expect(JSON.stringify(list)).to.equal(JSON.stringify(kept));
    });
  });

  it('a plain manifest that is sent again unchanged gives the old spec', () => {
    law(
      anyStory,
      (story) => {
        const { old, plain, context, first } = play({ ...story, edits: [], base: 'plain' });
        fc.pre(!hasClash(old) && claimMounts(first).every(({ name }) => name !== ''));
        fc.pre(Boolean(plain.metadata) || !disagrees(plain, [first]));
        const again = mutateStatefulSet(asApplied(plain), { ...context, server: first });
        same(normal(again.object), normal(old), 'spec');
        const names = listed(old.spec?.volumeClaimTemplates).map(nameOf);
        if (first && validateTServer(first, { ...context, old: undefined }).violations.length > 0) return;
        const verdict = validateStatefulSet(old, { ...context, server: first, old: undefined });
        if (new Set(names).size < names.length || verdict.violations.length > 0) return;
        expect(again.warnings.filter(({ code }) => code === 'TLV901')).to.deep.equal([]);
      },
      RUNS,
    );
  });

  it('a complete manifest that is sent again unchanged comes back as the same reference, whatever the TServer says', () => {
    law(
      anyStory,
      (story) => {
        const { old, context } = play({ ...story, edits: [] });
        fc.pre(!movesMounts(story) && !dangles(old) && !disagrees(story.set, [story.server, context.server]));
        const sent = json(old);
        const { object } = mutateStatefulSet(sent, context);
        expect(patchBetween(sent, object)).to.deep.equal([]);
      },
      RUNS,
    );
  });

  it('mounts of ours that the new object lost are back', () => {
    updateLaw(({ plain, old, sent, result, server }) => {
      fc.pre(!hasClash(old));
      const container = ourContainer(old);
      const target = twin(container, sent);
      if (!container || !target) return;
      const mounts = listed(twin(container, result)?.volumeMounts);
      const given = listed(target.volumeMounts);
      for (const mount of injectedMounts(plain, old)) {
        // The user's own template, and a TServer that mounts it no more: the mount may be anybody's.
        if (!isStillOurs(mount, [plain, sent], server)) continue;
        const path = claimMounts(server).find(({ name }) => name === mount.name)?.mountPath;
        const isTaken = [...given, ...mounts].some(
          ({ name, mountPath }) => name !== mount.name && [path, mount.mountPath].includes(mountPath ?? ''),
        );
        if (!isTaken) expect(mounts.map(({ name }) => name)).to.include(mount.name);
      }
    });
  });

  it('no mount is put where the old object had none', () => {
    updateLaw(({ old, sent, result, server }) => {
      for (const [index, container] of containersOf(result).entries()) {
        const given = listed(containersOf(sent)[index]?.volumeMounts);
        const before = listed(forerunner(container, old, sent)?.volumeMounts);
        for (const mount of listed(container.volumeMounts)) {
          const moved = claimMounts(server)
            .filter(({ name }) => name === mount.name)
            .flatMap(({ mountPath }) =>
              [...given, ...before]
                .filter(({ name }) => name === mount.name)
                .map((each) => ({ ...each, mountPath })),
            );
          const known = [...given, ...before, ...moved];
          const message = `${container.name}: ${JSON.stringify(mount)}`;
          expect(
            known.some((each) => isDeepStrictEqual(each, mount)),
            message,
          ).to.equal(true);
        }
        const lost = before.filter((mount) => !given.some((each) => isDeepStrictEqual(each, mount)));
        expect(listed(container.volumeMounts).length).to.be.at.most(given.length + lost.length);
      }
    });
  });

  it('the anti-affinity term of ours is back, and nothing else is new in the pod template', () => {
    updateLaw(({ plain, old, sent, result }) => {
      const ours = requiredTerms(old).filter(
        (term) => !requiredTerms(plain).some((each) => isDeepStrictEqual(each, term)),
      );
      if (result.spec?.template?.spec) {
        for (const term of ours) {
          expect(requiredTerms(result).some((each) => isDeepStrictEqual(each, term))).to.equal(true);
        }
      }
      const added = requiredTerms(result).filter(
        (term) => !requiredTerms(sent).some((each) => isDeepStrictEqual(each, term)),
      );
      for (const term of added) {
        expect(requiredTerms(old).some((each) => isDeepStrictEqual(each, term))).to.equal(true);
      }
      same(others(result), others(sent), 'everything else');
    });
  });

  it('no mount dangles that names a template which is wanted and absent', () => {
    updateLaw(({ old, sent, result, server }) => {
      const wanted = [
        ...listed(sent.spec?.volumeClaimTemplates).map(nameOf),
        ...claimMounts(server).map(({ name }) => name),
      ];
      const present = new Set([
        ...listed(old.spec?.volumeClaimTemplates).map(nameOf),
        ...listed(podOf(sent)?.volumes).map(({ name }) => name ?? ''),
      ]);
      const absent = wanted.filter((name) => name && !present.has(name));
      const pod = podOf(result);
      for (const { volumeMounts } of [...listed(pod?.containers), ...listed(pod?.initContainers)]) {
        for (const { name } of listed(volumeMounts)) expect(absent).not.to.include(name);
      }
    });
  });

  it('init containers only lose mounts that would dangle', () => {
    updateLaw(({ sent, result }) => {
      const before = listed(podOf(sent)?.initContainers);
      const after = listed(podOf(result)?.initContainers);
      expect(after.length).to.equal(before.length);
      for (const [index, container] of after.entries()) {
        const given = listed(before[index]?.volumeMounts);
        for (const mount of listed(container.volumeMounts)) expect(given).to.deep.include(mount);
      }
    });
  });
});

const PATHS =
  /^\/spec\/(?:volumeClaimTemplates|template\/spec\/(?:affinity|(?:containers|initContainers)\/\d+\/volumeMounts))(?:\/|$)/;

const podOf = ({ spec }: StatefulSet): PodSpec | null | undefined => spec?.template?.spec;
const containersOf = (set: StatefulSet): readonly Container[] => listed(podOf(set)?.containers);
const nameOf = ({ metadata }: Claim): string => metadata?.name ?? '';

function requiredTerms(set: StatefulSet): readonly unknown[] {
  return podOf(set)?.affinity?.podAntiAffinity?.[REQUIRED] ?? [];
}

/** Where mutation puts mounts: the container that is named as the StatefulSet, else the first. */
function ourContainer(set: StatefulSet): Container | undefined {
  const containers = containersOf(set);
  return containers.find(({ name }) => name === set.metadata?.name) ?? containers[0];
}

/** The same container in another version of the StatefulSet: by its name, which is unique in a valid pod. */
function twin(container: Container | undefined, set: StatefulSet): Container | undefined {
  if (!container?.name) return container && containersOf(set)[0];
  return containersOf(set).find(({ name }) => name === container.name);
}

/** The container that this one was; where the one with our mounts is gone, its successor has them. */
function forerunner(container: Container, old: StatefulSet, sent: StatefulSet): Container | undefined {
  const heir = ourContainer(old);
  const isHeir = !twin(heir, sent) && container.name === ourContainer(sent)?.name;
  return isHeir ? heir : twin(container, old);
}

/** What CREATE put in: mounts that the plain manifest did not have. */
function injectedMounts(plain: StatefulSet, old: StatefulSet): readonly VolumeMount[] {
  const given = new Set(listed(ourContainer(plain)?.volumeMounts).map(({ name }) => name));
  return listed(ourContainer(old)?.volumeMounts).filter(({ name }) => name && !given.has(name));
}

function isStillOurs(
  { name }: VolumeMount,
  written: readonly StatefulSet[],
  server: TServer | undefined,
): boolean {
  const own = written.flatMap(({ spec }) => listed(spec?.volumeClaimTemplates).map(nameOf));
  return !own.includes(name ?? '') || claimMounts(server).some((mount) => mount.name === name);
}

/** Ours by a TServer or by class; with one container of each name, so that twins are found. */
function isOurs({ old, sent, server, first, context }: Update): boolean {
  const { classes } = context.settings;
  const local = listed(old.spec?.volumeClaimTemplates).some(({ spec }) =>
    classes.has(spec?.storageClassName ?? ''),
  );
  return [old, sent].every(isWellNamed) && (server !== undefined || (first === undefined && local));
}

/** A mount of a volume that the pods have not got: a pod template that only the API server lets in. */
function dangles(set: StatefulSet): boolean {
  const known = new Set([
    ...listed(set.spec?.volumeClaimTemplates).map(nameOf),
    ...listed(podOf(set)?.volumes).map(({ name }) => name ?? ''),
  ]);
  const containers = [...containersOf(set), ...listed(podOf(set)?.initContainers)];
  return containers.some(({ volumeMounts }) =>
    listed(volumeMounts).some(({ name }) => !known.has(name ?? '')),
  );
}

function isWellNamed(set: StatefulSet): boolean {
  const names = containersOf(set).map(({ name }) => name ?? '');
  return new Set(names).size === names.length && !names.includes('');
}

/** Two mounts at one path: refused at CREATE, so hardly any stored object has them. */
function hasClash(set: StatefulSet): boolean {
  return containersOf(set).some(({ volumeMounts }) => {
    const paths = listed(volumeMounts).map(({ mountPath }) => mountPath);
    return new Set(paths).size < paths.length;
  });
}

/** The TServer changed the path of a mount, or may have; then the mount follows it. */
function movesMounts({ change, server }: Story): boolean {
  if (change.change !== 'addMount') return change.change === 'paths' || change.change === 'other';
  return claimMounts(server).some(({ name }) => name === change.value.name);
}

/** The user mounts a volume of the TServer at a path of his own; only `kubectl apply` leaves word of it. */
function disagrees(set: StatefulSet, servers: readonly (TServer | undefined)[]): boolean {
  const wanted = servers.flatMap(claimMounts);
  return containersOf(set).some(({ volumeMounts }) =>
    listed(volumeMounts).some(({ name, mountPath }) =>
      wanted.some((mount) => mount.name === name && mount.mountPath !== mountPath),
    ),
  );
}

/** The manifest as `kubectl apply` sends it. */
function asApplied(plain: StatefulSet): StatefulSet {
  const manifest = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(plain) };
  const annotations = { ...plain.metadata?.annotations, ...manifest };
  return plain.metadata ? { ...plain, metadata: { ...plain.metadata, annotations } } : plain;
}

/** A spec in which absent, null and empty lists are one, as they are to the API server. */
function normal({ spec }: StatefulSet): unknown {
  const copy = json(spec ?? {}) as Json;
  copy.volumeClaimTemplates = copy.volumeClaimTemplates ?? [];
  return copy;
}

/** All but list, mounts and required terms. */
function others(set: StatefulSet): unknown {
  const copy = json(set);
  delete copy.spec?.volumeClaimTemplates;
  const pod = podOf(copy);
  for (const container of [...listed(pod?.containers), ...listed(pod?.initContainers)]) {
    delete container.volumeMounts;
  }
  if (pod) dropTerms(pod);
  return copy;
}

function dropTerms(pod: PodSpec): void {
  const anti = pod.affinity?.podAntiAffinity;
  if (anti) delete anti[REQUIRED];
  if (pod.affinity && isHollow(anti)) delete pod.affinity.podAntiAffinity;
  if (isHollow(pod.affinity)) delete pod.affinity;
}

/** Nothing but empty maps: what is left where only our term was. */
function isHollow(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return typeof value === 'object' && !Array.isArray(value) && Object.values(value).every(isHollow);
}
