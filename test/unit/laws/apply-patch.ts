import jsonPatch from 'fast-json-patch';
import type { Operation } from 'fast-json-patch';
import { json } from './arbitraries.ts';

/**
 * RFC 6902 applied as an API server does. fast-json-patch refuses `__proto__` in a path, which is a fine
 * key of a label map, so such a patch is applied by hand.
 */
export function applied<T>(object: T, patch: readonly Operation[]): T {
  const operations = json([...patch]);
  if (!operations.some(({ path }) => path.includes('__proto__'))) {
    return jsonPatch.applyPatch(json(object), operations, true).newDocument;
  }
  const root: unknown = json(object);
  for (const operation of operations) applyOne(root, operation);
  return root as T;
}

function applyOne(root: unknown, operation: Operation): void {
  const steps = operation.path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = steps.pop()!;
  const parent = steps.reduce<unknown>((found, step) => own(found, step), root);
  if (Array.isArray(parent)) {
    const value = 'value' in operation ? [operation.value] : [];
    parent.splice(Number(last), operation.op === 'add' ? 0 : 1, ...value);
  } else if (operation.op === 'remove') {
    delete (parent as Record<string, unknown>)[last];
  } else {
    const value: unknown = 'value' in operation ? operation.value : undefined;
    Object.defineProperty(parent, last, { value, configurable: true, enumerable: true, writable: true });
  }
}

function own(parent: unknown, step: string): unknown {
  return Object.getOwnPropertyDescriptor(parent, step)?.value;
}
