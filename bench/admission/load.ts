import { join } from 'node:path';
import { command } from '../../scripts/image/command.ts';

/** Milliseconds, but for the first. */
export interface Load {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export interface Target {
  readonly url: string;
  /** A file with the review. */
  readonly body: string;
}

/** What autocannon prints, as far as it is read. */
interface Printed {
  readonly requests: { readonly average: number; readonly total: number };
  readonly latency: { readonly p50: number; readonly p99: number; readonly p99_9: number };
  readonly errors: number;
  readonly timeouts: number;
  readonly non2xx: number;
}

interface Cannon {
  /** With autocannon in its node_modules. */
  readonly folder: string;
  readonly connections: number;
  readonly seconds: number;
  /** The processor that it runs on. */
  readonly processor: number;
}

/** As many requests as get through over that many connections. */
export async function cannonade({ url, body }: Target, cannon: Cannon): Promise<Load> {
  const { folder, connections, seconds, processor } = cannon;
  const options = {
    connections: String(connections),
    duration: String(seconds),
    method: 'POST',
    headers: 'content-type=application/json',
    input: body,
  };
  const printed = await command('taskset', [
    '--cpu-list',
    String(processor),
    process.execPath,
    join(folder, 'node_modules/autocannon/autocannon.js'),
    ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
    '--json',
    '--no-progress',
    url,
  ]);
  const { requests, latency, errors, timeouts, non2xx } = JSON.parse(printed) as Printed;
  // What takes longer than that for an answer has to be given more time.
  if (requests.total === 0) return cannonade({ url, body }, { ...cannon, seconds: 2 * seconds });
  if (errors + timeouts + non2xx > 0)
    throw new Error(`${url}: ${errors} errors, ${timeouts} time-outs, ${non2xx} refusals`);
  return { perSecond: requests.average, p50: latency.p50, p99: latency.p99, p999: latency.p99_9 };
}

/** In megabytes: what the client makes within some seconds, so that no collection of its own is in what it measures. */
const CLIENT_SEMI_SPACE = 512;

/** One request after the other; autocannon tells whole milliseconds only, and here they are too few to tell apart. */
export async function oneByOne({ url, body }: Target, seconds: number, processor: number): Promise<Load> {
  const client = join(import.meta.dirname, 'one-by-one.ts');
  const printed = await command('taskset', [
    '--cpu-list',
    String(processor),
    process.execPath,
    ...['min', 'max'].map((bound) => `--${bound}-semi-space-size=${CLIENT_SEMI_SPACE}`),
    client,
    url,
    body,
    String(seconds),
  ]);
  return JSON.parse(printed) as Load;
}
