import type { ApiWriter } from '../cluster/api-writer.ts';
import { leasePath } from '../cluster/lease-object.ts';
import { textAt, valueAt } from '../tars/json.ts';
import { HOSTNAME_LABEL } from '../tars/vocabulary.ts';
import type { Reason } from './plan.ts';

const NODES = '/api/v1/nodes';

/** Whether a reason still holds, asked of the API server itself: a watch may have been silent for longer than the delay. */
export async function stillHolds(
  reason: Reason,
  namespace: string,
  writer: Pick<ApiWriter, 'get'>,
  signal: AbortSignal,
): Promise<boolean> {
  // RBAC allows to list nodes only, which is as good: the filter is the server's.
  const isNone = async (filter: string, text: string): Promise<boolean> => {
    const list = await writer.get(`${NODES}?limit=1&${filter}=${encodeURIComponent(text)}`, { signal });
    const items = valueAt(list, ['items']);
    return Array.isArray(items) && items.length === 0;
  };
  switch (reason.kind) {
    case 'node-gone':
      return isNone('fieldSelector', `metadata.name=${reason.node}`);
    case 'host-gone': {
      const { hostname } = reason;
      const isUnlabelled = await isNone('labelSelector', `${HOSTNAME_LABEL}=${hostname}`);
      return isUnlabelled && isNone('fieldSelector', `metadata.name=${hostname}`);
    }
    case 'agent-silent': {
      const lease = await writer.get(leasePath({ namespace, name: reason.leaseName }), { signal });
      return (textAt(lease, 'spec', 'renewTime') ?? '') === reason.renewTime;
    }
  }
}
