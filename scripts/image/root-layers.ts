import { join } from 'node:path';
import manifest from '../../package.json' with { type: 'json' };
import { baseLayer } from './base-layer.ts';
import { type Bundle, bundle, ROOT } from './bundle.ts';
import { type Release, releaseOf } from './debian-control.ts';
import { debianPackages, type DebianPackage } from './debian.ts';
import { ENTRYPOINT } from './image-config.ts';
import { licenses } from './licenses.ts';
import { nodeRuntime, type NodeRuntime } from './node-runtime.ts';
import { npmPackages } from './npm-packages.ts';
import type { RootLayer } from './root-layer.ts';
import { sbom } from './sbom.ts';
import { type Tools, tools, toolsLayer } from './tools-layer.ts';

/** What Node is linked with, and last what names the release. */
const PACKAGES = ['libc6', 'libgcc-s1', 'libstdc++6', 'base-files'] as const;
const DOC = '/usr/share/doc/t-local-volume';
const [PROGRAM, MAIN] = ENTRYPOINT;

/**
 * Lays out the whole image. What changes seldom comes first: who has the image of yesterday needs of today's only the
 * last layers.
 */
export async function rootLayers(say: (line: string) => void): Promise<RootLayer[]> {
  say('bundling the code');
  const [debian, node, code] = await Promise.all([debianPackages(PACKAGES, say), nodeRuntime(say), bundle()]);
  const [, , , baseFiles] = debian;
  const base = await baseLayer({ program: node.binary, debian, baseFiles }, say);
  const programs = await tools(debian, say);
  return [
    base,
    await toolsLayer(programs, { base, baseFiles }, say),
    nodeLayer(node),
    await applicationLayer(code, { node, debian, tools: programs, release: await releaseOf(baseFiles) }),
  ];
}

function nodeLayer({ binary, license }: NodeRuntime): RootLayer {
  return {
    name: 'node',
    files: [
      { path: PROGRAM, content: { file: binary }, isProgram: true },
      { path: '/usr/local/share/doc/node/LICENSE', content: { file: license } },
    ],
  };
}

interface Below {
  readonly node: NodeRuntime;
  readonly debian: readonly DebianPackage[];
  readonly tools: Tools;
  readonly release: Release;
}

async function applicationLayer({ files, metafile }: Bundle, below: Below): Promise<RootLayer> {
  const { name, version, license } = manifest;
  const npm = await npmPackages(metafile);
  const bill = await sbom({
    product: { name, version, license },
    npm,
    ...below,
    tools: below.tools.packages,
  });
  return {
    name: 'application',
    files: [
      ...files.map((file) => ({ path: join(MAIN, '..', file.name), content: file.content })),
      // For `kubectl exec … -- tlv`.
      { path: '/usr/local/bin/tlv', content: `#!${PROGRAM}\nimport('${MAIN}');\n`, isProgram: true },
      { path: `${DOC}/LICENSE`, content: { file: join(ROOT, 'LICENSE') } },
      { path: `${DOC}/third-party-licenses.txt`, content: licenses(npm.all) },
      { path: `${DOC}/sbom.cdx.json`, content: bill },
    ],
  };
}
