import { quantityOf } from '../../src/tars/quantity.ts';
import { classAt } from './agent-model-backends.ts';
import type { Data } from './agent-model-data.ts';
import type { Deed } from './agent-model-deed.ts';
import type { Model } from './agent-model-state.ts';
import type { ClaimSeen } from './agent-model-view.ts';
import { setPolicy } from './agent-model-policy.ts';
import { CLAIMS } from './agent-model-world.ts';
import { VOLUMES } from './paths.ts';

const OWNERS = [
  ['1000', '0', '755'],
  ['0', '2000', '775'],
  ['0', '0', '711'],
] as const;

/** By how much claims come to ask for more, and how far. */
const STEP_BYTES = 8 * 2 ** 20;
const MOST_BYTES = 32 * 2 ** 20;

/** Of replicas that are not wanted any more. */
function unusedClaims({ view, sets }: Readonly<Model>): ClaimSeen[] {
  return view.claims.filter(({ name }) => {
    const [, set = '', ordinal = ''] = /-([a-z]+)-(\d+)$/.exec(name) ?? [];
    return Number(ordinal) >= (sets.get(set)?.replicas ?? 0);
  });
}

export const CLAIM_DEEDS: readonly Deed[] = [
  {
    name: 'delete all claims of gone replicas:',
    weight: 5,
    may: (model) => unusedClaims(model).length > 0,
    choose: (model) => {
      const claims = unusedClaims(model);
      return {
        what: claims.map(({ name }) => name).join(', '),
        act: async (world) => {
          for (const claim of claims) await world.doom(model, claim);
        },
      };
    },
  },
  {
    name: 'delete claim',
    weight: 2,
    may: ({ view }) => view.claims.length > 0,
    choose: (model, pick) => {
      const claim = pick(model.view.claims);
      return { what: claim.name, act: async (world) => await world.doom(model, claim) };
    },
  },
  {
    name: 'begin anew:',
    weight: 3,
    may: ({ view }) => view.pods.length > 0,
    choose: (model, pick) => {
      const pod = pick(model.view.pods);
      const claims = model.claimsOf(pod).filter((claim) => claim !== undefined);
      return {
        what: `delete pod ${pod.name} with its claims`,
        act: async (world) => {
          for (const claim of claims) await world.doom(model, claim);
          await world.deletePod(pod.name);
        },
      };
    },
  },
  {
    name: 'begin anew, and keep the data:',
    weight: 5,
    may: ({ view }) => view.pods.length > 0,
    choose: (model, pick) => {
      const pod = pick(model.view.pods);
      const claims = model.claimsOf(pod).filter((claim) => claim !== undefined);
      return {
        what: `delete pod ${pod.name} with its claims and volumes, policy Retain`,
        act: async (world) => {
          for (const claim of claims) {
            const volume = model.volumeOf(claim);
            if (volume) await setPolicy(world, model, volume, 'Retain');
            if (volume) await world.call('DELETE', `${VOLUMES}/${volume.name}`);
            await world.doom(model, claim);
          }
          await world.deletePod(pod.name);
        },
      };
    },
  },
  {
    name: 'change owner',
    weight: 3,
    may: ({ view }) => view.claims.length > 0,
    choose: (model, pick) => {
      const { name } = pick(model.view.claims);
      const [uid, gid, mode] = pick(OWNERS);
      const annotations = {
        'tars.io/LocalVolumeUID': uid,
        'tars.io/LocalVolumeGID': gid,
        'tars.io/LocalVolumeMode': mode,
      };
      const body = { metadata: { annotations } };
      return {
        what: `of ${name} to ${uid}:${gid} ${mode}`,
        act: async (world) => void (await world.call('PATCH', `${CLAIMS}/${name}`, body)),
      };
    },
  },
  {
    name: 'expand claim',
    weight: 4,
    may: (model) => growing(model).length > 0,
    choose: (model, pick) => {
      const { name, requestBytes } = pick(growing(model));
      const storage = quantityOf(requestBytes + STEP_BYTES);
      const body = { spec: { resources: { requests: { storage } } } };
      return {
        what: `${name} to ${storage}`,
        act: async (world) => void (await world.call('PATCH', `${CLAIMS}/${name}`, body)),
      };
    },
  },
  {
    name: 'let have what is there',
    weight: 2,
    may: (model) => blocked(model).length > 0,
    choose: (model, pick) => {
      const { name } = pick(blocked(model));
      const body = { metadata: { annotations: { 'local.tars.io/adopt': 'true' } } };
      return {
        what: name,
        act: async (world) => void (await world.call('PATCH', `${CLAIMS}/${name}`, body)),
      };
    },
  },
  {
    name: 'purge',
    weight: 3,
    may: (model) => orphans(model).length > 0,
    choose: (model, pick) => {
      const data = pick(orphans(model));
      return {
        what: `${data.node}:${data.path}`,
        act: async (world) => {
          if (await world.purge(data.node, data.path))
            model.data = model.data.filter((other) => other !== data);
        },
      };
    },
  },
];

/**
 * Data that no volume leads to, and that no claim has a right to. Not where a claim waits for its place: the agent
 * finds out at its next slow round only, which nobody here waits for.
 */
function orphans(model: Readonly<Model>): Data[] {
  const { data, view } = model;
  const isAwaited = ({ node, path }: Data): boolean =>
    view.claims.some(
      (claim) => claim.volume === undefined && claim.selectedNode === node && claim.path === path,
    );
  return data
    .filter((each) => !isAwaited(each))
    .filter(
      ({ owner, node, path }) =>
        model.isMounted(node) &&
        !view.claims.some(({ uid }) => uid === owner) &&
        !view.volumes.some((volume) => volume.node === node && volume.path === path),
    );
}

/** Claims that may come to ask for more, and get it. */
function growing({ view }: Readonly<Model>): ClaimSeen[] {
  return view.claims.filter(
    ({ phase, path, requestBytes }) =>
      phase === 'Bound' && classAt(path).grows && requestBytes + STEP_BYTES <= MOST_BYTES,
  );
}

/** Claims whose directory holds the data of others. */
function blocked(model: Readonly<Model>): ClaimSeen[] {
  return model.view.claims.filter(({ volume, selectedNode, path, mayAdopt }) => {
    const data = selectedNode === undefined ? undefined : model.dataAt(selectedNode, path);
    return volume === undefined && !mayAdopt && data !== undefined;
  });
}
