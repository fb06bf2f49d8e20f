import type { Expected, World, WorldOptions } from './agent-crash-world.ts';

/** What happens on one node, to its end. The agent may be killed anywhere in it, and is there again soon. */
export interface Scenario {
  readonly name: string;
  readonly world?: Partial<WorldOptions>;
  /** What there is before the agent is first started. */
  readonly before?: (world: World) => Promise<void>;
  /** Effects count from the start of the agent; else from where `play` arms it. */
  readonly countsFromStart?: boolean;
  /** The agent is started again only when `play` says so. */
  readonly isHeld?: boolean;
  /** Says what there has to be in the end, once it is so. */
  readonly play: (world: World) => Promise<Expected>;
}

export const NOTHING: Expected = {};
/** Bytes that a claim asks for once it asks for more. */
export const LARGER = '16Mi';
export const OWNED = {
  'tars.io/LocalVolumeUID': '1000',
  'tars.io/LocalVolumeGID': '1001',
  'tars.io/LocalVolumeMode': '775',
};

/** Bound, served, and written down. */
export function served(uid: string, more: Partial<Expected> = {}): Expected {
  return {
    claim: { uid, phase: 'Bound' },
    volume: { phase: 'Bound', claim: uid },
    directory: '0:0 755',
    ledger: { state: 'made', claim: uid },
    ...more,
  };
}

/** The claim waits, or waits again. */
export const pending = (uid: string): Expected => ({ claim: { uid, phase: 'Pending' } });

export async function serve(world: World): Promise<string> {
  const uid = await world.claim();
  await world.untilBound(uid, { data: false });
  return uid;
}

export async function serveWithData(world: World): Promise<string> {
  const uid = await serve(world);
  world.writeData();
  return uid;
}

export async function settled(world: World, expected: Expected): Promise<Expected> {
  await world.settle(expected);
  return expected;
}

/** One of several: which one depends on how far the agent had come. */
export function settledAs(world: World, some: readonly Expected[]): Promise<Expected> {
  return world.until('any of what may be', async () => {
    await world.refresh();
    return some.find((expected) => world.check(expected).length === 0);
  });
}
