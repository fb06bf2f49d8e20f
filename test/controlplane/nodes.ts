/** Marks the nodes that kwok plays. */
export const PLAYED_NODE = { key: 'kwok.x-k8s.io/node', value: 'fake' };

/** A node with room for many pods, to be played by kwok. */
export function nodeObject(name: string): Record<string, unknown> {
  const room = { cpu: '32', memory: '256Gi', pods: '110', 'ephemeral-storage': '1Ti' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      annotations: { [PLAYED_NODE.key]: PLAYED_NODE.value },
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
      },
    },
    status: { capacity: room, allocatable: room },
  };
}

export interface NodeView {
  readonly spec?: { readonly taints?: readonly { readonly key: string }[] };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

export function isReady(node: NodeView): boolean {
  return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/** Whether the controller-manager has yet to take the taints off that every new node carries. */
export function isTaintedAsNew(node: NodeView): boolean {
  return node.spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/not-ready') ?? false;
}
