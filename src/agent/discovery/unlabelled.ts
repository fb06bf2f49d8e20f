import type { ApiReader } from '../../cluster/api-reader.ts';
import { listAll } from '../../cluster/list-pages.ts';
import { valueAt } from '../../tars/json.ts';
import { HOSTNAME_LABEL } from '../../tars/vocabulary.ts';
import { readVolumeView, type VolumeView } from '../volume-view.ts';

/**
 * Volumes of this node that do not carry the label by which an agent hears of them, as those of the static provisioner
 * and those made by hand: asked for when something is to be offered that they may have already.
 */
export async function unlabelledVolumes(
  reader: ApiReader,
  hostname: string,
  signal: AbortSignal,
): Promise<readonly VolumeView[]> {
  const query = { labelSelector: `!${HOSTNAME_LABEL}` };
  const { items } = await listAll(reader, '/api/v1/persistentvolumes', { query, signal }, (object) =>
    isOf(object, hostname) ? readVolumeView(object) : undefined,
  );
  return items.filter((volume) => volume !== undefined);
}

/** Its affinity names the host; whether it names others too does not matter to who has the disk. */
function isOf(volume: object, hostname: string): boolean {
  const terms = valueAt(volume, ['spec', 'nodeAffinity', 'required', 'nodeSelectorTerms']);
  return JSON.stringify(terms ?? []).includes(JSON.stringify(hostname));
}
