import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Outcome, run } from '../controlplane/run.ts';
import { ROOT } from '../offline/tlv.ts';
import { directory, needDebianAndRoot } from './made-image.ts';

/** A small package that needs nothing, not one of those in the image. */
const PACKAGE = 'netbase';

/** A machine that has never fetched anything: no cache and no lists. */
class FreshMachine {
  readonly #folder = mkdtempSync(join(directory, 'machine-'));
  readonly #env: NodeJS.ProcessEnv;

  constructor(path = process.env['PATH']) {
    const lists = join(this.#folder, 'lists');
    const config = join(this.#folder, 'apt.conf');
    mkdirSync(join(lists, 'partial'), { recursive: true });
    writeFileSync(config, `Dir::State::lists "${lists}";\n`);
    this.#env = { ...process.env, PATH: path, APT_CONFIG: config, XDG_CACHE_HOME: this.#folder };
  }

  /** Each in a process of its own. */
  async fetch(...names: string[]): Promise<Outcome> {
    const program = `
      import { debianPackages } from ${JSON.stringify(join(ROOT, 'scripts/image/debian.ts'))};
      try {
        console.log(JSON.stringify(await debianPackages(${JSON.stringify(names)})));
      } catch (error) {
        console.error(error.message);
        process.exitCode = 1;
      }`;
    const args = ['--input-type=module', '--eval', program];
    return await run(process.execPath, args, { env: this.#env, timeoutMs: 240_000 });
  }

  get cached(): string[] {
    return readdirSync(join(this.#folder, 't-local-volume/debian'));
  }
}

describe('packages of Debian', function () {
  this.timeout(300_000);
  this.slow(30_000);
  before(needDebianAndRoot);

  it('are found after the lists have been fetched, by two at once, and unpacked once', async () => {
    const machine = new FreshMachine();
    const both = await Promise.all([machine.fetch(PACKAGE), machine.fetch(PACKAGE)]);
    for (const { code, stderr } of both) expect(code, stderr).to.equal(0);
    const [one, other] = both.map(({ stdout }) => JSON.parse(stdout));
    expect(one).to.deep.equal(other);
    const [{ name, version, architecture, folder }] = one;
    expect(machine.cached).to.deep.equal([`${PACKAGE}_${version}_${architecture}`]);
    const control = readFileSync(join(folder, 'DEBIAN/control'), 'utf8');
    expect(control).to.include(`Package: ${name}\nVersion: ${version}\n`);
    expect(readFileSync(join(folder, 'etc/protocols'), 'utf8')).to.include('tcp');

    // Now both lists and package are there: nothing is to be said.
    expect(await machine.fetch(PACKAGE)).to.deep.equal({ code: 0, stdout: both[0]?.stdout, stderr: '' });
  });

  it('are refused where there are none of the name, and the message says what was tried', async () => {
    const { code, stderr } = await new FreshMachine().fetch(PACKAGE, 'no-such-package');
    expect(code).to.equal(1);
    expect(stderr).to.include(`Debian's packages ${PACKAGE}, no-such-package cannot be had`);
    expect(stderr).to.include('Unable to locate package no-such-package');
    expect(stderr).to.include('`apt-get update` as root');
  });

  it('are refused on a machine that is not Debian', async () => {
    const programs = mkdtempSync(join(directory, 'programs-'));
    symlinkSync(process.execPath, join(programs, 'node'));
    const { code, stderr } = await new FreshMachine(programs).fetch(PACKAGE);
    expect(code).to.equal(1);
    expect(stderr).to.include('use one with Debian or Ubuntu');

    const { status, stderr: said } = spawnSync(process.execPath, [join(ROOT, 'scripts/image.ts')], {
      env: { PATH: programs, HOME: programs },
      encoding: 'utf8',
    });
    expect(status).to.equal(1);
    expect(said).to.include('use one with Debian or Ubuntu').and.include('build the Dockerfile');
  });
});
