import { expect } from 'chai';
import { tlv } from './tlv.ts';

/** The seeds' own manifests (tarslog's claim, tarsconfig's delay-bind template), field by field. */

interface Named {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: { readonly volumeClaimTemplates: Record<string, unknown>[] };
}

async function rendered(...args: string[]): Promise<Named[]> {
  const { stdout, stderr, exit } = await tlv(['render', '-o', 'json', ...args]);
  expect({ stderr, exit }).to.deep.equal({ stderr: '', exit: 0 });
  return (JSON.parse(stdout) as { items: Named[] }).items;
}

const templateNames = (set: Named | undefined) =>
  set?.spec.volumeClaimTemplates.map(({ metadata }) => (metadata as { name: string }).name);

describe('the seeds through tlv render', function () {
  this.slow(2000);

  it("gives tarslog the seed's claim", async () => {
    const items = await rendered('-f', 'examples/tarslog.yaml', '--claims');
    const labels = {
      'tars.io/LocalVolume': 'remote-log-dir',
      'tars.io/ServerApp': 'tars',
      'tars.io/ServerName': 'tarslog',
    };
    expect(items.find(({ metadata }) => metadata.name === 'remote-log-dir-tars-tarslog-0')).to.deep.equal({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        annotations: {
          'tars.io/LocalVolumeGID': '0',
          'tars.io/LocalVolumeMode': '755',
          'tars.io/LocalVolumeUID': '1000',
        },
        labels,
        name: 'remote-log-dir-tars-tarslog-0',
        namespace: 'default',
      },
      spec: {
        // Not in the seed's listing, but the seed's text and its StatefulSet say so.
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1G' } },
        selector: { matchLabels: labels },
        storageClassName: 't-storage-class',
        volumeMode: 'Filesystem',
      },
    });
  });

  it("gives tarsconfig the seed's delay-bind template", async () => {
    const items = await rendered('-f', 'examples/tarsconfig.yaml');
    const set = items.find(({ kind }) => kind === 'StatefulSet');
    const labels = {
      'tars.io/LocalVolume': 'delay-bind',
      'tars.io/ServerApp': 'tars',
      'tars.io/ServerName': 'tarsconfig',
    };
    expect(set?.spec.volumeClaimTemplates).to.deep.equal([
      {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { labels, name: 'delay-bind' },
        spec: {
          accessModes: ['ReadWriteOnce'],
          resources: { requests: { storage: '1G' } },
          selector: { matchLabels: labels },
          storageClassName: 't-storage-class',
          volumeMode: 'Filesystem',
        },
        // Beside the seed: what the API server adds, so that diffs stay quiet.
        status: { phase: 'Pending' },
      },
    ]);
  });

  it('keeps the order of the mounts, delay-bind last', async () => {
    const items = await rendered('-f', 'examples/gateway.yaml');
    const set = items.find(({ kind }) => kind === 'StatefulSet');
    expect(templateNames(set)).to.deep.equal(['cache', 'archive', 'sessions', 'delay-bind']);
  });

  it('gives each redis-cluster replica a claim of its own', async () => {
    const { stdout } = await tlv(['render', '-o', 'json', '-f', 'examples/redis-cluster.yaml', '--claims']);
    const claims = (JSON.parse(stdout) as { items: Named[] }).items.filter(
      ({ kind }) => kind === 'PersistentVolumeClaim',
    );
    expect(claims.map(({ metadata }) => metadata.name)).to.deep.equal(
      [0, 1, 2, 3, 4, 5].map((ordinal) => `redis-cluster-data-redis-cluster-${ordinal}`),
    );
  });
});
