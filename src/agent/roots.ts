import type { ClassView } from './class-view.ts';
import { PLAIN, sourceNameOf, storageFor } from './storage.ts';

/** Directories that one agent keeps volumes below; the first one is of the classes that name none. */
export type Roots = readonly [string, ...string[]];

/** Why they cannot be the roots of one agent: each has a ledger, and none may hold what is another's. */
export function overlapOf(roots: readonly string[]): string | undefined {
  for (const [index, root] of roots.entries()) {
    for (const other of roots.slice(index + 1)) {
      if (root === other) return `${root} is there twice`;
      const [upper, lower] = root.length < other.length ? [root, other] : [other, root];
      if (lower.startsWith(`${upper}/`)) return `${lower} is below ${upper}`;
    }
  }
  return undefined;
}

/** Where volumes of a class are on this node; or why nowhere, as the end of a sentence that begins with the node. */
type Place = { readonly root: string } | { readonly fault: string };

/** What is wrong with a class itself, or that there is none, is a matter of the first root. */
export function placeOf(storageClass: ClassView | undefined, roots: Roots): Place {
  const [first] = roots;
  const parameters = storageClass?.parameters;
  if (parameters === undefined || 'fault' in parameters) return { root: first };
  const { root = first } = parameters;
  const of = `parameter root of StorageClass ${storageClass?.name}`;
  if (!roots.includes(root)) {
    return {
      fault: `has no root ${root} (${of}): its agent serves ${roots.join(', ')}; start it with --root ${root} too`,
    };
  }
  // Of memory and volume groups there is one for all roots, and one ledger has to know all that is promised of it.
  const source = sourceNameOf(storageFor(parameters, 0));
  if (root === first || source === sourceNameOf(PLAIN)) return { root };
  return {
    fault: `gives of its ${source} at its first root ${first} only, and not at ${root} (${of}); make the class without that parameter`,
  };
}
