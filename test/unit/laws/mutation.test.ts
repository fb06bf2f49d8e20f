import { expect } from 'chai';
import fc from 'fast-check';
import { mutateClaim } from '../../../src/mutate/claim.ts';
import { patchBetween } from '../../../src/mutate/patch.ts';
import { mutateStatefulSet } from '../../../src/mutate/statefulset.ts';
import { ANNOTATION, LABEL, OURS, PLACEHOLDER } from '../../../src/tars/vocabulary.ts';
import type { Claim, PodSpec, StatefulSet } from '../../../src/tars/shapes.ts';
import type { Settings } from '../../../src/tars/settings.ts';
import { claimMounts, type TServer } from '../../../src/tars/tserver.ts';
import { validateClaim } from '../../../src/validate/claim.ts';
import { readClaim, readStatefulSet, readTServer } from '../../../src/validate/read.ts';
import { validateStatefulSet } from '../../../src/validate/statefulset.ts';
import { validateTServer } from '../../../src/validate/tserver.ts';
import { applied } from './apply-patch.ts';
import {
  anyClaimScene,
  anyScene,
  json,
  scene,
  settings as anySettings,
  templateServer,
  type Json,
  type Scene,
} from './arbitraries.ts';
import { deepFreeze, law, listed, PATIENCE, same } from './law.ts';

