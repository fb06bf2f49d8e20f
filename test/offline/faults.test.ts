import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT, tlv } from './tlv.ts';

/** What the command line does when the world around it is not as it should be. */

const CLAIM =
  'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: bare}\nspec: {storageClassName: t-storage-class}\n';

describe('tlv in a bad world', function () {
  this.slow(2000);
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tlv-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  function write(name: string, text: string): string {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  }

  /** A shell line, for redirections; `tlv` stands for the real command. */
  function shell(line: string): Promise<{ stdout: string; stderr: string; exit: number }> {
    return new Promise((resolve) => {
      execFile('sh', ['-c', line.replaceAll('tlv ', `${ROOT}bin/tlv `)], (error, stdout, stderr) =>
        resolve({ stdout, stderr, exit: typeof error?.code === 'number' ? error.code : 0 }),
      );
    });
  }

  it('says that the disk is full, and does not call it a violation', async () => {
    const { stderr, exit } = await shell(`tlv render -f ${ROOT}examples/tarslog.yaml >/dev/full`);
    expect(stderr).to.equal('tlv: cannot write the output: ENOSPC: no space left on device, write\n');
    expect(exit).to.equal(2);
  });

  it('ends quietly when nobody reads on', async () => {
    const file = write('big.yaml', `${CLAIM}---\n${'# filling\n'.repeat(100_000)}`);
    const { stdout, stderr } = await shell(`tlv render -f ${file} | head -n 1`);
    expect({ stdout, stderr }).to.deep.equal({ stdout: 'apiVersion: v1\n', stderr: '' });
  });

  it('follows links to files in a directory, and no links to directories', async () => {
    write('claim.txt', CLAIM);
    symlinkSync(join(folder, 'claim.txt'), join(folder, 'linked.yaml'));
    symlinkSync(folder, join(folder, 'circle.yaml'));
    const { stderr, exit } = await tlv(['check', '-f', folder]);
    expect({ stderr, exit }).to.deep.equal({
      stderr: 'tlv check: 0 violations, 0 warnings in 1 document\n',
      exit: 0,
    });
  });

  it('names a link that leads nowhere', async () => {
    const link = join(folder, 'lost.yaml');
    symlinkSync('nowhere', link);
    const { stderr, exit } = await tlv(['check', '-f', folder]);
    expect({ stderr, exit }).to.deep.equal({ stderr: `tlv: ${link}: no such file or directory\n`, exit: 2 });
  });

  it('refuses aliases that grow without bound', async () => {
    const rows = Array.from(
      { length: 9 },
      (_, row) => `r${row + 1}: &r${row + 1} [${Array(9).fill(`*r${row}`).join(', ')}]`,
    );
    const file = write('laughs.yaml', ['r0: &r0 [x]', ...rows].join('\n'));
    const { stderr, exit } = await tlv(['check', '-f', file]);
    expect(stderr).to.match(/laughs\.yaml: not YAML: Excessive alias count/);
    expect(exit).to.equal(2);
  });

  it('refuses what is nested without end', async () => {
    const file = write('deep.yaml', `${'['.repeat(6000)}${']'.repeat(6000)}`);
    const { stderr, exit } = await tlv(['check', '-f', file]);
    expect(stderr).to.match(/deep\.yaml:1:\d+: not YAML: /);
    expect(exit).to.equal(2);
  });

  it('passes documents that are no objects, and judges those of ours that have the wrong shape', async () => {
    const text =
      'hello\n---\n- 1\n---\napiVersion: v1\nkind: List\nitems: 5\n---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {labels: {tars.io/ServerApp: a}}\nspec: [1]\n';
    const { stdout, exit } = await tlv(['check'], text);
    expect(stdout).to.equal(
      '<stdin>:12:7: TLV001 spec: Invalid value: a list of 1: spec must be a map, and it is a list; see kubectl explain for the field\n',
    );
    expect(exit).to.equal(1);
  });

  it('leaves a foreign StatefulSet of the wrong shape to the API server', async () => {
    const text = 'apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: other}\nspec: [1]\n';
    expect(await tlv(['render'], text)).to.deep.equal({ stdout: text, stderr: '', exit: 0 });
  });

  it('writes numbers that JavaScript would round as it found them', async () => {
    const text =
      '{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"a","generation":9007199254740993},"spec":{"storageClassName":"t-storage-class","ratio":1.10}}';
    const { stdout, exit } = await tlv(['render'], text);
    expect(stdout)
      .to.match(/"generation":9007199254740993,/)
      .and.to.match(/"ratio":1\.10,/);
    expect(exit).to.equal(0);
  });

  it('refuses JSON that is nested without end', async () => {
    const deep = `${'{"a":'.repeat(6000)}1${'}'.repeat(6000)}`;
    const text = `{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":5},"spec":${deep}}`;
    const { stdout, exit } = await tlv(['check'], text);
    expect(stdout).to.match(/^<stdin>:1:1: TLV001 object: .* nested more than 200 levels deep/);
    expect(exit).to.equal(1);
  });

  it('prints no claims of more replicas than anybody has', async () => {
    const text = `apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: x}\nspec:\n  replicas: 10000000000\n  volumeClaimTemplates: [{metadata: {name: data}, spec: {storageClassName: t-storage-class}}]\n`;
    const { stdout, stderr, exit } = await tlv(['render', '--claims'], text);
    expect({ stdout, stderr, exit }).to.deep.equal({
      stdout: '',
      stderr:
        'tlv: <stdin>: StatefulSet x has 10000000000 replicas, and --claims prints those of 10000 at most\n',
      exit: 2,
    });
  });

  it('colours for a terminal, unless it is asked not to', async () => {
    // script(1) gives the command a terminal of its own.
    const onTerminal = `script -qec "tlv check -f ${ROOT}examples/redis-cluster.yaml" /dev/null`;
    const coloured = await shell(`env -u NO_COLOR -u CI TERM=xterm ${onTerminal}`);
    expect(coloured.stdout).to.include('\u001B[33mTLV905\u001B[39m');
    const plain = await shell(`NO_COLOR=1 TERM=xterm ${onTerminal}`);
    expect(plain.stdout).to.include(': TLV905 ').and.not.to.include('\u001B');
  });
});
