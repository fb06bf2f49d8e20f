import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cacheFolder } from '../../scripts/cache-folder.ts';
import { type DebianPackage, debianPackages } from '../../scripts/image/debian.ts';
import { moveIntoPlace } from '../../scripts/image/move-into-place.ts';
import { thisPlatform } from '../../scripts/image/platform.ts';
import type { ToolsOptions } from '../../src/agent/os/tools.ts';

/** What backends call on a node, with the libraries that this machine may lack. */
const PACKAGES = [
  'xfsprogs',
  'btrfs-progs',
  'lvm2',
  'dmsetup',
  'quota',
  'util-linux',
  'mount',
  'e2fsprogs',
  'libaio1',
  'libbsd0',
  'libdevmapper1.02.1',
  'libdevmapper-event1.02.1',
  'libedit2',
  'libext2fs2',
  'libinih1',
  'liblzo2-2',
  'libmd0',
  'libss2',
  'libtirpc3',
  'liburcu8',
];

let laidOut: Promise<string> | undefined;

/** Fetches the programs that backends need, once, and says how Tools find them; nothing is installed. */
export async function storagePrograms(): Promise<Required<Pick<ToolsOptions, 'path' | 'environment'>>> {
  const folder = await storageFolder();
  return {
    path: `${join(folder, 'bin')}:${process.env['PATH']}`,
    environment: { LD_LIBRARY_PATH: join(folder, 'lib') },
  };
}

/** The folder that they are in; TLV_STORAGE_PROGRAMS names it where packages cannot be asked for, as in a guest. */
export async function storageFolder(): Promise<string> {
  return process.env['TLV_STORAGE_PROGRAMS'] ?? (laidOut ??= layOut());
}

/** The folder is named after what is in it: with an update of a package it is another one. */
async function layOut(): Promise<string> {
  const packages = await debianPackages(PACKAGES);
  const names = packages.map(({ folder }) => basename(folder)).join('\n');
  const version = createHash('sha256').update(names).digest('hex').slice(0, 16);
  const cache = cacheFolder('storage');
  const folder = join(cache, version);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const temporary = await mkdtemp(join(cache, '.new-'));
  try {
    for (const one of packages) await copyPrograms(one, temporary);
    await moveIntoPlace(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return folder;
}

/** Debian moves what is in /bin, /sbin and /lib to /usr, package by package. */
async function copyPrograms({ folder }: DebianPackage, target: string): Promise<void> {
  const { multiarch } = thisPlatform();
  const folders = {
    bin: ['bin', 'sbin', 'usr/bin', 'usr/sbin'],
    lib: [`lib/${multiarch}`, `usr/lib/${multiarch}`],
  };
  for (const [into, sources] of Object.entries(folders)) {
    for (const source of sources.map((name) => join(folder, name)).filter((from) => existsSync(from)))
      await cp(source, join(target, into), { recursive: true, verbatimSymlinks: true });
  }
}
