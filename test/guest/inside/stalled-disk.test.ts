import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Tools } from '../../../src/agent/os/tools.ts';
import { PoolHealth } from '../../../src/agent/pool-health.ts';
import { Reserve } from '../../../src/agent/reserve.ts';
import { silentLogger } from '../../../src/cluster/observer.ts';
import { waitFor } from '../../controlplane/wait.ts';
import { storagePrograms } from '../../storage/programs.ts';
import { World } from '../../unit/agent/disk-world.ts';
import { FakeClock } from '../../unit/cluster/fake-clock.ts';

const REST_MS = 10_000;
const SILENCE_MS = 150_000;
const DEVICE = 'stalling';

/* As multipath and iSCSI do that queue what they cannot write: there is no error, and what is in memory is read still. */

describe('a disk that stalls', () => {
  let world: World;
  let clock: FakeClock;
  let health: PoolHealth;
  let told: string[];
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
    clock = new FakeClock();
    told = [];
    health = new PoolHealth({
      root: world.root,
      node: 'node-1',
      pool: {},
      kit: { tools: new Tools({ path, environment }), memoryBytes: 0 },
      wanted: () => [],
      reserve: Reserve.parse('1%')!,
      clock,
      logger: silentLogger,
      remembered: () => Promise.resolve(undefined),
      hasVolumes: () => false,
      changed: (what) => told.push(what === 'space' ? 'looked at' : health.pool ? 'found' : 'lost'),
    });
    await health.start();
  });
  after(async () => {
    resume();
    await health?.stop();
    world.unmount(world.root);
    mapper('remove', DEVICE);
    system('losetup', '--detach', loop);
    world.remove();
  });

  const lookAgain = async () => {
    for (let time = 0; time < 3; time++) {
      await waitFor('a rest', () => clock.pending.includes(REST_MS));
      clock.advance(REST_MS);
    }
  };
  const isTold = async (...words: string[]) => {
    await waitFor(words.join(', '), () => told.length >= words.length);
    expect(told).to.deep.equal(words);
  };

  it('is lost once work on it hangs, and as it was when it goes on', async () => {
    const { ledger } = health.pool!;
    stall();
    await lookAgain();
    await isTold('found', 'looked at');
    // As the agent does when work is not done in time.
    health.suspect();
    await lookAgain();
    await sleep(2000);
    expect(clock.pending).to.include(SILENCE_MS);
    clock.advance(SILENCE_MS);
    await isTold('found', 'looked at', 'lost');
    expect(health.why).to.include('does not answer');
    resume();
    await isTold('found', 'looked at', 'lost', 'found');
    expect(health.pool!.ledger).to.equal(ledger);
    mkdirSync(world.at('still-there'));
  });
});
