import { ControlPlane } from '../../test/controlplane/control-plane.ts';
import { Installed } from '../../test/controlplane/installed.ts';
import { EXPRESS, HTTPS } from '../admission/server-files.ts';
import { TSERVER } from '../tserver.ts';
import { leastWebhook } from './least.ts';

export const WITHOUT = 'no webhook';

/** An API server that creates are sent to. */
export interface Cluster {
  readonly name: string;
  readonly plane: ControlPlane;
  stop(): Promise<void>;
}

const VALIDATING = ['ValidatingWebhookConfiguration'];
const POLICIES = ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'];

/**
 * The same API server with nothing before it, with the least webhooks that there can be, with ours that changes, and with
 * all that deploy/ has.
 */
export async function startClusters(): Promise<Cluster[]> {
  const clusters: Cluster[] = [];
  try {
    const bare = await ControlPlane.start();
    clusters.push({ name: WITHOUT, plane: bare, stop: () => bare.stop() });
    clusters.push(await leastWebhook(HTTPS));
    clusters.push(await leastWebhook(EXPRESS));
    clusters.push(await installed('mutating webhook', [...VALIDATING, ...POLICIES]));
    clusters.push(await installed('both webhooks and the policies', []));
    return clusters;
  } catch (error) {
    await Promise.all(clusters.map((cluster) => cluster.stop()));
    throw error;
  }
}

async function installed(name: string, without: readonly string[]): Promise<Cluster> {
  const cluster = await Installed.start({ without, plane: { components: [] } });
  await cluster.apply([TSERVER]);
  return { name, plane: cluster.plane, stop: () => cluster.stop() };
}
