import type { Model } from './agent-model-state.ts';
import type { VolumeSeen } from './agent-model-view.ts';
import { type World } from './agent-model-world.ts';
import { VOLUMES } from './paths.ts';

export async function setPolicy(
  world: World,
  model: Model,
  volume: VolumeSeen,
  policy: string,
): Promise<void> {
  const body = { spec: { persistentVolumeReclaimPolicy: policy } };
  const answer = await world.call('PATCH', `${VOLUMES}/${volume.name}`, body);
  const data = model.data.find(({ owner }) => owner === volume.claim);
  if (data && answer.kind === 'PersistentVolume') data.policy = policy;
}
