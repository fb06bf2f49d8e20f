import { createHash } from 'node:crypto';
import type { DiscoveredClass } from './config.ts';

/** A name in a directory that disks are found in. */
export interface Place {
  readonly of: DiscoveredClass;
  /** In both `hostDir` and `mountDir`. */
  readonly name: string;
  /** On the host: what its volume leads to. */
  readonly path: string;
  /** Of its record and its volume: 80 bits, of node, class and path, so that two places never share one. */
  readonly hash: string;
}

const HASH_LENGTH = 20;

export function placeOf(discovered: DiscoveredClass, name: string, node: string): Place {
  const path = `${discovered.hostDir}/${name}`;
  const hash = createHash('sha256')
    .update([node, discovered.storageClass, path].join('\0'))
    .digest('hex')
    .slice(0, HASH_LENGTH);
  return { of: discovered, name, path, hash };
}

/** The place that a volume of this class and path is, or was, at; undefined where no class leads there any more. */
export function placeAt(
  classes: readonly DiscoveredClass[],
  { storageClass, path }: { readonly storageClass: string; readonly path: string },
  node: string,
): Place | undefined {
  const discovered = classes.find((each) => each.storageClass === storageClass);
  if (!discovered || !path.startsWith(`${discovered.hostDir}/`)) return undefined;
  const name = path.slice(discovered.hostDir.length + 1);
  return isName(name) ? placeOf(discovered, name, node) : undefined;
}

/** Only the first level is looked at: what is below belongs to whoever writes there. */
const isName = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && !name.includes('/') && !name.includes('\0');

/** As the static provisioner names them, but with a hash that is long enough. */
export const volumeNameOf = ({ hash }: Place): string => `local-pv-${hash}`;

/** Where people find it on the node. */
export const wordsFor = ({ path, of: { storageClass } }: Place): string => `${path} (class ${storageClass})`;
