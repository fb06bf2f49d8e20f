/** The agents of many nodes, each with its own watches and root: `kubeconfig node...`. Ends with its standard input. */
import { once } from 'node:events';
import { Agents } from '../../test/controlplane/agents.ts';

const [kubeconfig = '', ...nodes] = process.argv.slice(2);
/** All at once would be more than the API server is asked for at a time in any cluster. */
const AT_ONCE = 20;

const agents = new Agents(kubeconfig);
try {
  for (let start = 0; start < nodes.length; start += AT_ONCE)
    await agents.startAll(nodes.slice(start, start + AT_ONCE));
  console.log('ready');
  process.stdin.resume();
  await once(process.stdin, 'end');
} finally {
  await agents.stopAll();
}
