import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { ApiWriter } from '../../src/cluster/api-writer.ts';
import { loadKubeConfig } from '../../src/cluster/kube-config.ts';
import { Heartbeat } from '../../src/cluster/lease.ts';
import { agentLabels, agentLeaseName } from '../../src/tars/agent-lease.ts';
import { OURS, SELECTED_NODE } from '../../src/tars/vocabulary.ts';
import { ROOT } from '../offline/tlv.ts';
import type { KubeObject } from './api.ts';
import { ControlPlane, EVERYTHING } from './control-plane.ts';
import { CLAIMS, VOLUMES } from './paths.ts';
import {
  capacityObject,
  claimObject,
  leaseObject,
  podObject,
  storageClass,
  SYSTEM,
  volumeObject,
} from './sweep-objects.ts';
import { SweepProcess } from './sweep-process.ts';
import { waitFor } from './wait.ts';

/** Nodes and agents die; a real sweeper, with the rights that deploy/ gives it and no others, does what is left to do. */

const ACCOUNT = `system:serviceaccount:${SYSTEM}:t-local-volume-webhook`;
const DELAY_SECONDS = 12;
const LEASES = `/apis/coordination.k8s.io/v1/namespaces/${SYSTEM}/leases`;
const CAPACITIES = `/apis/storage.k8s.io/v1/namespaces/${SYSTEM}/csistoragecapacities`;

interface Claim extends KubeObject {
  readonly metadata: {
    readonly annotations?: Record<string, string>;
    readonly labels?: Record<string, string>;
  };
}

