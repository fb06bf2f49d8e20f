import { createHash } from 'node:crypto';
import { nodeLabelValue } from './label-value.ts';
import { OURS } from './vocabulary.ts';

const PREFIX = 't-local-volume-agent-';
/** Names of Leases and of nodes may both be so long. */
const NAME_MAX = 253;

/** Of everything in the product's namespace that is ours. */
export const PRODUCT_LABEL = { 'app.kubernetes.io/name': 't-local-volume' } as const;
/** Of the Leases that agents keep fresh. */
export const AGENT_LABEL = { 'app.kubernetes.io/component': 'agent' } as const;

/** The Lease by which the agent of a node says that it lives: its name, or a hash where that would be too long. */
export function agentLeaseName(node: string): string {
  const name = PREFIX + node;
  if (name.length <= NAME_MAX) return name;
  return `${PREFIX}sha256-${createHash('sha256').update(node).digest('hex').slice(0, 40)}`;
}

/** Labels of what the agent of a node keeps in the product's namespace: its Lease and its CSIStorageCapacity. */
export function agentLabels(node: string): Record<string, string> {
  return { ...PRODUCT_LABEL, ...AGENT_LABEL, [OURS.node]: nodeLabelValue(node) };
}

/** Annotation of that Lease: the identity of the storage at one root of the node. */
export function poolAnnotation(root: string): string {
  return `${OURS.pool}-${createHash('sha256').update(root).digest('hex').slice(0, 20)}`;
}
