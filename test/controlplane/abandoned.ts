/* Starts a control plane and a webhook, says what belongs to them, and waits to be killed: see the test of that name. */
import { EVERYTHING } from './control-plane.ts';
import { Installed } from './installed.ts';

const { plane } = await Installed.start();
const pids = (['etcd', 'kube-apiserver', ...EVERYTHING] as const).map((name) => plane.pid(name));
console.log(JSON.stringify({ directory: plane.directory, pids }));
process.stdin.resume();
