import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../scripts/cache-folder.ts';
import { command } from '../scripts/image/command.ts';
import { moveIntoPlace } from '../scripts/image/move-into-place.ts';

/** Packages that benches need beside ours; nothing else does, so that they are fetched when a bench wants them. */
export interface Peer {
  readonly name: 'autocannon' | 'pepr';
  readonly version: string;
}

/** No scripts are run, and what would only be needed to develop with them stays away. */
const INSTALL = [
  'install',
  '--ignore-scripts',
  '--omit=dev',
  '--legacy-peer-deps',
  '--no-audit',
  '--no-fund',
  '--loglevel=error',
];

/** Returns a folder with the package in its node_modules, in that very version; it is in the cache the next time. */
export async function installPeer({ name, version }: Peer, say: (line: string) => void): Promise<string> {
  const cache = cacheFolder('bench');
  const folder = join(cache, `${name}-${version}`);
  if (existsSync(folder)) return folder;
  say(`installing ${name} ${version} into the cache`);
  await mkdir(cache, { recursive: true });
  const temporary = await mkdtemp(join(cache, '.new-'));
  try {
    const manifest = { private: true, type: 'module', dependencies: { [name]: version } };
    await writeFile(join(temporary, 'package.json'), JSON.stringify(manifest));
    await command('npm', INSTALL, { cwd: temporary });
    await moveIntoPlace(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return folder;
}
