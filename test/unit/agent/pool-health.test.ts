import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { DiskFault } from '../../../src/agent/os/errors.ts';
import { needRoot, World } from './disk-world.ts';
import { SilentDisk } from './silent-disk.ts';
import { REST_MS, SILENCE_MS, WatchedHealth } from './watched-health.ts';

describe('the health of a pool', () => {
  let world: World;
  let watched: WatchedHealth;
  let clock: WatchedHealth['clock'];
  let health: WatchedHealth['health'];
  let told: WatchedHealth['told'];
  /** Has its say in a look, and may take its time as a disk does. */
  let objection: Promise<undefined>;

  before(needRoot);
  beforeEach(async () => {
    world = new World();
    objection = Promise.resolve(undefined);
    watched = new WatchedHealth(world.root, { objection: () => objection });
    ({ clock, health, told } = watched);
    await health.start();
  });
  afterEach(async () => {
    await health.stop();
    world.remove();
  });

  const isWaitedFor = (ms: number) => watched.isWaitedFor(ms);
  const rest = (times: number) => watched.rest(times);
  const isTold = (...words: string[]) => watched.isTold(...words);

  /** The next look does, until what is returned is called. */
  const hangs = async (): Promise<() => void> => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    objection = promise;
    await rest(3);
    await isWaitedFor(SILENCE_MS);
    return () => resolve(undefined);
  };

  it('is looked at every 30 s while it is there', async () => {
    await rest(2);
    await isWaitedFor(REST_MS);
    await isTold('found');
    await rest(1);
    await isTold('found', 'looked at');
  });

  it('is looked at every 10 s while it is not', async () => {
    const elsewhere = join(world.folder, 'elsewhere');
    renameSync(world.root, elsewhere);
    await rest(3);
    await isTold('found', 'lost');
    renameSync(elsewhere, world.root);
    await rest(1);
    await isTold('found', 'lost', 'found');
  });

  describe('on a disk that does not answer', () => {
    let disk: SilentDisk;

    beforeEach(async () => {
      disk = new SilentDisk(world.root);
      await rest(3);
      await isWaitedFor(SILENCE_MS);
    });
    afterEach(() => {
      disk.fail();
      if (world.mountPoints.length > 0) world.unmount(world.root);
    });

    it('is lost after a while, and there again when somebody has mounted the right one', async () => {
      clock.advance(SILENCE_MS);
      await isTold('found', 'lost');
      expect(health.why).to.equal(
        `the disk at ${world.root} does not answer: it has failed, or is out of reach`,
      );
      // It goes on waiting for that one look.
      await rest(1);
      await isWaitedFor(SILENCE_MS);
      disk.fail();
      await isTold('found', 'lost', 'lost');
      expect(health.why).to.include('ENOTCONN');
      world.unmount(world.root);
      await rest(1);
      await isTold('found', 'lost', 'lost', 'found');
    });
  });

  it('ends a look that is under way before it ends, and tells of it no more', async () => {
    const answer = await hangs();
    let isStopped = false;
    const stopped = health.stop().then(() => (isStopped = true));
    await sleep(100);
    expect(isStopped).to.equal(false);
    expect(clock.pending).to.deep.equal([]);
    answer();
    await stopped;
    expect(told).to.deep.equal(['found']);
  });

  describe('that something hangs on', () => {
    /** In the place of the file that is written and removed again to see whether that can be done. */
    const obstacle = () => world.at('.tlv', 'probe', 'obstacle');

    it('is read, and not written to, while nobody suspects it', async () => {
      mkdirSync(obstacle(), { recursive: true });
      await rest(3);
      await isTold('found', 'looked at');
    });

    it('is written to at the next look, which a disk that only remembers does not pass', async () => {
      mkdirSync(obstacle(), { recursive: true });
      health.suspect();
      await rest(3);
      await isTold('found', 'lost');
      expect(health.why).to.include('probe');
      rmSync(obstacle(), { recursive: true });
      rmSync(world.at('.tlv', 'probe'), { recursive: true });
      await rest(1);
      await isTold('found', 'lost', 'found');
    });
  });

  it('keeps what others go on with, whatever they meet while a disk does not answer', async () => {
    const { ledger } = health.pool!;
    const answer = await hangs();
    clock.advance(SILENCE_MS);
    await isTold('found', 'lost');
    health.report(new DiskFault('EIO', world.root, 'write: EIO'));
    await isTold('found', 'lost', 'lost');
    answer();
    await isTold('found', 'lost', 'lost', 'found');
    expect(health.pool!.ledger).to.equal(ledger);
  });

  it('is as it was when a disk answers after all, so that what was begun there goes on with its ledger', async () => {
    const { ledger } = health.pool!;
    const answer = await hangs();
    clock.advance(SILENCE_MS);
    await isTold('found', 'lost');
    answer();
    await isTold('found', 'lost', 'found');
    expect(health.pool!.ledger).to.equal(ledger);
  });
});
