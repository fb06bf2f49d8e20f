import { KubeConfig } from '@kubernetes/client-node';

/** There is no way to the API server: no kubeconfig, or one that cannot be used. */
export class KubeConfigError extends Error {
  override readonly name = 'KubeConfigError';
}

/** What client-node makes up when it finds neither a kubeconfig nor a service account. */
const MADE_UP_SERVER = 'http://localhost:8080';

/**
 * The given file; else what KUBECONFIG names, else ~/.kube/config, else the service account of the pod.
 * Tokens of files and commands are read again as they change, whenever a request is made.
 */
export function loadKubeConfig(path?: string): KubeConfig {
  const source = path === undefined ? 'the default kubeconfig' : `kubeconfig ${path}`;
  const config = new KubeConfig();
  try {
    if (path === undefined) config.loadFromDefault();
    else config.loadFromFile(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new KubeConfigError(`${source} cannot be read: ${why}`, { cause });
  }
  const fault = faultOf(config);
  if (fault !== undefined) throw new KubeConfigError(`${source} cannot be used: ${fault}`);
  return config;
}

function faultOf(config: KubeConfig): string | undefined {
  const context = config.getCurrentContext();
  const cluster = config.getCurrentCluster();
  if (!cluster) return `its current context, ${context || 'which is empty'}, names no cluster in it`;
  const { server, skipTLSVerify } = cluster;
  if (server === MADE_UP_SERVER && cluster.name === 'cluster') {
    return 'there is none, and this is not a pod with a service account; name a file with --kubeconfig';
  }
  // client-node sends no certificates at all, not even the cluster's own, for a context without a user.
  if (!config.getCurrentUser()) return `its current context, ${context}, names no user in it`;
  if (!URL.canParse(server)) return `the server of cluster ${cluster.name} is no URL: ${server}`;
  if (new URL(server).protocol === 'http:' && !skipTLSVerify) {
    return `the server of cluster ${cluster.name} is ${server}; without TLS, insecure-skip-tls-verify must say so`;
  }
  return undefined;
}
