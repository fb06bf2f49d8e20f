import { freePorts } from '../../test/controlplane/ports.ts';
import { MeasuredProcess } from './measured-process.ts';

/** What no program on Node can do without: Node, and a server that says that it is ready. */
export async function startBareNode(): Promise<MeasuredProcess> {
  const [port] = await freePorts(1);
  const program = `require('node:http').createServer((_, response) => response.end()).listen(${port}, '127.0.0.1')`;
  return MeasuredProcess.start({
    name: 'bare Node',
    argv: [process.execPath, '--eval', program],
    readyUrl: `http://127.0.0.1:${port}/`,
  });
}
