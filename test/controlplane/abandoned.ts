/* Starts a control plane, says what belongs to it, and waits to be killed: see the test of that name. */
import { ControlPlane, EVERYTHING } from './control-plane.ts';

const plane = await ControlPlane.start({ components: EVERYTHING });
const pids = (['etcd', 'kube-apiserver', ...EVERYTHING] as const).map((name) => plane.pid(name));
console.log(JSON.stringify({ directory: plane.directory, pids }));
process.stdin.resume();
