/** Asks over one connection, one request after the other, and prints what each took: `url body-file seconds`. */
import { readFileSync } from 'node:fs';
import { Agent, request as requestHttps } from 'node:https';
import { quantile } from '../frame/statistics.ts';

const [url = '', file = '', seconds = '1'] = process.argv.slice(2);
const body = readFileSync(file);
const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
const headers = { 'content-type': 'application/json', 'content-length': body.length };

function ask(): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const request = requestHttps(url, { method: 'POST', agent, headers }, (response) => {
    response.resume().once('end', () => {
      if (response.statusCode === 200) resolve();
      else reject(new Error(`${url}: ${response.statusCode}`));
    });
  });
  request.once('error', reject);
  request.end(body);
  return promise;
}

/** Milliseconds that each of them took. */
async function askFor(ms: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const started = performance.now();
    await ask();
    times.push(performance.now() - started);
  }
  return times;
}

const ms = Number(seconds) * 1000;
// What is slow at first is this client itself, and would be most of the slowest in a hundred.
await askFor(ms / 2);
const times = await askFor(ms);
agent.destroy();
const at = (share: number): number => quantile(times, share);
console.log(
  JSON.stringify({ perSecond: times.length / Number(seconds), p50: at(0.5), p99: at(0.99), p999: at(0.999) }),
);
