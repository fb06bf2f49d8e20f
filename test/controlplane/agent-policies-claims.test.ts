import { expect } from 'chai';
import { OURS, SELECTED_NODE } from '../../src/tars/vocabulary.ts';
import { claim } from '../unit/builders.ts';
import { accepted, AGENT, type Agent, AgentCluster, noRight, refused } from './agent-policies-cluster.ts';
import { annotate, label, MERGE, SYSTEM } from './agent-policies-objects.ts';
import { CLAIMS } from './paths.ts';

/** A claim is its owner's: of its own node's an agent may drop the choice of the node and write the route, no more; and say how large it is. */

const grown = (storage: string) => ({ status: { capacity: { storage }, conditions: null } });

describe('the policy on claims that agents change', function () {
  this.timeout(300_000);
  this.slow(2000);
  let cluster: AgentCluster;
  let agent: Agent;

  before(async () => {
    cluster = await AgentCluster.start({ nodes: ['node-1', 'node-2'] });
    agent = await cluster.agentOf('node-1');
    await cluster.given('stored', 'node-2');
    await cluster.given('kept', 'node-1', { finalizers: ['example.com/held'], labels: { team: 'a' } });
    await cluster.given('waiting', undefined);
  });
  after(async () => cluster?.stop());

  it("lets an agent route its node's and drop the scheduler's choice, once", async () => {
    const path = await cluster.given('own', 'node-1');
    await accepted(agent.patch(path, label({ 'local.tars.io/node': null })));
    await accepted(agent.patch(path, label({ 'local.tars.io/node': 'node-1' })));
    await accepted(
      agent.patch(path, {
        metadata: {
          annotations: { [SELECTED_NODE]: null, [OURS.freedFrom]: 'node-1' },
          labels: { 'local.tars.io/node': null },
        },
      }),
    );
    await accepted(agent.patch(path, annotate({ [OURS.freedFrom]: null })));
    await refused(
      agent.patch(path, label({ 'local.tars.io/node': 'node-1' })),
      'selected-node]: Forbidden: "": ',
    );
  });

  it('lets an agent take its mark off a claim that is at another node by then, and nothing more', async () => {
    const path = await cluster.given('moved', 'node-2', {
      annotations: { [OURS.freedFrom]: 'node-1', [SELECTED_NODE]: 'node-2' },
      labels: { 'local.tars.io/node': 'node-2' },
    });
    await refused(
      agent.patch(path, annotate({ [SELECTED_NODE]: null })),
      `metadata.annotations[${SELECTED_NODE}]: Forbidden: "": an agent may drop the scheduler's choice of its node`,
    );
    await refused(
      agent.patch(path, label({ 'local.tars.io/node': null })),
      'metadata.labels[local.tars.io/node]: Forbidden: "": ',
    );
    await accepted(agent.patch(path, annotate({ [OURS.freedFrom]: null })));
  });

  it('refuses whatever else of it', async () => {
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'a', uid: 'b' };
    const rows: readonly (readonly [object, string])[] = [
      [
        annotate({ [SELECTED_NODE]: 'node-2' }),
        `metadata.annotations[${SELECTED_NODE}]: Forbidden: "node-2": an agent may drop`,
      ],
      [
        annotate({ [OURS.freedFrom]: 'node-2' }),
        `metadata.annotations[${OURS.freedFrom}]: Forbidden: "node-2": an agent may only mark claims as freed from its own node, node-1; `,
      ],
      [
        label({ 'local.tars.io/node': 'node-2' }),
        'metadata.labels[local.tars.io/node]: Forbidden: "node-2": ',
      ],
      [
        annotate({ 'tars.io/LocalVolumeUID': '1' }),
        'metadata.annotations[tars.io/LocalVolumeUID]: Forbidden: "1": ',
      ],
      [
        annotate({ 'tars.io/LocalVolumeUID': null }),
        'metadata.annotations[tars.io/LocalVolumeUID]: Forbidden: "": ',
      ],
      [label({ team: 'b' }), 'metadata.labels[team]: Forbidden: "b": '],
      [label({ team: null }), 'metadata.labels[team]: Forbidden: "": '],
      [{ spec: { volumeName: 'own' } }, 'spec: Forbidden: it is not what it was'],
      [{ metadata: { finalizers: null } }, 'metadata.finalizers: Forbidden: '],
      [{ metadata: { ownerReferences: [owner] } }, 'metadata.ownerReferences: Forbidden: '],
    ];
    for (const [patch, says] of rows)
      await refused(agent.patch(`${CLAIMS}/kept`, patch), `denied request: ${says}`);
  });

  it("refuses another node's, and one that no node has yet", async () => {
    const drop = annotate({ [SELECTED_NODE]: null });
    await refused(
      agent.patch(`${CLAIMS}/stored`, drop),
      `denied request: metadata.annotations[${SELECTED_NODE}]: Forbidden: "node-2": the agent of node node-1 may only change claims that the scheduler gave to its node; `,
    );
    await refused(
      agent.patch(`${CLAIMS}/waiting`, annotate({ [SELECTED_NODE]: 'node-1' })),
      'Forbidden: "": ',
    );
  });

  it('comes after the rights: no new ones, no deletion, and of subresources the status', async () => {
    await noRight(agent.replace(`${CLAIMS}/kept/status`, claim('kept')));
    await noRight(agent.create(CLAIMS, claim('new')));
    await noRight(agent.delete(`${CLAIMS}/kept`));
  });

  it('stays within their cost budget on thousands of annotations', async () => {
    const many = Array.from({ length: 3_000 }, (_, index) => [index.toString(36), ''] as const);
    const annotations = { ...Object.fromEntries(many), [SELECTED_NODE]: 'node-1' };
    const path = await cluster.given('many', undefined, { annotations });
    await accepted(agent.patch(`${path}/status`, grown('2Gi')));
    await accepted(agent.patch(path, annotate({ [SELECTED_NODE]: null })));
  });

  describe('and their sizes', () => {
    it("lets an agent say how large its node's is, and that nobody waits for it any longer", async () => {
      const path = await cluster.given('grown', 'node-1');
      const waits = { type: 'FileSystemResizePending', status: 'True' };
      await cluster.plane.api('PATCH', `${path}/status`, { status: { conditions: [waits] } }, MERGE);
      const { status } = await accepted(agent.patch(`${path}/status`, grown('2Gi')));
      expect(status).to.deep.equal({ phase: 'Pending', capacity: { storage: '2Gi' } });
    });

    it('lets it say so of a claim that was offered a volume, which no node is written on', async () => {
      const path = await cluster.given('offered', undefined, {
        labels: { [OURS.namespace]: 'default' },
      });
      await accepted(agent.patch(`${path}/status`, grown('2Gi')));
    });

    it("refuses another node's, and one that no node has yet", async () => {
      await refused(
        agent.patch(`${CLAIMS}/stored/status`, grown('2Gi')),
        `denied request: metadata.annotations[${SELECTED_NODE}]: Forbidden: "node-2": the agent of node node-1 may only say how large claims are that the scheduler gave to its node, or that have the label local.tars.io/namespace and were given to none; `,
      );
      await refused(agent.patch(`${CLAIMS}/waiting/status`, grown('2Gi')), 'Forbidden: "": ');
      const path = await cluster.given('placed', 'node-2', { labels: { [OURS.namespace]: 'default' } });
      await refused(agent.patch(`${path}/status`, grown('2Gi')), 'Forbidden: "node-2": ');
    });

    it('refuses whatever else of the status, and everything beside it', async () => {
      const owner = { apiVersion: 'v1', kind: 'Pod', name: 'a', uid: 'b' };
      const rows: readonly (readonly [object, string])[] = [
        [{ status: { phase: 'Lost' } }, 'status.phase'],
        [{ status: { accessModes: ['ReadWriteMany'] } }, 'status.accessModes'],
        [{ status: { allocatedResources: { storage: '9Gi' } } }, 'status.allocatedResources'],
        [
          { status: { allocatedResourceStatuses: { storage: 'NodeResizePending' } } },
          'status.allocatedResourceStatuses',
        ],
        [label({ team: 'b' }), 'metadata.labels'],
        [annotate({ [SELECTED_NODE]: null }), 'metadata.annotations'],
        [{ metadata: { finalizers: null } }, 'metadata.finalizers'],
        [{ metadata: { ownerReferences: [owner] } }, 'metadata.ownerReferences'],
      ];
      for (const [patch, field] of rows)
        await refused(
          agent.patch(`${CLAIMS}/kept/status`, patch),
          `denied request: ${field}: Forbidden: it is not what it was, and it belongs to `,
        );
    });
  });

  it('refuses a token that names no node', async () => {
    const unbound = cluster.holder((await cluster.kubectl('-n', SYSTEM, 'create', 'token', AGENT)).trim());
    const says = 'denied request: userInfo.extra[authentication.kubernetes.io/node-name]: Required value: ';
    await refused(unbound.patch(`${CLAIMS}/waiting`, label({ [OURS.node]: null })), says);
    await refused(unbound.patch(`${CLAIMS}/waiting/status`, grown('2Gi')), says);
  });

  it('is no concern of anybody else', () => cluster.kubectl('annotate', 'pvc', 'kept', 'a=b'));
});
