import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import manifest from '../../package.json' with { type: 'json' };
import { Authority } from '../admission/authority.ts';
import { ROOT } from '../offline/tlv.ts';
import { confined, containerRoot, start } from './confined.ts';
import { needDebianAndRoot } from './made-image.ts';

const GOLDEN = join(ROOT, 'test/golden');
/** Where the repository's files that the golden cases read are in the image meanwhile. */
const CHECKOUT = '/checkout';

describe('the image, with nothing else to be seen', function () {
  this.slow(3000);
  this.timeout(120_000);
  before(needDebianAndRoot);
  let root: string;
  before(async () => {
    root = await containerRoot();
    for (const folder of ['examples', 'test/golden', 'src/tars']) {
      cpSync(join(ROOT, folder), join(root, CHECKOUT, folder), { recursive: true });
    }
  });

  it('says its version', async () => {
    expect(await confined(['--version'], '')).to.deep.equal({
      stdout: `${manifest.version}\n`,
      stderr: '',
      exit: 0,
    });
  });

  it('is tlv for who execs into a container', async () => {
    const program = '/usr/local/bin/tlv';
    const help = readFileSync(join(GOLDEN, 'help/stdout'), 'utf8');
    expect(await confined(['--help'], '', { program })).to.deep.equal({ stdout: help, stderr: '', exit: 0 });
    const refused = readFileSync(join(ROOT, 'examples/refused.yaml'), 'utf8');
    expect(await confined(['check'], refused, { program })).to.include({ exit: 1 });
  });

  for (const name of readdirSync(GOLDEN).sort()) {
    it(`prints what the sources print: ${name}`, async () => {
      const file = (part: string) => join(GOLDEN, name, part);
      const args = readFileSync(file('command'), 'utf8').trim().split(/\s+/);
      const stdin = existsSync(file('stdin')) ? readFileSync(file('stdin'), 'utf8') : '';
      const { stdout, stderr, exit } = await confined(args, stdin, { cwd: CHECKOUT });
      const expected = ['stdout', 'stderr', 'exit'].map((part) => readFileSync(file(part), 'utf8'));
      expect([stdout, stderr, `${exit}\n`]).to.deep.equal(expected);
    });
  }

  for (const format of ['json', 'pretty'] as const) {
    it(`serves the webhook over TLS, logs ${format}, and ends well when it is told to`, async () => {
      const authority = await Authority.make();
      const { cert, key } = await authority.leaf();
      mkdirSync(join(root, 'run'), { recursive: true });
      writeFileSync(join(root, 'run/tls.crt'), cert);
      // User 65532 has to read it.
      writeFileSync(join(root, 'run/tls.key'), key, { mode: 0o644 });
      writeFileSync(join(root, 'run/kubeconfig'), JSON.stringify(NOBODY_LISTENS));

      const child = await start([
        'webhook',
        '--bind-address=127.0.0.1',
        '--port=0',
        '--metrics-port=0',
        '--shutdown-delay=0',
        `--log-format=${format}`,
        '--tls-cert-file=/run/tls.crt',
        '--tls-private-key-file=/run/tls.key',
        '--kubeconfig=/run/kubeconfig',
      ]);
      try {
        const lines: AsyncIterator<string, undefined> = createInterface(child.stderr)[Symbol.asyncIterator]();
        let line: string | undefined = '';
        while (line?.includes('listening') === false) ({ value: line } = await lines.next());
        const port = /"?port"?: ?(\d+)/.exec(line ?? 'it ended')?.[1];
        expect(await get(`https://127.0.0.1:${port}/healthz`, authority.cert)).to.equal(200);
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        expect(await ended).to.deep.equal([0, null]);
      } finally {
        child.kill('SIGKILL');
      }
    });
  }
});

/** A cluster that is away: healthy it is all the same. */
const NOBODY_LISTENS = {
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'c',
  clusters: [{ name: 'a', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'u', user: { token: 'none' } }],
  contexts: [{ name: 'c', context: { cluster: 'a', user: 'u' } }],
};

async function get(url: string, ca: string): Promise<number | undefined> {
  const call = request(url, { ca, agent: false }).end();
  const [response] = await once(call, 'response');
  response.resume();
  return response.statusCode;
}
