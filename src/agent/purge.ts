import { randomUUID } from 'node:crypto';
import type { VolumePath } from '../tars/host-path.ts';
import type { AgentApi } from './agent-api.ts';
import type { Backend, Found } from './backends/backend.ts';
import { Backends } from './backends/backends.ts';
import { Ledger } from './ledger.ts';
import { type ToolsOptions, Tools } from './os/tools.ts';
import type { Pool } from './pool.ts';
import { claimText } from './state.ts';
import { PLAIN } from './storage.ts';
import type { VolumeView } from './volume-view.ts';

export interface PurgeOptions {
  readonly pool: Pool;
  readonly path: VolumePath;
  /** Every volume of this node, as the API server has them now. */
  readonly volumes: readonly VolumeView[];
  readonly api: Pick<AgentApi, 'look'>;
  readonly tools: Pick<ToolsOptions, 'path' | 'environment'>;
  /** Says what would be refused, and does nothing. */
  readonly isTrial: boolean;
}

/** Why a directory is not purged, in words. */
class PurgeRefused extends Error {
  override readonly name = 'PurgeRefused';
}

/**
 * Moves data that belongs to no volume into the trash, where the agent removes it: a person has said so. Never
 * what a volume leads to, what a living claim has its data in, or what is mounted.
 * @throws {PurgeRefused}
 */
export async function purge({ pool, path, volumes, api, tools, isTrial }: PurgeOptions): Promise<void> {
  const ledger = await Ledger.visit(pool);
  const served = volumes.find((volume) => volume.path === `${pool.root}/${path}`);
  if (served) throw new PurgeRefused(`volume ${served.name} leads to ${path}; delete its claim instead`);
  const entry = ledger.get(path);
  const { claim } = await api.look(undefined, entry?.claim);
  if (claim && claim.uid === entry?.claim?.uid) {
    throw new PurgeRefused(
      `${path} is the data of claim ${claimText(claim)}, which is there; delete the claim first`,
    );
  }
  const backends = await Backends.open({ pool, tools: new Tools(tools), memoryBytes: 0 });
  const backend = backends.get((entry?.storage ?? PLAIN).backend);
  const why = reasonAgainst(path, await backend.inspect(path));
  if (why !== undefined) throw new PurgeRefused(why);
  if (!isTrial) await moveAway(path, backend, ledger);
}

/**
 * Forgotten last: what is ended half-way is known until then for what it is. Once the place is free, the agent may write
 * down whose it is now, and that is to stay.
 */
async function moveAway(path: VolumePath, backend: Backend, ledger: Ledger): Promise<void> {
  const entry = ledger.get(path);
  await backend.retire(path, `purged-${randomUUID()}`);
  if (entry) await ledger.remove(path, entry);
}

/** Undefined where what is there can go. */
function reasonAgainst(path: VolumePath, found: Found): string | undefined {
  if (found.kind === 'absent') return `there is no ${path}`;
  if (found.kind === 'blocked') return found.why;
  return found.kind === 'mounted' ? `something is mounted at or below ${path}; unmount it first` : undefined;
}
