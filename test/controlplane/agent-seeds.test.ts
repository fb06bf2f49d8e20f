import { statSync } from 'node:fs';
import { expect } from 'chai';
import { ROOT, tlv } from '../offline/tlv.ts';
import { Agents } from './agents.ts';
import type { KubeObject } from './api.ts';
import { Installed } from './installed.ts';
import { waitFor } from './wait.ts';

/** The seeds' servers, from apply to running pods, on nodes that kwok plays and directories that are real. */

const NODES = ['node-1', 'node-2', 'node-3', 'node-4', 'node-5'];

describe('the seeds, on demand', function () {
  this.timeout(180_000);
  this.slow(10_000);
  let installed: Installed;
  let agents: Agents;

  before(async () => {
    installed = await Installed.start({ overlay: 'on-demand' });
    await installed.plane.addNodes(NODES);
    agents = new Agents(installed.plane.kubeconfig());
    await agents.startAll(NODES);
  });
  after(async () => {
    await agents?.stopAll();
    await installed?.stop();
  });

  /** The TServer of an example with the StatefulSet that it stands for. */
  async function applyRendered(example: string): Promise<void> {
    const { stdout } = await tlv(['render', '-f', `${ROOT}examples/${example}.yaml`]);
    const { code, stderr } = await installed.plane.kubectl(['apply', '-f', '-'], { input: stdout });
    expect(code, stderr).to.equal(0);
  }

  const get = async (path: string) => (await installed.plane.api('GET', path)).body;

  it('binds the three replicas of tarslog on three nodes', async () => {
    await applyRendered('tarslog');
    await waitFor('three pods to run', async () => {
      const { items } = (await get('/api/v1/namespaces/default/pods')) as { items?: KubeObject[] };
      const running = (items ?? []).filter(
        ({ status }) => (status as { phase?: string }).phase === 'Running',
      );
      return running.length === 3;
    });
    const { items = [] } = (await get('/api/v1/persistentvolumes')) as { items?: KubeObject[] };
    expect(items).to.have.length(3);
    for (const volume of items) {
      const node = volume.metadata!.labels!['kubernetes.io/hostname']!;
      const path = agents.path(node, 'default/tars.tarslog/remote-log-dir');
      const { uid, gid, mode } = statSync(path);
      expect([uid, gid, (mode & 0o7777).toString(8)]).to.deep.equal([1000, 0, '755']);
    }
  });
});
