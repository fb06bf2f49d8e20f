import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Agents } from './agents.ts';
import type { KubeObject } from './api.ts';
import { Installed } from './installed.ts';
import { CLAIMS, VOLUMES } from './paths.ts';
import { waitFor } from './wait.ts';

/** Many claims on many nodes, each node with its agent: every claim is bound, by one volume and no more. */

const NODES = Array.from({ length: 100 }, (_, index) => `node-${index + 1}`);
/** TLV_SOAK=1: so many that an agent has ten at once. */
const CLAIM_COUNT = process.env['TLV_SOAK'] === undefined ? 300 : 1000;
const NAME = 'many';

interface Volume extends KubeObject {
  readonly spec: {
    readonly claimRef: { readonly name: string };
    readonly local: { readonly path: string };
    readonly nodeAffinity: object;
  };
  readonly status: { readonly phase: string };
}

describe('100 nodes with an agent each', function () {
  this.timeout(1_500_000);
  this.slow(120_000);
  let installed: Installed;
  let agents: Agents;
  /** What the agents did to the cluster, by verb and resource. */
  const writes = new Map<string, number>();

  before(async () => {
    installed = await Installed.start({ overlay: 'on-demand' });
    await installed.plane.addNodes(NODES);
    agents = new Agents(installed.plane.kubeconfig(), {
      beforeEffect: (what) => {
        const [call] = /^(?:POST|PUT|PATCH|DELETE) \S+/.exec(what) ?? [];
        if (call !== undefined) writes.set(call, (writes.get(call) ?? 0) + 1);
      },
    });
    await agents.startAll(NODES);
  });
  after(async () => {
    await agents?.stopAll();
    await installed?.stop();
  });

  it(`bind ${CLAIM_COUNT} claims with one volume each`, async () => {
    writes.clear();
    const before = await requests();
    await installed.apply([manySet()]);
    await waitFor('all claims to be bound', allBound, { timeoutMs: 400_000 });
    const after = await requests();
    const volumes = (await list<Volume>(VOLUMES)).filter(({ status }) => status.phase === 'Bound');
    expect(new Set(volumes.map(({ spec }) => spec.claimRef.name)).size).to.equal(CLAIM_COUNT);
    expect(new Set(volumes.map(({ spec }) => spec.local.path)).size).to.equal(CLAIM_COUNT);
    expect(volumes.every(({ spec }) => existsSync(spec.local.path))).to.equal(true);
    expect(writes.get('POST persistentvolumes')).to.equal(CLAIM_COUNT);
    const ours = [...writes].map(([call, count]) => `${call} ${(count / CLAIM_COUNT).toFixed(2)}`).join(', ');
    const all = [...after].map(
      ([call, count]) => [call, (count - (before.get(call) ?? 0)) / CLAIM_COUNT] as const,
    );
    const theirs = all
      .filter(([, count]) => count >= 0.05)
      .map(([call, count]) => `${call} ${count.toFixed(2)}`);
    console.log(`      writes a claim, by agents: ${ours}; by all: ${theirs.join(', ')}`);
  });

  async function list<T>(path: string): Promise<T[]> {
    return (await installed.plane.api<{ items: T[] }>('GET', path)).body.items;
  }

  /** A list of so many is work for the API server, which has better to do. */
  async function allBound(): Promise<boolean> {
    await sleep(2000);
    const claims = await list<{ status: { phase: string } }>(CLAIMS);
    return claims.filter(({ status }) => status.phase === 'Bound').length === CLAIM_COUNT;
  }

  /** Writes that the API server has served, by verb and resource. */
  async function requests(): Promise<Map<string, number>> {
    const { body } = await installed.plane.api<string>('GET', '/metrics');
    const counts = new Map<string, number>();
    for (const [, labels = '', count] of body.matchAll(/^apiserver_request_total\{([^}]*)\} (\S+)$/gm)) {
      const label = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
      if (!['POST', 'PUT', 'PATCH', 'DELETE'].includes(label('verb'))) continue;
      const resource = [label('resource'), label('subresource')].filter(Boolean).join('/');
      if (!['persistentvolumes', 'persistentvolumeclaims', 'events', 'pods'].includes(label('resource')))
        continue;
      const call = `${label('verb')} ${resource}`;
      counts.set(call, (counts.get(call) ?? 0) + Number(count));
    }
    return counts;
  }
});

function manySet(): object {
  const labels = { app: NAME };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: NAME, namespace: 'default' },
    spec: {
      replicas: CLAIM_COUNT,
      podManagementPolicy: 'Parallel',
      serviceName: NAME,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          containers: [{ name: NAME, image: NAME, volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: {
            accessModes: ['ReadWriteOnce'],
            storageClassName: 't-storage-class',
            resources: { requests: { storage: '1M' } },
          },
        },
      ],
    },
  };
}
