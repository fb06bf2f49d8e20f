import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlPlane } from '../../test/controlplane/control-plane.ts';
import { STATEFUL_SETS } from '../../test/controlplane/paths.ts';
import { freePorts } from '../../test/controlplane/ports.ts';
import { waitFor } from '../../test/controlplane/wait.ts';
import { withServerLabel } from '../../scripts/generate/webhooks-matching.ts';
import { type Floor, floorArgv, writeServerFiles } from '../admission/server-files.ts';
import { MeasuredProcess } from '../processes/measured-process.ts';
import type { Cluster } from './clusters.ts';
import { KINDS } from './objects.ts';

const CONFIGURATIONS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';

/** An API server that asks the least webhook that can be written in that way, for the patch that ours comes to. */
export async function leastWebhook(name: Floor): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'tlv-least-'));
  const plane = await ControlPlane.start();
  let webhook: MeasuredProcess | undefined;
  const stop = async (): Promise<void> => {
    await webhook?.stop('SIGKILL');
    await plane.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const [port = 0] = await freePorts(1);
    const address = `https://127.0.0.1:${port}`;
    webhook = await MeasuredProcess.start({
      name,
      argv: floorArgv(name, port, writeServerFiles(folder, plane)),
      readyUrl: `${address}/readyz`,
    });
    await plane.api('POST', CONFIGURATIONS, configuration(address, plane.tls));
    await waitFor('the least webhook to be asked', () => isChanged(plane));
    return { name, plane, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What nobody opted in is let through without a change, as by ours. */
function configuration(address: string, { caBundle }: ControlPlane['tls']): object {
  const entry = (name: string, operator: 'Exists' | 'DoesNotExist', path: string): object => ({
    name: `${name}.least.example`,
    admissionReviewVersions: ['v1'],
    clientConfig: { url: `${address}${path}`, caBundle },
    objectSelector: withServerLabel(operator),
    rules: [
      { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE'], resources: ['statefulsets'] },
    ],
    sideEffects: 'None',
  });
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'least' },
    webhooks: [entry('servers', 'Exists', '/mutate'), entry('others', 'DoesNotExist', '/validate')],
  };
}

async function isChanged(plane: ControlPlane): Promise<boolean> {
  const { body } = await plane.api<{ spec?: { volumeClaimTemplates?: readonly object[] } }>(
    'POST',
    `${STATEFUL_SETS}?dryRun=All`,
    KINDS['of a TServer']('probe'),
  );
  return (body.spec?.volumeClaimTemplates ?? []).length > 0;
}
