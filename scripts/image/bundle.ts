import { basename, dirname, join } from 'node:path';
import { build, type Metafile, type OutputFile, type Plugin } from 'esbuild';

export const ROOT = join(import.meta.dirname, '../..');

/** The command line with everything that it imports. */
export interface Bundle {
  /** Named as they import each other; the first to run is tlv.mjs. */
  readonly files: readonly { readonly name: string; readonly content: Uint8Array }[];
  /** What went into which file, with paths from the root of the repository. */
  readonly metafile: Metafile;
}

/** Some packages call `require`, which a module has not by itself. */
export const REQUIRE =
  "import { createRequire as createRequireForBundle } from 'node:module';" +
  'const require = createRequireForBundle(import.meta.url);';

/**
 * Bundles src/cli.ts. What a command loads when it is run is in files of its own here too: a node agent has no use for
 * the webhook's packages in its memory.
 */
export async function bundle(): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: { tlv: 'src/cli.ts' },
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    chunkNames: '[name]-[hash]',
    write: false,
    metafile: true,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    banner: { js: REQUIRE },
    plugins: [clientNodeInParts],
    // Functions keep their names, and with them stack traces their sense, without the 25 MB that a source map takes
    // in memory. Short lines, because Node prints the one where an error was thrown.
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 160,
    // They are in the image as a file.
    legalComments: 'none',
    logLevel: 'warning',
  });
  return { files: outputFiles.map(named), metafile };
}

function named({ path, contents }: OutputFile): Bundle['files'][number] {
  return { name: basename(path), content: contents };
}

const CLIENT_NODE = /[/\\]node_modules[/\\]@kubernetes[/\\]client-node[/\\]/;
/** The namespace of what stands in the place of whatever makes client-node's calls. */
const NO_CALLS = 'no-calls';
/** What its configuration takes from those, for whoever makes its calls after all. */
const ABSENT = `
class Absent {
  constructor() {
    throw new Error('the calls of @kubernetes/client-node are not in the bundle; use src/cluster/api-writer.ts');
  }
}
export { Absent as Agent, Absent as ProxyAgent, Absent as ServerConfiguration };
export const fetch = () => new Absent();
export const createConfiguration = () => new Absent();
`;

/**
 * Of client-node only its configuration, which is how to find the API server and who we are there; the rest of its
 * index is left out, and with it what mends Node 18. Its calls, and with them a thousand models and undici, have no
 * place in a node agent's memory: ours are src/cluster/api-request.ts.
 */
const clientNodeInParts: Plugin = {
  name: 'client-node-in-parts',
  setup(esbuild) {
    esbuild.onResolve({ filter: /^@kubernetes\/client-node$/ }, async ({ path, pluginData, ...from }) => {
      // Asked by itself, just below.
      if (pluginData === clientNodeInParts) return undefined;
      const index = await esbuild.resolve(path, { ...from, pluginData: clientNodeInParts });
      return { ...index, path: join(dirname(index.path), 'config.js') };
    });
    esbuild.onResolve({ filter: /^(undici|\.\/gen\/index\.js)$/ }, ({ path, importer }) =>
      CLIENT_NODE.test(importer) ? { path, namespace: NO_CALLS, sideEffects: false } : undefined,
    );
    esbuild.onLoad({ filter: /^/, namespace: NO_CALLS }, () => ({ contents: ABSENT }));
  },
};
