import { cpSync, existsSync, mkdirSync, readdirSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import { debianPackages } from '../../scripts/image/debian.ts';

/** What a node has beside kubelet and kube-proxy, with the libraries that this machine may lack. */
export const PACKAGES = [
  'containerd',
  'runc',
  'libseccomp2',
  'containernetworking-plugins',
  'nftables',
  'libnftables1',
  'libnftnl11',
  'libmnl0',
  'libedit2',
  'libxtables12',
  'busybox-static',
];

/** Fetches the programs of a node and lays them out in one folder, as they would be installed under `/`. */
export async function layOutPrograms(folder: string): Promise<void> {
  for (const { folder: unpacked } of await debianPackages(PACKAGES)) {
    for (const name of readdirSync(unpacked))
      if (name !== 'DEBIAN') merge(join(unpacked, name), folder, name);
  }
}

/** Debian's /bin, /lib and /sbin are links into /usr: a folder in their place would hide the whole of them. */
function merge(from: string, folder: string, name: string): void {
  if (!lstatSync(from).isDirectory()) return;
  const target =
    existsSync(join('/usr', name)) && name !== 'usr' ? join(folder, 'usr', name) : join(folder, name);
  mkdirSync(target, { recursive: true });
  cpSync(from, target, { recursive: true, verbatimSymlinks: true });
}
