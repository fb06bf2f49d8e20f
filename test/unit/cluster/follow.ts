import { ApiReader } from '../../../src/cluster/api-reader.ts';
import type { EndReason } from '../../../src/cluster/faults.ts';
import { ListWatch, type ListWatchOptions } from '../../../src/cluster/list-watch.ts';
import type { KubeObject } from '../../../src/cluster/kube-object.ts';
import { eventually, type FakeApi, THINGS } from './fake-api.ts';
import { FakeClock } from './fake-clock.ts';

type Thing = KubeObject & { readonly spec?: unknown };

/** A list-watch of the things of a fake API server, all that it delivers and all that it tells. */
export class Follower {
  readonly clock = new FakeClock();
  readonly objects = new Map<string, unknown>();
  readonly delivered: string[] = [];
  readonly ended: EndReason[] = [];
  readonly failed: string[] = [];
  readonly listed: number[] = [];
  readonly handlerErrors: string[] = [];
  readonly said: string[] = [];
  sized = -1;
  /** What the handler throws when this thing is delivered. */
  poison: string | undefined;
  readonly watch: ListWatch<Thing>;

  constructor(api: FakeApi, options: Partial<ListWatchOptions<Thing>> = {}) {
    const say = (_: object, message: string) => void this.said.push(message);
    this.watch = new ListWatch<Thing>({
      reader: new ApiReader(api.config(), this.clock),
      paths: [THINGS],
      read: (object) => object,
      handlers: {
        upsert: (key, object) => {
          this.#deliver(`+${key}`);
          this.objects.set(key, object.spec);
        },
        remove: (key) => {
          this.#deliver(`-${key}`);
          this.objects.delete(key);
        },
      },
      observer: {
        listed: (objects) => void this.listed.push(objects),
        watchEnded: (reason) => void this.ended.push(reason),
        failed: (reason, error) => void this.failed.push(`${reason}: ${error.message}`),
        sized: (objects) => (this.sized = objects),
        handlerFailed: (error) => void this.handlerErrors.push(error.message),
      },
      logger: { info: say, warn: say, error: say },
      clock: this.clock,
      // Half of every spread: no jitter, and half of the back-off's limit.
      random: () => 0.5,
      ...options,
    });
  }

  #deliver(what: string): void {
    this.delivered.push(what);
    if (what === this.poison) throw new Error(`cannot take ${what}`);
  }

  get names(): string[] {
    return [...this.objects.keys()].map((key) => key.split('/')[1]!).toSorted();
  }

  /** Waits until it is about to sleep so long, and lets that time pass. */
  async skip(ms: number): Promise<void> {
    await eventually(`a wait of ${ms} ms, not of ${this.clock.pending.join(', ')}`, () =>
      this.clock.pending.includes(ms),
    );
    this.clock.advance(ms);
  }
}