describe('laws of mutation on CREATE', function () {
  this.timeout(PATIENCE);

  it('the generators make objects of the shape that read accepts', () => {
    law(anyScene, ({ set, server }) => {
      expect(readStatefulSet(set)).to.have.property('ok', true);
      if (server) expect(readTServer(server)).to.have.property('ok', true);
    });
    law(anyClaimScene, ({ claim }) => {
      expect(readClaim(claim)).to.have.property('ok', true);
    });
  });

  it('mutating a mutated StatefulSet changes nothing', () => {
    law(anyScene, ({ set, ...context }) => {
      const once = mutateStatefulSet(set, context).object;
      const twice = mutateStatefulSet(once, context).object;
      expect(patchBetween(once, twice)).to.deep.equal([]);
      same(twice, once, 'second run');
    });
  });

  it('mutating a mutated claim changes nothing', () => {
    law(anyClaimScene, ({ claim, ...context }) => {
      const once = mutateClaim(claim, context);
      expect(mutateClaim(once, context)).to.equal(once);
    });
  });

  it('a mutated StatefulSet that came over the wire is mutated into itself', () => {
    law(anyScene, ({ set, ...context }) => {
      const stored = json(mutateStatefulSet(set, context).object);
      const { object } = mutateStatefulSet(stored, context);
      expect(patchBetween(stored, object)).to.deep.equal([]);
    });
  });

  it('a foreign StatefulSet comes back as the same reference, with no warning and no violation', () => {
    law(anyScene, ({ set, settings, namespace }) => {
      fc.pre(isForeign(set, settings.classes));
      const context = { settings, namespace };
      const { object, warnings } = mutateStatefulSet(set, context);
      expect(object).to.equal(set);
      expect(warnings).to.deep.equal([]);
      const updated = mutateStatefulSet(set, { ...context, old: json(set) });
      expect(updated.object).to.equal(set);
      expect(updated.warnings).to.deep.equal([]);
      expect(validateStatefulSet(set, context)).to.deep.equal({ violations: [], warnings: [] });
    });
  });

  it('a claim of a class that is not served comes back as the same reference', () => {
    law(anyClaimScene, ({ claim, settings, namespace }) => {
      fc.pre(!settings.classes.has(claim.spec?.storageClassName ?? ''));
      expect(mutateClaim(claim, { settings, namespace })).to.equal(claim);
      expect(mutateClaim(claim, { settings, namespace, old: json(claim) })).to.equal(claim);
      expect(validateClaim(claim, { settings, namespace })).to.deep.equal({ violations: [], warnings: [] });
    });
  });

  it('inputs are never written to', () => {
    law(anyScene, ({ set, server, settings, namespace }) => {
      mutateStatefulSet(deepFreeze(set), { server: deepFreeze(server), settings, namespace });
    });
    law(anyClaimScene, ({ claim, ...context }) => {
      mutateClaim(deepFreeze(claim), context);
    });
  });

  it('nothing that is not ours changes in a StatefulSet', () => {
    law(anyScene, (example) => {
      const { set, ...context } = example;
      const { object } = mutateStatefulSet(set, context);
      same(withoutParts(object), withoutParts(set), 'the parts that we never touch');
      checkTemplates(object, example);
      checkContainers(object, example);
      checkAffinity(object, example);
    });
  });

  it('nothing that is not ours changes in a claim', () => {
    law(anyClaimScene, ({ claim, ...context }) => {
      checkCompleted(mutateClaim(claim, context), claim, [OURS.node]);
    });
  });

  for (const temper of ['tidy', 'odd'] as const) {
    it(`a valid ${temper} StatefulSet of a valid TServer is valid after mutation`, () => {
      let tried = 0;
      law(
        scene(temper),
        ({ set, ...context }) => {
          fc.pre(isNamed(set) && !asksForTheImpossible(set, context.settings));
          fc.pre(!servedTemplates(context.server, context.settings) && !selectsByItself(set));
          fc.pre(!context.server || validateTServer(context.server, context).violations.length === 0);
          fc.pre(validateStatefulSet(set, context).violations.length === 0);
          tried += 1;
          const { object } = mutateStatefulSet(set, context);
          // An injected mount may meet a path that the user took: only then both are seen.
          const found = validateStatefulSet(object, context).violations.filter(
            ({ code }) => code !== 'TLV206',
          );
          same(found, [], 'violations');
        },
        400,
      );
      expect(tried, 'valid examples').to.be.greaterThan(100);
    });
  }

  it('a claim template of a valid TServer is a valid template of its StatefulSet', () => {
    law(
      fc.record({ server: templateServer, settings: anySettings }),
      ({ server, settings: chosen }) => {
        const context = { namespace: 'default', settings: chosen, server };
        fc.pre(validateTServer(server, context).violations.length === 0);
        const { object } = mutateStatefulSet({ metadata: { name: 'tars-tarslog' }, spec: {} }, context);
        same(validateStatefulSet(object, context).violations, [], 'violations');
      },
      200,
    );
  });

  it('a valid claim is valid after mutation', () => {
    law(anyClaimScene, ({ claim, ...context }) => {
      fc.pre(
        isNamed({ metadata: claim.metadata }) &&
          !selectsByItself({ spec: { volumeClaimTemplates: [claim] } }),
      );
      fc.pre(validateClaim(claim, context).violations.length === 0);
      same(validateClaim(mutateClaim(claim, context), context).violations, [], 'violations');
    });
  });

  it('the patch applied to a StatefulSet is the mutated one, and is empty only when nothing changed', () => {
    law(anyScene, ({ set, ...context }) => {
      const { object } = mutateStatefulSet(set, context);
      const patch = patchBetween(set, object);
      same(applied(set, patch), object, 'patched');
      expect(patch.length === 0).to.equal(JSON.stringify(object) === JSON.stringify(set));
      for (const { path } of patch) expect(path).to.match(SET_PATHS);
    });
  });

  it('the patch applied to a claim is the mutated one, and is empty only when nothing changed', () => {
    law(anyClaimScene, ({ claim, ...context }) => {
      const object = mutateClaim(claim, context);
      const patch = patchBetween(claim, object);
      same(applied(claim, patch), object, 'patched');
      expect(patch.length === 0).to.equal(object === claim);
      for (const { path } of patch) expect(path).to.match(CLAIM_PATHS);
    });
  });
});

describe('laws of mutation of claims on UPDATE', function () {
  this.timeout(PATIENCE);
  const pairs = fc
    .tuple(anyClaimScene, anyClaimScene)
    .map(([{ claim, ...context }, { claim: old }]) => ({ claim, context: { ...context, old } }));

  it('is idempotent, and changes labels only', () => {
    law(pairs, ({ claim, context }) => {
      const once = mutateClaim(deepFreeze(claim), deepFreezeOld(context));
      expect(mutateClaim(once, context)).to.equal(once);
      const patch = patchBetween(claim, once);
      same(applied(claim, patch), once, 'patched');
      for (const { path } of patch) {
        expect(path).to.match(/^\/metadata\/labels(?:$|\/local\.tars\.io~1node$)/);
      }
    });
  });
});

