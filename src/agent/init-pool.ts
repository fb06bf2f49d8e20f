import type { KubeConfig } from '@kubernetes/client-node';
import { ApiWriter } from '../cluster/api-writer.ts';
import { leasePath, leasesPath } from '../cluster/lease-object.ts';
import { patchOrCreate } from '../cluster/patch-or-create.ts';
import { agentLabels, agentLeaseName, poolAnnotation } from '../tars/agent-lease.ts';
import { Pool } from './pool.ts';

export interface InitPoolOptions {
  readonly config: KubeConfig;
  readonly root: string;
  readonly node: string;
  readonly namespace: string;
  readonly requireMountPoint: boolean;
}

/**
 * A person's word that what is at the root is this node's storage: the marker is made where there is none, and the
 * cluster is told to remember it. What is there stays as it is, also what this agent did not make.
 * @returns what was done, in words
 */
export async function initPool(options: InitPoolOptions): Promise<string> {
  const { config, root, node, namespace, requireMountPoint } = options;
  const id = await Pool.init(root, node, { requireMountPoint });
  const writer = new ApiWriter(config);
  try {
    await remember(writer, { namespace, node, root, id });
  } finally {
    writer.close();
  }
  return `${root} is the pool ${id} of node ${node}; the agent there goes on with it within seconds`;
}

async function remember(
  writer: ApiWriter,
  {
    namespace,
    node,
    root,
    id,
  }: Pick<InitPoolOptions, 'namespace' | 'node' | 'root'> & { readonly id: string },
): Promise<void> {
  const name = agentLeaseName(node);
  // By its root: whether it is the first one of the agent, only the agent is told.
  const annotations = { [poolAnnotation(root)]: id };
  const metadata = { namespace, name, labels: agentLabels(node), annotations };
  await patchOrCreate(writer, {
    collection: leasesPath(namespace),
    path: leasePath({ namespace, name }),
    patch: { metadata },
    object: { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata },
  });
}
