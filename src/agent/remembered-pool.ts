import type { ApiWriter } from '../cluster/api-writer.ts';
import { leasePath } from '../cluster/lease-object.ts';
import { agentLeaseName, poolAnnotation } from '../tars/agent-lease.ts';
import { textAt } from '../tars/json.ts';
import { OURS } from '../tars/vocabulary.ts';
import type { VolumeView } from './volume-view.ts';

interface RememberedPoolOptions {
  readonly writer: Pick<ApiWriter, 'get'>;
  readonly namespace: string;
  readonly node: string;
  readonly root: string;
  /** Of all roots of the node the one that needs not be named. */
  readonly isFirst: boolean;
  /** Volumes of ours at this root. */
  readonly volumes: readonly VolumeView[];
}

/** The pool that the cluster knows this root to have: by the Lease, else by its volumes; undefined for a new one. */
export async function rememberedPool(options: RememberedPoolOptions): Promise<string | undefined> {
  const { writer, namespace, node, root, isFirst, volumes } = options;
  const lease = await writer.get(leasePath({ namespace, name: agentLeaseName(node) }));
  const ofLease = (key: string): string | undefined => textAt(lease, 'metadata', 'annotations', key);
  const remembered = ofLease(poolAnnotation(root)) ?? (isFirst ? ofLease(OURS.pool) : undefined);
  return remembered ?? volumes.find(({ pool }) => pool !== undefined)?.pool;
}

/** What the Lease is to remember of the pools that are there, the first root first; of the others it is left as it is. */
export function toRemember(
  pools: readonly { readonly root: string; readonly id: string | undefined }[],
): Record<string, string> {
  const [first] = pools;
  const there = pools.flatMap(({ root, id }) => (id === undefined ? [] : [[poolAnnotation(root), id]]));
  return {
    ...(first?.id === undefined ? {} : { [OURS.pool]: first.id }),
    // Where there is one only, its root needs no telling apart.
    ...(pools.length > 1 ? Object.fromEntries(there) : {}),
  };
}
