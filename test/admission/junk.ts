import {
  claim,
  create,
  LABELS,
  localMount,
  NAMESPACE,
  statefulSet,
  stored,
  templateMount,
  tserver,
} from '../unit/builders.ts';
import { review } from '../unit/admission/requests.ts';
import type { Call } from './webhook.ts';

/** Requests that nobody should send, from a seed, so that a failure can be sent again. */

export interface JunkRequest {
  readonly target: string;
  readonly call: Call;
}

/** A generator of numbers from 0 up to 1 (mulberry32): the same ones for the same seed. */
export type Chance = () => number;
export function chanceFrom(seed: number): Chance {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const pick = <T>(chance: Chance, list: readonly T[]): T => list[Math.floor(chance() * list.length)]!;

export const SERVER = tserver({ mounts: [localMount('data'), templateMount('disk')], hostIPC: true });
const set = statefulSet({ metadata: { labels: LABELS }, templates: [claim('own')] });
const live = stored(create(set, { server: SERVER }));
const SEEDS: readonly object[] = [
  review('StatefulSet', 'CREATE', set),
  review('StatefulSet', 'UPDATE', set, { oldObject: live }),
  review('StatefulSet', 'UPDATE', live, { oldObject: live, subResource: 'scale' }),
  review('StatefulSet', 'CREATE', statefulSet({ metadata: { name: 'foreign' } })),
  review('StatefulSet', 'DELETE', null, { oldObject: live }),
  review('PersistentVolumeClaim', 'CREATE', claim('own', {}, { namespace: NAMESPACE })),
  review(
    'PersistentVolumeClaim',
    'UPDATE',
    claim('own', {}, { annotations: { 'volume.kubernetes.io/selected-node': 'n' } }),
    { oldObject: claim('own') },
  ),
  review('TServer', 'CREATE', SERVER),
  review('TServer', 'UPDATE', SERVER, { oldObject: tserver({ mounts: [localMount('data', { uid: 1 })] }) }),
  review('Pod', 'CREATE', { metadata: { name: 'x' } }),
];

const KEYS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'length',
  '',
  '\u0000',
  '~1',
  '/',
  'name',
  'spec',
  'metadata',
  'volumeClaimTemplates',
  '\ud800',
  '💾',
];
const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  1.5,
  '',
  'delay-bind',
  '\u0000',
  '\ud800',
  '💾'.repeat(40),
  [],
  [[]],
  {},
  [null],
  { a: null },
  't-storage-class',
  'x'.repeat(10_000),
  Array.from({ length: 200 }, () => ({})),
];

/** A copy with something else at some place in it. */
function spoil(json: unknown, chance: Chance): unknown {
  if (chance() < 0.12 || json === null || typeof json !== 'object') return pick(chance, VALUES);
  if (Array.isArray(json)) {
    const place = Math.floor(chance() * json.length);
    return json.length === 0 ? [pick(chance, VALUES)] : json.with(place, spoil(json[place], chance));
  }
  const entries = Object.entries(json);
  const place = Math.floor(chance() * entries.length);
  if (chance() < 0.2 || entries.length === 0) {
    // Not by assignment, which would set the prototype.
    return Object.fromEntries([...entries, [pick(chance, KEYS), pick(chance, [...VALUES, json])]]);
  }
  return Object.fromEntries(
    entries.map(([key, value], index) => [key, index === place ? spoil(value, chance) : value]),
  );
}

type Maker = (chance: Chance) => Call & { readonly target?: string };

const good = (chance: Chance): string => JSON.stringify(pick(chance, SEEDS));
const nested = (depth: number, [open, close]: string): string =>
  `${open?.repeat(depth)}${close?.repeat(depth)}`;

