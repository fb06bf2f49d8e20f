import { createServer } from 'node:net';

/*
 * Below the range from which the kernel takes the ports of outgoing connections (32768 and up on Linux): a client that
 * keeps knocking while a server is down could otherwise be given that very port, connect to itself and keep the server
 * from coming back.
 */
const FIRST = 20_000;
const LAST = 29_999;

const HALF = (LAST - FIRST + 1) / 2;
const WORKERS = 4;

// Test processes that run side by side begin at places far apart: workers of mocha by their numbers, others by their
// process ids. Within one, no port is handed out twice.
const worker = process.env['MOCHA_WORKER_ID'];
let next =
  FIRST +
  (worker === undefined
    ? HALF + ((process.pid * 2003) % HALF)
    : (Number(worker) % WORKERS) * (HALF / WORKERS));

/** Finds that many ports of 127.0.0.1 on which nobody listens. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let tried = 0; ports.length < count; tried++) {
    if (tried > LAST - FIRST) throw new Error(`no free port of 127.0.0.1 between ${FIRST} and ${LAST}`);
    const port = next;
    next = next === LAST ? FIRST : next + 1;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  return promise;
}
