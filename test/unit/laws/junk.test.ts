import { expect } from 'chai';
import fc, { type Arbitrary } from 'fast-check';
import { mutateClaim } from '../../../src/mutate/claim.ts';
import { patchBetween } from '../../../src/mutate/patch.ts';
import { mutateStatefulSet } from '../../../src/mutate/statefulset.ts';
import { claimsOf } from '../../../src/tars/claims-of.ts';
import { formatPath, type Finding } from '../../../src/tars/finding.ts';
import { tserverOf } from '../../../src/tars/ownership.ts';
import type { Settings } from '../../../src/tars/settings.ts';
import { statefulSetOf } from '../../../src/tars/statefulset-of.ts';
import { validateClaim } from '../../../src/validate/claim.ts';
import { readClaim, readStatefulSet, readTServer } from '../../../src/validate/read.ts';
import { validateStatefulSet } from '../../../src/validate/statefulset.ts';
import { validateTServer } from '../../../src/validate/tserver.ts';
import { DocumentLookup } from '../../../src/offline/lookup.ts';
import { anyJson, claim, json, settings, statefulSet, tserver, type Json } from './arbitraries.ts';
import { law, PATIENCE } from './law.ts';

const DEEP = 5000;
const WIDE = 10_000;

const POD = ['spec', 'template', 'spec'];
const TERMS = [...POD, 'affinity', 'podAntiAffinity', 'requiredDuringSchedulingIgnoredDuringExecution'];
const TEMPLATE = ['spec', 'volumeClaimTemplates', 0];

const DEEP_IN_SET: Readonly<Record<string, readonly (string | number)[]>> = {
  'an unknown field': ['junk'],
  metadata: ['metadata', 'junk'],
  'the name': ['metadata', 'name'],
  'a label': ['metadata', 'labels', 'tars.io/ServerApp'],
  'an annotation': ['metadata', 'annotations', 'local.tars.io/scope'],
  'the selector': ['spec', 'selector', 'matchLabels', 'app'],
  'the pod spec': [...POD, 'junk'],
  'an anti-affinity term': [...TERMS, 0, 'junk'],
  'a container': [...POD, 'containers', 0, 'junk'],
  'a volumeMount': [...POD, 'containers', 0, 'volumeMounts', 0, 'junk'],
  'a claim template': [...TEMPLATE, 'junk'],
  "a claim template's label": [...TEMPLATE, 'metadata', 'labels', 'junk'],
  "a claim template's uid": [...TEMPLATE, 'metadata', 'annotations', 'tars.io/LocalVolumeUID'],
  "a claim template's size": [...TEMPLATE, 'spec', 'resources', 'requests', 'storage'],
};

const MOUNTS = ['spec', 'k8s', 'mounts'];

const DEEP_IN_SERVER: Readonly<Record<string, readonly (string | number)[]>> = {
  'an unknown field': ['junk'],
  'a uid': [...MOUNTS, 0, 'source', 'tLocalVolume', 'uid'],
  'a claim template': [...MOUNTS, 1, 'source', 'persistentVolumeClaimTemplate', 'spec', 'junk'],
  resources: ['spec', 'k8s', 'resources', 'junk'],
};

const WIDE_IN_SET: readonly (readonly string[])[] = [
  ['spec', 'volumeClaimTemplates'],
  [...POD, 'containers'],
  [...POD, 'volumes'],
  [...POD, 'containers', '0', 'volumeMounts'],
  TERMS,
];

interface Junk {
  readonly object: unknown;
  readonly old: unknown;
  readonly server: unknown;
  readonly settings: Settings;
}

