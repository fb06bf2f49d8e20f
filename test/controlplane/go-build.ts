import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import type { Progress } from '../../scripts/progress.ts';

type BuildFailure = 'go-missing' | 'go-too-old' | 'modules-unreachable' | 'disk-full' | 'build-failed';

/** The binaries cannot be had; the message says what is missing and how to get it. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
  readonly failure: BuildFailure;

  constructor(failure: BuildFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

interface GoBuild {
  /** The folder of the go.mod. */
  readonly module: string;
  /** The packages to build. */
  readonly targets: readonly string[];
  /** The folder for the programs; Go names each after its package. */
  readonly output: string;
  /** For the linker's -X: variable to value. */
  readonly variables: Readonly<Record<string, string>>;
  readonly env: NodeJS.ProcessEnv;
}

/** Builds programs. Linked statically and without symbols, they need no C compiler and half the disk. */
export async function goBuild(build: GoBuild, progress: Progress): Promise<void> {
  const { targets, output, variables } = build;
  const programs = targets.length === 1 ? 'program' : 'programs';

  progress.stage('downloading modules');
  const packages = await download(build, progress).catch((error: unknown) => {
    // Go does not try again when one of hundreds of downloads breaks off; what it has by then it keeps.
    if (!(error instanceof BuildError) || error.failure !== 'modules-unreachable') throw error;
    progress.stage('downloading modules, second attempt');
    return download(build, progress);
  });

  progress.stage(`building ${targets.length} ${programs}`);
  const stamps = Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`);
  const ldflags = ['-s', '-w', ...stamps].join(' ');
  const args = ['build', '-v', '-mod=readonly', '-trimpath', `-ldflags=${ldflags}`, '-o', output, ...targets];
  let compiled = 0;
  // With -v Go names each package that it compiles; what its cache holds it passes over.
  await runGo(args, build, { stderr: () => progress.detail(`${++compiled} of ${packages} packages`) });
}

/** Fetches what the build will need, and returns the number of packages. */
async function download(build: GoBuild, progress: Progress): Promise<number> {
  let modules = 0;
  let packages = 0;
  await runGo(['list', '-mod=readonly', '-deps', ...build.targets], build, {
    stdout: () => packages++,
    stderr: (line) => {
      if (line.startsWith('go: downloading ')) progress.detail(`${++modules} so far`);
    },
  });
  return packages;
}

interface LineReaders {
  readonly stdout?: (line: string) => void;
  readonly stderr?: (line: string) => void;
}

async function runGo(args: readonly string[], { module, env }: GoBuild, readers: LineReaders): Promise<void> {
  const child = spawn('go', args, {
    cwd: module,
    // A workspace of the surroundings must not change what is built.
    env: { ...env, LC_ALL: 'C', CGO_ENABLED: '0', GOWORK: 'off' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once('error', (error) => reject(goMissing(error)));
  child.once('close', resolve);
  // Minutes of full load should not make the machine unusable; the compilers inherit it.
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  const said: string[] = [];
  createInterface(child.stdout).on('line', (line) => readers.stdout?.(line));
  createInterface(child.stderr).on('line', (line) => {
    said.push(line);
    readers.stderr?.(line);
  });
  if ((await promise) !== 0) throw explain(said);
}

const OR_ELSE =
  'Or set KUBEBUILDER_ASSETS to a folder that has the missing programs: those found there are not built.';

function goMissing(cause: Error): BuildError {
  const message = [
    'The command `go` cannot be run, and the test control plane (etcd, kube-apiserver, ...) is built from Go modules.',
    "Install Go 1.26 or newer, from your distribution or the Go project's download page, and put it on the PATH.",
    OR_ELSE,
  ];
  return new BuildError('go-missing', message.join('\n'), { cause });
}

/** Turns what Go printed into what somebody can do about it. */
function explain(said: readonly string[]): BuildError {
  const [failure, ...advice] = diagnose(said.join('\n'));
  const tail = [...new Set(said)].filter((line) => !line.startsWith('go: downloading ')).slice(-20);
  const message = [
    'The test control plane cannot be built.',
    ...advice,
    'Go said:',
    ...tail.map((line) => `  | ${line}`),
  ];
  return new BuildError(failure, message.join('\n'));
}

const NETWORK_FAILURES =
  /dial tcp|no such host|i\/o timeout|connection re(fused|set)|TLS handshake|x509:|proxyconnect|403 Forbidden|50[0-9] |disabled by GOPROXY/;

function diagnose(said: string): [BuildFailure, ...string[]] {
  const version = /requires go >= (\S+)/.exec(said)?.[1];
  if (version !== undefined) {
    return ['go-too-old', `The installed Go is too old: install Go ${version} or newer.`, OR_ELSE];
  }
  if (said.includes('no space left on device')) {
    return [
      'disk-full',
      "The disk is full: the build needs about 5 GB for modules, Go's own build cache and the programs.",
    ];
  }
  if (NETWORK_FAILURES.test(said)) {
    return [
      'modules-unreachable',
      'The Go modules cannot be downloaded. `go env GOPROXY` names where Go looks for them: that must be reachable',
      'from here, or GOPROXY must name another place that is. Once everything is built it is needed no more.',
      OR_ELSE,
    ];
  }
  return ['build-failed'];
}
