import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { CHART, Helm } from '../controlplane/chart-helm.ts';
import { waitFor } from '../controlplane/wait.ts';
import { Cluster } from './cluster.ts';
import { buildServerImage } from './images.ts';
import { skipUnlessIsolated } from './isolated.ts';
import { apply, inPod, ready, replaced, server } from './pods.ts';
import { productImage } from './product.ts';

/* The whole life of an installation by the chart, with pods that use it all the while. */

const NAMESPACE = 'storage';
const RELEASE = ['tlv', CHART, `--namespace=${NAMESPACE}`, '--wait', '--timeout=3m'];
const VOLUMES = { data: { uid: '1000', gid: '1000', mode: '711' } };
const FILE = 'default/tars.chart/data/file';

describe('the chart on a real node', function () {
  this.timeout(900_000);
  this.slow(60_000);
  let cluster: Cluster;
  let helm: Helm;
  let folder: string;

  before(skipUnlessIsolated);
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'images-'));
    const images = [await buildServerImage(folder), await productImage(folder)];
    cluster = await Cluster.start({ nodes: 1, images });
    helm = await Helm.of(cluster.plane);
  });
  after(async () => {
    await cluster?.stop();
    if (folder) rmSync(folder, { recursive: true });
  });

  const pool = (path: string): string => join(cluster.nodes[0]?.pool ?? '', path);
  const isKnown = async (kind: string): Promise<boolean> =>
    (await cluster.kubectl(
      'get',
      kind,
      '--output=name',
      '--selector=app.kubernetes.io/name=t-local-volume',
    )) !== '';

  it('installs, serves, is upgraded under running pods, and is removed: data, volumes and pods stay', async () => {
    // As docs/install.md has it.
    await cluster.kubectl('create', 'namespace', NAMESPACE);
    await cluster.kubectl('label', 'namespace', NAMESPACE, 'pod-security.kubernetes.io/enforce=privileged');
    await cluster.kubectl('apply', '-f', join(CHART, 'crd'));
    await helm.run('install', ...RELEASE);
    await apply(cluster, server({ name: 'chart', uid: 1000, volumes: VOLUMES }));
    const pod = await ready(cluster, 'tars-chart-0');
    await inPod(cluster, 'tars-chart-0', 'echo kept >/data/file; sync');

    // The next version is another image, and comes with another setting.
    const image = 'localhost/t-local-volume';
    const { code, stderr } = await cluster.nodes[0]!.run(
      'ctr',
      '-n',
      'k8s.io',
      'images',
      'tag',
      `${image}:dev`,
      `${image}:next`,
    );
    expect(code, stderr).to.equal(0);
    await helm.run('upgrade', ...RELEASE, '--set-json=image.tag="next"', '--set-json=agent.reserve="5%"');
    await waitFor('the old pods to be gone', async () => {
      const output = '--output=jsonpath={.items[*].spec.containers[*].image}';
      const found = await cluster.kubectl('get', 'pods', `--namespace=${NAMESPACE}`, output);
      return found.split(' ').every((name) => name === `${image}:next`);
    });
    const after = await ready(cluster, 'tars-chart-0');
    expect([after.metadata.uid, after.status.containerStatuses?.[0]?.restartCount]).to.deep.equal([
      pod.metadata.uid,
      0,
    ]);
    await apply(cluster, server({ name: 'later', uid: 1000, volumes: VOLUMES }));
    await ready(cluster, 'tars-later-0');

    await helm.run('uninstall', 'tlv', `--namespace=${NAMESPACE}`, '--wait', '--timeout=3m');
    for (const kind of [
      'mutatingwebhookconfiguration',
      'validatingwebhookconfiguration',
      'storageclass',
      'csidriver',
    ]) {
      expect(await isKnown(kind), kind).to.equal(false);
    }
    const phases = await cluster.kubectl('get', 'pvc', '--output=jsonpath={.items[*].status.phase}');
    expect(phases).to.equal('Bound Bound');
    // The cluster works: a pod comes back to its data, a new StatefulSet is nobody's business, an old one is scaled.
    await replaced(cluster, 'tars-chart-0');
    expect(await inPod(cluster, 'tars-chart-0', 'cat /data/file')).to.equal('kept');
    await apply(cluster, server({ name: 'plain', uid: 1000 }).slice(1));
    await ready(cluster, 'tars-plain-0');
    await cluster.kubectl('scale', 'statefulset', 'tars-later', '--replicas=0');
    await cluster.kubectl('wait', '--for=delete', 'pod/tars-later-0', '--timeout=120s');
    expect(readFileSync(pool(FILE), 'utf8')).to.equal('kept\n');

    // Nobody is there to remove what is released now: it waits, and is not lost.
    await cluster.kubectl('delete', 'pvc', 'data-tars-later-0');
    expect(existsSync(pool('default/tars.later/data'))).to.equal(true);
    await helm.run('install', ...RELEASE);
    await waitFor(
      'what was released meanwhile to be removed',
      () => !existsSync(pool('default/tars.later')),
      {
        timeoutMs: 60_000,
      },
    );
    expect(readFileSync(pool(FILE), 'utf8')).to.equal('kept\n');
    await replaced(cluster, 'tars-chart-0');
    expect(await inPod(cluster, 'tars-chart-0', 'cat /data/file')).to.equal('kept');
  });
});
