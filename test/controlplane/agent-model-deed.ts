import type { Model } from './agent-model-state.ts';
import type { World } from './agent-model-world.ts';

/** Something that people or faults do to a cluster. */
export interface Deed {
  readonly name: string;
  readonly weight: number;
  readonly may: (model: Readonly<Model>) => boolean;
  /** To whom, in words, and how. The model is told when it is done, not before. */
  readonly choose: (model: Model, pick: Pick) => { readonly what: string; readonly act: Act };
}

/** One of a list that is not empty. */
type Pick = <T>(list: readonly T[]) => T;
type Act = (world: World) => Promise<void>;
