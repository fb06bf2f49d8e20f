import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { LedgerEntry } from '../../../src/agent/ledger-entry.ts';
import { Ledger, ledgerFileOf } from '../../../src/agent/ledger.ts';
import { purge } from '../../../src/agent/purge.ts';
import type { BeforeEffect } from '../../../src/cluster/effect.ts';
import { Crash, crashAfter, needRoot, PATH, rejection, World } from './disk-world.ts';

const ENTRY: LedgerEntry = {
  version: 1,
  state: 'kept',
  path: PATH,
  volume: 'shop-remote-log-dir-test-gameserver-0123456789abcdef',
  storageClass: 't-storage-class',
  owner: { uid: 0, gid: 0, mode: 0o755 },
};

describe('purge', () => {
  let world: World;
  let beforeEffect: BeforeEffect;

  before(needRoot);
  beforeEach(async () => {
    world = new World();
    beforeEffect = () => undefined;
    await (await Ledger.open(await world.pool())).write(ENTRY);
    mkdirSync(world.at(PATH), { recursive: true });
    writeFileSync(world.at(PATH, 'file'), 'precious');
  });
  afterEach(() => world.remove());

  const file = () => world.at('.tlv', 'ledger', ledgerFileOf(PATH));
  const trash = () => readdirSync(world.at('.tlv', 'trash'));
  /** As the command does it, with a pool of its own. */
  const run = async () =>
    await purge({
      pool: await world.pool((what) => beforeEffect(what)),
      path: PATH,
      volumes: [],
      api: { look: () => Promise.resolve({ volume: undefined, claim: undefined }) },
      tools: { path: '/usr/sbin:/usr/bin:/sbin:/bin' },
      isTrial: false,
    });

  it('moves the data into the trash and forgets it', async () => {
    await run();
    expect(existsSync(world.at(PATH))).to.equal(false);
    expect(existsSync(file())).to.equal(false);
    const [item] = trash();
    expect(readFileSync(join(world.at('.tlv', 'trash'), item!, 'file'), 'utf8')).to.equal('precious');
  });

  it('leaves what an agent writes down of the place once it is free', async () => {
    const others = JSON.stringify({ ...ENTRY, state: 'making', volume: 'another' });
    beforeEffect = (what) => {
      if (what.startsWith('rename')) writeFileSync(file(), others);
    };
    await run();
    expect(existsSync(world.at(PATH))).to.equal(false);
    expect(readFileSync(file(), 'utf8')).to.equal(others);
  });

  it('knows what it was about, wherever it is ended', async () => {
    for (let effects = 0; existsSync(world.at(PATH)); effects++) {
      beforeEffect = crashAfter(effects);
      expect(await rejection(run())).to.be.instanceOf(Crash);
      expect(existsSync(file())).to.equal(true);
    }
    expect(trash()).to.have.length(1);
  });
});
