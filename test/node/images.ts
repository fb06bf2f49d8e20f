import { createHash } from 'node:crypto';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';
import { debianPackages } from '../../scripts/image/debian.ts';
import { thisPlatform } from '../../scripts/image/platform.ts';

/** The image of the servers in these tests and of what holds a pod together: busybox, which waits unless told more. */
export const SERVER_IMAGE = 'localhost/busybox:test';

const APPLETS = [
  'sh',
  'cat',
  'ls',
  'id',
  'stat',
  'echo',
  'sleep',
  'rm',
  'dd',
  'df',
  'sync',
  'touch',
  'mount',
  'wget',
];

/** Makes the archive of SERVER_IMAGE, to be imported by a container runtime, and returns its path. */
export async function buildServerImage(folder: string): Promise<string> {
  const root = pack();
  root.entry({ name: 'bin/busybox', mode: 0o755 }, readFileSync(await busyboxProgram()));
  for (const applet of APPLETS) root.entry({ name: `bin/${applet}`, type: 'symlink', linkname: 'busybox' });
  for (const name of ['tmp', 'proc', 'sys', 'dev', 'etc']) root.entry({ name, type: 'directory' });
  root.finalize();
  const layer = await buffer(root);

  const config = {
    architecture: thisPlatform().architecture,
    os: 'linux',
    config: { Env: ['PATH=/bin'], Cmd: ['/bin/sleep', '2147483647'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${createHash('sha256').update(layer).digest('hex')}`] },
  };
  const manifest = [{ Config: 'config.json', RepoTags: [SERVER_IMAGE], Layers: ['layer.tar'] }];
  const archive = pack();
  archive.entry({ name: 'layer.tar' }, layer);
  archive.entry({ name: 'config.json' }, JSON.stringify(config));
  archive.entry({ name: 'manifest.json' }, JSON.stringify(manifest));
  archive.finalize();
  const file = join(folder, 'server-image.tar');
  await pipeline(archive, createWriteStream(file));
  return file;
}

/** Busybox as a program of its own, which needs nothing beside it. */
export async function busyboxProgram(): Promise<string> {
  const [busybox] = await debianPackages(['busybox-static']);
  const program = ['bin', 'usr/bin'].map((bin) => join(busybox.folder, bin, 'busybox')).find(existsSync);
  if (program === undefined) throw new Error('the package busybox-static has no busybox');
  return program;
}
