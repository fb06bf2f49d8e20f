import { mkdirSync, rmSync } from 'node:fs';
import { expect } from 'chai';
import type { LedgerEntry } from '../../../src/agent/ledger-entry.ts';
import { Ledger } from '../../../src/agent/ledger.ts';
import { findOrphans } from '../../../src/agent/orphans.ts';
import type { VolumePath } from '../../../src/tars/host-path.ts';
import { needRoot, PATH, SIBLING, inWorld } from './disk-world.ts';

const entryOf = (path: VolumePath, state: LedgerEntry['state']): LedgerEntry => ({
  version: 1,
  state,
  path,
  volume: 'volume',
  storageClass: 't-storage-class',
  claim: { namespace: 'shop', name: 'claim', uid: 'c0' },
  owner: { uid: 0, gid: 0, mode: 0o755 },
});

describe('orphans', () => {
  before(needRoot);

  it('are what the ledger keeps, as long as it is there, and what it does not know', async () => {
    await inWorld(async (world) => {
      const pool = await world.pool();
      const ledger = await Ledger.open(pool);
      await ledger.write(entryOf(PATH, 'kept'));
      await ledger.write(entryOf(SIBLING, 'made'));
      for (const path of [PATH, SIBLING, 'shop/Test.GameServer/nobody', 'shop/Test.GameServer/served'])
        mkdirSync(world.at(path), { recursive: true });
      const found = async () =>
        (await findOrphans({ pool, ledger }, (path) => path.endsWith('/served'))).map(
          ({ path, kind }) => `${path} ${kind}`,
        );
      expect(await found()).to.have.members([`${PATH} kept`, 'shop/Test.GameServer/nobody unknown']);
      // As people do who take the data elsewhere: the agent hears of it no earlier than it looks again.
      rmSync(world.at(PATH), { recursive: true });
      expect(await found()).to.deep.equal(['shop/Test.GameServer/nobody unknown']);
    });
  });
});
