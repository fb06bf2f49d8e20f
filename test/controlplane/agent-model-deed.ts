import type { Model } from './agent-model-state.ts';
import type { World } from './agent-model-world.ts';
import type { DeedOn } from './model-commands.ts';

/** Something that people or faults do to a cluster. */
export type Deed = DeedOn<Model, World>;
