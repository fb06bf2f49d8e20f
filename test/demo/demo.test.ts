import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { CONTROL_PLANE, ensureBinaries } from '../controlplane/binaries.ts';
import { asFarAsSaid } from '../controlplane/older-words.ts';
import { waitFor } from '../controlplane/wait.ts';
import { ROOT } from '../offline/tlv.ts';

/**
 * The demo as somebody runs it. `UPDATE_GOLDEN=1` writes what it printed into the READMEs.
 */

const PAGES = ['README.md', 'README.zh-CN.md'];
const BLOCK = /(?<=^```text\n)1\. [\s\S]*?(?=^```$)/m;
const LAST_LINE = 'kubectl explain tserver.spec.k8s.mounts\n';
/** Where the part begins that only those see who stay. */
const FAREWELL = '\nThe cluster is yours';

class Demo {
  stdout = '';
  stderr = '';
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#child = spawn(process.execPath, [join(ROOT, 'demo/run.ts'), ...args], { env });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    const { promise, resolve } = Promise.withResolvers<number | null>();
    this.#child.once('close', resolve);
    this.ended = promise;
  }

  /** Waits until it has printed something on either stream; fails when it ends before that. */
  async prints(text: string): Promise<void> {
    const tooEarly = new AbortController();
    void this.ended.then((code) =>
      tooEarly.abort(new Error(`the demo ended with ${code}: ${this.stdout}${this.stderr}`)),
    );
    await waitFor(text.trim(), () => (this.stdout + this.stderr).includes(text), {
      timeoutMs: 600_000,
      signal: tooEarly.signal,
    });
  }

  interrupt(): void {
    this.#child.kill('SIGINT');
  }

  /** The last resort of a test that failed. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Ages, times and temporary directories are never the same twice; no page keeps spaces at the end of a line. */
function normal(text: string): string {
  return asFarAsSaid(text)
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME')
    .replaceAll(/ (\d+m)?\d+s$/gm, ' AGE')
    .replaceAll(/\/\S*?\/control-plane-\w+/g, 'DIRECTORY')
    .replaceAll(/ +$/gm, '')
    .trim();
}

/** The command lines of all that runs. */
const processes = () => execFileSync('ps', ['-eo', 'args']).toString();

describe('npm run demo', function () {
  this.timeout(900_000);
  this.slow(60_000);
  let demo: Demo | undefined;
  let folder = '';

  before(async () => {
    // Minutes, where nobody has built them yet; the runs below are timed.
    this.timeout(1_800_000);
    await ensureBinaries(CONTROL_PLANE);
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tlv-demo-'));
  });
  afterEach(() => {
    demo?.kill();
    demo = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  it('is what the READMEs show, leaves a cluster until Ctrl-C, and then nothing', async () => {
    demo = new Demo([]);
    await demo.prints(LAST_LINE);
    if (process.env['UPDATE_GOLDEN']) {
      const text = `${demo.stdout.replaceAll(/ +$/gm, '').trim()}\n`;
      for (const page of PAGES) {
        const path = join(ROOT, page);
        writeFileSync(
          path,
          readFileSync(path, 'utf8').replace(BLOCK, () => text),
        );
      }
    }
    for (const page of PAGES) {
      const shown = BLOCK.exec(readFileSync(join(ROOT, page), 'utf8'))?.[0] ?? '';
      expect(normal(shown), page).to.equal(normal(demo.stdout));
    }

    const [, kubeconfig = '', bin = ''] = /KUBECONFIG=(\S+) PATH=([^:]+):/.exec(demo.stdout) ?? [];
    const nodes = execFileSync(join(bin, 'kubectl'), [
      `--kubeconfig=${kubeconfig}`,
      'get',
      'nodes',
      '-o',
      'name',
    ]);
    expect(nodes.toString()).to.equal('node/node-1\nnode/node-2\nnode/node-3\n');

    demo.interrupt();
    expect(await demo.ended, demo.stderr).to.equal(0);
    expect(existsSync(dirname(kubeconfig))).to.equal(false);
    await waitFor('its processes to be gone', () => !processes().includes(dirname(kubeconfig)));
  });

  it('ends by itself with --once, after the same story', async () => {
    demo = new Demo(['--once']);
    expect(await demo.ended, demo.stdout + demo.stderr).to.equal(0);
    const shown = BLOCK.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))?.[0] ?? '';
    expect(normal(demo.stdout)).to.equal(normal(shown.slice(0, shown.indexOf(FAREWELL))));
  });

  it('leaves nothing when it is interrupted while the cluster comes up', async () => {
    demo = new Demo([], { ...process.env, TMPDIR: folder });
    await demo.prints('installing CRD');
    expect(readdirSync(folder)).to.have.length(1);
    demo.interrupt();
    expect(await demo.ended).to.equal(130);
    await waitFor('its directory to go', () => readdirSync(folder).length === 0);
    await waitFor('its processes to be gone', () => !processes().includes(folder));
  });

  it('ends with exit code 1 and names the step that did not do what it should', async () => {
    const { kubectl } = await ensureBinaries(['kubectl']);
    const broken = join(folder, 'kubectl');
    writeFileSync(broken, `#!/bin/sh\n[ "$1" != diff ] || exit 3\nexec '${kubectl}' "$@"\n`);
    chmodSync(broken, 0o755);
    demo = new Demo(['--once'], { ...process.env, KUBEBUILDER_ASSETS: folder });
    expect(await demo.ended).to.equal(1);
    expect(demo.stderr).to.match(
      /^demo: step 5, "Applying again changes nothing": `kubectl diff .*` ended with exit code 3 instead of 0$/m,
    );
    expect(demo.stdout).not.to.include('\n6. ');
  });

  it('shows what needs no cluster, and says what is missing, where there is no Go', async () => {
    for (const program of ['sh', 'sed', 'dirname', 'readlink']) {
      const path = execFileSync('sh', ['-c', `command -v ${program}`])
        .toString()
        .trim();
      symlinkSync(path, join(folder, program));
    }
    const cache = join(folder, 'cache');
    mkdirSync(cache);
    demo = new Demo(['--once'], { PATH: folder, HOME: folder, XDG_CACHE_HOME: cache });
    expect(await demo.ended).to.equal(1);
    expect(demo.stdout).to.include('tlv check: 1 violation');
    expect(demo.stderr).to.match(/^demo: The command `go` cannot be run.*\nInstall Go 1\.26 or newer/m);
  });

  it('takes no other option', async () => {
    demo = new Demo(['--nosuch']);
    expect(await demo.ended).to.equal(2);
    expect(demo.stderr).to.match(/^demo: .*--nosuch/);
  });
});
