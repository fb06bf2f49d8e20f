import type { Deed } from './agent-model-deed.ts';
import { CLAIM_DEEDS } from './agent-model-deeds-claims.ts';
import { AGENT_DEEDS, NODE_DEEDS } from './agent-model-deeds-nodes.ts';
import { SET_DEEDS } from './agent-model-deeds-sets.ts';
import { VOLUME_DEEDS } from './agent-model-deeds-volumes.ts';

/** Where nobody has any volumes, nothing can happen to them. */
const whereInUse = (deed: Deed): Deed => ({
  ...deed,
  may: (model) => (model.sets.size > 0 || model.data.length > 0) && deed.may(model),
});

export const ALL: readonly Deed[] = [
  ...SET_DEEDS,
  ...CLAIM_DEEDS,
  ...VOLUME_DEEDS,
  ...NODE_DEEDS.map(whereInUse),
  ...AGENT_DEEDS.map(whereInUse),
];
