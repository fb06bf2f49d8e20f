import fc, { type Arbitrary } from 'fast-check';
import { NODE, type Trouble, WATCHES } from './simulation-agent.ts';
import { settleOnce } from './simulation-end.ts';
import { type Kind, KINDS } from './simulation-backends.ts';
import { chosen, type Deed, happen, isDeed, PATHS, SLOTS } from './simulation-people.ts';
import { type Ground, OTHER_NODE, type World } from './simulation.ts';

/** What happens in the simulated world: the deeds of others, and what the agent does and suffers. */
export type Command =
  | Deed
  | ({ readonly do: 'reconcile'; readonly at: number } & Troubled)
  /** Everybody once. */
  | ({ readonly do: 'settle'; readonly schedules: boolean } & Troubled)
  | { readonly do: 'deliver'; readonly watch: number; readonly count: number }
  | { readonly do: 'class policy'; readonly policy: string }
  | { readonly do: 'full'; readonly is: boolean }
  | { readonly do: 'pool away'; readonly is: boolean }
  | { readonly do: 'time'; readonly ms: number }
  | { readonly do: 'crash' }
  | { readonly do: 'reboot' }
  | { readonly do: 'class anew'; readonly name: string; readonly kind: Kind }
  | { readonly do: 'lacks'; readonly kind: Kind; readonly is: boolean }
  | { readonly do: 'empty trash' };

interface Troubled {
  readonly trouble?: Trouble;
  readonly meanwhile?: readonly Deed[];
}

const anyKind = fc.constantFrom(...KINDS);

/** With as much room as anybody wants, or so little that few have any. */
export const ground: Arbitrary<Ground> = fc.record({
  kinds: fc.tuple(anyKind, anyKind, anyKind),
  totalBytes: fc.constantFrom(100 * 2 ** 30, 5 * 10 ** 9),
});

const at = fc.nat(9);
const path = fc.nat(PATHS.length - 1);
const policy = fc.constantFrom('Delete', 'Retain');
const just = <const T extends readonly string[]>(...words: T): Arbitrary<T[number]> =>
  fc.constantFrom(...words);
const often = <C>(...table: (readonly [number, Arbitrary<C>])[]): Arbitrary<C> =>
  fc.oneof(...table.map(([weight, arbitrary]) => ({ weight, arbitrary })));

const scheduling: Arbitrary<Deed> = fc.record({
  do: just('schedule'),
  at,
  node: fc.constantFrom(NODE, NODE, NODE, NODE, OTHER_NODE),
});

const onObjects = often<Deed>(
  [
    6,
    fc.record({
      do: just('create claim'),
      slot: fc.nat(SLOTS.length - 1),
      adopt: fc.nat(7).map((one) => one === 7),
    }),
  ],
  [
    6,
    fc.record({
      do: just('write', 'write', 'run pod', 'stop pod', 'delete claim', 'end claim', 'end claim'),
      at,
    }),
  ],
  [1, fc.record({ do: just('unschedule', 'force-delete claim'), at })],
  [2, fc.record({ do: just('delete volume', 'force-delete volume'), at })],
  [2, fc.record({ do: just('expand'), at, to: just('2G', '3G', '10G') })],
  [5, fc.record({ do: just('controllers'), at, count: fc.integer({ min: 1, max: 4 }) })],
);

/** What happens at an effect of the agent, or just before it. */
const troubled = {
  trouble: fc.record({
    kind: just('crash', 'crash', 'power cut', 'lost', 'fail', 'meanwhile'),
    effect: fc.nat(5),
  }),
  meanwhile: fc.array(often<Deed>([4, onObjects], [1, scheduling]), { maxLength: 3 }),
};

const onAgent = often<Command>(
  [4, fc.record({ do: just('deliver'), watch: fc.nat(2), count: fc.integer({ min: 1, max: 4 }) })],
  [3, fc.record({ do: just('reconcile'), at })],
  [3, fc.record({ do: just('reconcile'), at, ...troubled })],
  [4, fc.record({ do: just('settle'), schedules: fc.boolean() })],
  [5, fc.record({ do: just('settle'), schedules: fc.boolean(), ...troubled })],
  [2, fc.record({ do: just('time'), ms: fc.constantFrom(1000, 60_000, 700_000) })],
  [1, fc.record({ do: just('crash', 'reboot', 'empty trash') })],
);

const ON_PATHS = [
  'foreign data',
  'lose data',
  'mount',
  'unmount',
  'unmount',
  'link',
  'hold',
  'let go',
  'let go',
] as const;

const odd = often<Command>(
  [3, fc.record({ do: just('annotate'), at, as: just('owner', 'bad owner', 'adopt', 'no adopt') })],
  [3, fc.record({ do: just('policy'), at, policy })],
  // Not while the agent works: what people do between its look and its act is as if they had done it after both.
  [2, fc.record({ do: just('call released', 'take claim out'), at })],
  [1, fc.record({ do: just('class policy'), policy })],
  [
    1,
    fc.record({ do: just('class anew'), name: just('t-storage-class', 'second', 'offers'), kind: anyKind }),
  ],
  [1, fc.record({ do: just('lacks'), kind: anyKind, is: fc.boolean() })],
  [2, fc.record({ do: just('foreign volume'), path, like: fc.nat(3), claimed: fc.boolean() })],
  [5, fc.record({ do: just(...ON_PATHS), path })],
  [1, fc.record({ do: just('full', 'pool away'), is: fc.boolean() })],
);

export const command = often<Command>([8, onObjects], [8, onAgent], [2, scheduling], [3, odd]);

// oxlint-disable-next-line complexity -- a table of commands
export async function obey(world: World, order: Command): Promise<void> {
  if (isDeed(order)) return happen(world, order);
  switch (order.do) {
    case 'reconcile':
      return reconcile(world, order);
    case 'settle':
      prepare(world, order);
      return void (await settleOnce(world, order.trouble, order.schedules));
    case 'deliver':
      return world.agent.deliver(WATCHES[order.watch]!, order.count);
    case 'class policy':
      return world.setClassPolicy(order.policy);
    case 'full':
      return void (world.disk.isFull = order.is);
    case 'pool away':
      world.isPoolAway = order.is;
      return world.agent.addAll();
    case 'time':
      world.now += order.ms;
      return world.agent.wake();
    case 'crash':
      return world.crash();
    case 'reboot':
      return world.reboot();
    case 'class anew':
      world.makeClass(order.name, order.kind);
      return world.agent.addAll();
    case 'lacks':
      return lack(world, order.kind, order.is);
    case 'empty trash':
      return world.disk.trash.clear();
  }
}

/** Seen when the pool is found, as after a start of the agent. */
function lack(world: World, kind: Kind, is: boolean): void {
  if (is) world.lacking.add(kind);
  else world.lacking.delete(kind);
  world.crash();
}

async function reconcile(world: World, order: { readonly at: number } & Troubled): Promise<void> {
  const key = chosen(world.agent.due, order.at);
  if (key === undefined) return;
  prepare(world, order);
  await world.reconcile(key, order.trouble);
}

function prepare(world: World, { meanwhile = [] }: Troubled): void {
  world.meanwhile = () => {
    world.log.push('meanwhile:');
    for (const deed of meanwhile) happen(world, deed);
  };
}
