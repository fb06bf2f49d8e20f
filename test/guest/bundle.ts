import { readFile } from 'node:fs/promises';
import { symlinkSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { REQUIRE, ROOT } from '../../scripts/image/bundle.ts';

/** Each keeps what it knows of its place. */
const places: Plugin = {
  name: 'places',
  setup(esbuild) {
    esbuild.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      return {
        contents: text.replaceAll('import.meta.dirname', JSON.stringify(dirname(path))),
        loader: 'ts',
      };
    });
  },
};

/**
 * Makes few plain files of programs and tests: to strip types and to open hundreds of files, one by one, takes minutes
 * where a processor is emulated.
 * @returns the files, in the order of what they were made of
 */
export async function bundleFor(folder: string, files: readonly string[]): Promise<string[]> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: files.map((file) => ({ in: file, out: nameOf(file) })),
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    banner: { js: REQUIRE },
    // It looks for files of its own.
    external: ['mocha'],
    plugins: [places],
    logLevel: 'warning',
  });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  return files.map((file) => join(folder, `${nameOf(file)}.mjs`));
}

const nameOf = (file: string): string =>
  file.slice(ROOT.length + 1, -extname(file).length).replaceAll('/', '-');
