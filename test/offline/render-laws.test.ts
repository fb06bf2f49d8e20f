import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT, tlv } from './tlv.ts';

const FOREIGN = 'test/fixtures/foreign';
const EXAMPLES = ['tarslog', 'tarsconfig', 'gateway', 'redis-cluster'].map((name) => `examples/${name}.yaml`);

describe('tlv render', function () {
  this.slow(2000);
  const foreign = readdirSync(join(ROOT, FOREIGN)).filter((name) => /^\d\d-/.test(name));

  it('has thirty foreign StatefulSets to leave alone', () => {
    expect(foreign).to.have.length(30);
  });

  for (const name of foreign) {
    it(`prints ${name} byte for byte`, async () => {
      const file = join(FOREIGN, name);
      const text = readFileSync(join(ROOT, file), 'utf8');
      expect(text, 'a StatefulSet is in it').to.match(/StatefulSet/);
      const { stdout, stderr, exit } = await tlv(['render', '-f', file, '--claims']);
      expect(stdout).to.equal(text);
      expect({ stderr, exit }).to.deep.equal({ stderr: '', exit: 0 });
    });
  }

  it('changes none of them: no patch, no finding', async () => {
    const { stdout } = await tlv(['render', '-f', FOREIGN, '-o', 'patch']);
    expect(stdout).to.equal('');
    const check = await tlv(['check', '-f', FOREIGN]);
    expect(check.stdout).to.equal('');
    expect(check.exit).to.equal(0);
  });

  for (const args of EXAMPLES.flatMap((file) => [[file], [file, '--claims']])) {
    it(`of its own output is the same text: ${args.join(' ')}`, async () => {
      const once = await tlv(['render', '-f', ...args]);
      expect(once.exit).to.equal(0);
      const twice = await tlv(['render', ...args.slice(1)], once.stdout);
      expect(twice.stdout).to.equal(once.stdout);
    });
  }

  it('finds TServer and StatefulSet in either order', async () => {
    const text = readFileSync(join(ROOT, 'examples/tarsconfig.yaml'), 'utf8');
    const [server, set] = text.split('---\n') as [string, string];
    const forwards = await tlv(['render', '-o', 'patch'], `${server}---\n${set}`);
    const backwards = await tlv(['render', '-o', 'patch'], `${set}---\n${server}`);
    expect(forwards.stdout).to.match(/delay-bind/);
    expect(backwards.stdout).to.equal(forwards.stdout);
  });

  it('reads its flags from the environment as well', async () => {
    const flags = await tlv([
      'render',
      '-f',
      'examples/redis-cluster.yaml',
      '-o',
      'patch',
      '--classes',
      't-storage-class=per-node',
    ]);
    const env = await tlv(['render'], '', {
      TLV_FILE: 'examples/redis-cluster.yaml',
      TLV_OUTPUT: 'patch',
      TLV_CLASSES: 't-storage-class=per-node',
    });
    expect(env.stdout).to.equal(flags.stdout);
    expect(env.stdout).to.match(/local\.tars\.io\/namespace/);
  });

  it('writes no colour into a pipe, and ends quietly when its reader does', async () => {
    const { stderr } = await tlv(['render', '-f', 'examples/refused.yaml']);
    expect(stderr).not.to.include('\u001B');
  });
});
