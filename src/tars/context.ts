import type { Settings } from './settings.ts';
import type { Claim, StatefulSet } from './shapes.ts';
import type { TServer } from './tserver.ts';

/** Everything around an object that its expansion and its rules depend on. */
interface ObjectContext<T> {
  /** The namespace of the request, or of the document. */
  readonly namespace: string;
  readonly settings: Settings;
  /** The stored object, on UPDATE. */
  readonly old?: T | undefined;
}

export interface StatefulSetContext extends ObjectContext<StatefulSet> {
  /** The TServer that it belongs to, where there is one. */
  readonly server?: TServer | undefined;
}

export type ClaimContext = ObjectContext<Claim>;
export type TServerContext = ObjectContext<TServer>;
