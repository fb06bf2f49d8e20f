import { expect } from 'chai';
import { agentPolicyObjects } from '../../scripts/generate/agent-policies.ts';
import { agentLeaseName } from '../../src/tars/agent-lease.ts';
import { nodeLabelValue } from '../../src/tars/label-value.ts';
import { SELECTED_NODE } from '../../src/tars/vocabulary.ts';
import { accepted, type Agent, AgentCluster, refused } from './agent-policies-cluster.ts';
import {
  annotate,
  CAPACITIES,
  capacity,
  label,
  lease,
  LEASES,
  of,
  OWN,
  term,
  volume,
  volumeWith,
} from './agent-policies-objects.ts';
import { nodeObject } from './nodes.ts';
import { CLAIMS, VOLUMES } from './paths.ts';
import { waitFor } from './wait.ts';

/** The component for clusters where the hostname label of a node is not its name. */

/** Too long for the hostname label, the routing label and the name of a Lease. */
const LONG = `${'long-'.repeat(46)}node-name`;
const LONG_HOSTNAME = 'long-host';

describe('the policies on agents, relaxed', function () {
  this.timeout(300_000);
  this.slow(2000);
  let cluster: AgentCluster;
  let long: Agent;

  before(async () => {
    cluster = await AgentCluster.start({ nodes: ['node-1'] });
    const node = nodeObject(LONG) as { metadata: { labels: Record<string, string> } };
    node.metadata.labels['kubernetes.io/hostname'] = LONG_HOSTNAME;
    await cluster.stored('/api/v1/nodes', node);
    long = await cluster.agentOf(LONG);
    await cluster.given('other', 'node-1');
  });
  after(async () => cluster?.stop());

  it('allow nothing of that before', async () => {
    await refused(long.create(VOLUMES, volume('long', LONG_HOSTNAME)), `In [${LONG}]; leave`);
    await refused(long.create(CAPACITIES, capacity('long', of(LONG_HOSTNAME))), `hostname=${LONG} and`);
  });

  it('let an agent touch what is of one hostname, and no disguise', async () => {
    await cluster.apply(...agentPolicyObjects('relaxed'));
    await waitFor('the policies to be relaxed', async () => {
      const { status } = await long.create(`${VOLUMES}?dryRun=All`, volume('long', LONG_HOSTNAME));
      const other = await long.create(`${CAPACITIES}?dryRun=All`, capacity('long', of(LONG_HOSTNAME)));
      return status === 201 && other.status === 201;
    });
    await accepted(long.create(VOLUMES, volume('long', LONG_HOSTNAME)));
    await accepted(long.patch(`${VOLUMES}/long`, annotate({ a: 'b' })));
    await accepted(long.delete(`${VOLUMES}/long`));
    await refused(long.create(VOLUMES, volumeWith(term('In', ['node-2']))), 'In [node-1]; leave');
    await refused(long.create(VOLUMES, volumeWith(OWN, OWN)));
    await refused(long.create(CAPACITIES, capacity('disguised', term('In', ['node-1']))));
    const { metadata, ...object } = volume('bare', 'node-1');
    await refused(long.create(VOLUMES, { ...object, metadata: { name: metadata.name } }), 'In []; leave');
  });

  it('hold it to the Lease and the claims of its node as before', async () => {
    const own = agentLeaseName(LONG);
    expect(own).to.match(/^t-local-volume-agent-sha256-/);
    await accepted(long.create(LEASES, lease(own)));
    await refused(long.create(LEASES, lease(agentLeaseName('node-1'))));
    const path = await cluster.given('long', LONG);
    await accepted(long.patch(path, label({ 'local.tars.io/node': nodeLabelValue(LONG) })));
    await refused(long.patch(`${CLAIMS}/other`, annotate({ [SELECTED_NODE]: null })));
  });
});
