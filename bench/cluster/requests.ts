import { samplesOf } from './metrics.ts';

/**
 * What a claim and its pod cause. Whatever goes on in a cluster with no claim in it (leases, nodes, look-ups of the
 * controllers) is left out, and watches: they are open all the time.
 */
const RESOURCES: ReadonlySet<string> = new Set([
  'pods',
  'persistentvolumeclaims',
  'persistentvolumes',
  'csistoragecapacities',
  'statefulsets',
  'controllerrevisions',
  'events',
]);
const READS = ['GET', 'LIST'];
const WRITES = ['POST', 'PUT', 'PATCH', 'APPLY', 'DELETE', 'DELETECOLLECTION'];

/** How many requests the API server has answered, by what was asked: `POST pods/binding`. */
export type Requests = ReadonlyMap<string, number>;

/** Reads them out of the API server's own metrics. */
export function requestsIn(metrics: string): Requests {
  const counts = new Map<string, number>();
  for (const { labels, value } of samplesOf(metrics, 'apiserver_request_total')) {
    const { verb = '', resource = '', subresource = '' } = labels;
    if (!RESOURCES.has(resource) || ![...READS, ...WRITES].includes(verb)) continue;
    const call = `${verb} ${resource}${subresource && `/${subresource}`}`;
    counts.set(call, (counts.get(call) ?? 0) + value);
  }
  return counts;
}

/** What came between two looks. */
export function requestsBetween(before: Requests, after: Requests): Requests {
  const added = [...after].map(([call, count]): [string, number] => [call, count - (before.get(call) ?? 0)]);
  return new Map(added.filter(([, count]) => count > 0));
}

export function total(requests: Requests, which: 'all' | 'writes' = 'all'): number {
  const wanted = which === 'all' ? [...READS, ...WRITES] : WRITES;
  return [...requests].reduce(
    (sum, [call, count]) => (wanted.some((verb) => call.startsWith(`${verb} `)) ? sum + count : sum),
    0,
  );
}

/** For people: what there is of each at least every tenth time. */
export function perClaimText(requests: Requests, claims: number): string {
  return [...requests]
    .filter(([, count]) => count / claims >= 0.1)
    .sort(([, a], [, b]) => b - a)
    .map(([call, count]) => `${call} ${(count / claims).toFixed(2)}`)
    .join(', ');
}
