import type { Deed } from './agent-model-deed.ts';
import { NAMES } from './agent-model-backends.ts';
import { statefulSet } from './agent-model-objects.ts';
import type { Kind, Model } from './agent-model-state.ts';
import { NAMESPACE } from './agent-model-view.ts';

const KINDS: readonly Kind[] = ['Node', 'Pod', 'pinned'];
const SETS = `/apis/apps/v1/namespaces/${NAMESPACE}/statefulsets`;

const freeNames = ({ sets }: Readonly<Model>): string[] => NAMES.filter((name) => !sets.has(name));
const hasSets = ({ sets }: Readonly<Model>): boolean => sets.size > 0;

export const SET_DEEDS: readonly Deed[] = [
  {
    name: 'create StatefulSet',
    weight: 12,
    may: (model) => freeNames(model).length > 0,
    choose: (model, pick) => {
      const [name, kind, replicas] = [pick(freeNames(model)), pick(KINDS), pick([2, 1, 3])];
      return {
        what: `${name} (${kind}, ${replicas} replicas)`,
        act: async (world) => {
          await world.call('POST', SETS, statefulSet(name, kind, replicas));
          model.sets.set(name, { kind, replicas });
        },
      };
    },
  },
  {
    name: 'scale',
    weight: 4,
    may: hasSets,
    choose: (model, pick) => {
      const [name, replicas] = [pick(model.setNames), pick([1, 3, 0, 2])];
      return {
        what: `${name} to ${replicas}`,
        act: async (world) => {
          await world.call('PATCH', `${SETS}/${name}`, { spec: { replicas } });
          model.sets.get(name)!.replicas = replicas;
        },
      };
    },
  },
  {
    name: 'delete StatefulSet',
    weight: 3,
    may: hasSets,
    choose: (model, pick) => {
      const name = pick(model.setNames);
      return {
        what: name,
        act: async (world) => {
          await world.call('DELETE', `${SETS}/${name}`, { propagationPolicy: 'Background' });
          model.sets.delete(name);
        },
      };
    },
  },
  {
    name: 'delete pod',
    weight: 2,
    may: ({ view }) => view.pods.length > 0,
    choose: (model, pick) => {
      const { name } = pick(model.view.pods);
      return { what: name, act: async (world) => await world.deletePod(name) };
    },
  },
];
