import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DebianPackage } from './debian.ts';

/** The file in which a package of Debian describes itself. */
export function controlFile({ folder }: DebianPackage): string {
  return join(folder, 'DEBIAN/control');
}

/** The source package, by which Debian tracks faults: its name, with its version where that is another one. */
export async function sourceOf(one: DebianPackage): Promise<string> {
  const control = await readFile(controlFile(one), 'utf8');
  const [, source, version] = /^Source: (\S+)(?: \((.+)\))?$/m.exec(control) ?? [];
  return version === undefined ? (source ?? one.name) : `${source}@${version}`;
}

/** A distribution, as its file os-release names it. */
export interface Release {
  /** `debian` or `ubuntu`. */
  readonly id: string;
  readonly version: string;
}

/** Where os-release is in the package base-files. */
export function releaseFile({ folder }: DebianPackage): string {
  return join(folder, 'usr/lib/os-release');
}

/** The release that packages are of. */
export async function releaseOf(baseFiles: DebianPackage): Promise<Release> {
  const text = await readFile(releaseFile(baseFiles), 'utf8');
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]+)`, 'm').exec(text)?.[1] ?? 'unknown';
  return { id: field('ID'), version: field('VERSION_ID') };
}

/** The packages that one cannot do without; of those that would do as well, the one that Debian names first. */
export async function dependenciesOf(one: DebianPackage): Promise<string[]> {
  const control = await readFile(controlFile(one), 'utf8');
  const fields = [...control.matchAll(/^(?:Pre-)?Depends: (.*)$/gm)];
  return fields.flatMap(([, list = '']) =>
    Array.from(list.matchAll(/(?:^|, )([a-z0-9][a-z0-9+.-]+)/g), ([, name = '']) => name),
  );
}
