import type { ApiWriter } from '../../cluster/api-writer.ts';
import { isRecord, textAt, textOf, valueAt } from '../../tars/json.ts';
import type { NodeIdentity } from '../node-identity.ts';
import type { DiscoveryNode } from './discovered-volume.ts';

/** What volumes tell of their node, as the API server has it now. */
export async function lookAtNode(
  writer: Pick<ApiWriter, 'get'>,
  { name, hostname }: NodeIdentity,
  signal: AbortSignal,
): Promise<Omit<DiscoveryNode, 'pool'>> {
  const json = await writer.get(`/api/v1/nodes/${encodeURIComponent(name)}`, { signal });
  const uid = textAt(json, 'metadata', 'uid');
  if (uid === undefined) throw new Error(`there is no node ${name}`);
  const labels = valueAt(json, ['metadata', 'labels']);
  const texts: Record<string, string> = {};
  for (const [label, value] of Object.entries(isRecord(labels) ? labels : {})) texts[label] = textOf(value);
  return { name, uid, hostname, labels: texts };
}
