import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { controlFile } from '../../scripts/image/debian-control.ts';
import { DebianError, type DebianPackage, debianPackages } from '../../scripts/image/debian.ts';

/** What plays a machine, and what runs on it first. The kernel comes by the name of a package without files. */
const PACKAGES = [
  'linux-image-amd64',
  'busybox-static',
  'qemu-system-x86',
  'qemu-system-common',
  'qemu-system-data',
  'seabios',
  'xz-utils',
] as const;

/** The libraries that qemu is linked with, beside the C library. */
const LIBRARIES = [
  'libaio1',
  'libblkid1',
  'libbpf1',
  'libcapstone4',
  'libdaxctl1',
  'libelf1',
  'libfdt1',
  'libffi8',
  'libfuse3-3',
  'libgcc-s1',
  'libglib2.0-0',
  'libgmp10',
  'libgnutls30',
  'libhogweed6',
  'libibverbs1',
  'libidn2-0',
  'libjpeg62-turbo',
  'libkmod2',
  'liblzma5',
  'libmount1',
  'libndctl6',
  'libnettle8',
  'libnl-3-200',
  'libnl-route-3-200',
  'libnuma1',
  'libp11-kit0',
  'libpcre2-8-0',
  'libpixman-1-0',
  'libpmem1',
  'libpng16-16',
  'librdmacm1',
  'libsasl2-2',
  'libseccomp2',
  'libselinux1',
  'libslirp0',
  'libssl3',
  'libtasn1-6',
  'libudev1',
  'libunistring2',
  'liburing2',
  'libuuid1',
  'libvdeplug2',
  'libzstd1',
  'zlib1g',
] as const;

const MULTIARCH = 'x86_64-linux-gnu';

/** Where everything is that a guest is made of. */
export interface Machine {
  /** qemu and xz, by argv: an environment of their own is part of it. */
  readonly emulator: readonly string[];
  readonly xz: readonly string[];
  readonly kernel: string;
  /** The kernel's modules, folders in folders. */
  readonly modules: string;
  /** A program that needs no library. */
  readonly busybox: string;
}

/**
 * Fetches it, and makes the folder with qemu's libraries; nothing is installed.
 * @param folder - a new one: links are enough, but the names in the cache may have colons, which part a path
 */
export async function assembleMachine(folder: string): Promise<Machine> {
  const { busybox, qemu, modulesOfQemu, data, seabios, xz, kernel, libraries } = await fetchMachine();
  mkdirSync(folder);
  for (const one of libraries) linkLibraries(one, folder);
  return {
    emulator: [
      'env',
      `LD_LIBRARY_PATH=${folder}`,
      // The emulation of a processor is one of them.
      `QEMU_MODULE_DIR=${join(modulesOfQemu.folder, 'usr/lib', MULTIARCH, 'qemu')}`,
      join(qemu.folder, 'usr/bin/qemu-system-x86_64'),
      '-L',
      join(data.folder, 'usr/share/qemu'),
      '-L',
      join(seabios.folder, 'usr/share/seabios'),
    ],
    xz: ['env', `LD_LIBRARY_PATH=${folder}`, join(xz.folder, 'usr/bin/xz')],
    kernel: named(join(kernel.folder, 'boot'), 'vmlinuz-'),
    modules: named(join(kernel.folder, 'lib/modules'), ''),
    busybox: join(busybox.folder, 'bin/busybox'),
  };
}

async function fetchMachine() {
  const [image, busybox, qemu, modulesOfQemu, data, seabios, xz] = await debianPackages(PACKAGES);
  const [kernel] = await debianPackages([kernelOf(image)]);
  const libraries = await debianPackages(LIBRARIES);
  return { busybox, qemu, modulesOfQemu, data, seabios, xz, kernel, libraries };
}

/** Why there are no guests here; undefined where there are. */
export async function guestsMissing(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return `${process.platform} ${process.arch}: guests run this machine's programs, and are made for linux x64 only`;
  try {
    await fetchMachine();
  } catch (error) {
    if (!(error instanceof DebianError)) throw error;
    return error.message;
  }
  return undefined;
}

/** Which kernel is Debian's present one. */
function kernelOf(image: DebianPackage): string {
  const name = /^Depends: (linux-image-\S+)/m.exec(readFileSync(controlFile(image), 'utf8'))?.[1];
  if (name !== undefined) return name;
  throw new Error(`${image.name} ${image.version} depends on no kernel`);
}

/** Debian moves its libraries from /lib to /usr/lib. */
function linkLibraries(one: DebianPackage, into: string): void {
  const folders = ['lib', 'usr/lib'].map((name) => join(one.folder, name, MULTIARCH));
  for (const folder of folders.filter((name) => existsSync(name))) {
    const libraries = readdirSync(folder).filter((name) => name.includes('.so'));
    for (const name of libraries) symlinkSync(join(folder, name), join(into, name));
  }
}

function named(folder: string, prefix: string): string {
  const found = readdirSync(folder).find((name) => name.startsWith(prefix));
  if (found !== undefined) return join(folder, found);
  throw new Error(`no ${prefix}* in ${folder}`);
}
