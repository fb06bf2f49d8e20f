/**
 * `npm run demo`: sets up a control plane with the product on it and tells, with real commands, what it does. Leaves
 * the cluster to play with until Ctrl-C; with `--once` it ends by itself.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Scene } from './scene.ts';
import { heading, play, print } from './step.ts';
import { OFFLINE, ONLINE } from './story.ts';

const FOREVER_MS = 2 ** 31 - 1;
/** A build that Ctrl-C has ended too cleans up after itself meanwhile. */
const FAREWELL_MS = 5000;

const isOnce = readArguments();
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // Asked twice: what runs is ended by its watchers.
    if (interruption.signal.aborted) process.exit(130);
    interruption.abort();
  });
}
const interrupted = once(interruption.signal, 'abort');

/** The story is told, and the cluster there to play with: Ctrl-C is the proper end then. */
let isTold = false;
/** Progress must not come between the lines of what needs no cluster. */
let heldBack: string[] | undefined = [];

const opening = Scene.open((line) => {
  if (heldBack) heldBack = [line];
  else process.stderr.write(`${line}\n`);
});
opening.catch(() => undefined);

try {
  process.exitCode = await Promise.race([tell(), interrupted.then(() => (isTold ? 0 : 130))]);
} catch (error) {
  process.exitCode = 1;
  complain(error);
}
await Promise.race([close(), sleep(FAREWELL_MS)]);
// A control plane that is still coming up cannot be waited for; its watchers end it.
process.exit();

async function tell(): Promise<number> {
  let number = 0;
  for (const step of OFFLINE) await play(++number, step, { PATH: process.env['PATH'] });
  for (const line of heldBack ?? []) process.stderr.write(`\n${line}\n`);
  heldBack = undefined;

  const scene = await opening;
  for (const step of ONLINE) await play(++number, step, scene.env);
  if (isOnce) return 0;

  heading('The cluster is yours until Ctrl-C: in another terminal, in this folder');
  print(`export KUBECONFIG=${scene.kubeconfig} PATH=${scene.bin}:$PATH
kubectl get tservers,statefulsets,persistentvolumeclaims -A
kubectl edit tserver tars-tarslog
kubectl explain tserver.spec.k8s.mounts
`);
  isTold = true;
  await sleep(FOREVER_MS);
  return 0;
}

async function close(): Promise<void> {
  const scene = await opening.catch(() => undefined);
  await scene?.close();
}

function readArguments(): boolean {
  try {
    return parseArgs({ options: { once: { type: 'boolean', default: false } } }).values.once;
  } catch (error) {
    complain(error);
    process.exit(2);
  }
}

function complain(error: unknown): void {
  process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
}
