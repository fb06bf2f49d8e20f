/*
 * How each component is called and where it says that it serves. Everything listens on 127.0.0.1 only, but for an API
 * server that nodes are to reach, and nothing waits to be elected: there is one of each.
 */
import { join } from 'node:path';
import { CONTROLLER_MANAGER, type Credentials, KWOK, SCHEDULER } from './credentials.ts';
import { PLAYED_NODE } from './nodes.ts';

export type OptionalComponent = 'kube-controller-manager' | 'kube-scheduler' | 'kwok';
export type ComponentName = 'etcd' | 'kube-apiserver' | OptionalComponent;

/** What the components of one control plane know of each other. */
export interface Site {
  readonly directory: string;
  /** Where the API server is found. */
  readonly address: string;
  readonly ports: Readonly<Record<ComponentName | 'etcd-peer', number>>;
  readonly credentials: Credentials;
  /** Whether somebody makes the service accounts without which no pod is admitted. */
  readonly serviceAccounts: boolean;
  readonly apiserverFlags: readonly string[];
  /** Whether controllers and scheduler keep to the rates that Kubernetes gives them. */
  readonly throttled: boolean;
  /** The path of a kubeconfig file; the API server must have made its certificate by then. */
  readonly kubeconfig: (identity: string) => string;
}

interface Recipe {
  readonly args: (site: Site) => string[];
  readonly readyUrl: (port: number) => string;
}

export const LOOPBACK = '127.0.0.1';

/** The API server makes its certificate there, for its address and localhost, and finds it again when restarted. */
export function tlsFile(directory: string, extension: 'crt' | 'key'): string {
  return join(directory, 'tls', `apiserver.${extension}`);
}

/** Tests ask for more in a second than a quiet cluster does in a minute. */
const clientRates = (throttled: boolean): string[] =>
  throttled ? [] : ['--kube-api-qps=1000', '--kube-api-burst=2000'];

export const RECIPES: Readonly<Record<ComponentName, Recipe>> = {
  etcd: {
    args: ({ directory, ports }) => [
      `--data-dir=${directory}/etcd`,
      `--listen-client-urls=http://127.0.0.1:${ports.etcd}`,
      `--advertise-client-urls=http://127.0.0.1:${ports.etcd}`,
      `--listen-peer-urls=http://127.0.0.1:${ports['etcd-peer']}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${ports['etcd-peer']}`,
      `--initial-cluster=default=http://127.0.0.1:${ports['etcd-peer']}`,
      // What is in it need not survive the machine, only a kill of the process, and the page cache does that.
      '--unsafe-no-fsync',
      '--log-level=warn',
    ],
    readyUrl: (port) => `http://127.0.0.1:${port}/readyz`,
  },

  'kube-apiserver': {
    args: ({ directory, address, ports, credentials, serviceAccounts, apiserverFlags }) => [
      // Its health is asked for at the loopback address, wherever it is found.
      `--bind-address=${address === LOOPBACK ? LOOPBACK : '0.0.0.0'}`,
      `--secure-port=${ports['kube-apiserver']}`,
      `--advertise-address=${address}`,
      `--cert-dir=${join(directory, 'tls')}`,
      // The loopback address may not be an endpoint of the Service `kubernetes`.
      `--endpoint-reconciler-type=${address === LOOPBACK ? 'none' : 'lease'}`,
      `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
      '--authorization-mode=Node,RBAC',
      `--token-auth-file=${credentials.tokenFile}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${credentials.serviceAccountKeyFile}`,
      `--service-account-signing-key-file=${credentials.serviceAccountKeyFile}`,
      ...(serviceAccounts ? [] : ['--disable-admission-plugins=ServiceAccount']),
      '--service-cluster-ip-range=10.96.0.0/16',
      '--allow-privileged=true',
      // Last, so that they win.
      ...apiserverFlags,
    ],
    readyUrl: (port) => `https://127.0.0.1:${port}/readyz`,
  },

  'kube-controller-manager': {
    args: ({ directory, ports, credentials, kubeconfig, throttled }) => [
      '--bind-address=127.0.0.1',
      `--secure-port=${ports['kube-controller-manager']}`,
      `--kubeconfig=${kubeconfig(CONTROLLER_MANAGER)}`,
      '--leader-elect=false',
      // No network between the nodes, nor a cloud that knows them.
      '--controllers=*,-nodeipam,-node-route-controller',
      // Each controller under its own service account, as kubeadm does it: admission rules tell them apart by name.
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${credentials.serviceAccountKeyFile}`,
      `--root-ca-file=${tlsFile(directory, 'crt')}`,
      ...clientRates(throttled),
    ],
    readyUrl: (port) => `https://127.0.0.1:${port}/healthz`,
  },

  'kube-scheduler': {
    args: ({ ports, kubeconfig, throttled }) => [
      '--bind-address=127.0.0.1',
      `--secure-port=${ports['kube-scheduler']}`,
      `--kubeconfig=${kubeconfig(SCHEDULER)}`,
      '--leader-elect=false',
      ...clientRates(throttled),
    ],
    readyUrl: (port) => `https://127.0.0.1:${port}/readyz`,
  },

  kwok: {
    args: ({ ports, kubeconfig }) => [
      `--kubeconfig=${kubeconfig(KWOK)}`,
      `--config=${join(import.meta.dirname, 'stages.yaml')}`,
      // Not every node: a test may bring a real one along.
      `--manage-nodes-with-annotation-selector=${PLAYED_NODE.key}=${PLAYED_NODE.value}`,
      `--server-address=127.0.0.1:${ports.kwok}`,
      // With a duration it renews the nodes' leases by itself.
      '--node-lease-duration-seconds=40',
    ],
    readyUrl: (port) => `http://127.0.0.1:${port}/healthz`,
  },
};
