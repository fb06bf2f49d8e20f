/* The configuration of a node's components: what each file says, and how each program is called. */
import { SERVER_IMAGE } from './images.ts';
import type { NodeComponent } from './node.ts';
import { nodeAddress, podSubnet } from './network.ts';

interface NodeSite {
  readonly number: number;
  readonly kubelet: string;
  readonly kubeProxy: string;
  /** Kubeconfigs of the node's kubelet and of kube-proxy. */
  readonly kubeletConfig: string;
  readonly kubeProxyConfig: string;
}

export function nodeFiles({ number, kubeletConfig, kubeProxyConfig }: NodeSite): Record<string, string> {
  return {
    '/etc/containerd/config.toml': CONTAINERD,
    '/etc/cni/net.d/10-bridge.conflist': JSON.stringify(network(number)),
    '/etc/kubernetes/kubelet.yaml': JSON.stringify(kubeletConfiguration(number)),
    '/etc/kubernetes/kubelet.kubeconfig': kubeletConfig,
    '/etc/kubernetes/kube-proxy.kubeconfig': kubeProxyConfig,
  };
}

export function nodeCommands(site: NodeSite): Record<NodeComponent, string> {
  const name = `node-${site.number}`;
  return {
    containerd: '/usr/bin/containerd',
    kubelet: [
      site.kubelet,
      '--config=/etc/kubernetes/kubelet.yaml',
      '--kubeconfig=/etc/kubernetes/kubelet.kubeconfig',
      `--hostname-override=${name}`,
      `--node-ip=${nodeAddress(site.number)}`,
      '--v=2',
    ].join(' '),
    'kube-proxy': kubeProxyCommand(site.kubeProxy, '/etc/kubernetes/kube-proxy.kubeconfig', name),
  };
}

/** Services by nftables, which needs the program `nft`, and no kernel modules of old. */
export function kubeProxyCommand(program: string, kubeconfig: string, name: string): string {
  return [
    program,
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${name}`,
    '--proxy-mode=nftables',
    '--conntrack-max-per-core=0',
    '--healthz-bind-address=127.0.0.1:10256',
    '--metrics-bind-address=127.0.0.1:10249',
  ].join(' ');
}

const CONTAINERD = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${SERVER_IMAGE}"
  disable_apparmor = true
  # Root may lack the right to spare somebody from the out-of-memory killer (CAP_SYS_RESOURCE).
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "/etc/cni/net.d"
`;

/** Every pod gets an address of the node's subnet; nothing is masqueraded, so everybody sees who calls. */
const network = (number: number): object => ({
  cniVersion: '0.4.0',
  name: 'pods',
  plugins: [
    {
      type: 'bridge',
      bridge: 'pods',
      isGateway: true,
      hairpinMode: true,
      ipam: { type: 'host-local', subnet: podSubnet(number), routes: [{ dst: '0.0.0.0/0' }] },
    },
  ],
});

const kubeletConfiguration = (number: number): object => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  address: nodeAddress(number),
  containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: 'AlwaysAllow' },
  // This machine may have version 1 of cgroups only, and its groups are not the node's to arrange.
  failCgroupV1: false,
  cgroupDriver: 'cgroupfs',
  cgroupsPerQOS: false,
  enforceNodeAllocatable: [],
  failSwapOn: false,
  // Nobody serves names there; without an address every pod gets an Event about it.
  clusterDNS: ['10.96.0.10'],
  // How full this machine's disk is says nothing about the node.
  evictionHard: { 'memory.available': '1Mi' },
  imageGCHighThresholdPercent: 100,
  imageGCLowThresholdPercent: 99,
  // Tests wait for what these would make slow.
  volumeStatsAggPeriod: '5s',
  nodeStatusUpdateFrequency: '2s',
  syncFrequency: '5s',
});
