import type { Model } from './agent-model-state.ts';
import { setPolicy } from './agent-model-policy.ts';
import { type World } from './agent-model-world.ts';
import { VOLUMES } from './paths.ts';

/**
 * Ends all that a sequence has begun, as people would: every node with its disk and its agent is brought back, servers,
 * claims and volumes are deleted, and what is kept is purged. Nothing must be left then.
 */
export async function takeAll(world: World, model: Model): Promise<void> {
  if (left(model).length === 0 && model.sets.size === 0) return;
  world.say('the end of all of it');
  await bringBack(world, model);
  await world.deleteSets();
  model.sets.clear();
  await world.settle(model);
  for (const claim of model.view.claims) await world.doom(model, claim);
  for (const volume of model.view.volumes) await setPolicy(world, model, volume, 'Delete');
  await world.settle(model);
  for (const { name } of model.view.volumes) await world.call('DELETE', `${VOLUMES}/${name}`);
  await purgeAll(world, model);
  await world.agents.catchUp();
  await world.settle(model, () => left(model));
}

async function bringBack(world: World, model: Model): Promise<void> {
  const { absentNodes, downAgents, lostDisks } = model;
  for (const node of lostDisks) await world.agents.bringDisk(node);
  lostDisks.clear();
  for (const node of model.nodes) await world.renew(node);
  for (const node of [...absentNodes, ...downAgents]) await world.agents.start(node);
  absentNodes.clear();
  downAgents.clear();
}

async function purgeAll(world: World, model: Model): Promise<void> {
  for (const [node, paths] of await world.agents.orphans()) {
    for (const path of paths) {
      if (!(await world.purge(node, path))) continue;
      model.data = model.data.filter((data) => data.node !== node || data.path !== path);
    }
  }
}

/** Volumes, and all that they can be made of. */
function left({ view }: Model): string[] {
  const ofDisks = [...view.disks].flatMap(([node, disk]) => {
    const { directories, ledger, trash, mounted, images, unfinished, loops } = disk;
    return [
      ...[...directories.keys()].map((path) => `${node} has the directory ${path}`),
      ...ledger.map(({ path, state }) => `${node} has ${path} in its ledger, as ${state}`),
      ...trash.map((name) => `${node} has ${name} in its trash`),
      ...[...mounted.keys()].map((path) => `${node} has ${path} mounted`),
      ...[...images.keys()].map((name) => `${node} has the image ${name}`),
      ...unfinished.map((name) => `${node} has the subvolume ${name}`),
      ...(loops === 0 ? [] : [`${node} has ${loops} loop devices`]),
    ];
  });
  return [...view.volumes.map(({ name }) => `there is volume ${name}`), ...ofDisks];
}
