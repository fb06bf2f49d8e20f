import type { Settings } from '../../src/tars/settings.ts';
import type { TServer } from '../../src/tars/tserver.ts';
import { validateTServer } from '../../src/validate/tserver.ts';
import { field, shown } from './policies-cel.ts';
import type { Said } from './policies-check.ts';
import { VALUE, type Substitutions } from './policies-words.ts';

/** What is given to a TServer that is right otherwise. */
export interface Sample {
  readonly spec?: Record<string, unknown>;
  readonly k8s?: Record<string, unknown>;
  readonly metadata?: Record<string, unknown>;
}

function tserver({ spec, k8s, metadata }: Sample): TServer {
  const base = { app: 'tars', server: 'log', subType: 'tars', ...(k8s ? { k8s } : {}), ...spec };
  return { metadata: { name: 'tars-log', ...metadata }, spec: base };
}

/** What the webhook says of it, on its creation or as an update of the other one. */
export const said = (sample: Sample, settings: Settings, old?: Sample): Said =>
  validateTServer(tserver(sample), {
    namespace: 'default',
    settings,
    ...(old ? { old: tserver(old) } : {}),
  }).violations;

/** A field as text, empty where it is missing. */
export const string = (of: string, path: string): string => field(of, path, "''");
/** The bad value of a sample, in whatever type the real one has. */
export const shownValue = (value: string): Substitutions => ({ [`"${VALUE}"`]: shown(value) });

/** Whether a mount has a source of that kind; null is none. */
export const isGiven = (mount: string, kind: string) => `${mount}.?source[?${kind}].orValue(null) != null`;
