import type { TServerLookup } from '../tars/ownership.ts';
import type { Settings } from '../tars/settings.ts';
import type { StatefulSet } from '../tars/shapes.ts';
import type { TServer } from '../tars/tserver.ts';

/** A line in the log: fields, then words. A pino logger is one. */
type LogLine = (fields: object, message: string) => void;
export type Log = Readonly<Record<'debug' | 'info' | 'warn' | 'error', LogLine>>;

/** How a live look-up ended. */
export type LiveGet = 'found' | 'missing' | 'error';

/** Everything outside a request that its answer depends on. */
export interface AdmissionDeps {
  readonly settings: Settings;
  /** The watch cache. */
  readonly lookup: TServerLookup;
  /** One live GET with a short deadline, for a TServer that arrived a moment ago; undefined: there is none. */
  readonly fetchTServer?: (namespace: string, name: string) => Promise<TServer | undefined>;
  /** Finds the StatefulSet that was there before its TServer. Optional: without it nobody is warned. */
  readonly findStatefulSet?: (namespace: string, name: string) => Promise<StatefulSet | undefined>;
  readonly onLiveGet?: (outcome: LiveGet) => void;
  readonly log: Log;
}
