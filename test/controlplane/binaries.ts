import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { goBuild } from './go-build.ts';
import { cacheFolder as kindFolder } from '../../scripts/cache-folder.ts';
import { Progress } from '../../scripts/progress.ts';

/** What every control plane here is made of. */
export const CONTROL_PLANE = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
  'kwok',
] as const;

/** What turns this machine, or a part of it, into a node. */
export const NODE = ['kubelet', 'kube-proxy'] as const;

export type BinaryName = (typeof CONTROL_PLANE)[number] | (typeof NODE)[number] | 'helm';

/** Where each program is. */
export type Binaries<Name extends BinaryName = (typeof CONTROL_PLANE)[number]> = Readonly<
  Record<Name, string>
>;

interface Source {
  readonly module: Module;
  readonly target: string;
}

/** The folders beside this file with a go.mod and a go.sum; Kubernetes has one for each of its versions. */
const MODULES = ['kubernetes', 'kwok', 'helm'] as const;
type Module = (typeof MODULES)[number];

const SOURCES: Readonly<Record<BinaryName, Source>> = {
  etcd: { module: 'kubernetes', target: 'go.etcd.io/etcd/server/v3' },
  'kube-apiserver': { module: 'kubernetes', target: 'k8s.io/kubernetes/cmd/kube-apiserver' },
  'kube-controller-manager': {
    module: 'kubernetes',
    target: 'k8s.io/kubernetes/cmd/kube-controller-manager',
  },
  'kube-scheduler': { module: 'kubernetes', target: 'k8s.io/kubernetes/cmd/kube-scheduler' },
  kubectl: { module: 'kubernetes', target: 'k8s.io/kubernetes/cmd/kubectl' },
  kubelet: { module: 'kubernetes', target: 'k8s.io/kubernetes/cmd/kubelet' },
  'kube-proxy': { module: 'kubernetes', target: 'k8s.io/kubernetes/cmd/kube-proxy' },
  kwok: { module: 'kwok', target: 'sigs.k8s.io/kwok/cmd/kwok' },
  helm: { module: 'helm', target: 'helm.sh/helm/v4/cmd/helm' },
};
/** All that can be built. */
export const BINARIES = Object.keys(SOURCES) as readonly BinaryName[];
const EXPECTED = 'expected 8 to 12 min in all on 2 cores, once';

interface BuildOptions {
  /**
   * Where TLV_KUBERNETES, PATH, XDG_CACHE_HOME, KUBEBUILDER_ASSETS and Go's own variables are read. TLV_KUBERNETES is
   * the minor version of Kubernetes, such as `1.34`; the newest unless told.
   */
  readonly env?: NodeJS.ProcessEnv;
  /** Takes the lines that tell how far the build is. */
  readonly say?: (line: string) => void;
}

/** The minor versions of Kubernetes that can be built here, oldest first. */
export function knownMinors(): string[] {
  const number = (minor: string): number => Number(minor.split('.')[1]);
  return readdirSync(join(import.meta.dirname, 'kubernetes')).sort((a, b) => number(a) - number(b));
}

/** True where the newest of them is built. */
export function isNewest(env: NodeJS.ProcessEnv = process.env): boolean {
  return pinnedVersion(env).startsWith(`v${knownMinors().at(-1)}.`);
}

/** The version of Kubernetes that is built, such as `v1.36.3`. */
export function pinnedVersion(env: NodeJS.ProcessEnv = process.env): string {
  const version = /^\s*k8s\.io\/kubernetes (v\S+)/m.exec(moduleFile('kubernetes', 'go.mod', env))?.[1];
  if (version === undefined)
    throw new Error(`${moduleFolder('kubernetes', env)}/go.mod does not require k8s.io/kubernetes`);
  return version;
}

/** The folder of what was built here: another one for every version of anything that goes into it. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const module of MODULES) {
    for (const name of ['go.mod', 'go.sum']) hash.update(moduleFile(module, name, env));
  }
  return join(kindFolder(`${pinnedVersion(env)}-${hash.digest('hex').slice(0, 16)}`, env), 'bin');
}

/**
 * Finds the programs that are asked for, and builds those that are not there yet, saying so on standard error.
 * What KUBEBUILDER_ASSETS holds comes first, as in envtest.
 */
export async function ensureBinaries<Name extends BinaryName>(
  names: readonly Name[],
  { env = process.env, say }: BuildOptions = {},
): Promise<Binaries<Name>> {
  const folder = cacheFolder(env);
  const assets = env['KUBEBUILDER_ASSETS'];
  const paths = names.map((name) => {
    const given = assets ? join(assets, name) : undefined;
    return [name, given !== undefined && isExecutable(given) ? given : join(folder, name)] as const;
  });
  const missing = paths.filter(([, path]) => !isExecutable(path)).map(([name]) => name);
  if (missing.length > 0) await build(missing, folder, env, say);
  return Object.fromEntries(paths) as Binaries<Name>;
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
  const variables = versionStamps(env);
  try {
    for (const module of MODULES) {
      const wanted = names.filter((name) => SOURCES[name].module === module);
      if (wanted.length === 0) continue;
      const targets = wanted.map((name) => SOURCES[name].target);
      const directory = moduleFolder(module, env);
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
function versionStamps(env: NodeJS.ProcessEnv): Record<string, string> {
  const version = pinnedVersion(env);
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
  const variables = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [`k8s.io/component-base/version.${name}`, value]),
  );
}

function moduleFile(module: Module, name: string, env: NodeJS.ProcessEnv): string {
  return readFileSync(join(moduleFolder(module, env), name), 'utf8');
}

function moduleFolder(module: Module, env: NodeJS.ProcessEnv): string {
  const folder = join(import.meta.dirname, module);
  if (module !== 'kubernetes') return folder;
  const minors = knownMinors();
  const minor = env['TLV_KUBERNETES'] || minors.at(-1) || '';
  if (minors.includes(minor)) return join(folder, minor);
  throw new Error(
    `TLV_KUBERNETES=${minor}: this version of Kubernetes is not known here; known are ${minors.join(', ')}`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
