import { succeed } from '../controlplane/run.ts';

/**
 * The network of the cluster: a bridge in the tests' own network namespace, with the control plane at 10.200.0.1 and the
 * nodes behind it. Pods of the node with number n have addresses of 10.244.n.0/24.
 */

export const CONTROL_PLANE_ADDRESS = '10.200.0.1';

const BRIDGE = 'nodes';
const SERVICES = '10.96.0.0/16';

export const nodeAddress = (number: number): string => `10.200.0.${10 + number}`;
export const podSubnet = (number: number): string => `10.244.${number}.0/24`;

/** Makes the bridge. */
export async function makeBridge(): Promise<void> {
  await ip('link', 'add', BRIDGE, 'type', 'bridge');
  await ip('address', 'add', `${CONTROL_PLANE_ADDRESS}/24`, 'dev', BRIDGE);
  await ip('link', 'set', BRIDGE, 'up');
  // Only with a route is it asked where a Service is.
  await ip('route', 'add', SERVICES, 'dev', BRIDGE);
  // From the pods of one node to those of another it goes through here.
  await succeed('sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward');
}

export async function removeBridge(): Promise<void> {
  await ip('link', 'delete', BRIDGE);
}

/** Plugs a node in, whose first process is given. The other end of its cable is called eth0 there. */
export async function connect(number: number, pid: number): Promise<void> {
  const inside = (...args: string[]): Promise<void> =>
    succeed('nsenter', `--net=/proc/${pid}/ns/net`, 'ip', ...args);
  const port = `node-${number}`;
  await ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid));
  await ip('link', 'set', port, 'master', BRIDGE, 'up');
  await inside('address', 'add', `${nodeAddress(number)}/24`, 'dev', 'eth0');
  await inside('link', 'set', 'eth0', 'up');
  await inside('route', 'add', 'default', 'via', CONTROL_PLANE_ADDRESS);
  await ip('route', 'replace', podSubnet(number), 'via', nodeAddress(number));
}

const ip = (...args: string[]): Promise<void> => succeed('ip', ...args);
