import { totalmem } from 'node:os';
import { Tools } from '../../src/agent/os/tools.ts';
import type { BackendName } from '../../src/tars/class-parameters.ts';
import { STORAGE_CLASS } from '../../src/tars/vocabulary.ts';
import { Served } from '../../test/controlplane/served.ts';
import { storagePrograms } from '../../test/storage/programs.ts';
import { mountBtrfs } from '../mount-btrfs.ts';
import { backendClass, handMadeClass } from './objects.ts';

export interface GroundOptions {
  readonly way: 'on-demand' | 'per-node';
  readonly backend: BackendName;
  readonly nodes: readonly string[];
}

/** Where only pods of a moment before would be offered one. */
const OFFER_TTL_MS = 5000;

/** A cluster that the product is installed in, with an agent for each node, and a class of volumes made by hand. */
export async function openGround({ way, backend, nodes }: GroundOptions): Promise<Served> {
  const programs = await storagePrograms();
  const served = await Served.start({
    overlay: way,
    nodes,
    asksForRoom: way === 'on-demand',
    ...(way === 'per-node' ? { classes: `${STORAGE_CLASS}=per-node` } : {}),
    agents: { tools: programs, memoryBytes: totalmem() / 4, offerTtlMs: OFFER_TTL_MS },
  });
  try {
    await served.installed.apply([handMadeClass]);
    if (backend !== 'directory') {
      // Its parameters cannot be changed.
      await served.installed.kubectl('delete', 'storageclass', STORAGE_CLASS);
      await served.installed.apply([backendClass(backend)]);
    }
    if (backend === 'btrfs') await mountBtrfs(new Tools(programs), served.agents.directory);
    await served.agents.startAll(nodes);
    return served;
  } catch (error) {
    await served.stop();
    throw error;
  }
}
