import type { Deed } from './agent-model-deed.ts';
import type { Model } from './agent-model-state.ts';
import type { VolumeSeen } from './agent-model-view.ts';
import { setPolicy } from './agent-model-policy.ts';
import { VOLUMES } from './paths.ts';

const released = ({ view }: Readonly<Model>): VolumeSeen[] =>
  view.volumes.filter(({ claim }) => !view.claims.some(({ uid }) => uid === claim));

/** After that the cluster knows nothing of it. */
function cut(model: Model, volume: VolumeSeen): void {
  const data = model.data.find(({ owner }) => owner === volume.claim);
  if (!data) return;
  const isAlive = model.view.claims.some(({ uid }) => uid === volume.claim);
  if (isAlive && !model.isServed(volume.node)) data.isCut = true;
  else data.isLoose = true;
}

export const VOLUME_DEEDS: readonly Deed[] = [
  {
    name: 'set policy',
    weight: 4,
    may: ({ view }) => view.volumes.length > 0,
    choose: (model, pick) => {
      const volume = pick(model.view.volumes);
      const policy = pick(['Retain', 'Delete', 'Retain']);
      return {
        what: `of ${volume.name} to ${policy}`,
        act: async (world) => await setPolicy(world, model, volume, policy),
      };
    },
  },
  {
    name: 'keep all data:',
    weight: 2,
    may: ({ view }) => view.volumes.length > 0,
    choose: (model) => ({
      what: 'set policy of all volumes to Retain',
      act: async (world) => {
        for (const volume of model.view.volumes) await setPolicy(world, model, volume, 'Retain');
      },
    }),
  },
  {
    name: 'delete all volumes that nobody uses:',
    weight: 3,
    may: (model) => released(model).length > 0,
    choose: (model) => ({
      what: released(model)
        .map(({ name }) => name)
        .join(', '),
      act: async (world) => {
        for (const { name } of released(model)) await world.call('DELETE', `${VOLUMES}/${name}`);
      },
    }),
  },
  {
    name: 'delete volume',
    weight: 2,
    may: ({ view }) => view.volumes.length > 0,
    choose: (model, pick) => {
      const { name } = pick(model.view.volumes);
      return { what: name, act: async (world) => void (await world.call('DELETE', `${VOLUMES}/${name}`)) };
    },
  },
  {
    name: 'delete volume by force:',
    weight: 3,
    may: ({ view }) => view.volumes.length > 0,
    choose: (model, pick) => {
      const volume = pick(model.view.volumes);
      return {
        what: volume.name,
        act: async (world) => {
          await world.force(volume.name);
          cut(model, volume);
        },
      };
    },
  },
];
