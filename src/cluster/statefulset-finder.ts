import type { KubeConfig } from '@kubernetes/client-node';
import { ApiReader } from './api-reader.ts';
import { ApiStatusError } from './faults.ts';
import type { StatefulSet } from '../tars/shapes.ts';
import { readStatefulSet } from '../validate/read.ts';

/** Nobody waits longer for a warning. */
const DEADLINE_MS = 1000;

/** Looks a StatefulSet up live: only the creation of a TServer asks for one, so there is no cache of them. */
export function statefulSetFinder(
  config: KubeConfig,
): (namespace: string, name: string) => Promise<StatefulSet | undefined> {
  const reader = new ApiReader(config);
  return async (namespace, name) => {
    const { signal } = new AbortController();
    const path = `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/statefulsets/${encodeURIComponent(name)}`;
    try {
      const read = readStatefulSet(await reader.json(path, { signal, deadlineMs: DEADLINE_MS }));
      return read.ok ? read.object : undefined;
    } catch (error) {
      if (error instanceof ApiStatusError && error.status === 404) return undefined;
      throw error;
    }
  };
}
