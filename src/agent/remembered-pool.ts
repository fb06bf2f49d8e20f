import type { ApiWriter } from '../cluster/api-writer.ts';
import { leasePath } from '../cluster/lease-object.ts';
import { agentLeaseName } from '../tars/agent-lease.ts';
import { textAt } from '../tars/json.ts';
import { OURS } from '../tars/vocabulary.ts';
import type { VolumeView } from './volume-view.ts';

interface RememberedPoolOptions {
  readonly writer: Pick<ApiWriter, 'get'>;
  readonly namespace: string;
  readonly node: string;
  /** Volumes of ours on this node. */
  readonly volumes: readonly VolumeView[];
}

/** The pool that the cluster knows this node to have: by its Lease, else by its volumes; undefined for a new node. */
export async function rememberedPool(options: RememberedPoolOptions): Promise<string | undefined> {
  const { writer, namespace, node, volumes } = options;
  const lease = await writer.get(leasePath({ namespace, name: agentLeaseName(node) }));
  const ofLease = textAt(lease, 'metadata', 'annotations', OURS.pool);
  return ofLease ?? volumes.find(({ pool }) => pool !== undefined)?.pool;
}