describe('laws of junk', function () {
  this.timeout(PATIENCE);

  it('any JSON in gives violations or an answer, and never throws', () => {
    const any = fc.oneof(anyJson, fc.jsonValue(), vocabularyJson);
    law(fc.record({ object: any, old: any, server: any, settings }), answerAll, 600);
  });

  it('a damaged object gives violations or an answer, and never throws', () => {
    const object = fc.oneof(damaged(statefulSet('odd')), damaged(claim('odd')), damaged(tserver('odd')));
    const old = fc.oneof(statefulSet('odd'), damaged(statefulSet('tidy')), claim('odd'), tserver('odd'));
    const server = fc.oneof(damaged(tserver('tidy')), tserver('odd'));
    law(fc.record({ object, old, server, settings }), answerAll, 600);
  });

  it('what has the wrong shape is told field by field', () => {
    law(fc.oneof(damaged(statefulSet('odd')), anyJson), (object) => {
      const read = readStatefulSet(object);
      if (read.ok) return expect(read.object).to.equal(object);
      expect(read.violations).not.to.be.empty;
      return checkFindings(read.violations);
    });
  });

  for (const [place, steps] of Object.entries(DEEP_IN_SET)) {
    it(`a StatefulSet with ${DEEP} levels below ${place} gives violations or an answer`, () => {
      const deep = () => withDeep(wholeSet(), steps);
      const rest = { server: wholeServer(), settings: plain };
      answerAll({ ...rest, object: deep(), old: undefined });
      answerAll({ ...rest, object: deep(), old: deep() });
      answerAll({ ...rest, object: wholeSet(), old: deep() });
    });
  }

  for (const [place, steps] of Object.entries(DEEP_IN_SERVER)) {
    it(`a TServer with ${DEEP} levels below ${place} gives violations or an answer`, () => {
      const server = withDeep(wholeServer(), steps);
      answerAll({ object: wholeSet(), old: wholeSet(), server, settings: plain });
    });
  }

  it(`lists of ${WIDE} items are answered before the API server's patience ends`, () => {
    for (const steps of WIDE_IN_SET) {
      const wide = wholeSet();
      const list = at(wide, steps) as Json[];
      for (let index = list.length; index < WIDE; index++) list.push(wideItem(steps.at(-1), index));
      inTime(steps.join('.'), { object: wide, old: wholeSet() });
      inTime(steps.join('.'), { object: wholeSet(), old: json(wide) });
      inTime(steps.join('.'), { object: wide, old: json(wide) });
    }
  });

  it(`${WIDE} templates that all lost their mounts are answered before the API server's patience ends`, () => {
    const wide = wholeSet();
    const templates = at(wide, ['spec', 'volumeClaimTemplates']) as Json[];
    const mounts = at(wide, ['spec', 'template', 'spec', 'containers', 0, 'volumeMounts']) as Json[];
    for (let index = 1; index < WIDE; index++) {
      templates.push(wideItem('volumeClaimTemplates', index));
      mounts.push(wideItem('volumeMounts', index));
    }
    inTime('both', { object: wholeSet(), old: wide });
  });

  it('lists of the wrong items are told without end, but without fault', () => {
    const set = wholeSet();
    (set.spec as Json).volumeClaimTemplates = Array.from({ length: WIDE }, (_, index) => index);
    const read = readStatefulSet(set);
    expect(read.ok).to.equal(false);
    if (!read.ok) checkFindings(read.violations);
  });
});

/** The API server waits five seconds for a webhook at most; here it is processor time, whatever else runs. */
function inTime(what: string, { object, old }: Pick<Junk, 'object' | 'old'>): void {
  const started = process.cpuUsage();
  answerAll({ object, old, server: wholeServer(), settings: plain });
  const { user, system } = process.cpuUsage(started);
  expect((user + system) / 1000, what).to.be.below(5000);
}

/** The way of every request: read, mutate, compare, validate; each answer can be sent as JSON. */
function answerAll({ object, old, server, settings: chosen }: Junk): void {
  answerSet(object, old, server, chosen);
  answerClaim(object, old, chosen);
  answerServer(object, old, chosen);
  answerServer(server, old, chosen);
}

const namespace = 'default';

function answerSet(object: unknown, before: unknown, tserverJson: unknown, chosen: Settings): void {
  const read = readStatefulSet(object);
  if (!read.ok) return checkFindings(read.violations);
  const owner = readTServer(tserverJson);
  const lookup = new DocumentLookup();
  if (owner.ok) lookup.add(namespace, owner.object);
  const server = tserverOf(read.object, namespace, lookup) ?? (owner.ok ? owner.object : undefined);
  const readOld = readStatefulSet(before);
  for (const old of readOld.ok ? [undefined, readOld.object] : [undefined]) {
    const context = { namespace, settings: chosen, server, old };
    const { object: result, warnings } = mutateStatefulSet(read.object, context);
    const verdict = validateStatefulSet(result, context);
    checkAnswer(patchBetween(read.object, result));
    checkFindings([...warnings, ...verdict.violations, ...verdict.warnings]);
  }
}

function answerClaim(object: unknown, before: unknown, chosen: Settings): void {
  const read = readClaim(object);
  if (!read.ok) return checkFindings(read.violations);
  const readOld = readClaim(before);
  for (const old of readOld.ok ? [undefined, readOld.object] : [undefined]) {
    const context = { namespace, settings: chosen, old };
    const result = mutateClaim(read.object, context);
    const verdict = validateClaim(result, context);
    checkAnswer(patchBetween(read.object, result));
    checkFindings([...verdict.violations, ...verdict.warnings]);
  }
}

