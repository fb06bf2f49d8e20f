import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT, tlv } from '../offline/tlv.ts';
import { statefulSet, LABELS } from '../unit/builders.ts';
import { review } from '../unit/admission/requests.ts';
import { startLoad, until } from './load.ts';
import { call, closeAtEnd, HOST, leaf } from './webhook.ts';

/** The real `bin/tlv webhook`. Its API server is one that knows no TServers yet, which is a normal state. */

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly port?: number;
  readonly metricsPort?: number;
}

let directory: string;
let files: readonly string[];

async function apiServerWithoutTServers(): Promise<number> {
  const server = createServer((_request, response) => {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
  });
  server.listen(0, HOST);
  await once(server, 'listening');
  closeAtEnd(async () => server.close());
  return (server.address() as AddressInfo).port;
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tlv-webhook-'));
  const { cert, key } = await leaf();
  await writeFile(join(directory, 'tls.crt'), cert);
  await writeFile(join(directory, 'tls.key'), key, { mode: 0o600 });
  const cluster = {
    server: `http://${HOST}:${await apiServerWithoutTServers()}`,
    'insecure-skip-tls-verify': true,
  };
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    clusters: [{ name: 'a', cluster }],
    users: [{ name: 'u', user: { token: 'none' } }],
    contexts: [{ name: 'c', context: { cluster: 'a', user: 'u' } }],
  };
  await writeFile(join(directory, 'kubeconfig'), JSON.stringify(kubeconfig));
  files = [
    '--tls-cert-file',
    join(directory, 'tls.crt'),
    '--tls-private-key-file',
    join(directory, 'tls.key'),
    '--kubeconfig',
    join(directory, 'kubeconfig'),
  ];
});
after(() => rm(directory, { recursive: true, force: true }));

interface Running {
  readonly child: ChildProcess;
  readonly lines: readonly string[];
  readonly port: number;
  readonly metricsPort: number;
}

async function start(args: readonly string[], env: Record<string, string> = {}): Promise<Running> {
  const child = spawn(`${ROOT}bin/tlv`, ['webhook', '--bind-address', HOST, ...files, ...args], {
    env: { ...process.env, TLV_PORT: '0', TLV_METRICS_PORT: '0', ...env },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const lines: string[] = [];
  let rest = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    const parts = `${rest}${chunk.toString()}`.split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  closeAtEnd(async () => child.kill('SIGKILL'));
  await until(
    'it listens',
    () => lines.some((line) => line.includes('listening')) || child.exitCode !== null,
  );
  const listening = lines.find((line) => line.includes('listening')) ?? '';
  const port = (name: string) => Number(new RegExp(`"?${name}"?: ?(\\d+)`).exec(listening)?.[1]);
  return { child, lines, port: port('port'), metricsPort: port('metricsPort') };
}

describe('tlv webhook', () => {
  it('answers when nobody reads its log any more', async () => {
    const { child, port } = await start([]);
    await until('it is ready', async () => (await call(port, 'GET /readyz')).status === 200);
    child.stderr?.pause();
    const refused = statefulSet({
      metadata: { labels: LABELS, name: 'x'.repeat(200) },
      templates: [{ metadata: { name: 'delay-bind' } }],
    });
    const body = JSON.stringify(review('StatefulSet', 'CREATE', refused));
    // More than a pipe and its reader's buffer hold.
    for (let times = 0; times < 600; times++) {
      const { json } = await call(port, 'POST /validate', { body });
      expect(json.response).to.include({ allowed: false });
    }
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`drains at ${signal} and ends with 0, with nothing lost before the end of the grace`, async () => {
      const { child, lines, port, metricsPort } = await start([], { TLV_SHUTDOWN_DELAY: '3' });
      await until('it is ready', async () => (await call(port, 'GET /readyz')).status === 200);
      const plain = statefulSet({
        metadata: { labels: LABELS },
        templates: [{ metadata: { name: 'data' }, spec: { storageClassName: 't-storage-class' } }],
      });
      const reply = await call(port, 'POST /mutate', {
        body: JSON.stringify(review('StatefulSet', 'CREATE', plain)),
      });
      expect(reply.json.response).to.include({ allowed: true, patchType: 'JSONPatch' });
      const metrics = await (await fetch(`http://${HOST}:${metricsPort}/metrics`)).text();
      expect(metrics).to.include('tlv_tserver_live_gets_total{outcome="missing"} 1');

      const load = startLoad(() => port, {
        clients: 2,
        body: JSON.stringify(review('StatefulSet', 'CREATE', plain)),
      });
      await until('some are answered', () => load.answered > 20);
      const exit = once(child, 'exit');
      child.kill(signal);
      await until('it is unready', async () => (await call(port, 'GET /readyz')).status === 503);
      await load.stop();
      expect(load.failures).to.deep.equal([]);
      expect(await exit).to.deep.equal([0, null]);
      const said = lines.map((line) => JSON.parse(line) as Line);
      expect(said.filter(({ level }) => level === 'info').map(({ msg }) => msg)).to.include.members([
        'listening',
        'shutting down',
        'stopped',
      ]);
    });
  }

  it('says in one line what keeps it from starting, and ends with 2', async () => {
    const webhook = (...args: string[]) =>
      tlv(['webhook', '--port', '0', '--metrics-port', '0', '--bind-address', HOST, ...args]);
    const missing = join(directory, 'nothing.crt');
    expect(await webhook()).to.deep.equal({
      stdout: '',
      stderr:
        'tlv webhook: no certificate: name its files with --tls-cert-file and --tls-private-key-file, or have one with --self-managed-certs\n',
      exit: 2,
    });
    expect(await webhook(...files, '--tls-cert-file', missing)).to.deep.include({
      stderr: `tlv webhook: ${missing}: there is no such file\n`,
      exit: 2,
    });
    const noConfig = await webhook(...files, '--kubeconfig', missing);
    expect(noConfig.exit).to.equal(2);
    expect(noConfig.stderr).to.match(/^tlv webhook: kubeconfig .*nothing\.crt cannot be read: .*\n$/);
    expect((await webhook(...files, '--shutdown-delay', 'soon')).exit).to.equal(2);
  });

  it('says so when its port is taken, and leaves nothing running', async () => {
    const taken = createServer();
    taken.listen(0, HOST);
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { stderr, exit } = await tlv([
      'webhook',
      '--port',
      String(port),
      '--metrics-port',
      '0',
      '--bind-address',
      HOST,
      ...files,
    ]);
    taken.close();
    expect(exit).to.equal(2);
    expect(stderr).to.include(
      `tlv webhook: cannot listen on port ${port}: listen EADDRINUSE: address already in use`,
    );
  });

  it('writes its log for people when asked', async () => {
    const { child, lines } = await start([
      '--log-format',
      'pretty',
      '--log-level',
      'info',
      '--shutdown-delay',
      '0',
    ]);
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).to.equal(0);
    expect(lines[0]).to.match(/INFO: .*listening .*"port":\d+/);
  });
});
