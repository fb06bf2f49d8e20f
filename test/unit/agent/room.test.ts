import { expect } from 'chai';
import fc from 'fast-check';
import type { LedgerEntry } from '../../../src/agent/ledger-entry.ts';
import { NoRoom, Room } from '../../../src/agent/room.ts';
import type { Storage } from '../../../src/agent/storage.ts';
import { rejection } from './disk-world.ts';
import { entry, pathOf } from './plan-states.ts';

const at = (name: string | number) => pathOf(`shop/Shop.cart/v${name}`);

function kept(name: string | number, size: number, over: Partial<LedgerEntry> = {}): LedgerEntry {
  const storage: Storage = { backend: 'loop', size };
  return { ...entry(), version: 2, path: at(name), storage, ...over };
}

/** A ledger whose writes end when they are told to. */
class SlowLedger {
  readonly entries = new Map<string, LedgerEntry>();
  readonly #waiting: (() => void)[] = [];
  isSlow = false;

  all(): LedgerEntry[] {
    return [...this.entries.values()];
  }

  async write(written: LedgerEntry): Promise<void> {
    if (this.isSlow) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.entries.set(written.path, written);
  }

  flush(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

describe('room that may still be promised', () => {
  let ledger: SlowLedger;
  let room: Room;
  const look = (freeBytes: number, taken: readonly (readonly [string, number])[] = []) =>
    room.look([
      { source: 'pool', freeBytes, taken: new Map(taken.map(([name, bytes]) => [at(name), bytes])) },
    ]);

  beforeEach(() => {
    ledger = new SlowLedger();
    room = new Room(ledger);
  });

  it('is none before the first look, and none of what a look could not measure', () => {
    expect(room.left('pool')).to.equal(0);
    look(100);
    expect(room.left('pool')).to.equal(100);
    expect(room.left('volume group fast')).to.equal(0);
    room.look([]);
    expect(room.left('pool')).to.equal(0);
  });

  it('is what is free less what was promised and is not taken', async () => {
    look(100);
    await room.write(kept('a', 60));
    expect(room.left('pool')).to.equal(40);
    look(70, [['a', 30]]);
    expect(room.left('pool')).to.equal(40);
    // It took more than it was promised: its filesystem's own tables, say.
    look(35, [['a', 65]]);
    expect(room.left('pool')).to.equal(35);
    expect(room.promised('pool')).to.equal(60);
  });

  it('counts what is promised before it is written down', async () => {
    look(100);
    ledger.isSlow = true;
    const first = room.write(kept('a', 60));
    expect(room.left('pool')).to.equal(40);
    const second = await rejection(room.write(kept('b', 60)));
    expect(second).to.be.instanceOf(NoRoom);
    expect((second as Error).message).to.equal(`${at('b')} asks for 60, and 40 are left`);
    ledger.flush();
    await first;
    expect(room.left('pool')).to.equal(40);
  });

  it('is there again when a write fails, and when the volume goes into the trash', async () => {
    look(100);
    ledger.write = async () => {
      throw new Error('disk full');
    };
    await rejection(room.write(kept('a', 60)));
    expect(room.left('pool')).to.equal(100);
    ledger.entries.set(at('a'), kept('a', 60, { state: 'retiring' }));
    expect(room.left('pool')).to.equal(100);
  });

  it('is not there twice where a path has another volume than at the last look', async () => {
    await ledger.write(kept('a', 50));
    look(60, [['a', 40]]);
    expect(room.left('pool')).to.equal(50);
    await room.write(kept('a', 50, { state: 'retiring' }));
    expect(room.left('pool')).to.equal(60);
    ledger.entries.delete(at('a'));
    // What the first one has taken is in the trash, and the second one has taken nothing.
    await room.write(kept('a', 50));
    expect(room.left('pool')).to.equal(10);
  });

  it('lets a volume have its own, and grow by what is left', async () => {
    look(100);
    await room.write(kept('a', 60));
    look(60, [['a', 40]]);
    expect(room.left('pool', at('a'))).to.equal(100);
    await room.write(kept('a', 60, { state: 'made' }));
    await room.write(kept('a', 100));
    expect(await rejection(room.write(kept('a', 101)))).to.be.instanceOf(NoRoom);
  });

  it('lets what is promised already be written again, however full it is', async () => {
    look(100);
    await room.write(kept('a', 60));
    room.fill('pool');
    expect(room.left('pool')).to.equal(0);
    await room.write(kept('a', 60, { state: 'made' }));
    expect(await rejection(room.write(kept('b', 1)))).to.be.instanceOf(NoRoom);
  });

  it('lets what was on its way into the trash stay, however full it is', async () => {
    look(100);
    await room.write(kept('a', 60));
    await room.write(kept('a', 60, { state: 'retiring' }));
    room.fill('pool');
    await room.write(kept('a', 60, { state: 'made' }));
    expect(ledger.entries.get(at('a'))?.state).to.equal('made');
  });

  it('promises plain directories nothing, and refuses them nothing', async () => {
    look(0);
    await room.write({ ...entry(), path: at('a') });
    expect(room.promised('pool')).to.equal(0);
  });

  it('never promises more than there is, whoever comes together', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(fc.nat(1000), sizes, async (free, all) => {
        const crowded = new Room(new SlowLedger());
        crowded.look([{ source: 'pool', freeBytes: free, taken: new Map() }]);
        const ended = await Promise.allSettled(all.map((size, index) => crowded.write(kept(index, size))));
        const promised = all.filter((_, index) => ended[index]?.status === 'fulfilled');
        expect(promised.reduce((sum, size) => sum + size, 0)).to.equal(crowded.promised('pool'));
        expect(crowded.promised('pool')).to.be.at.most(free);
        // Whoever was refused would not have fitted.
        const refused = all.filter((_, index) => ended[index]?.status === 'rejected');
        for (const size of refused) expect(size).to.be.greaterThan(crowded.left('pool'));
      }),
      { seed: 20_240_229, numRuns: 300 },
    );
  });
});
