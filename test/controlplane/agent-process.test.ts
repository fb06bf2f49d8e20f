import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ControlPlane } from './control-plane.ts';
import { freePorts } from './ports.ts';
import { TlvProcess } from './tlv-process.ts';
import { waitFor } from './wait.ts';

/** The real `tlv agent`, as a DaemonSet would run it: how it starts, what it shows of itself, how it ends. */

const METRICS = [
  'tlv_agent_volumes{phase="Bound"} 0',
  'tlv_agent_discovered_volumes{phase="Bound"} 0',
  'tlv_agent_provision_seconds_count 0',
  'tlv_agent_reclaim_seconds_count 0',
  'tlv_agent_queue_depth 0',
  'tlv_agent_trash_entries_deleted_total 0',
  'tlv_agent_watch_age_seconds',
];
/** Of each root. */
const OF_ROOT = [
  ['tlv_agent_pool_healthy', '', '1'],
  ['tlv_agent_pool_size_bytes', '', ''],
  ['tlv_agent_pool_free_bytes', '', ''],
  ['tlv_agent_pool_reserved_bytes', '', ''],
  ['tlv_agent_pool_available_bytes', '', ''],
  ['tlv_agent_trash_items', '', '0'],
  ['tlv_agent_trash_stuck', '', '0'],
  ['tlv_agent_orphans', 'kind="unknown",', '0'],
];

describe('tlv agent', function () {
  this.timeout(300_000);
  this.slow(20_000);
  let plane: ControlPlane;
  let folder: string;
  let port: number;
  let agent: TlvProcess | undefined;

  before(async () => {
    plane = await ControlPlane.start({ components: ['kube-controller-manager', 'kwok'] });
    await plane.addNodes(['node-1']);
    await plane.kubectl(['create', 'namespace', 't-local-volume-system']);
    [port] = (await freePorts(1)) as [number];
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tlv-agent-'));
    mkdirSync(join(folder, 'root'));
  });
  afterEach(async () => {
    await agent?.stop('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  after(async () => plane?.stop());

  function start(node: string, ...more: string[]): TlvProcess {
    return startAt(join(folder, 'root'), node, ...more);
  }

  function startAt(root: string, node: string, ...more: string[]): TlvProcess {
    agent = new TlvProcess(folder, 'agent', [
      `--node-name=${node}`,
      `--root=${root}`,
      `--kubeconfig=${plane.kubeconfig()}`,
      `--metrics-port=${port}`,
      '--bind-address=127.0.0.1',
      ...more,
    ]);
    return agent;
  }

  async function get(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  }

  it('is ready when it works, tells its metrics, and ends in good order', async () => {
    const running = start('node-1');
    await waitFor('it to be ready', async () => (await get('/readyz')).status === 200);
    expect(await get('/readyz')).to.deep.equal({ status: 200, text: '[+] agent\n[+] shutdown\nready\n' });
    expect(await get('/healthz')).to.deep.equal({ status: 200, text: 'ok\n' });
    expect((await get('/nosuch')).status).to.equal(404);
    await waitFor('the first look-up', async () =>
      (await get('/metrics')).text.includes('tlv_agent_orphans{kind="kept"'),
    );
    const { text } = await get('/metrics');
    for (const metric of METRICS) expect(text).to.include(metric);
    for (const [name, labels, value] of OF_ROOT)
      expect(text).to.include(`${name}{${labels}root="${join(folder, 'root')}"} ${value}`);
    expect(await running.stop(), running.stderr).to.equal(0);
    const lines = running.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string; level: string });
    expect(lines.map(({ msg }) => msg)).to.include.members(['listening', 'shutting down', 'stopped']);
    expect(lines.filter(({ level }) => level === 'error')).to.deep.equal([]);
  });

  it('says what is missing while there is no such node, and can be ended then', async () => {
    const running = start('nowhere');
    await waitFor('it to say so', () =>
      running.stderr.includes('waiting for node nowhere: there is no such node'),
    );
    expect(await get('/readyz')).to.deep.equal({
      status: 503,
      text: '[-] agent: it is starting\n[+] shutdown\nnot ready\n',
    });
    expect((await get('/healthz')).status).to.equal(200);
    expect(await running.stop()).to.equal(0);
  });

  it('does not work for a node whose hostname label is another, unless it is told to', async () => {
    await plane.addNodes(['node-2']);
    await plane.kubectl(['label', 'node', 'node-2', 'kubernetes.io/hostname=other', '--overwrite']);
    const refused = start('node-2');
    expect(await refused.ended).to.equal(2);
    expect(refused.stderr.trim().split('\n').at(-1)).to.equal(
      'tlv agent: node node-2 has the label kubernetes.io/hostname=other, and an agent may only make volumes for the node that its token names, by that name; apply deploy/components/relaxed-hostname and start the agents with --allow-other-hostname',
    );
    start('node-2', '--allow-other-hostname');
    await waitFor('it to be ready', async () => (await get('/readyz')).status === 200);
  });

  it('is not ready, and stays, where its root is no directory', async () => {
    const running = startAt(join(folder, 'missing'), 'node-1');
    await waitFor('it to say so', () =>
      running.stderr.includes('nothing is provisioned, deleted or published'),
    );
    const { status, text } = await get('/readyz');
    expect(status).to.equal(503);
    expect(text).to.match(/^\[-\] agent: cannot open the root .*missing: it is not there$/m);
  });

  it('is ready without a root that is not the first one, and says so', async () => {
    await plane.addNodes(['node-4']);
    const [first, other] = [join(folder, 'root'), join(folder, 'missing')];
    startAt(first, 'node-4', `--root=${other}`);
    const said = `[+] agent\n[!] root ${other}: cannot open the root ${other}: it is not there\n[+] shutdown\nready\n`;
    await waitFor('it to have looked at both', async () => (await get('/readyz')).text === said);
    expect((await get('/readyz')).status).to.equal(200);
    const { text } = await get('/metrics');
    expect(text).to.include(`tlv_agent_pool_healthy{root="${first}"} 1\n`);
    expect(text).to.include(`tlv_agent_pool_healthy{root="${other}"} 0\n`);
    expect(text).not.to.include(`tlv_agent_pool_free_bytes{root="${other}"}`);
  });

  it('says in one line that its port is taken', async () => {
    await plane.addNodes(['node-3']);
    start('node-3');
    await waitFor('it to be ready', async () => (await get('/readyz')).status === 200);
    const second = new TlvProcess(folder, 'agent', [
      '--node-name=node-3',
      `--root=${join(folder, 'root')}`,
      `--kubeconfig=${plane.kubeconfig()}`,
      `--metrics-port=${port}`,
      '--bind-address=127.0.0.1',
    ]);
    expect(await second.ended).to.equal(2);
    expect(second.stderr).to.match(/^tlv agent: cannot listen on port \d+: .*EADDRINUSE/m);
  });
});
