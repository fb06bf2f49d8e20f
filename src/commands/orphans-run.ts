import { AgentApi } from '../agent/agent-api.ts';
import { readClaimView } from '../agent/claim-view.ts';
import { type ClassView, readClassView, scopeIn, STORAGE_CLASSES } from '../agent/class-view.ts';
import { Ledger } from '../agent/ledger.ts';
import { findOrphans, type Orphan } from '../agent/orphans.ts';
import { Pool } from '../agent/pool.ts';
import { purge } from '../agent/purge.ts';
import type { Roots } from '../agent/roots.ts';
import { readVolumeView, type VolumeView } from '../agent/volume-view.ts';
import { ApiReader } from '../cluster/api-reader.ts';
import { ApiWriter } from '../cluster/api-writer.ts';
import { claimPath } from '../cluster/free-claim.ts';
import { loadKubeConfig } from '../cluster/kube-config.ts';
import { asKubeObject } from '../cluster/kube-object.ts';
import { listAll } from '../cluster/list-pages.ts';
import { UnusableInput } from '../offline/unusable-input.ts';
import { asVolumePath, type VolumePath } from '../tars/host-path.ts';
import { textAt } from '../tars/json.ts';
import { messageOf } from '../tars/message-of.ts';
import { OURS } from '../tars/vocabulary.ts';
import { severalRoots } from './agent-options.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';
import type { SettingsOptions } from './settings-options.ts';

export interface OrphansOptions extends SettingsOptions {
  readonly root: Roots;
  readonly requireMountPoint: boolean;
  readonly kubeconfig?: string;
}

/** Where the agent of the node has several roots, people say which one they mean. */
function onlyRoot({ root: [root, ...others] }: OrphansOptions): string {
  if (others.length === 0) return root;
  throw new UnusableInput('orphans', severalRoots([root, ...others]));
}

export async function listOrphans(
  options: OrphansOptions & { readonly output: 'text' | 'json' },
  io: Io,
): Promise<ExitCode> {
  const root = onlyRoot(options);
  const orphans = await inWords(async () => {
    const pool = await openPool(root, options);
    const paths = new Set((await volumesBelow(root, options)).map(({ path }) => path));
    return findOrphans({ pool, ledger: await Ledger.visit(pool) }, (path) => paths.has(`${root}/${path}`));
  });
  const json = orphans.map(({ path, kind, entry }) => ({ path, kind, claim: entry?.claim }));
  io.stdout.write(options.output === 'json' ? `${JSON.stringify(json, undefined, 2)}\n` : tableOf(orphans));
  return orphans.length > 0 ? EXIT.violations : EXIT.ok;
}

export async function adoptOrphan(
  text: string,
  options: OrphansOptions & { readonly claim: string },
  io: Io,
): Promise<ExitCode> {
  const path = checked(text);
  const [namespace = '', name = '', ...rest] = options.claim.split('/');
  if (!namespace || !name || rest.length > 0)
    throw new UnusableInput('orphans', `--claim ${options.claim} is not namespace/name`);
  await inWords(() => annotate(path, { namespace, name }, options));
  io.stdout.write(
    `claim ${options.claim} may have ${text} as it is; kubectl describe pvc tells when it does\n`,
  );
  return EXIT.ok;
}

async function annotate(
  path: VolumePath,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  options: OrphansOptions,
): Promise<void> {
  const writer = new ApiWriter(loadKubeConfig(options.kubeconfig));
  const where = claimPath({ namespace, name });
  try {
    const json = await writer.get(where);
    const claim = json && readClaimView(asKubeObject(json), options, scopeIn(await classesOf(json, writer)));
    if (!claim) throw new Error(`there is no claim ${namespace}/${name} of a served class`);
    const wanted = 'fault' in claim.wanted ? claim.wanted.fault : claim.wanted.path;
    if (wanted !== path) throw new Error(`claim ${namespace}/${name} asks for ${wanted}, not for ${path}`);
    await writer.patch(where, { metadata: { annotations: { [OURS.adopt]: 'true' } } }, 'merge');
  } finally {
    writer.close();
  }
}

/** The class of a claim: what it says of claims that do not say it themselves is part of what they ask for. */
async function classesOf(
  claim: Record<string, unknown>,
  writer: ApiWriter,
): Promise<ReadonlyMap<string, ClassView>> {
  const name = textAt(claim, 'spec', 'storageClassName') ?? '';
  // Who says it themselves need not be let to read classes.
  if (name === '' || textAt(claim, 'metadata', 'annotations', OURS.scope) !== undefined) return new Map();
  const json = await writer.get(`${STORAGE_CLASSES}/${encodeURIComponent(name)}`);
  return new Map(json ? [[name, readClassView(asKubeObject(json))]] : []);
}

export async function purgeOrphans(
  texts: readonly string[],
  options: OrphansOptions & { readonly yes: boolean; readonly toolsPath: string },
  io: Io,
): Promise<ExitCode> {
  const paths = texts.map(checked);
  const root = onlyRoot(options);
  await inWords(async () => {
    const pool = await openPool(root, options);
    const writer = new ApiWriter(loadKubeConfig(options.kubeconfig));
    try {
      const api = new AgentApi(writer, options);
      const tools = { path: options.toolsPath, environment: process.env };
      for (const path of paths) {
        const volumes = await volumesBelow(root, options);
        await purge({ pool, path, volumes, api, tools, isTrial: !options.yes });
        io.stdout.write(
          options.yes ? `${path} is in the trash\n` : `${path} would be removed; say --yes to do it\n`,
        );
      }
    } finally {
      writer.close();
    }
  });
  return EXIT.ok;
}

function checked(text: string): VolumePath {
  const path = asVolumePath(text);
  if (path === undefined)
    throw new UnusableInput(
      'orphans',
      `${text} is no path of a volume, such as default/tars.tarslog/remote-log-dir`,
    );
  return path;
}

async function openPool(root: string, { requireMountPoint }: OrphansOptions): Promise<Pool> {
  const seen = await Pool.look(root, { requireMountPoint });
  if (seen.kind !== 'healthy') throw new Error('why' in seen ? seen.why : '');
  return new Pool(root, seen.id, { requireMountPoint });
}

/** Of all nodes: that one of another node has the same path does no more than to keep a directory from being listed. */
async function volumesBelow(root: string, { kubeconfig }: OrphansOptions): Promise<VolumeView[]> {
  const { signal } = new AbortController();
  const reader = new ApiReader(loadKubeConfig(kubeconfig));
  const { items } = await listAll(reader, '/api/v1/persistentvolumes', { signal }, readVolumeView);
  return items.filter(({ path }) => path.startsWith(`${root}/`));
}

async function inWords<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new UnusableInput('orphans', messageOf(error), { cause: error });
  }
}

function tableOf(orphans: readonly Orphan[]): string {
  if (orphans.length === 0) return 'no orphans\n';
  const rows = orphans.map(({ path, kind, entry }) => [
    path,
    kind,
    entry?.claim ? `${entry.claim.namespace}/${entry.claim.name}` : '-',
  ]);
  const table = [['PATH', 'KIND', 'CLAIM'], ...rows];
  const widths = [0, 1].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table
    .map(
      ([path = '', kind = '', claim = '']) =>
        `${path.padEnd(widths[0] ?? 0)}  ${kind.padEnd(widths[1] ?? 0)}  ${claim}\n`,
    )
    .join('');
}