const SET_PATHS =
  /^\/spec\/(?:volumeClaimTemplates|template\/spec\/(?:affinity|containers\/\d+\/volumeMounts))(?:\/|$)/;
const CLAIM_PATHS = /^\/(?:metadata\/(?:labels|annotations)|spec)(?:\/|$)/;

function deepFreezeOld<T extends { readonly old: Claim }>(context: T): T {
  deepFreeze(context.old);
  return context;
}

/** DESIGN "Whose StatefulSet", told again: no TServer, not both labels, no template of a served class. */
function isForeign(set: StatefulSet, classes: ReadonlyMap<string, unknown>): boolean {
  const labels = set.metadata?.labels ?? {};
  const isLabelled = [LABEL.app, LABEL.server].every(
    (key) => typeof labels[key] === 'string' && labels[key] !== '',
  );
  const isLocal = (set.spec?.volumeClaimTemplates ?? []).some(({ spec }) =>
    classes.has(spec?.storageClassName ?? ''),
  );
  return !isLabelled && !isLocal;
}

/** Names of objects and of templates become label values, so they must be such. */
function isNamed({ metadata, spec }: StatefulSet): boolean {
  const templates = listed(spec?.volumeClaimTemplates);
  return [metadata, ...templates.map((template) => template.metadata)].every(
    (each) => (each?.name ?? '').length <= 63 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(each?.name ?? ''),
  );
}

/** A selector on our labels that has no such labels beside it is judged by the labels that are filled in. */
function selectsByItself({ spec }: StatefulSet): boolean {
  return listed(spec?.volumeClaimTemplates).some((template) =>
    Object.keys(template.spec?.selector?.matchLabels ?? {}).some((key) => key.includes('tars.io/')),
  );
}

/** True for a TServer that brings claim templates of a served class; a law of its own is about these. */
function servedTemplates(server: TServer | undefined, { classes }: Settings): boolean {
  return claimMounts(server).some(({ source }) =>
    classes.has(source?.persistentVolumeClaimTemplate?.spec?.storageClassName as string),
  );
}

/** Pod scope with a class that is not made on demand is refused, and only mutation shows the class. */
function asksForTheImpossible({ metadata }: StatefulSet, { classes }: Settings): boolean {
  return metadata?.annotations?.[OURS.scope] === 'Pod' && classes.get('t-storage-class')?.way !== 'on-demand';
}

/** The StatefulSet without the four places that we write to. */
function withoutParts(set: StatefulSet): unknown {
  const copy = json(set);
  delete copy.spec?.volumeClaimTemplates;
  delete copy.spec?.template?.spec?.affinity;
  for (const container of copy.spec?.template?.spec?.containers ?? []) delete container.volumeMounts;
  return copy;
}

function checkTemplates({ spec }: StatefulSet, { set, server, settings }: Scene): void {
  const given = listed(set.spec?.volumeClaimTemplates);
  const made = listed(spec?.volumeClaimTemplates);
  const added = made.length - given.length;
  // What is added stands at the end, or before a reserved claim that was last already.
  const isTail = given.at(-1)?.metadata?.name === PLACEHOLDER && added > 0;
  const head = isTail ? given.length - 1 : given.length;
  const own = [...made.slice(0, head), ...(isTail ? made.slice(-1) : [])];
  checkAdded(made.slice(head, head + added), server);
  const isCompleted = (template: Claim): boolean =>
    settings.classes.has(template.spec?.storageClassName ?? '') && template.metadata?.name !== PLACEHOLDER;
  for (const [index, template] of given.entries()) {
    if (isCompleted(template)) checkCompleted(own[index]!, template, []);
    else same(own[index], template, `template ${index}`);
  }
}

/** Templates of the TServer's mounts in their order, each once, and the reserved one. */
function checkAdded(added: readonly Claim[], server: TServer | undefined): void {
  const names = added.map(({ metadata }) => metadata?.name);
  const wanted = claimMounts(server).map(({ name }) => name);
  for (const name of names) expect([...wanted, PLACEHOLDER]).to.include(name);
  expect(new Set(names).size).to.equal(names.length);
  const inOrder = [...new Set(wanted)].filter((name) => name !== PLACEHOLDER && names.includes(name));
  expect(names.filter((name) => name !== PLACEHOLDER)).to.deep.equal(inOrder);
}

