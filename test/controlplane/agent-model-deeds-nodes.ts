import type { Deed } from './agent-model-deed.ts';
import { NAMES } from './agent-model-backends.ts';
import type { Model } from './agent-model-state.ts';
import { APP, NAMESPACE } from './agent-model-view.ts';
import type { World } from './agent-model-world.ts';

const presentNodes = ({ nodes, absentNodes }: Readonly<Model>): string[] =>
  nodes.filter((node) => !absentNodes.has(node));
const servedNodes = (model: Readonly<Model>): string[] => model.nodes.filter((node) => model.hasAgent(node));
const mountedNodes = (model: Readonly<Model>): string[] =>
  model.nodes.filter((node) => model.isMounted(node));
const downNodes = (model: Readonly<Model>): string[] =>
  presentNodes(model).filter((node) => model.downAgents.has(node));
const cordon = async (world: World, node: string, is: boolean | null): Promise<void> =>
  void (await world.call('PATCH', `/api/v1/nodes/${node}`, { spec: { unschedulable: is } }));

export const NODE_DEEDS: readonly Deed[] = [
  {
    name: 'drain',
    weight: 3,
    may: (model) => presentNodes(model).length > 0,
    choose: (model, pick) => {
      const node = pick(presentNodes(model));
      return {
        what: node,
        act: async (world) => {
          await cordon(world, node, true);
          for (const pod of model.view.pods) if (pod.node === node) await world.deletePod(pod.name);
        },
      };
    },
  },
  {
    name: 'uncordon',
    weight: 3,
    may: (model) => presentNodes(model).some((node) => isClosed(model, node)),
    choose: (model, pick) => {
      const node = pick(presentNodes(model).filter((name) => isClosed(model, name)));
      return { what: node, act: async (world) => await cordon(world, node, null) };
    },
  },
  {
    name: 'remove node',
    weight: 2,
    may: (model) => presentNodes(model).length > 1,
    choose: (model, pick) => {
      const node = pick(presentNodes(model));
      return {
        what: node,
        act: async (world) => {
          await world.agents.stop(node);
          await world.call('DELETE', `/api/v1/nodes/${node}`);
          model.absentNodes.add(node);
          model.downAgents.delete(node);
        },
      };
    },
  },
  {
    name: 'bring back node',
    weight: 3,
    may: ({ absentNodes }) => absentNodes.size > 0,
    choose: (model, pick) => {
      const node = pick([...model.absentNodes].toSorted());
      return {
        what: node,
        act: async (world) => {
          await world.addNode(node);
          await world.agents.start(node);
          model.absentNodes.delete(node);
        },
      };
    },
  },
];

const isClosed = ({ view }: Readonly<Model>, node: string): boolean =>
  view.nodes.some(({ name, isOpen }) => name === node && !isOpen);

/** Directories that a server might want one day, and that nobody has used. */
function freePlaces(model: Readonly<Model>): { node: string; path: string }[] {
  const paths = NAMES.flatMap((name) =>
    ['data', 'data.0', 'data.1'].map((end) => `${NAMESPACE}/${APP}.${name}/${end}`),
  );
  return mountedNodes(model).flatMap((node) => {
    const { directories, ledger } = model.view.disks.get(node)!;
    const isUsed = (path: string): boolean =>
      directories.has(path) ||
      ledger.some((entry) => entry.path === path) ||
      model.view.claims.some(
        (claim) => claim.path === path && claim.volume === undefined && model.isServed(node),
      );
    return paths.filter((path) => !isUsed(path)).map((path) => ({ node, path }));
  });
}

/** What is mounted where no agent is. */
function unwatched(model: Readonly<Model>): { node: string; path: string }[] {
  const nodes = model.nodes.filter((node) => !model.hasAgent(node));
  return nodes.flatMap((node) =>
    [...model.view.disks.get(node)!.mounted.keys()].map((path) => ({ node, path })),
  );
}

function letDie({ name, words, isPowerCut }: Death): Deed {
  return {
    name,
    weight: 4,
    may: (model) => servedNodes(model).length > 0,
    choose: (model, pick) => {
      const node = pick(servedNodes(model));
      const effects = pick([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
      return {
        what: `${words(node)} after ${effects} effects`,
        act: async (world) => world.agents.arm(node, effects, isPowerCut),
      };
    },
  };
}

interface Death {
  readonly name: string;
  readonly words: (node: string) => string;
  readonly isPowerCut: boolean;
}

export const AGENT_DEEDS: readonly Deed[] = [
  {
    name: 'stop agent of',
    weight: 4,
    may: (model) => servedNodes(model).length > 0,
    choose: (model, pick) => {
      const node = pick(servedNodes(model));
      return {
        what: node,
        act: async (world) => {
          await world.agents.stop(node);
          model.downAgents.add(node);
        },
      };
    },
  },
  {
    name: 'start agent of',
    weight: 5,
    may: (model) => downNodes(model).length > 0,
    choose: (model, pick) => {
      const node = pick(downNodes(model));
      return {
        what: node,
        act: async (world) => {
          model.downAgents.delete(node);
          await world.agents.start(node);
        },
      };
    },
  },
  letDie({ name: 'let agent die', words: (node) => `of ${node}`, isPowerCut: false }),
  letDie({ name: 'let all of node die:', words: (node) => `the power of ${node} fails`, isPowerCut: true }),
  {
    name: 'cut the power of',
    weight: 4,
    may: (model) => model.nodes.length > 0,
    choose: (model, pick) => {
      const node = pick(model.nodes);
      return {
        what: node,
        act: async (world) => {
          const isServed = model.hasAgent(node);
          await world.agents.stop(node);
          world.agents.cutPower(node);
          if (isServed) await world.agents.start(node);
        },
      };
    },
  },
  {
    name: 'unmount, while no agent looks,',
    weight: 2,
    may: (model) => unwatched(model).length > 0,
    choose: (model, pick) => {
      const { node, path } = pick(unwatched(model));
      return { what: `${node}:${path}`, act: async (world) => world.agents.unmount(node, path) };
    },
  },
  {
    name: 'lose the disk of',
    weight: 2,
    may: (model) => mountedNodes(model).length > 0,
    choose: (model, pick) => {
      const node = pick(mountedNodes(model));
      return {
        what: node,
        act: async (world) => {
          await world.agents.loseDisk(node);
          model.lostDisks.add(node);
        },
      };
    },
  },
  {
    name: 'find the disk of',
    weight: 4,
    may: ({ lostDisks }) => lostDisks.size > 0,
    choose: (model, pick) => {
      const node = pick([...model.lostDisks].toSorted());
      return {
        what: node,
        act: async (world) => {
          await world.agents.bringDisk(node);
          model.lostDisks.delete(node);
        },
      };
    },
  },
  {
    name: 'put data of nobody at',
    weight: 2,
    may: (model) => freePlaces(model).length > 0,
    choose: (model, pick) => {
      const { node, path } = pick(freePlaces(model));
      return { what: `${node}:${path}`, act: async (world) => world.writeForeign(model, node, path) };
    },
  },
  {
    name: 'kill the API server, start it again',
    weight: 1,
    may: () => true,
    choose: () => ({ what: '', act: async (world) => await world.restartApiServer() }),
  },
];
