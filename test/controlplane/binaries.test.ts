import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { cacheFolder, CONTROL_PLANE, ensureBinaries, knownMinors, pinnedVersion } from './binaries.ts';
import { BuildError } from './go-build.ts';

/** Stands for the Go tool: knows two packages, and "builds" an empty program for every target. */
const WORKING_GO = `
if [ "$1" = list ]; then echo one; echo two; exit; fi
while [ $# -gt 0 ]; do
  case $1 in
    -o) output=$2; shift ;;
    */v3) touch "$output/server" ;;
    */*/*/*) touch "$output/\${1##*/}" ;;
  esac
  shift
done
chmod +x "$output"/*
`;

describe('binaries of the control plane', () => {
  let directory: string;
  let env: NodeJS.ProcessEnv;
  let said: string[];
  const say = (line: string): number => said.push(line);

  beforeEach(() => {
    said = [];
    directory = mkdtempSync(join(tmpdir(), 'binaries-'));
    env = { PATH: `${directory}:/usr/bin:/bin`, XDG_CACHE_HOME: join(directory, 'cache') };
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  it('are built once, and nothing else is left', async () => {
    program(join(directory, 'go'), WORKING_GO);
    const binaries = await ensureBinaries(CONTROL_PLANE, { env, say });
    const folder = cacheFolder(env);
    expect(folder.startsWith(join(directory, 'cache', 't-local-volume', 'v1.'))).to.equal(true);
    expect(binaries).to.deep.equal(
      Object.fromEntries(CONTROL_PLANE.map((name) => [name, join(folder, name)])),
    );
    expect(readdirSync(folder)).to.have.members([...CONTROL_PLANE]);
    expect(readdirSync(dirname(folder))).to.deep.equal(['bin']);
    expect(said[0]).to.match(/^control plane: downloading modules; 0 s so far, expected .* in all/);

    program(join(directory, 'go'), 'exit 1');
    expect(await ensureBinaries(CONTROL_PLANE, { env, say })).to.deep.equal(binaries);
  });

  it('may be built by two at once', async () => {
    program(join(directory, 'go'), WORKING_GO);
    await Promise.all([
      ensureBinaries(CONTROL_PLANE, { env, say }),
      ensureBinaries(CONTROL_PLANE, { env, say }),
    ]);
    expect(readdirSync(cacheFolder(env))).to.have.members([...CONTROL_PLANE]);
    expect(readdirSync(dirname(cacheFolder(env)))).to.deep.equal(['bin']);
  });

  it('are taken from KUBEBUILDER_ASSETS where they are there', async () => {
    program(join(directory, 'go'), WORKING_GO);
    const assets = join(directory, 'assets');
    mkdirSync(assets);
    for (const name of ['etcd', 'kube-apiserver', 'kubectl']) program(join(assets, name), '');
    const binaries = await ensureBinaries(CONTROL_PLANE, {
      env: { ...env, KUBEBUILDER_ASSETS: assets },
      say,
    });
    expect(binaries).to.include({ etcd: join(assets, 'etcd'), kwok: join(cacheFolder(env), 'kwok') });
    expect(readdirSync(cacheFolder(env))).to.have.members([
      'kube-controller-manager',
      'kube-scheduler',
      'kwok',
    ]);
  });

  it('are one program only, where no more is asked for', async () => {
    program(join(directory, 'go'), WORKING_GO);
    expect(await ensureBinaries(['kubelet'], { env, say })).to.have.all.keys(['kubelet']);
    expect(readdirSync(cacheFolder(env))).to.deep.equal(['kubelet']);
  });

  it('are of the version that TLV_KUBERNETES names', () => {
    for (const minor of knownMinors()) {
      const chosen = { ...env, TLV_KUBERNETES: minor };
      expect(pinnedVersion(chosen)).to.match(new RegExp(`^v${minor.replace('.', '\\.')}\\.\\d+$`));
      expect(cacheFolder(chosen)).to.contain(`/${pinnedVersion(chosen)}-`);
    }
    expect(pinnedVersion(env)).to.equal(pinnedVersion({ TLV_KUBERNETES: knownMinors().at(-1) }));
    expect(() => pinnedVersion({ TLV_KUBERNETES: '1.2' })).to.throw(
      'TLV_KUBERNETES=1.2: this version of Kubernetes is not known here; known are 1.',
    );
  });

  it('say what is missing when Go is', async () => {
    const { failure, message } = await failed({ ...env, PATH: directory });
    expect(failure).to.equal('go-missing');
    expect(message).to.contain('The command `go` cannot be run').and.contain('Install Go 1.26 or newer');
    expect(message).to.contain('Or set KUBEBUILDER_ASSETS');
    expect(readdirSync(cacheFolder(env))).to.deep.equal([]);
    expect(readdirSync(dirname(cacheFolder(env)))).to.deep.equal(['bin']);
  });

  it('are built though one download broke off', async () => {
    const brokenOnce = `[ -e ${directory}/tried ] || { touch ${directory}/tried; echo 'connection reset' >&2; exit 1; }`;
    program(join(directory, 'go'), `${brokenOnce}\n${WORKING_GO}`);
    await ensureBinaries(CONTROL_PLANE, { env, say });
    expect(readdirSync(cacheFolder(env))).to.have.members([...CONTROL_PLANE]);
    expect(said.join('\n')).to.contain('downloading modules, second attempt');
  });

  const failures = {
    'go-too-old': 'go: go.mod requires go >= 1.26.0 (running go 1.19.8; GOTOOLCHAIN=local)',
    'modules-unreachable':
      'go: example.com/a@v1.0.0: Get "…": dial tcp 192.0.2.1:443: connect: no route to host',
    'disk-full': 'link: copying /tmp/a.out: write bin/etcd: no space left on device',
    'build-failed': 'main.go:1:1: expected package, found EOF',
  };
  for (const [failure, line] of Object.entries(failures)) {
    it(`repeat what Go said and what it means: ${failure}`, async () => {
      program(
        join(directory, 'go'),
        `echo 'go: downloading example.com/b v1.0.0' >&2; echo '${line}' >&2; exit 1`,
      );
      const error = await failed(env);
      expect(error.failure).to.equal(failure);
      expect(error.message.startsWith('The test control plane cannot be built.\n')).to.equal(true);
      expect(error.message.endsWith(`Go said:\n  | ${line}`)).to.equal(true);
    });
  }

  async function failed(environment: NodeJS.ProcessEnv): Promise<BuildError> {
    const outcome = await ensureBinaries(CONTROL_PLANE, { env: environment, say }).catch(
      (error: unknown) => error,
    );
    expect(outcome).to.be.instanceOf(BuildError);
    return outcome as BuildError;
  }
});

function program(path: string, script: string): void {
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}
