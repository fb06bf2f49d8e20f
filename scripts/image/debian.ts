import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheFolder } from '../cache-folder.ts';
import { command, CommandError } from './command.ts';
import { moveIntoPlace } from './move-into-place.ts';

/** Packages of Debian cannot be had here; the message says why and what to do. */
export class DebianError extends Error {
  override readonly name = 'DebianError';
}

/** A package of Debian, unpacked. */
export interface DebianPackage {
  readonly name: string;
  /** With its epoch, as Debian writes it. */
  readonly version: string;
  readonly architecture: string;
  /** Its files as under `/`, and its control files in DEBIAN. Shared by all who ask: nothing may be changed in it. */
  readonly folder: string;
}

interface Download extends DebianPackage {
  readonly file: string;
  readonly bytes: number;
}

/** Held by another process; what only root may lock is said in other words. */
const LOCKED = 'Could not get lock';
const LOCK_PATIENCE_MS = 120_000;
const LOCK_EVERY_MS = 1000;

/**
 * Fetches packages and unpacks them into the cache, without installing anything. They come from wherever this machine
 * gets its own, and in the version that it would install now.
 * @param names - of packages; the order is kept
 * @param say - takes the lines that tell how far it is
 */
export async function debianPackages<const Names extends readonly string[]>(
  names: Names,
  say: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
): Promise<{ readonly [Each in keyof Names]: DebianPackage }> {
  return (await fetchPackages(names, say)) as { readonly [Each in keyof Names]: DebianPackage };
}

async function fetchPackages(
  names: readonly string[],
  say: (line: string) => void,
): Promise<DebianPackage[]> {
  // apt-get takes no names for a fault.
  if (names.length === 0) return [];
  try {
    return await fetchMissing(await locate(names), say);
  } catch (error) {
    if (!(error instanceof CommandError) || error.code === 'ENOENT') throw explain(error, names);
  }
  // The lists are missing, as in a fresh container, or name files that have been superseded since.
  try {
    say('debian: updating the package lists (apt-get update), expected 5 to 30 s');
    await updateLists();
    return await fetchMissing(await locate(names), say);
  } catch (error) {
    throw explain(error, names);
  }
}

/** What would be downloaded: only that tells a package that can be had from one that is merely installed. */
async function locate(names: readonly string[]): Promise<Download[]> {
  const printed = await command('apt-get', ['download', '--print-uris', '-qq', '--', ...names]);
  // 'URL' libc6_2.36-9_amd64.deb 2759320 SHA256:…
  const lines = printed.matchAll(/^'.*' (([^\s_]+)_([^\s_]+)_([^\s_]+)\.deb) (\d+)/gm);
  const found = new Map<string, Download>();
  for (const [, file = '', name = '', escaped = '', architecture = '', bytes] of lines) {
    // A colon may stand in a version, and neither in the name of a file of apt nor in a path of libraries.
    const version = decodeURIComponent(escaped);
    const folder = join(cacheFolder('debian'), `${name}_${escaped}_${architecture}`);
    found.set(name, { name, version, architecture, folder, file, bytes: Number(bytes) });
  }
  return names.map((name) => {
    const download = found.get(name);
    if (download) return download;
    throw new DebianError(`apt-get knows no file of the package ${name}; it printed: ${printed}`);
  });
}

async function fetchMissing(
  wanted: readonly Download[],
  say: (line: string) => void,
): Promise<DebianPackage[]> {
  const missing = wanted.filter(({ folder }) => !existsSync(folder));
  if (missing.length > 0) {
    const megabytes = (missing.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6).toFixed(1);
    const what = missing.map(({ name, version }) => `${name} ${version}`).join(', ');
    say(`debian: downloading ${what} (${megabytes} MB, kept in ${cacheFolder('debian')})`);
    await fetchInto(cacheFolder('debian'), missing);
  }
  return wanted.map(({ name, version, architecture, folder }) => ({ name, version, architecture, folder }));
}

/** Unpacks beside the final folders and moves each into its place, so that nobody ever sees half a package. */
async function fetchInto(cache: string, packages: readonly Download[]): Promise<void> {
  await mkdir(cache, { recursive: true });
  const temporary = await mkdtemp(join(cache, '.new-'));
  try {
    // The very version that was located: another one could come up meanwhile.
    const pinned = packages.map(({ name, version }) => `${name}=${version}`);
    await command('apt-get', ['download', '-qq', '--', ...pinned], { cwd: temporary });
    for (const { file, folder } of packages) {
      const unpacked = join(temporary, `${file}.unpacked`);
      await command('dpkg-deb', ['--raw-extract', join(temporary, file), unpacked]);
      await moveIntoPlace(unpacked, folder);
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** The lists are the machine's, and whoever updates them at the same time is waited for. */
async function updateLists(): Promise<void> {
  const deadline = performance.now() + LOCK_PATIENCE_MS;
  for (;;) {
    try {
      await command('apt-get', ['update', '-qq']);
      return;
    } catch (error) {
      const isLocked = error instanceof CommandError && error.stderr.includes(LOCKED);
      if (!isLocked || performance.now() > deadline) throw error;
      await sleep(LOCK_EVERY_MS);
    }
  }
}

function explain(error: unknown, names: readonly string[]): unknown {
  if (!(error instanceof CommandError)) return error;
  const wanted = `Debian's packages ${names.join(', ')}`;
  const advice =
    error.code === 'ENOENT'
      ? 'They are fetched by apt-get and unpacked by dpkg-deb, and this machine has not both: use one with Debian or Ubuntu.'
      : 'The package lists must be there and name them: `apt-get update` as root, from mirrors that are reachable from here.';
  return new DebianError(`${wanted} cannot be had: ${error.message}\n${advice}`, { cause: error });
}
