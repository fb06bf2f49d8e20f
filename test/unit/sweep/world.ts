import type { KubeObject } from '../../../src/cluster/kube-object.ts';
import { Patience, type World } from '../../../src/sweep/patience.ts';
import { plan } from '../../../src/sweep/plan.ts';
import {
  readAgentObject,
  readLease,
  readNode,
  readVolume,
  readWaitingClaim,
} from '../../../src/sweep/views.ts';
import { agentLabels, agentLeaseName } from '../../../src/tars/agent-lease.ts';
import { DEFAULT_SETTINGS } from '../../../src/tars/settings.ts';
import { FINALIZER, HOSTNAME_LABEL, SELECTED_NODE } from '../../../src/tars/vocabulary.ts';

export const DELAY_MS = 300_000;
const SYSTEM = 't-local-volume-system';

/** Objects as the API server has them. */
export const nodeOf = (name: string, hostname = name): KubeObject =>
  object({ name, labels: { [HOSTNAME_LABEL]: hostname } });

export const claimOf = (
  node: string,
  { metadata = {}, spec = {}, phase = 'Pending' }: Parts = {},
): KubeObject =>
  object(
    { name: `data-${node}`, namespace: 'shop', annotations: { [SELECTED_NODE]: node }, ...metadata },
    { spec: { storageClassName: 't-storage-class', ...spec }, status: { phase } },
  );

export const volumeOf = (
  host: string,
  { metadata = {}, spec = {}, phase = 'Released' }: Parts = {},
): KubeObject =>
  object(
    { name: `volume-${host}`, finalizers: ['kubernetes.io/pv-protection', FINALIZER], ...metadata },
    {
      spec: {
        local: { path: '/data/shop/app.server/log' },
        persistentVolumeReclaimPolicy: 'Delete',
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [inHost(host)] }] } },
        ...spec,
      },
      status: { phase },
    },
  );

export const inHost = (...values: string[]) => ({ key: HOSTNAME_LABEL, operator: 'In', values });

export const leaseOf = (
  node: string,
  renewTime = '2026-03-01T10:00:00.000000Z',
  leaseDurationSeconds?: number,
): KubeObject =>
  object(
    { name: agentLeaseName(node), namespace: SYSTEM, labels: agentLabels(node) },
    { spec: { renewTime, leaseDurationSeconds } },
  );

export const capacityOf = (node: string): KubeObject =>
  object({ name: `capacity-${node}`, namespace: SYSTEM, labels: agentLabels(node) });

interface Parts {
  readonly metadata?: object;
  readonly spec?: object;
  readonly phase?: string;
}

function object(metadata: { name: string; [field: string]: unknown }, rest: object = {}): KubeObject {
  return {
    metadata: { uid: `uid-${metadata.name}`, resourceVersion: '7', ...metadata },
    ...rest,
  } as KubeObject;
}

export interface Objects {
  readonly nodes?: readonly KubeObject[];
  readonly claims?: readonly KubeObject[];
  readonly volumes?: readonly KubeObject[];
  readonly leases?: readonly KubeObject[];
  readonly capacities?: readonly KubeObject[];
}

const read = <T>(objects: readonly KubeObject[] = [], view: (object: KubeObject) => T | undefined): T[] =>
  objects.map(view).filter((one): one is T => one !== undefined);

export function worldOf({ nodes, claims, volumes, leases, capacities }: Objects): World {
  return {
    nodes: read(nodes, readNode),
    claims: read(claims, (claim) => readWaitingClaim(claim, DEFAULT_SETTINGS)),
    volumes: read(volumes, readVolume),
    leases: read(leases, readLease),
    capacities: read(capacities, readAgentObject),
  };
}

/** What is to be done when the world has looked like this at those moments, as `kind name`. */
export function planned(...moments: readonly (readonly [ms: number, world: Objects])[]): string[] {
  const patience = new Patience(DELAY_MS);
  let steps: string[] = [];
  for (const [ms, objects] of moments) {
    const world = worldOf(objects);
    patience.observe(world, ms);
    steps = plan(world, patience).map(({ kind, object: { name } }) => `${kind} ${name}`);
  }
  return steps;
}

/** When it has looked like this for just longer than the delay. */
export const plannedAfterDelay = (world: Objects): string[] => planned([0, world], [DELAY_MS + 1, world]);
