import { createHash } from 'node:crypto';
import { LABEL_VALUE_MAX, LABEL_VALUE_PATTERN } from './patterns.ts';

const HASH_LENGTH = 16;
const LABEL_VALUE = new RegExp(LABEL_VALUE_PATTERN);

/**
 * The label value for an object's name: the name itself, or, where that is longer than a label value may
 * be, its beginning and 64 bits of its hash. Names of Kubernetes objects need no other change.
 */
export function labelValueOf(name: string): string {
  if (name.length <= LABEL_VALUE_MAX) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, HASH_LENGTH);
  const head = name.slice(0, LABEL_VALUE_MAX - HASH_LENGTH - 1).replace(/[^A-Za-z0-9]+$/, '');
  return `${head}-${hash}`;
}

/** The value of the routing label for a node: its name, or a hash where the name is no label value. */
export function nodeLabelValue(node: string): string {
  const fits = node.length <= LABEL_VALUE_MAX && LABEL_VALUE.test(node);
  return fits ? node : `sha256-${createHash('sha256').update(node).digest('hex').slice(0, 40)}`;
}
