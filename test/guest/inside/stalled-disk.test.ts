import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { storagePrograms } from '../../storage/programs.ts';
import { World } from '../../unit/agent/disk-world.ts';
import { SILENCE_MS, WatchedHealth } from '../../unit/agent/watched-health.ts';

const DEVICE = 'stalling';

/* As multipath and iSCSI do that queue what they cannot write: there is no error, and what is in memory is read still. */

describe('a disk that stalls', () => {
  let world: World;
  let watched: WatchedHealth;
  let env: NodeJS.ProcessEnv;
  let loop: string;

  const system = (file: string, ...argv: readonly string[]): string =>
    execFileSync(file, argv, { encoding: 'utf8', env, stdio: 'pipe' }).trim();
  const mapper = (...argv: readonly string[]): string =>
    system('dmsetup', '--noudevrules', '--noudevsync', ...argv);
  const stall = () => mapper('suspend', '--nolockfs', '--noflush', DEVICE);
  const resume = () => mapper('resume', DEVICE);

  before(async () => {
    const { path, environment } = await storagePrograms();
    env = { ...process.env, ...environment, PATH: path };
    world = new World();
    const image = join(world.folder, 'image');
    system('truncate', '-s', '64M', image);
    loop = system('losetup', '--find', '--show', image);
    const sectors = system('blockdev', '--getsz', loop);
    mapper('create', DEVICE, '--table', `0 ${sectors} linear ${loop} 0`);
    mapper('mknodes', DEVICE);
    system('mkfs.ext4', '-q', `/dev/mapper/${DEVICE}`);
    world.mount(world.root, `/dev/mapper/${DEVICE}`);
    watched = new WatchedHealth(world.root, { timeoutMs: 30_000, tools: { path, environment } });
    await watched.health.start();
  });
  after(async () => {
    resume();
    await watched?.health.stop();
    world.unmount(world.root);
    mapper('remove', DEVICE);
    system('losetup', '--detach', loop);
    world.remove();
  });

  const lookAgain = () => watched.rest(3);

  it('is lost once work on it hangs, and as it was when it goes on', async () => {
    const { health, clock } = watched;
    const { ledger } = health.pool!;
    stall();
    await lookAgain();
    await watched.isTold('found', 'looked at');
    // As the agent does when work is not done in time.
    health.suspect();
    await lookAgain();
    await sleep(2000);
    expect(clock.pending).to.include(SILENCE_MS);
    clock.advance(SILENCE_MS);
    await watched.isTold('found', 'looked at', 'lost');
    expect(health.why).to.include('does not answer');
    resume();
    await watched.isTold('found', 'looked at', 'lost', 'found');
    expect(health.pool!.ledger).to.equal(ledger);
    mkdirSync(world.at('still-there'));
  });
});
