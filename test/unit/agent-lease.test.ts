import { expect } from 'chai';
import { agentLabels, agentLeaseName, poolAnnotation } from '../../src/tars/agent-lease.ts';

describe("the Lease of a node's agent", () => {
  it('is named after the node where that fits', () => {
    expect(agentLeaseName('node-1')).to.equal('t-local-volume-agent-node-1');
    const longest = 'n'.repeat(253 - 't-local-volume-agent-'.length);
    expect(agentLeaseName(longest)).to.equal(`t-local-volume-agent-${longest}`);
  });

  it('is pinned where it does not: agent and sweeper find it by its name', () => {
    expect(agentLeaseName('n'.repeat(233))).to.equal(
      't-local-volume-agent-sha256-b9387521da3bc7fdc132f498be901713058683d4',
    );
    expect(agentLeaseName(`${'n'.repeat(252)}1`)).not.to.equal(agentLeaseName(`${'n'.repeat(252)}2`));
  });

  it('has labels to find it by', () => {
    expect(agentLabels('node-1')).to.deep.equal({
      'app.kubernetes.io/name': 't-local-volume',
      'app.kubernetes.io/component': 'agent',
      'local.tars.io/node': 'node-1',
    });
  });

  it('remembers each root under a key that is pinned: another one would forget the pool', () => {
    expect(poolAnnotation('/usr/local/app/tars/host-mount')).to.equal(
      'local.tars.io/pool-82104a2a49b6b23f25f0',
    );
    expect(poolAnnotation('/fast')).not.to.equal(poolAnnotation('/fast2'));
  });
});
