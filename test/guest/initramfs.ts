import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { succeed } from '../controlplane/run.ts';
import type { Machine } from './machine.ts';

const INIT = join(import.meta.dirname, 'guest-init.sh');

/** What Debian's kernel does not have built in. The first is only ever asked for by name, while the kernel runs. */
const MODULES = [
  'crc32c_generic',
  'virtio_pci',
  'virtio_blk',
  'virtio_net',
  'virtio_console',
  'virtio_rng',
  '9pnet_virtio',
  '9p',
  'overlay',
  'loop',
  'ext4',
  'xfs',
  'quota_v2',
  'dm-mod',
];

/** Makes what the kernel starts with: busybox, the modules in the order in which they load, and the first process. */
export async function makeInitramfs(machine: Machine, folder: string): Promise<string> {
  const root = join(folder, 'initramfs');
  for (const name of ['bin', 'modules']) mkdirSync(join(root, name), { recursive: true });
  copyFileSync(machine.busybox, join(root, 'bin/busybox'));
  copyFileSync(INIT, join(root, 'init'));
  chmodSync(join(root, 'init'), 0o755);
  for (const [index, file] of inOrder(machine.modules, MODULES).entries())
    copyFileSync(file, join(root, 'modules', `${String(index).padStart(2, '0')}-${basename(file)}`));
  const archive = `${root}.cpio`;
  const pack = 'cd "$1" && find . | "$2" cpio -o -H newc -F "$3"';
  await succeed('sh', '-c', pack, '-', root, machine.busybox, archive);
  return archive;
}

/** The files of modules and of all that they need, which comes before them. A module says itself what it needs. */
function inOrder(folder: string, names: readonly string[]): string[] {
  const files = new Map<string, string>();
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    if (path.endsWith('.ko')) files.set(plain(basename(path, '.ko')), join(folder, path));
  const ordered = new Set<string>();
  const add = (name: string): void => {
    const file = files.get(plain(name));
    if (file === undefined) throw new Error(`the kernel has no module ${name} in ${folder}`);
    if (ordered.has(file)) return;
    const [, needs = ''] = /\0depends=([^\0]*)\0/.exec(readFileSync(file, 'latin1')) ?? [];
    for (const need of needs.split(',').filter(Boolean)) add(need);
    ordered.add(file);
  };
  for (const name of names) add(name);
  return [...ordered];
}

/** To the kernel both are one. */
const plain = (name: string): string => name.replaceAll('-', '_');
