import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { controlFile } from '../../scripts/image/debian-control.ts';
import { type DebianPackage, debianPackages } from '../../scripts/image/debian.ts';

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

export async function assembleMachine(): Promise<Machine> {
  const { busybox, qemu, modulesOfQemu, data, seabios, xz, kernel, libraries } = await fetchMachine();
  const withLibraries = ['env', `LD_LIBRARY_PATH=${libraries.flatMap(foldersOf).join(':')}`];
  return {
    emulator: [
      ...withLibraries,
      // The emulation of a processor is one of them.
      `QEMU_MODULE_DIR=${join(modulesOfQemu.folder, 'usr/lib', MULTIARCH, 'qemu')}`,
      join(qemu.folder, 'usr/bin/qemu-system-x86_64'),
      '-L',
      join(data.folder, 'usr/share/qemu'),
      '-L',
      join(seabios.folder, 'usr/share/seabios'),
    ],
    xz: [...withLibraries, join(xz.folder, 'usr/bin/xz')],
    kernel: named(join(kernel.folder, 'boot'), 'vmlinuz-'),
    modules: named(join(kernel.folder, 'lib/modules'), ''),
    busybox: join(busybox.folder, 'bin/busybox'),
  };
}

let fetched: ReturnType<typeof fetchAll> | undefined;

/** Fetches it, once; nothing is installed. */
export function fetchMachine(): ReturnType<typeof fetchAll> {
  return (fetched ??= fetchAll());
}

async function fetchAll() {
  const [image, busybox, qemu, modulesOfQemu, data, seabios, xz] = await debianPackages(PACKAGES);
  const [kernel] = await debianPackages([kernelOf(image)]);
  const libraries = await debianPackages(LIBRARIES);
  return { busybox, qemu, modulesOfQemu, data, seabios, xz, kernel, libraries };
}

/** Which kernel is Debian's present one. */
function kernelOf(image: DebianPackage): string {
  const name = /^Depends: (linux-image-\S+)/m.exec(readFileSync(controlFile(image), 'utf8'))?.[1];
  if (name !== undefined) return name;
  throw new Error(`${image.name} ${image.version} depends on no kernel`);
}

/** Debian moves its libraries from /lib to /usr/lib. */
function foldersOf({ folder }: DebianPackage): string[] {
  return ['lib', 'usr/lib'].map((name) => join(folder, name, MULTIARCH)).filter((name) => existsSync(name));
}

function named(folder: string, prefix: string): string {
  const found = readdirSync(folder).find((name) => name.startsWith(prefix));
  if (found !== undefined) return join(folder, found);
  throw new Error(`no ${prefix}* in ${folder}`);
}
