import type { Finding } from '../tars/finding.ts';
import type { StatefulSet } from '../tars/shapes.ts';
import { claimMounts, usesHost, type TServer } from '../tars/tserver.ts';
import { PLACEHOLDER } from '../tars/vocabulary.ts';

/**
 * Warning for a TServer whose StatefulSet was created first (kustomize's legacy order, Helm): the list of
 * claim templates is immutable, so what the TServer asks for is not there and does not come by itself.
 */
export function warnLateTServer(server: TServer, set: StatefulSet, namespace: string): Finding[] {
  if (server.spec.k8s?.daemonSet) return [];
  const name = set.metadata?.name ?? '';
  const present = new Set((set.spec?.volumeClaimTemplates ?? []).map(({ metadata }) => metadata?.name));
  const wanted = [
    ...claimMounts(server).map((mount) => mount.name),
    ...(usesHost(server) ? [PLACEHOLDER] : []),
  ];
  const missing = [...new Set(wanted)].filter((volume) => !present.has(volume));
  if (missing.length === 0) return [];
  const kubectl = `kubectl -n ${namespace}`;
  const message = `StatefulSet ${namespace}/${name} was created before this TServer and its list of claim templates is immutable, so it stays without ${missing.join(', ')}; to get them: ${kubectl} delete sts ${name} --cascade=orphan, apply its manifest again, then delete the old pods one by one, waiting for Ready each time (until all are replaced the StatefulSet neither scales nor rolls; claims and data stay)`;
  return [{ code: 'TLV906', path: ['metadata', 'name'], value: name, message }];
}
