import { DISKS } from './agent-discovery-model-disks.ts';
import { type DiscoveryModel, PLACES } from './agent-discovery-model-state.ts';
import type { DiscoveryWorld } from './agent-discovery-model-world.ts';
import type { DeedOn } from './model-commands.ts';
import { CLAIMS, VOLUMES } from './paths.ts';

/** Something that people or faults do to the node, its disks, or the cluster. */
type Deed = DeedOn<DiscoveryModel, DiscoveryWorld>;

const MOST_CLAIMS = 3;

const mounted = (model: DiscoveryModel) => DISKS.filter((disk) => model.disks.get(disk)!.at !== undefined);
const unmounted = (model: DiscoveryModel) => DISKS.filter((disk) => model.disks.get(disk)!.at === undefined);
/** Nothing is mounted there, nor is what was there before still offered: people look before they change disks. */
const free = (model: DiscoveryModel) =>
  PLACES.filter((place) => {
    const volume = model.volumeAt(place);
    return !model.at(place) && (!volume || volume.claim !== undefined);
  });
const offers = (model: DiscoveryModel) =>
  model.view.volumes.filter(({ claim, isDeleting }) => claim === undefined && !isDeleting);

const onVolume = (
  name: string,
  weight: number,
  act: (world: DiscoveryWorld, volume: string) => Promise<void>,
): Deed => ({
  name,
  weight,
  may: (model) => model.view.volumes.length > 0,
  choose: (model, pick) => {
    const volume = pick(model.view.volumes);
    return {
      what: `at ${volume.place} (${volume.phase}, ${volume.policy})`,
      act: (world) => act(world, volume.name),
    };
  },
});

const setPolicy = (policy: string) =>
  onVolume(`set ${policy} on the volume`, 2, (world, volume) =>
    world.call('PATCH', `${VOLUMES}/${volume}`, { spec: { persistentVolumeReclaimPolicy: policy } }),
  );

export const DEEDS: readonly Deed[] = [
  {
    name: 'mount',
    weight: 5,
    may: (model) => unmounted(model).length > 0 && free(model).length > 0,
    choose: (model, pick) => {
      const disk = pick(unmounted(model));
      // Mostly where it was.
      const last = model.disks.get(disk)!.last?.place ?? '';
      const places = free(model);
      const place = pick([
        ...places.filter((each) => each === last),
        ...places.filter((each) => each === last),
        ...places,
      ]);
      return { what: `${disk} at ${place}`, act: (world) => world.mount(model, disk, place) };
    },
  },
  {
    name: 'unmount',
    weight: 4,
    may: (model) => mounted(model).length > 0,
    choose: (model, pick) => {
      const disk = pick(mounted(model));
      const place = model.disks.get(disk)!.at!;
      return { what: `${disk} from ${place}`, act: (world) => world.unmount(model, disk, place) };
    },
  },
  {
    name: 'move',
    weight: 4,
    may: (model) => mounted(model).length > 0 && free(model).length > 0,
    choose: (model, pick) => {
      const disk = pick(mounted(model));
      const [from, to] = [model.disks.get(disk)!.at!, pick(free(model))];
      return {
        what: `${disk} from ${from} to ${to}`,
        act: async (world) => {
          await world.unmount(model, disk, from);
          await world.mount(model, disk, to);
        },
      };
    },
  },
  {
    name: 'put a file into the mere directory',
    weight: 2,
    may: (model) => free(model).length > 0,
    choose: (model, pick) => {
      const place = pick(free(model));
      return {
        what: place,
        act: async (world) => void model.mere.set(place, world.disks.writeMere(place)),
      };
    },
  },
  {
    name: 'claim',
    weight: 8,
    may: (model) => offers(model).length > 0 && model.view.claims.length < MOST_CLAIMS,
    choose: (model, pick) => {
      const { name, place } = pick(offers(model));
      const claim = `claim-${performance.now().toFixed(0)}`;
      return { what: `${claim} for ${place}`, act: (world) => world.claim(claim, name) };
    },
  },
  {
    name: 'delete claim',
    weight: 6,
    may: (model) => model.view.claims.length > 0,
    choose: (model, pick) => {
      const { name, phase } = pick(model.view.claims);
      return { what: `${name} (${phase})`, act: (world) => world.call('DELETE', `${CLAIMS}/${name}`) };
    },
  },
  onVolume('delete volume', 3, (world, volume) => world.call('DELETE', `${VOLUMES}/${volume}`)),
  onVolume('tear out volume', 3, (world, volume) => world.tearOut(volume)),
  setPolicy('Retain'),
  setPolicy('Delete'),
  {
    name: 'empty',
    weight: 2,
    may: (model) => DISKS.some((disk) => model.disks.get(disk)!.data),
    choose: (model, pick) => {
      const disk = pick(DISKS.filter((each) => model.disks.get(each)!.data));
      return {
        what: disk,
        act: async (world) => {
          delete model.disks.get(disk)!.data;
          world.disks.empty(disk);
        },
      };
    },
  },
  {
    name: 'stop the agent',
    weight: 2,
    may: ({ hasAgent }) => hasAgent,
    choose: (model) => ({
      what: '',
      act: async (world) => {
        await world.agent.stop();
        model.hasAgent = false;
      },
    }),
  },
  {
    name: 'start the agent',
    weight: 6,
    may: ({ hasAgent }) => !hasAgent,
    choose: (model) => ({
      what: '',
      act: async (world) => {
        await world.agent.start();
        model.hasAgent = true;
      },
    }),
  },
  {
    name: 'let the agent die',
    weight: 5,
    may: ({ hasAgent }) => hasAgent,
    choose: (_model, pick) => {
      const effects = pick([0, 1, 2, 3, 4, 5, 6, 8, 10, 13, 16, 20]);
      return { what: `after ${effects} effects`, act: async (world) => world.agent.arm(effects) };
    },
  },
  {
    name: 'cut the power',
    weight: 3,
    may: ({ hasAgent }) => hasAgent,
    choose: (model, pick) => {
      const isAgentFirst = pick([true, false]);
      return {
        what: isAgentFirst ? 'and start the agent before the disks are there' : '',
        act: (world) => powerCut(world, model, isAgentFirst),
      };
    },
  },
];

/** All is mounted again where it was, by and by. */
async function powerCut(world: DiscoveryWorld, model: DiscoveryModel, isAgentFirst: boolean): Promise<void> {
  await world.agent.kill();
  const places = mounted(model).map((disk) => [disk, model.disks.get(disk)!.at!] as const);
  for (const [disk, place] of places) await world.unmount(model, disk, place);
  if (isAgentFirst) {
    await world.agent.start();
    await world.settle(model);
  }
  for (const [disk, place] of places) await world.mount(model, disk, place);
  if (!isAgentFirst) await world.agent.start();
}