function answerServer(object: unknown, before: unknown, chosen: Settings): void {
  const read = readTServer(object);
  if (!read.ok) return checkFindings(read.violations);
  const readOld = readTServer(before);
  for (const old of readOld.ok ? [undefined, readOld.object] : [undefined]) {
    const verdict = validateTServer(read.object, { namespace, settings: chosen, old });
    checkFindings([...verdict.violations, ...verdict.warnings]);
  }
  const set = statefulSetOf(read.object);
  if (!set) return;
  const { object: result } = mutateStatefulSet(set, { namespace, settings: chosen, server: read.object });
  checkAnswer(result);
  const replicas = result.spec?.replicas ?? 1;
  if (replicas <= 100) checkAnswer(claimsOf(result));
}

function checkFindings(findings: readonly Finding[]): void {
  for (const { code, path, message } of findings) {
    expect(code).to.match(/^TLV\d{3}$/);
    expect(message).to.match(/\S/);
    expect(formatPath(path)).to.be.a('string');
  }
  checkAnswer(findings);
}

function checkAnswer(answer: unknown): void {
  expect(JSON.stringify(answer)).to.be.a('string');
}

const WORDS =
  'metadata spec template containers volumeMounts volumeClaimTemplates name labels k8s mounts source tLocalVolume app server affinity podAntiAffinity __proto__'.split(
    ' ',
  );

/** JSON whose keys are the ones that the code looks for, at any place. */
const { map: vocabularyJson } = fc.letrec<{ node: unknown; map: unknown; list: unknown[] }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.constantFrom<unknown>(null, 't-storage-class', 'delay-bind', 7, true),
    tie('map'),
    tie('list'),
  ),
  map: fc
    .array(fc.tuple(fc.constantFrom(...WORDS), tie('node')), { maxLength: 5 })
    .map((entries) => Object.fromEntries(entries) as unknown),
  list: fc.array(tie('node'), { maxLength: 3 }),
}));

/** The object with up to three of its places changed to something else. */
function damaged<T>(good: Arbitrary<T>): Arbitrary<unknown> {
  const wound = fc.record({
    pick: fc.nat(),
    by: fc.oneof(anyJson, fc.constantFrom<unknown>(null, 5, '', [], {}, [null], [[]], true)),
  });
  return fc.tuple(good, fc.array(wound, { minLength: 1, maxLength: 3 })).map(([object, wounds]) => {
    const copy = json(object) as Json;
    for (const { pick, by } of wounds) {
      const places = placesOf(copy);
      const [parent, key] = places[pick % Math.max(places.length, 1)] ?? [copy, 'spec'];
      Object.defineProperty(parent, key, {
        value: json(by),
        configurable: true,
        enumerable: true,
        writable: true,
      });
    }
    return json(copy);
  });
}

function placesOf(value: unknown): [object, string][] {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, item]) => [
    [value, key] as [object, string],
    ...placesOf(item),
  ]);
}

const plain: Settings = {
  classes: new Map([['t-storage-class', { way: 'on-demand', sizeEnforced: false }]]),
  modePattern: 'seed',
};

function wholeSet(): Json {
  return json({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'tars-tarslog', labels: {}, annotations: {} },
    spec: {
      selector: { matchLabels: { app: 'x' } },
      template: {
        spec: {
          affinity: {
            podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone' }] },
          },
          containers: [{ name: 'tars-tarslog', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
          volumes: [{ name: 'tmp' }],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data', labels: {}, annotations: {} },
          spec: { storageClassName: 't-storage-class', resources: { requests: {} } },
        },
      ],
    },
  });
}

function wholeServer(): Json {
  return json({
    apiVersion: 'k8s.tars.io/v1beta3',
    kind: 'TServer',
    metadata: { name: 'tars-tarslog' },
    spec: {
      app: 'tars',
      server: 'tarslog',
      subType: 'tars',
      k8s: {
        resources: {},
        mounts: [
          { name: 'log', mountPath: '/log', source: { tLocalVolume: {} } },
          {
            name: 'cache',
            mountPath: '/cache',
            source: { persistentVolumeClaimTemplate: { spec: { storageClassName: 't-storage-class' } } },
          },
        ],
      },
    },
  });
}

function at(object: unknown, steps: readonly (string | number)[]): unknown {
  return steps.reduce<unknown>((parent, step) => (parent as Json)[step], object);
}

/** The object with maps in maps in maps at one place. */
function withDeep(object: Json, steps: readonly (string | number)[]): Json {
  let deep: unknown = 'bottom';
  for (let level = 0; level < DEEP; level++) deep = level % 2 === 0 ? { a: deep } : [deep];
  const parent = at(object, steps.slice(0, -1)) as Json;
  parent[steps.at(-1)!] = deep;
  return object;
}

function wideItem(list: string | number | undefined, index: number): Json {
  if (list === 'volumeClaimTemplates') {
    return { metadata: { name: `v${index}` }, spec: { storageClassName: 't-storage-class' } };
  }
  if (list === 'volumeMounts') return { name: `v${index}`, mountPath: `/v${index}` };
  return { name: `v${index}` };
}
