import { expect } from 'chai';
import { SYSTEM } from './sweep-objects.ts';
import { Installed } from './installed.ts';
import { waitFor } from './wait.ts';
import { LABELS, statefulSet } from '../unit/builders.ts';

/** The webhook works, but cannot ask whether there is a TServer: as when the API server has too much to do. */

const WEBHOOK = `system:serviceaccount:${SYSTEM}:t-local-volume-webhook`;
const RULES = '/rules/0/verbs';

describe('while TServers cannot be looked up', function () {
  this.timeout(300_000);
  this.slow(5000);
  let cluster: Installed;

  before(async () => {
    cluster = await Installed.start({ plane: { identities: [{ name: WEBHOOK }] } });
    await mayOnly('list', 'watch');
    await cluster.stopWebhook();
    await cluster.startWebhook(undefined, [`--kubeconfig=${cluster.plane.kubeconfig(WEBHOOK)}`]);
  });
  after(async () => cluster?.stop());

  async function mayOnly(...verbs: string[]): Promise<void> {
    const patch = JSON.stringify([{ op: 'replace', path: RULES, value: verbs }]);
    await cluster.kubectl('patch', 'clusterrole', 't-local-volume-webhook', '--type=json', '-p', patch);
  }
  const create = (name: string, labels: Record<string, string> = {}) =>
    cluster.plane.kubectl(['create', '-f', '-'], {
      input: JSON.stringify({
        ...statefulSet({ metadata: { name, namespace: 'default', labels } }),
        apiVersion: 'apps/v1',
        kind: 'StatefulSet',
      }),
    });

  it('others pass as they are', async () => {
    const { code, stderr } = await create('foreign');
    expect(code, stderr).to.equal(0);
    expect(
      await cluster.kubectl('get', 'sts', 'foreign', '-o', 'jsonpath={.spec.volumeClaimTemplates}'),
    ).to.equal('');
  });

  it('one that is opted in is not stored without its volumes, and its author is told why', async () => {
    const { code, stderr } = await create('server', LABELS);
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /failed calling webhook "create\.servers\.local\.tars\.io": .*cannot look for the TServer of the StatefulSet: TServer default\/server: .*403.*; apply again$/m,
    );
  });

  it('and is taken when it is applied again', async () => {
    await mayOnly('get', 'list', 'watch');
    await waitFor('the StatefulSet to be taken', async () => (await create('server', LABELS)).code === 0);
  });
});
