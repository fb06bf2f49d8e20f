import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { chanceFrom, junkRequest, SERVER, type JunkRequest } from './junk.ts';
import { call, keepingAgent, startWebhook, type Reply } from './webhook.ts';

const SOAK = Boolean(process.env.TLV_SOAK);
const REQUESTS = SOAK ? 100_000 : 5000;
const CLIENTS = 16;
const SEED = Number(process.env.TLV_SEED ?? 20_261_121);
/** What a request may be answered: never a 5xx, and no connection cut. */
const STATUSES = new Set([200, 400, 404, 405, 413, 415]);
/** Caches of the runtime; what every request left behind would be far more. */
const SLACK_BYTES = 12 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

describe(`${REQUESTS} requests of junk (seed ${SEED})`, () => {
  it('crash nothing, get no 5xx, and leave nothing in memory', async function () {
    this.timeout(SOAK ? 1_800_000 : 120_000);
    const silent = () => undefined;
    const webhook = await startWebhook({
      cached: [SERVER],
      deps: {
        fetchTServer: async () => undefined,
        findStatefulSet: async () => undefined,
        log: { debug: silent, info: silent, warn: silent, error: silent },
      },
    });
    const agent = keepingAgent({ maxSockets: CLIENTS });
    const chance = chanceFrom(SEED);
    const seen = new Map<number, number>();
    const bad: string[] = [];
    const volley = async (count: number): Promise<void> => {
      let left = count;
      const client = async () => {
        while (left-- > 0) {
          const junk = junkRequest(chance);
          const reply = await attempt(webhook.port, junk, agent);
          const status = typeof reply === 'string' ? 0 : reply.status;
          seen.set(status, (seen.get(status) ?? 0) + 1);
          const fault = typeof reply === 'string' ? reply : faultOf(reply);
          if (fault) bad.push(`${fault}: ${describeJunk(junk)}`.slice(0, 3000));
        }
      };
      await Promise.all(Array.from({ length: CLIENTS }, client));
    };

    await volley(REQUESTS / 5);
    const before = heap();
    await volley((REQUESTS * 4) / 5);
    const growth = heap() - before;
    agent.destroy();

    expect(bad.slice(0, 5)).to.deep.equal([]);
    expect([...seen.keys()].filter((status) => !STATUSES.has(status))).to.deep.equal([]);
    // All of them were met, so nothing of this was idle.
    for (const status of STATUSES) expect(seen.get(status), `${status}`).to.be.greaterThan(0);
    expect(growth).to.be.lessThan(SLACK_BYTES);
    expect(({} as Record<string, unknown>).a).to.equal(undefined);
    expect((await call(webhook.port, 'GET /readyz')).status).to.equal(200);
    await webhook.stop();
  });
});

async function attempt(
  port: number,
  { target, call: sent }: JunkRequest,
  agent: object,
): Promise<Reply | string> {
  try {
    return await call(port, target, { ...sent, agent: agent as never });
  } catch (error) {
    return String(error);
  }
}

/** What is wrong with an answer; every 200 to a webhook is a review with a verdict. */
function faultOf({ status, json, headers }: Reply): string {
  if (!STATUSES.has(status)) return `status ${status}`;
  const isJson = headers['content-type'] === 'application/json';
  if (status !== 200) return isJson ? '' : `content type ${headers['content-type'] ?? 'missing'}`;
  const { response } = json as { response?: { uid?: unknown; allowed?: unknown } };
  const isVerdict = typeof response?.uid === 'string' && typeof response.allowed === 'boolean';
  return isVerdict ? '' : `no verdict in ${JSON.stringify(json)}`;
}

function describeJunk({ target, call: { body, headers } }: JunkRequest): string {
  const text = Array.isArray(body) ? `${body.length} chunks` : String(body);
  return `${target} ${JSON.stringify(headers ?? {})} ${text}`;
}

function heap(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}
