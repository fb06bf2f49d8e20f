import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { ROOT } from '../offline/tlv.ts';
import { needRoot } from '../unit/agent/disk-world.ts';
import { sha256 } from './disks.ts';
import { itIsEmpty, itServesTheSeeds, NODES } from './seeds-suite.ts';
import { type Pod, Served } from './served.ts';
import { waitFor } from './wait.ts';

describe('the seeds, on demand', function () {
  this.timeout(300_000);
  this.slow(20_000);
  let served: Served;

  before(needRoot);
  before(async () => {
    served = await Served.start({ overlay: 'on-demand', nodes: NODES });
    await served.agents.startAll(NODES);
  });
  after(async () => served?.stop());

  itServesTheSeeds('on-demand', () => served);

  describe('redis-cluster, six replicas on five nodes', () => {
    const SET = 'redis-cluster';
    const PODS = '/api/v1/namespaces/redis/pods';
    let pods: readonly Pod[];

    const directory = ({ metadata, spec }: Pod) =>
      served.agents.path(
        spec.nodeName!,
        `redis/statefulset.${SET}/redis-cluster-data.${metadata.name.split('-').at(-1)}`,
      );

    it('runs, each with a directory of its own', async () => {
      await served.installed.kubectl('create', 'namespace', 'redis');
      await served.installed.kubectl('apply', '-f', `${ROOT}examples/redis-cluster.yaml`);
      pods = await served.runningPods('redis', 6);
      const directories = pods.map(directory);
      expect(new Set(directories)).to.have.lengthOf(6);
      for (const [index, path] of directories.entries()) {
        expect(readdirSync(path), path).to.deep.equal([]);
        writeFileSync(`${path}/nodes.conf`, `replica ${index} of ${path}`);
      }
      // What no test of a name tells: the API has them at these paths.
      for (const { metadata } of pods) {
        const volume = await served.bound(`redis-cluster-data-${metadata.name}`, 'redis');
        expect(directories).to.include(volume.spec.local.path);
      }
    });

    it('brings a deleted pod back to its data', async () => {
      const [first] = pods;
      const path = directory(first!);
      const before = [sha256(`${path}/nodes.conf`), statSync(path).ino];
      await served.remove(`${PODS}/${first!.metadata.name}`);
      const again = await waitFor('the pod to be another one', async () => {
        const found = await served.find<Pod>(`${PODS}/${first!.metadata.name}`);
        return found?.status.phase === 'Running' && found.metadata.uid !== first!.metadata.uid && found;
      });
      expect(directory(again)).to.equal(path);
      expect([sha256(`${path}/nodes.conf`), statSync(path).ino]).to.deep.equal(before);
    });

    it('is gone with all its data when StatefulSet and claims are deleted', async () => {
      expect(readFileSync(`${directory(pods[5]!)}/nodes.conf`, 'utf8')).to.match(/^replica 5/);
      await served.installed.kubectl('delete', 'statefulset', SET, '-n', 'redis');
      await served.installed.kubectl('delete', 'pvc', '--all', '-n', 'redis', '--timeout=120s');
      await itIsEmpty(served);
    });
  });
});
