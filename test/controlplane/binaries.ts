import { createHash } from 'node:crypto';
import { accessSync, constants, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { BuildError, goBuild } from './go-build.ts';
import { Progress } from './progress.ts';

type BinaryName =
  'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'kubectl' | 'kwok';

/** Where each program is. */
export type Binaries = Readonly<Record<BinaryName, string>>;

interface Source {
  readonly module: (typeof MODULES)[number];
  readonly target: string;
}

/** The folders beside this file with a go.mod and a go.sum. */
const MODULES = ['go', 'kwok'] as const;

const SOURCES: Readonly<Record<BinaryName, Source>> = {
  etcd: { module: 'go', target: 'go.etcd.io/etcd/server/v3' },
  'kube-apiserver': { module: 'go', target: 'k8s.io/kubernetes/cmd/kube-apiserver' },
  'kube-controller-manager': { module: 'go', target: 'k8s.io/kubernetes/cmd/kube-controller-manager' },
  'kube-scheduler': { module: 'go', target: 'k8s.io/kubernetes/cmd/kube-scheduler' },
  kubectl: { module: 'go', target: 'k8s.io/kubernetes/cmd/kubectl' },
  kwok: { module: 'kwok', target: 'sigs.k8s.io/kwok/cmd/kwok' },
};
const NAMES = Object.keys(SOURCES) as BinaryName[];
const EXPECTED = 'expected 7 to 11 min in all on 2 cores, once';

interface BuildOptions {
  /** Where PATH, XDG_CACHE_HOME, KUBEBUILDER_ASSETS and Go's own variables are read. */
  readonly env?: NodeJS.ProcessEnv;
  /** Takes the lines that tell how far the build is. */
  readonly say?: (line: string) => void;
}

/** The version of Kubernetes that go.mod pins, such as `v1.36.3`. */
export function pinnedVersion(): string {
  const version = /^\s*k8s\.io\/kubernetes (v\S+)/m.exec(moduleFile('go', 'go.mod'))?.[1];
  if (version === undefined) throw new Error('go/go.mod does not require k8s.io/kubernetes');
  return version;
}

/** The folder of what was built here: another one for every version of anything that goes into it. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const module of MODULES) {
    for (const name of ['go.mod', 'go.sum']) hash.update(moduleFile(module, name));
  }
  const root = env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(root, 't-local-volume', `${pinnedVersion()}-${hash.digest('hex').slice(0, 16)}`, 'bin');
}

/**
 * Finds the programs of the control plane, and builds those that are not there yet, saying so on standard error.
 * What KUBEBUILDER_ASSETS holds comes first, as in envtest.
 */
export async function ensureBinaries({ env = process.env, say }: BuildOptions = {}): Promise<Binaries> {
  const folder = cacheFolder(env);
  const assets = env['KUBEBUILDER_ASSETS'];
  const paths = NAMES.map((name) => {
    const given = assets ? join(assets, name) : undefined;
    return [name, given !== undefined && isExecutable(given) ? given : join(folder, name)] as const;
  });
  const missing = paths.filter(([, path]) => !isExecutable(path)).map(([name]) => name);
  if (missing.length > 0) await build(missing, folder, env, say);
  return Object.fromEntries(paths) as Binaries;
}

/**
 * The programs are built beside the folder and then moved into it one by one, which is atomic: nobody ever sees half
 * a program, and a second builder at the same time only repeats the work.
 */
async function build(
  names: readonly BinaryName[],
  folder: string,
  env: NodeJS.ProcessEnv,
  say: BuildOptions['say'],
): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const temporary = mkdtempSync(join(folder, '..', 'build-'));
  const progress = new Progress('control plane', EXPECTED, say);
  const variables = versionStamps();
  try {
    for (const module of MODULES) {
      const wanted = names.filter((name) => SOURCES[name].module === module);
      if (wanted.length === 0) continue;
      const targets = wanted.map((name) => SOURCES[name].target);
      const directory = join(import.meta.dirname, module);
      await goBuild({ module: directory, targets, output: `${temporary}/`, variables, env }, progress);
      for (const name of wanted) renameSync(join(temporary, nameGivenByGo(name)), join(folder, name));
    }
  } finally {
    progress.end();
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** The last part of the package's path that is no version: `server` for etcd. */
function nameGivenByGo(name: BinaryName): string {
  return basename(SOURCES[name].target.replace(/\/v\d+$/, ''));
}

/** What the release scripts of Kubernetes stamp; without it the server calls itself v0.0.0-master. */
function versionStamps(): Record<string, string> {
  const version = pinnedVersion();
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
  const variables = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [`k8s.io/component-base/version.${name}`, value]),
  );
}

function moduleFile(module: string, name: string): string {
  return readFileSync(join(import.meta.dirname, module, name), 'utf8');
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

if (import.meta.main) {
  try {
    await ensureBinaries();
    console.log(cacheFolder());
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
