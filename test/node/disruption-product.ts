import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from '../offline/tlv.ts';
import type { Outcome } from '../controlplane/run.ts';
import { waitFor } from '../controlplane/wait.ts';
import type { Cluster } from './cluster.ts';
import { PATIENCE } from './disruption-workload.ts';
import type { WorkerNode } from './node.ts';
import { NAMESPACE, rolledOut } from './product.ts';

/* The product as an operator of a real cluster has it: an overlay of their own, which names the image. */

const IMAGE = 'localhost/t-local-volume';
/** Nobody in a test waits for as long as the sweeper does by default. */
export const DELAY_SECONDS = 15;

/** Installs the product with an image of this tag, or upgrades it, and returns when it is rolled out. */
export async function install(cluster: Cluster, folder: string, tag: string): Promise<void> {
  const overlay = join(folder, `overlay-${tag}`);
  mkdirSync(overlay);
  const delay = [
    {
      op: 'add',
      path: '/spec/template/spec/containers/1/env/-',
      value: { name: 'TLV_DELAY', value: `${DELAY_SECONDS}` },
    },
  ];
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [relative(overlay, join(ROOT, 'deploy/overlays/on-demand'))],
    images: [{ name: IMAGE, newTag: tag }],
    patches: [{ target: { kind: 'Deployment' }, patch: JSON.stringify(delay) }],
  };
  writeFileSync(join(overlay, 'kustomization.yaml'), JSON.stringify(kustomization));
  await cluster.kubectl('apply', '-f', join(ROOT, 'deploy/crd'));
  await cluster.kubectl('apply', '-k', overlay);
  await rolledOut(cluster);
}

/** Gives the image on every node a second tag: what a registry would have as the next version. */
export async function tagImage(cluster: Cluster, tag: string, next: string): Promise<void> {
  for (const node of cluster.nodes) {
    const names = [tag, next].map((one) => `${IMAGE}:${one}`);
    const { code, stderr } = await node.run('ctr', '--namespace=k8s.io', 'images', 'tag', ...names);
    if (code !== 0) throw new Error(`ctr images tag: ${stderr}`);
  }
}

interface AgentPod {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly spec: { readonly nodeName: string; readonly containers: readonly { readonly image: string }[] };
  readonly status: {
    readonly containerStatuses?: readonly { readonly restartCount: number; readonly ready: boolean }[];
  };
}

/** The pod of a node's agent. */
export async function agentPod(cluster: Cluster, node: WorkerNode): Promise<AgentPod> {
  const query = new URLSearchParams({
    labelSelector: 'app.kubernetes.io/component=agent',
    fieldSelector: `spec.nodeName=${node.name}`,
  });
  const path = `/api/v1/namespaces/${NAMESPACE}/pods?${query.toString()}`;
  const { body } = await cluster.plane.api<{ items: AgentPod[] }>('GET', path);
  const [pod] = body.items;
  if (!pod) throw new Error(`there is no agent on ${node.name}`);
  return pod;
}

const restartsOf = ({ status }: AgentPod): number => status.containerStatuses?.[0]?.restartCount ?? 0;

/** How often a node's agent was started again. */
export async function agentRestarts(cluster: Cluster, node: WorkerNode): Promise<number> {
  return restartsOf(await agentPod(cluster, node));
}

/** Waits until a node's agent is ready and was started again more often than that. */
export async function agentBack(cluster: Cluster, node: WorkerNode, restarts = -1): Promise<void> {
  await waitFor(
    `the agent of ${node.name} to be ready again`,
    async () => {
      const pod = await agentPod(cluster, node);
      return restartsOf(pod) > restarts && pod.status.containerStatuses?.[0]?.ready === true;
    },
    PATIENCE,
  );
}

/** Kills the agent's process on a node, by SIGKILL; true once it was there to be killed. */
export async function killAgent(node: WorkerNode): Promise<boolean> {
  // The bracket keeps the pattern from matching itself.
  const command = "kill -9 $(grep -ls -- '[-]-metrics-port=9808' /proc/[0-9]*/cmdline | cut -d/ -f3)";
  return (await node.run('sh', '-c', command)).code === 0;
}

/** `tlv orphans list` in the pod of a node's agent, as docs/agent.md has it. */
export async function orphans(cluster: Cluster, node: WorkerNode): Promise<Outcome> {
  const { metadata } = await agentPod(cluster, node);
  return cluster.plane.kubectl([
    'exec',
    `--namespace=${NAMESPACE}`,
    metadata.name,
    '--',
    'tlv',
    'orphans',
    'list',
  ]);
}
