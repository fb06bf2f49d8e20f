import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readDiscoveryConfig } from '../../src/agent/discovery/config.ts';
import { loadKubeConfig } from '../../src/cluster/kube-config.ts';
import type { Logger } from '../../src/cluster/observer.ts';
import { agentLeaseName } from '../../src/tars/agent-lease.ts';
import { DEFAULT_SETTINGS, parseClasses } from '../../src/tars/settings.ts';
import { SELECTED_NODE } from '../../src/tars/vocabulary.ts';
import { needRoot } from '../unit/agent/disk-world.ts';
import { AgentCluster } from './agent-policies-cluster.ts';
import { CAPACITIES, LEASES } from './agent-policies-objects.ts';
import { Agents, quickened } from './agents.ts';
import type { KubeObject } from './api.ts';
import { contentOf, DiscoveryDisks } from './discovery-disks.ts';
import { CLAIMS, PODS, STORAGE_CLASSES, VOLUMES } from './paths.ts';
import { waitFor } from './wait.ts';

/** Real agents, each with the token of its pod and no right but what deploy/ gives: that is enough for all they do. */

const NODES = ['node-1', 'node-2'];

interface Stored extends KubeObject {
  readonly spec: { readonly nodeName?: string; readonly volumeName?: string; readonly capacity?: Capacity };
  readonly status: { readonly phase: string; readonly capacity?: Capacity };
}

interface Capacity {
  readonly storage: string;
}

describe('agents with their own rights', function () {
  this.timeout(300_000);
  this.slow(10_000);
  let cluster: AgentCluster;
  let agents: Agents;
  const complaints: string[] = [];

  before(async () => {
    cluster = await AgentCluster.start({ nodes: NODES });
    agents = new Agents(cluster.plane.kubeconfig());
    for (const node of NODES)
      await agents.start(node, { config: await configOf(node), logger, lookUpMs: 1000 });
  });
  after(async () => {
    await agents?.stopAll();
    await cluster?.stop();
  });

  const complain = (_fields: object, message: string) => void complaints.push(message);
  const quiet = () => undefined;
  const logger: Logger = { info: quiet, warn: complain, error: complain };

  async function configOf(node: string) {
    const config = JSON.parse(await cluster.kubectl('config', 'view', '--raw', '-o', 'json')) as {
      users: { user: { token: string } }[];
    };
    config.users[0]!.user.token = await cluster.tokenOf(node);
    const file = join(cluster.plane.directory, `${node}.kubeconfig`);
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    return loadKubeConfig(file);
  }

  const get = async <T = Stored>(path: string) => (await cluster.plane.api<T>('GET', path)).body;

  it('say that they live, and how much room there is', async () => {
    for (const node of NODES)
      await waitFor(`the Lease of ${node}`, async () => {
        const { status } = await cluster.plane.api('GET', `${LEASES}/${agentLeaseName(node)}`);
        return status === 200;
      });
    await waitFor('a capacity of each', async () => {
      const { items } = await get<{ items: unknown[] }>(CAPACITIES);
      return items.length === NODES.length;
    });
  });

  it('serve a claim that the scheduler places, let it grow, and remove its volume after it', async () => {
    await cluster.given('data', undefined);
    await cluster.stored(PODS, {
      metadata: { name: 'user' },
      spec: {
        containers: [{ name: 'main', image: 'a', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
        terminationGracePeriodSeconds: 0,
      },
    });
    await waitFor('the pod to run', async () => (await get(`${PODS}/user`)).status.phase === 'Running');
    const { metadata, spec } = await get(`${CLAIMS}/data`);
    const { nodeName } = (await get(`${PODS}/user`)).spec;
    expect(metadata!.labels).to.include({ 'local.tars.io/node': nodeName });
    expect((await get(`${VOLUMES}/${spec.volumeName}`)).metadata!.labels).to.include({
      'kubernetes.io/hostname': nodeName,
    });
    await cluster.kubectl('patch', 'sc/t-storage-class', '-p', '{"allowVolumeExpansion":true}');
    const grown = { spec: { resources: { requests: { storage: '6Gi' } } } };
    // Whether a claim may grow, the API server asks its cache of the classes.
    await waitFor('the claim to be let grow', () =>
      cluster.kubectl('patch', 'pvc/data', '-p', JSON.stringify(grown)),
    );
    await waitFor('claim and volume to be larger', async () => {
      const [claim, volume] = [await get(`${CLAIMS}/data`), await get(`${VOLUMES}/${spec.volumeName}`)];
      return claim.status.capacity?.storage === '6Gi' && volume.spec.capacity?.storage === '6Gi';
    });
    await cluster.kubectl('delete', 'pod/user', 'pvc/data', '--timeout=120s');
    await cluster.kubectl('wait', `pv/${spec.volumeName}`, '--for=delete', '--timeout=120s');
  });

  it('give back a claim that their node has no room for', async () => {
    const resources = { requests: { storage: '1000Ti' } };
    const path = await cluster.given('elsewhere', 'node-1', {}, { resources });
    await waitFor('it to be given back', async () => {
      const { metadata } = await get(path);
      return metadata!.annotations?.[SELECTED_NODE] === undefined;
    });
  });

  describe('and disks', () => {
    let disks: DiscoveryDisks;
    before(needRoot);
    before(() => {
      disks = new DiscoveryDisks();
    });
    after(() => disks?.remove());

    it('offer them, and clean them after their claims', async () => {
      const directory = disks.directory('disks');
      const discovery = readDiscoveryConfig(
        new Map([
          ['storageClassMap', `disks: {hostDir: ${directory}, mountDir: ${directory}}`],
          ['setPVOwnerRef', 'true'],
        ]),
      );
      await cluster.stored(STORAGE_CLASSES, {
        metadata: { name: 'disks' },
        provisioner: 'kubernetes.io/no-provisioner',
        volumeBindingMode: 'Immediate',
      });
      await agents.stop('node-1');
      const classes = parseClasses('t-storage-class=on-demand,disks=discovery');
      const settings = { ...DEFAULT_SETTINGS, classes };
      const config = await configOf('node-1');
      await agents.start('node-1', { config, logger, discovery, settings, clock: quickened(4) });
      const path = disks.tmpfs('disks', 'one');
      await cluster.stored(CLAIMS, {
        metadata: { name: 'on-disk' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          storageClassName: 'disks',
          resources: { requests: { storage: '1Mi' } },
        },
      });
      await waitFor('it to be bound', async () => (await get(`${CLAIMS}/on-disk`)).status.phase === 'Bound');
      writeFileSync(join(path, 'file'), 'data');
      await cluster.kubectl('delete', 'pvc/on-disk', '--timeout=120s');
      const isOffered = async () => {
        const { items } = await get<{ items: Stored[] }>(VOLUMES);
        return items.some(({ status }) => status.phase === 'Available');
      };
      await waitFor('it to be offered again', isOffered, { timeoutMs: 60_000 });
      expect(contentOf(path)).to.deep.equal([]);
    });
  });

  it('are never refused anything', () => {
    // As the API server says it, whoever of it refuses: rights or policies.
    expect(complaints.filter((each) => each.includes('forbidden'))).to.deep.equal([]);
  });
});