const spoiled: Maker = (chance) => {
  let json: unknown = pick(chance, SEEDS);
  for (let times = 0; times <= chance() * 4; times++) json = spoil(json, chance);
  return { body: JSON.stringify(json) };
};
/** Beneath `request`, so that it gets past the door. */
const spoiledObject: Maker = (chance) => {
  const { request, ...rest } = pick(chance, SEEDS) as { request: { object: unknown; oldObject: unknown } };
  let { object, oldObject } = request;
  for (let times = 0; times <= chance() * 6; times++) {
    if (object && chance() < 0.7) object = spoil(object, chance);
    else if (oldObject) oldObject = spoil(oldObject, chance);
  }
  return { body: JSON.stringify({ ...rest, request: { ...request, object, oldObject } }) };
};

const MAKERS: readonly (readonly [weight: number, make: Maker])[] = [
  [30, spoiled],
  [40, spoiledObject],
  [6, (chance) => ({ body: good(chance).slice(0, Math.floor(chance() * 2000)) })],
  [
    4,
    (chance) => ({
      body: Buffer.from(Array.from({ length: Math.floor(chance() * 500) }, () => Math.floor(chance() * 256))),
    }),
  ],
  [
    4,
    (chance) => ({
      body: good(chance),
      target: pick(chance, [
        'GET /mutate',
        'PUT /validate',
        'DELETE /readyz',
        'POST /healthz',
        'OPTIONS /mutate',
        'TRACE /mutate',
        'HEAD /mutate',
        'QUERY /mutate',
      ]),
    }),
  ],
  [
    3,
    (chance) => ({
      body: good(chance),
      target: `POST ${pick(chance, ['/', '//mutate', '/mutate/..', '/%', '/%00', '/mutate%2f', '/__proto__', `/${'a'.repeat(4000)}`, '/mutate?'.padEnd(3000, '%ff&a[b]=c')])}`,
    }),
  ],
  [
    4,
    (chance) => ({
      body: good(chance),
      headers: {
        'content-type': pick(chance, [
          '',
          'text/plain',
          'application/json;charset=latin1',
          'application/jsonx',
          ';',
          'multipart/form-data; boundary=x',
          'application/json; charset',
        ]),
      },
    }),
  ],
  [
    3,
    (chance) => ({
      body: good(chance),
      headers: { 'content-encoding': pick(chance, ['gzip', 'br', 'deflate', 'x', 'identity']) },
    }),
  ],
  [
    3,
    (chance) => ({
      body: pick(chance, [
        nested(100_000, '[]'),
        `{"a":${nested(600, '[]')}}`,
        '{"a":'.repeat(50_000),
        '['.repeat(511),
      ]),
    }),
  ],
  [
    3,
    (chance) => ({
      body: pick(chance, [
        'null',
        '0',
        '""',
        '[]',
        '{}',
        '{"kind":"AdmissionReview"}',
        '\ufeff{}',
        '{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1beta1","request":{"uid":"x"}}',
        '1e999',
        '{"a":1,"a":2}',
      ]),
    }),
  ],
  [
    0.3,
    (chance) => ({
      body: JSON.stringify(
        review(
          'StatefulSet',
          'CREATE',
          statefulSet({
            metadata: { labels: LABELS },
            templates: Array.from({ length: chance() * 3000 }, (_, index) => claim(`v${index}`)),
          }),
        ),
      ),
    }),
  ],
  [0.15, () => ({ body: Buffer.alloc(8 * 1024 * 1024 + 1, 0x20) })],
  [0.15, () => ({ body: Array.from({ length: 9 }, () => Buffer.alloc(1024 * 1024, 0x5b)) })],
];
const WEIGHT = MAKERS.reduce((sum, [weight]) => sum + weight, 0);

export function junkRequest(chance: Chance): JunkRequest {
  let place = chance() * WEIGHT;
  const [, make] = MAKERS.find(([weight]) => (place -= weight) < 0) ?? MAKERS[0]!;
  const { target, ...call } = make(chance);
  return { target: target ?? pick(chance, ['POST /mutate?timeout=10s', 'POST /validate?timeout=10s']), call };
}