describe('tlv sweep', function () {
  this.timeout(300_000);
  this.slow(60_000);
  let plane: ControlPlane;
  let writer: ApiWriter;
  let heart: Heartbeat;
  const sweepers: SweepProcess[] = [];

  before(async () => {
    plane = await ControlPlane.start({ components: EVERYTHING, identities: [{ name: ACCOUNT }] });
    await plane.addNodes(['live', 'silent', 'first', 'second']);
    await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM } });
    const { code, stderr } = await plane.kubectl(['apply', '-f', `${ROOT}deploy/base/rbac-sweeper.yaml`]);
    expect(code, stderr).to.equal(0);
    await apply(storageClass);

    writer = new ApiWriter(loadKubeConfig(plane.kubeconfig()));
    const name = agentLeaseName('live');
    heart = new Heartbeat({
      writer,
      namespace: SYSTEM,
      name,
      holder: 'live',
      labels: agentLabels('live'),
      everyMs: 1000,
    });
    heart.start();
    for (const node of ['silent', 'gone']) await apply(leaseObject(node));
    for (const node of ['live', 'silent', 'gone']) {
      await apply(claimObject(`of-${node}`, node));
      await apply(capacityObject(node));
    }
    await apply(claimObject('unrouted', 'gone', false));
    await apply(claimObject('of-nobody'));
    await apply(volumeObject('terminating', 'gone', { policy: 'Retain' }));
    await apply(volumeObject('offer', 'gone'));
    await apply(volumeObject('kept', 'gone', { policy: 'Retain', claim: 'was' }));
    await apply(volumeObject('unwanted', 'gone', { claim: 'was' }));
    for (const disk of ['disk', 'deleted-disk'])
      await apply(volumeObject(disk, 'gone', { claim: 'was', isDiscovered: true }));
    await apply(volumeObject('of-live', 'live', { claim: 'was' }));
    for (const volume of ['kept', 'unwanted', 'disk', 'deleted-disk', 'of-live']) {
      await waitFor(`${volume} to be Released`, async () => (await phase(volume)) === 'Released');
    }
    for (const volume of ['terminating', 'deleted-disk']) await plane.api('DELETE', `${VOLUMES}/${volume}`);
    await apply(volumeObject('bound', 'gone'));
    const { spec, ...claim } = claimObject('bound');
    await apply({ ...claim, spec: { ...spec, volumeName: 'bound' } });
    await waitFor('bound to be Bound', async () => (await phase('bound')) === 'Bound');
  });
  after(async () => {
    await Promise.all(sweepers.map((sweeper) => sweeper.stop('SIGKILL')));
    await heart?.stop();
    writer?.close();
    await plane?.stop();
  });

  async function apply(object: object): Promise<void> {
    const { code, stderr } = await plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
    expect(code, stderr).to.equal(0);
  }

  const startSweeper = async (): Promise<SweepProcess> => {
    const sweeper = await SweepProcess.start(plane.directory, [
      `--kubeconfig=${plane.kubeconfig(ACCOUNT)}`,
      `--delay=${DELAY_SECONDS}`,
    ]);
    sweepers.push(sweeper);
    return sweeper;
  };
  const statusOf = async (path: string) => (await plane.api('GET', path)).status;
  const isGone = (path: string) => waitFor(`${path} to be gone`, async () => (await statusOf(path)) === 404);
  const claim = async (name: string) => (await plane.api<Claim>('GET', `${CLAIMS}/${name}`)).body;
  const chosenFor = async (name: string) => (await claim(name)).metadata.annotations?.[SELECTED_NODE];
  const volume = async (name: string) => (await plane.api('GET', `${VOLUMES}/${name}`)).body;
  const phase = async (name: string) => ((await volume(name)).status as { phase?: string }).phase;
  const eventsOf = async (name: string) => {
    const path = `/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=${name}`;
    const { items } = (
      await plane.api<{ items: { reason: string; message: string; type: string }[] }>('GET', path)
    ).body;
    return items.map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
  };
  /** All that the sweeper might change, as it is stored. */
  const everything = async () => {
    const paths = [
      CLAIMS,
      VOLUMES,
      CAPACITIES,
      `${LEASES}/${agentLeaseName('gone')}`,
      `${LEASES}/${agentLeaseName('silent')}`,
    ];
    const answers = await Promise.all(paths.map((path) => plane.api('GET', path)));
    return answers.map(({ body }) => JSON.stringify(body['items'] ?? body));
  };
  /** Controllers write a while longer: phases, and finalizers of their own. */
  const settled = () =>
    waitFor('the controllers to be done', async () => {
      const before = JSON.stringify(await everything());
      await sleep(4000);
      const after = await everything();
      return JSON.stringify(after) === before && after;
    });
  const leaders = async () => {
    const all = await Promise.all(sweepers.map((one) => one.metric('tlv_sweep_leader').catch(() => 0)));
    return all.reduce((sum, one) => sum + one, 0);
  };

  it('touches nothing before the delay', async () => {
    const before = await settled();
    const sweeper = await startSweeper();
    await waitFor('a leader', async () => (await leaders()) === 1);
    await sleep((DELAY_SECONDS - 8) * 1000);
    expect(await everything()).to.deep.equal(before);
    expect(await sweeper.get('/healthz')).to.deep.equal({ status: 200, text: 'ok\n' });
  });

  it('frees the claims of nodes that are gone and of agents that are silent, and says so', async () => {
    for (const name of ['of-gone', 'of-silent', 'unrouted']) {
      await waitFor(`${name} to be free`, async () => (await chosenFor(name)) === undefined);
      expect((await claim(name)).metadata.labels ?? {}).not.to.have.property(OURS.node);
      await waitFor('its mark to be off', async () => {
        const { annotations = {} } = (await claim(name)).metadata;
        return !(OURS.freedFrom in annotations);
      });
    }
    const [gone] = await waitFor('an Event', async () => {
      const events = (await eventsOf('of-gone')).filter((event) => event.startsWith('Warning'));
      return events.length > 0 && events;
    });
    expect(gone).to.equal(
      `Warning SelectedNodeDropped: There has been no node gone for more than ${DELAY_SECONDS} s. The claim has no ` +
        'volume yet: the choice of that node is dropped, so that the scheduler chooses again.',
    );
    const silent = await waitFor('an Event', async () =>
      (await eventsOf('of-silent')).find((event) => event.includes('SelectedNodeDropped')),
    );
    expect(silent).to.include(
      'heard of the agent of node silent since 2026-03-01T10:00:00.000000Z, for more than',
    );
  });

  it('withdraws their capacity, and the Lease of the node that is gone', async () => {
    await isGone(`${CAPACITIES}/capacity-gone`);
    await isGone(`${CAPACITIES}/capacity-silent`);
    await isGone(`${LEASES}/${agentLeaseName('gone')}`);
  });

  it('lets go the volumes that nobody wants of a node that is gone, and says where their data is', async () => {
    await isGone(`${VOLUMES}/terminating`);
    await isGone(`${VOLUMES}/unwanted`);
    await isGone(`${VOLUMES}/deleted-disk`);
    const events = await waitFor('an Event', async () => {
      const all = await eventsOf('unwanted');
      return all.length > 0 && all;
    });
    expect(events.at(-1)).to.equal(
      `Warning VolumeLetGo: There has been no node gone for more than ${DELAY_SECONDS} s: the volume is let go. Its data ` +
        'was not removed: it is still on the disk of that node, at /usr/local/app/tars/host-mount/default/app.server/unwanted.',
    );
  });

  it('tells the claim of a bound volume where its data is, and what can be done', async () => {
    const told = await waitFor('an Event', async () =>
      (await eventsOf('bound')).find((event) => event.includes('VolumeNodeGone')),
    );
    expect(told).to.equal(
      `Warning VolumeNodeGone: There has been no node gone for more than ${DELAY_SECONDS} s, and this claim's volume bound ` +
        'is on its disk, at /usr/local/app/tars/host-mount/default/app.server/bound. Pods with this claim wait for that ' +
        'node: bring it back under its name, or delete claim and pod to begin anew elsewhere, without that data.',
    );
    expect(await phase('bound')).to.equal('Bound');
  });

  it('leaves alone what is wanted, offered, kept, or of an agent that lives', async () => {
    await sleep(DELAY_SECONDS * 1000);
    expect(await Promise.all(['offer', 'kept', 'disk', 'of-live'].map(phase))).to.deep.equal([
      'Available',
      'Released',
      'Released',
      'Released',
    ]);
    for (const name of ['offer', 'kept', 'disk', 'of-live']) {
      expect((await volume(name)).metadata).not.to.have.property('deletionTimestamp');
    }
    expect(await chosenFor('of-live')).to.equal('live');
    expect((await claim('of-live')).metadata.labels).to.include({ [OURS.node]: 'live' });
    expect(await statusOf(`${CAPACITIES}/capacity-live`)).to.equal(200);
    expect(await statusOf(`${LEASES}/${agentLeaseName('silent')}`)).to.equal(200);
    expect(await sweepers[0]!.metric('tlv_sweep_actions_total{action="free-claim"}')).to.equal(3);
  });

  it('makes the scheduler choose again when the chosen node is deleted', async () => {
    await apply(claimObject('moving'));
    await apply(podObject('moving', 'moving', ['first', 'second']));
    const chosen = await waitFor('a choice', () => chosenFor('moving'));
    // As the webhook does.
    const routed = { metadata: { labels: { [OURS.node]: chosen } } };
    await plane.api('PATCH', `${CLAIMS}/moving`, routed, 'application/merge-patch+json');
    await plane.api('DELETE', `/api/v1/nodes/${chosen}`);
    const other = chosen === 'first' ? 'second' : 'first';
    await waitFor(`${other} to be chosen`, async () => (await chosenFor('moving')) === other, {
      timeoutMs: 60_000,
    });
  });

  it('has one leader, and another one after that was killed', async () => {
    const [first] = sweepers;
    const second = await startSweeper();
    await sleep(3000);
    expect(await leaders()).to.equal(1);
    expect(await second.metric('tlv_sweep_leader')).to.equal(0);

    await first!.stop('SIGKILL');
    const leads = async () => (await second.metric('tlv_sweep_leader')) === 1;
    await waitFor('the second to lead', leads, { timeoutMs: 90_000 });
    await apply(claimObject('late', 'gone'));
    await waitFor('the claim to be free', async () => (await chosenFor('late')) === undefined);
  });

  it('lets the Lease go when it is told to end', async () => {
    const second = sweepers[1]!;
    expect(await second.stop()).to.equal(0);
    const { body } = await plane.api('GET', `${LEASES}/t-local-volume-sweeper`);
    expect(body['spec']).to.include({ holderIdentity: '' });
    expect(second.said.at(-1)).to.include('"stopped"');
    const faults = sweepers
      .flatMap(({ said }) => said)
      .filter((line) => /"level":"(?:warn|error)"/.test(line));
    expect(faults).to.deep.equal([]);
  });
});
