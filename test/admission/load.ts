import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../src/tars/message-of.ts';
import { statefulSet, localMount, tserver } from '../unit/builders.ts';
import { review } from '../unit/admission/requests.ts';
import { call, keepingAgent } from './webhook.ts';

/** Clients that create StatefulSets as fast as they are answered, each over connections of its own. */

export const SERVER = tserver({ mounts: [localMount('data')] });
const BODY = JSON.stringify(review('StatefulSet', 'CREATE', statefulSet()));

export interface Load {
  readonly answered: number;
  /** What went wrong, in words; empty when nothing did. */
  readonly failures: readonly string[];
  /** Ends it, when what is in flight has been answered. */
  stop(): Promise<void>;
}

/**
 * @param choose the port for the next request, as a Service would choose a ready replica; undefined: none.
 */
export function startLoad(
  choose: () => number | undefined,
  { clients = 6, pauseMs = 1, body = BODY, isKept = true } = {},
): Load {
  const stopping = new AbortController();
  let answered = 0;
  const failures: string[] = [];
  const client = async (): Promise<void> => {
    // One agent for all replicas would do, but one a client is what several API servers look like.
    const agent = keepingAgent({ maxSockets: 1, keepAlive: isKept });
    while (!stopping.signal.aborted) {
      const port = choose();
      if (port === undefined) failures.push('no replica is ready');
      else {
        try {
          const { status, json } = await call(port, 'POST /mutate?timeout=10s', { body, agent });
          const { response } = json as { response?: { patch?: string } };
          if (status === 200 && response?.patch) answered++;
          else failures.push(`${status} ${JSON.stringify(json)}`);
        } catch (error) {
          failures.push(messageOf(error));
        }
      }
      await sleep(pauseMs);
    }
    agent.destroy();
  };
  const all = Promise.all(Array.from({ length: clients }, client));
  return {
    get answered() {
      return answered;
    },
    failures,
    stop: async () => {
      stopping.abort();
      await all;
    },
  };
}

/** Waits until something is so; an error after a while when it never is. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  withinMs = 10_000,
): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(5);
  }
}