function checkContainers({ spec }: StatefulSet, { set, server }: Scene): void {
  const before = listed(set.spec?.template?.spec?.containers);
  const after = listed(spec?.template?.spec?.containers);
  const named = before.findIndex(({ name }) => name === set.metadata?.name);
  // One of the reserved name is refused, and so mounted nowhere.
  const wanted = claimMounts(server).filter(({ name }) => name !== 'delay-bind');
  for (const [index, container] of before.entries()) {
    const given = listed(container.volumeMounts);
    const made = listed(after[index]?.volumeMounts);
    if (index !== Math.max(named, 0)) {
      same(after[index], container, `container ${index}`);
      continue;
    }
    same(made.slice(0, given.length), given, 'mounts of the user');
    for (const { name, mountPath } of made.slice(given.length)) {
      expect(given.map((mount) => mount.name)).not.to.include(name);
      expect(wanted.filter((mount) => mount.name === name).map((mount) => mount.mountPath)).to.include(
        mountPath,
      );
    }
    for (const { name } of wanted) expect(made.map((mount) => mount.name)).to.include(name);
  }
}

function checkAffinity({ spec }: StatefulSet, { set }: Scene): void {
  const before = set.spec?.template?.spec;
  const after = spec?.template?.spec;
  const given = requiredTerms(before);
  const made = requiredTerms(after);
  same(made.slice(0, given.length), given, 'required terms of the user');
  const ours = { labelSelector: set.spec?.selector, topologyKey: 'kubernetes.io/hostname' };
  if (made.length > given.length) same(made.slice(given.length), [ours], 'our term');
  same(withoutTerms(after), withoutTerms(before), 'the rest of the affinity');
}

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';

function requiredTerms(pod: PodSpec | null | undefined): readonly unknown[] {
  return pod?.affinity?.podAntiAffinity?.[REQUIRED] ?? [];
}

function withoutTerms(pod: PodSpec | null | undefined): unknown {
  const { podAntiAffinity, ...rest } = json(pod?.affinity ?? {}) as {
    podAntiAffinity?: Json | null;
  };
  const { [REQUIRED]: _terms, ...others } = podAntiAffinity ?? {};
  return [rest, others];
}

const FILLED: ReadonlyMap<string, readonly string[]> = new Map([
  ['', ['apiVersion', 'kind', 'metadata', 'spec', 'status']],
  ['metadata', ['labels', 'annotations']],
  ['metadata.labels', [...Object.values(LABEL), OURS.namespace]],
  ['metadata.annotations', [...Object.values(ANNOTATION), OURS.scope]],
  ['spec', ['accessModes', 'resources', 'selector', 'volumeMode']],
  ['spec.resources', ['requests']],
  ['spec.resources.requests', ['storage']],
  ['spec.selector', ['matchLabels']],
  ['spec.selector.matchLabels', [...Object.values(LABEL), OURS.namespace]],
]);

/** Every field of the claim as it was, and new ones only where something was missing. */
function checkCompleted(after: Claim, before: Claim, routed: readonly string[]): void {
  const walk = (made: unknown, given: unknown, path: string): void => {
    const known = FILLED.get(path);
    if (known) walkInto(made, isEmpty(given) ? {} : (given as Json), path, known);
    else same(made, given, path);
  };
  const walkInto = (made: unknown, given: Json, path: string, known: readonly string[]): void => {
    const result = (made ?? {}) as Json;
    for (const key of new Set([...Object.keys(result), ...Object.keys(given)])) {
      const at = path === '' ? key : `${path}.${key}`;
      if (path === 'metadata.labels' && routed.includes(key)) continue;
      const mayFill = known.includes(key) && (!Object.hasOwn(given, key) || isEmpty(given[key]));
      if (mayFill && !FILLED.has(at)) continue;
      walk(Object.hasOwn(result, key) ? result[key] : undefined, ownValue(given, key), at);
    }
  };
  walk(after, before, '');
}

const ownValue = (object: Json, key: string): unknown =>
  Object.hasOwn(object, key) ? object[key] : undefined;

/** Null, the empty string and the empty list mean absent in YAML. */
function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0)
  );
}
