import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { agentLeaseName } from '../../src/tars/agent-lease.ts';
import { ROOT } from '../offline/tlv.ts';
import { accepted, AGENT, type Agent, AgentCluster, noRight, refused } from './agent-policies-cluster.ts';
import {
  annotate,
  CAPACITIES,
  capacity,
  label,
  lease,
  LEASES,
  of,
  OWN,
  SYSTEM,
  term,
  volume,
  volumeWith,
} from './agent-policies-objects.ts';
import { GoldenTexts } from './golden-texts.ts';
import { VOLUMES } from './paths.ts';
import { waitFor } from './wait.ts';

/** What the agent of one node can do to what is of another, with the very token that its pod has: nothing. */

interface StoredPolicy {
  readonly metadata: { readonly name: string; readonly generation: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly typeChecking?: { readonly expressionWarnings?: readonly object[] };
  };
}

const NAMED = { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-2'] }] };

describe('the policies on agents', function () {
  this.timeout(300_000);
  this.slow(2000);
  let cluster: AgentCluster;
  let agent: Agent;
  let unbound: Agent;
  const golden = new GoldenTexts('agent-policies');

  before(async () => {
    cluster = await AgentCluster.start({ nodes: ['node-1', 'node-2'] });
    agent = await cluster.agentOf('node-1');
    unbound = cluster.holder((await cluster.kubectl('-n', SYSTEM, 'create', 'token', AGENT)).trim());
    for (const [path, object] of [
      [VOLUMES, volume('stored', 'node-2')],
      [CAPACITIES, capacity('stored', of('node-2'))],
      [LEASES, lease(agentLeaseName('node-2'))],
    ] as const) {
      await cluster.stored(path, object);
    }
  });
  after(async () => cluster?.stop());

  it('are checked without a complaint about types', async () => {
    const path = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
    const isSeen = ({ metadata, status }: StoredPolicy) => status?.observedGeneration === metadata.generation;
    const seen = async () => {
      const { items } = (await cluster.plane.api<{ items: StoredPolicy[] }>('GET', path)).body;
      return items.every(isSeen) && items;
    };
    // Which takes a busy machine its time.
    const policies = await waitFor('the controller to have looked at all of them', seen, {
      timeoutMs: 150_000,
    });
    expect(policies).to.have.length(9);
    for (const { metadata, status } of policies) {
      expect(status?.typeChecking?.expressionWarnings ?? [], metadata.name).to.deep.equal([]);
    }
  });

  describe('on volumes', () => {
    it('let an agent make, change and delete its own', async () => {
      await accepted(agent.create(VOLUMES, volume('own', 'node-1')));
      await accepted(agent.patch(`${VOLUMES}/own`, annotate({ 'local.tars.io/pool': 'other' })));
      await accepted(agent.patch(`${VOLUMES}/own`, { spec: { capacity: { storage: '6Gi' } } }));
      await accepted(agent.patch(`${VOLUMES}/own`, { metadata: { finalizers: ['local.tars.io/volume'] } }));
      await accepted(agent.delete(`${VOLUMES}/own`));
      await accepted(agent.patch(`${VOLUMES}/own`, { metadata: { finalizers: null } }));
      expect((await cluster.plane.api('GET', `${VOLUMES}/own`)).status).to.equal(404);
    });

    const DISGUISES: Readonly<Record<string, readonly [object, string]>> = {
      "another node's": [volumeWith(term('In', ['node-2'])), '"kubernetes.io/hostname In [node-2]"'],
      'two terms': [
        volumeWith(OWN, term('In', ['node-2'])),
        '[node-1] or kubernetes.io/hostname In [node-2]"',
      ],
      'its own term twice': [volumeWith(OWN, OWN), '[node-1] or '],
      'two expressions': [
        volumeWith({ matchExpressions: [...OWN.matchExpressions, ...OWN.matchExpressions] }),
        '[node-1] and ',
      ],
      NotIn: [volumeWith(term('NotIn', ['node-1'])), '"kubernetes.io/hostname NotIn [node-1]"'],
      Exists: [
        volumeWith({ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'Exists' }] }),
        'Exists []',
      ],
      'two values': [volumeWith(term('In', ['node-1', 'node-2'])), 'In [node-1, node-2]"'],
      'another key': [
        volumeWith(term('In', ['node-1'], 'kubernetes.io/os')),
        '"kubernetes.io/os In [node-1]"',
      ],
      'a field': [volumeWith(NAMED), '"metadata.name In [node-2]"'],
      'a field beside its own term': [volumeWith({ ...OWN, ...NAMED }), '"metadata.name In [node-2] and '],
    };
    for (const [what, [object, shown]] of Object.entries(DISGUISES)) {
      it(`refuse a new one with ${what}`, () =>
        refused(
          agent.create(VOLUMES, object),
          `denied request: spec.nodeAffinity.required.nodeSelectorTerms: Forbidden: "`,
          shown,
          'the agent of node node-1 may only touch volumes whose one and only term is kubernetes.io/hostname In [node-1]; leave',
        ));
    }

    it('refuse a label that says another node', async () => {
      const { metadata, ...object } = volume('disguised', 'node-1');
      const labels = { ...metadata.labels, 'kubernetes.io/hostname': 'node-2' };
      await refused(
        agent.create(VOLUMES, { ...object, metadata: { ...metadata, labels } }),
        'denied request: metadata.labels[kubernetes.io/hostname]: Forbidden: "node-2": ',
      );
      await accepted(agent.create(VOLUMES, volume('labelled', 'node-1')));
      await refused(agent.patch(`${VOLUMES}/labelled`, label({ 'kubernetes.io/hostname': 'node-2' })));
      await accepted(agent.patch(`${VOLUMES}/labelled`, label({ 'kubernetes.io/hostname': null })));
    });

    it('refuse other classes and other kinds of volumes', async () => {
      await refused(
        agent.create(VOLUMES, volume('nfs', 'node-1', { storageClass: 'nfs' })),
        'denied request: spec.storageClassName: Forbidden: "nfs": an agent may only touch what is of a served class (t-storage-class, t-storage-loop, t-storage-loop-xfs, t-storage-tmpfs, t-storage-btrfs, t-storage-quota, t-storage-lvm); ',
      );
      const { spec, ...object } = volume('host-path', 'node-1');
      const { local, ...rest } = spec;
      await refused(
        agent.create(VOLUMES, { ...object, spec: { ...rest, hostPath: local } }),
        'denied request: spec.local: Required value: ',
      );
    });

    it('let disks be discovered for any class, by the node that has them, and no other volume be called so', async () => {
      const discovered = (hostname: string) => {
        const { metadata, ...object } = volume('disk', hostname, { storageClass: 'disks' });
        const annotations = { ...metadata.annotations, 'local.tars.io/discovered': 'true' };
        return { ...object, metadata: { ...metadata, annotations } };
      };
      await refused(agent.create(VOLUMES, discovered('node-2')), 'spec.nodeAffinity.required');
      await accepted(agent.create(VOLUMES, discovered('node-1')));
      await accepted(agent.patch(`${VOLUMES}/disk`, annotate({ a: 'b' })));
      await refused(
        agent.patch(`${VOLUMES}/disk`, annotate({ 'local.tars.io/discovered': 'false' })),
        'denied request: spec.storageClassName: Forbidden: "disks": ',
      );
      await accepted(agent.delete(`${VOLUMES}/disk`));
      await cluster.stored(VOLUMES, volume('foreign', 'node-1', { storageClass: 'nfs' }));
      await refused(
        agent.patch(`${VOLUMES}/foreign`, annotate({ 'local.tars.io/discovered': 'true' })),
        'denied request: spec.storageClassName: Forbidden: "nfs": ',
      );
    });

    it("refuse to touch another node's that is there", async () => {
      const shown = '"kubernetes.io/hostname In [node-2]"';
      await refused(agent.patch(`${VOLUMES}/stored`, annotate({ a: 'b' })), shown);
      await refused(
        agent.patch(`${VOLUMES}/stored`, { metadata: { finalizers: null, labels: null } }),
        shown,
      );
      await refused(agent.delete(`${VOLUMES}/stored`), shown);
    });

    it('refuse to take or give one by another affinity', async () => {
      const taken = await agent.patch(`${VOLUMES}/stored`, { spec: volumeWith(OWN).spec });
      // The API server may say it first: it knows affinity as immutable.
      expect(taken.status).to.be.oneOf([403, 422]);
      await accepted(agent.create(VOLUMES, volume('to-give', 'node-1')));
      const given2 = await agent.patch(`${VOLUMES}/to-give`, {
        spec: volumeWith(term('In', ['node-2'])).spec,
      });
      expect(given2.status).to.be.oneOf([403, 422]);
    });

    it('come after the rights: no update, no collection, no status', async () => {
      await noRight(agent.replace(`${VOLUMES}/labelled`, volume('labelled', 'node-1')));
      await noRight(agent.delete(VOLUMES));
      await noRight(agent.patch(`${VOLUMES}/labelled/status`, { status: { phase: 'Failed' } }));
    });

    it('need not look for `..`: the API server does', async () => {
      const { spec, ...object } = volume('up', 'node-1');
      const up = { ...object, spec: { ...spec, local: { path: '/usr/local/../../etc' } } };
      const { status, body } = await agent.create(VOLUMES, up);
      expect(status).to.equal(422);
      expect(body['message']).to.contain("must not contain '..'");
    });
  });

  describe('on capacities', () => {
    it('let an agent publish, change and withdraw its own', async () => {
      await accepted(agent.create(CAPACITIES, capacity('own', of('node-1'))));
      await accepted(agent.patch(`${CAPACITIES}/own`, { capacity: '2Gi' }));
      await accepted(agent.delete(`${CAPACITIES}/own`));
    });

    const FOREIGN: Readonly<Record<string, readonly [object, string]>> = {
      "another node's": [of('node-2'), '"kubernetes.io/hostname=node-2"'],
      'every node': [{}, '""'],
      'an expression': [term('In', ['node-1']), '"kubernetes.io/hostname In"'],
      'an expression beside its label': [
        { ...of('node-1'), ...term('Exists', []) },
        '"kubernetes.io/hostname=node-1, kubernetes.io/hostname Exists"',
      ],
      'more labels': [{ matchLabels: { ...of('node-1').matchLabels, zone: 'a' } }, 'zone=a'],
    };
    for (const [what, [topology, shown]] of Object.entries(FOREIGN)) {
      it(`refuse a new one of ${what}`, async () => {
        // Values go with In only.
        const clean = JSON.parse(JSON.stringify(topology).replace(',"values":[]', '')) as object;
        await refused(
          agent.create(CAPACITIES, capacity('disguised', clean)),
          'denied request: nodeTopology: Forbidden: "',
          shown,
        );
      });
    }

    it("refuse other classes, and to touch another node's that is there", async () => {
      await refused(
        agent.create(CAPACITIES, capacity('nfs', of('node-1'), 'nfs')),
        'denied request: storageClassName: Forbidden: "nfs": ',
      );
      await refused(agent.patch(`${CAPACITIES}/stored`, { capacity: '9Ti' }), 'hostname=node-2"');
      await refused(agent.delete(`${CAPACITIES}/stored`), 'hostname=node-2"');
    });
  });

  it('on Leases let an agent write the one of its node, and no other', async () => {
    const own = agentLeaseName('node-1');
    await accepted(agent.create(LEASES, lease(own)));
    const changed = await accepted(agent.patch(`${LEASES}/${own}`, { spec: { holderIdentity: 'y' } }));
    await accepted(agent.replace(`${LEASES}/${own}`, changed));
    const other = agentLeaseName('node-2');
    const says = `denied request: metadata.name: Forbidden: "${other}": by it another agent is known to live; the agent of node node-1 may only write ${own}`;
    await refused(agent.patch(`${LEASES}/${other}`, { spec: { holderIdentity: 'x' } }), says);
    const { body } = await cluster.plane.api('GET', `${LEASES}/${other}`);
    await refused(agent.replace(`${LEASES}/${other}`, body), says);
    for (const name of ['t-local-volume-sweeper', `${own}-x`, `${AGENT}-sha256-0`]) {
      await refused(agent.create(LEASES, lease(name)), `"${name}"`);
    }
    await noRight(agent.delete(`${LEASES}/${own}`));
  });

  it('refuse a token that names no node, whatever it asks for', async () => {
    const says =
      'denied request: userInfo.extra[authentication.kubernetes.io/node-name]: Required value: the token of system:serviceaccount:t-local-volume-system:t-local-volume-agent names no node, ';
    await refused(unbound.create(VOLUMES, volume('unbound', 'node-1')), says);
    await refused(unbound.create(VOLUMES, volumeWith(term('In', ['']))), says);
    await refused(unbound.delete(`${VOLUMES}/stored`), says);
    await refused(unbound.create(CAPACITIES, capacity('unbound', of('node-1'))), says);
    await refused(unbound.create(CAPACITIES, capacity('unbound', of(''))), says);
    await refused(unbound.create(LEASES, lease(agentLeaseName('node-1'))), says);
  });

  it('read well in kubectl', async () => {
    const args = ['--token', await cluster.tokenOf('node-1'), 'delete', 'pv', 'stored'];
    golden.expect('volume', (await cluster.plane.kubectl(args)).stderr);
    golden.expectNoneUnused();
  });

  it('let a person let go of a volume when agents are gone, as docs/uninstall.md says', async () => {
    const held = volume('held', 'node-2', { claim: { namespace: 'default', name: 'gone', uid: 'x' } });
    await cluster.stored(VOLUMES, {
      ...held,
      metadata: { ...held.metadata, finalizers: ['local.tars.io/volume'] },
    });
    await cluster.kubectl('wait', 'pv/held', '--for=jsonpath={.status.phase}=Released', '--timeout=120s');
    const page = readFileSync(`${ROOT}docs/uninstall.md`, 'utf8');
    const commands = [...page.matchAll(/^kubectl (.* pv NAME .*)$/gm)].map(([, line]) => line!);
    expect(commands).to.have.length(2);
    for (const line of commands) {
      expect((await cluster.plane.api('GET', `${VOLUMES}/held`)).status).to.equal(200);
      await cluster.kubectl(...line.replace('NAME', 'held').replaceAll("'", '').split(' '));
    }
    expect((await cluster.plane.api('GET', `${VOLUMES}/held`)).status).to.equal(404);
  });

  it('are no concern of anybody else', async () => {
    await cluster.stored(VOLUMES, volumeWith(OWN, term('In', ['node-2'])));
    await cluster.stored(LEASES, lease('anybody'));
  });
});
