import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import type { Backend } from '../../src/agent/backends/backend.ts';
import { BTRFS } from '../../src/agent/backends/btrfs.ts';
import { Directory } from '../../src/agent/os/directory.ts';
import { DiskFault } from '../../src/agent/os/errors.ts';
import { ToolFailed, Tools } from '../../src/agent/os/tools.ts';
import { waitFor } from '../controlplane/wait.ts';
import { itKeepsTheContract } from '../unit/agent/backend-contract.ts';
import { emptyTrash, flood } from '../unit/agent/backend-ground.ts';
import {
  crashEverywhere,
  inWorld,
  needRoot,
  PATH,
  rejection,
  SIBLING,
  type World,
} from '../unit/agent/disk-world.ts';
import { mountBtrfs, openBtrfs, qgroups, subvolumes } from './btrfs-world.ts';
import { kitOf } from './mounted-world.ts';
import { storagePrograms } from './programs.ts';
import { runProgram } from './run-program.ts';

itKeepsTheContract({
  name: 'btrfs',
  prepare: async (world) => {
    mountBtrfs(world);
    await world.pool();
  },
  open: openBtrfs,
  takes: 'what is written',
  settle: (world) => void runProgram('sync', '--file-system', world.root),
  inventory: subvolumes,
});

describe('btrfs', () => {
  before(needRoot);

  const given = (title: string, body: (world: World, backend: Backend) => Promise<void>) =>
    it(title, async () => {
      await inWorld(async (world) => {
        mountBtrfs(world);
        await body(world, await openBtrfs(world));
      });
    });
  const wanted = { owner: { uid: 1001, gid: 1002, mode: 0o750 }, size: 2 ** 20 };

  given('keeps no qgroup of a volume that is gone', async (world, backend) => {
    await backend.make(PATH, wanted);
    await backend.make(SIBLING, wanted);
    expect(qgroups(world)).to.have.length(2);
    await backend.retire(PATH, 'one');
    await backend.discard(SIBLING);
    await emptyTrash(world, backend);
    expect(readdirSync(world.at('.tlv/qgroups')).sort()).to.deep.equal(['256', '257']);
    // The kernel has to clear the subvolumes away first, which it does after a while.
    await waitFor('no qgroup', async () => {
      await emptyTrash(world, backend);
      return qgroups(world).length === 0;
    });
    await emptyTrash(world, backend);
    expect(readdirSync(world.at('.tlv/qgroups'))).to.deep.equal([]);
  });

  it('keeps track of qgroups and subvolumes wherever the agent dies', async () => {
    await crashEverywhere({
      prepare: async (world) => {
        mountBtrfs(world);
        const backend = await openBtrfs(world);
        await backend.make(PATH, wanted);
        await backend.retire(PATH, 'one');
      },
      run: async (world, before) => await emptyTrash(world, await openBtrfs(world, before)),
      async check(world, crashedAt) {
        expect(subvolumes(world), crashedAt).to.deep.equal([]);
        const [left = 'none'] = qgroups(world);
        // Gone by itself, or written down for later.
        expect(
          ['none', ...readdirSync(world.at('.tlv/qgroups')).map((id) => `0/${id}`)],
          crashedAt,
        ).to.include(left);
      },
    });
  });

  given('finishes in place what is a subvolume there, and empty', async (world, backend) => {
    mkdirSync(dirname(world.at(PATH)), { recursive: true });
    runProgram('btrfs', 'subvolume', 'create', world.at(PATH));
    await backend.make(PATH, wanted);
    expect(flood(world.at(PATH, 'flood'), 2 ** 21).code).to.equal('EDQUOT');
    expect(subvolumes(world)).to.have.length(1);
  });

  given('takes the place of an empty directory', async (world, backend) => {
    mkdirSync(world.at(PATH), { recursive: true });
    await backend.make(PATH, wanted);
    expect(flood(world.at(PATH, 'flood'), 2 ** 21).code).to.equal('EDQUOT');
  });

  given('says that a full volume is one', async (world, backend) => {
    await backend.make(PATH, wanted);
    flood(world.at(PATH, 'flood'), 2 ** 21);
    await using volume = await Directory.openRoot(world.at(PATH));
    const fault = await rejection(volume.writeNewFile('more', 'x'.repeat(2 ** 18)));
    expect(fault).to.be.instanceOf(DiskFault).with.property('code', 'EDQUOT');
  });

  given('counts what a snapshot shares as it did before', async (world, backend) => {
    await backend.make(PATH, wanted);
    const { bytes } = flood(world.at(PATH, 'flood'), 2 ** 19);
    runProgram('btrfs', 'subvolume', 'snapshot', '-r', world.at(PATH), world.at('snapshot'));
    runProgram('sync', '--file-system', world.root);
    const taken = await backend.source().taken([PATH]);
    expect(taken.get(PATH)).to.be.within(bytes, bytes * 1.5);
    expect(flood(world.at(PATH, 'more'), 2 ** 20).bytes).to.be.below(2 ** 19);
  });

  given(
    'takes what looks like the count of another volume for the name that it is',
    async (world, backend) => {
      for (const path of [PATH, SIBLING]) await backend.make(path, wanted);
      flood(world.at(SIBLING, 'data'), 2 ** 18);
      mkdirSync(world.at(PATH, '\n0'));
      runProgram('btrfs', 'subvolume', 'create', world.at(PATH, '\n0/257 999999999 999999999 none'));
      runProgram('sync', '--file-system', world.root);
      const taken = await backend.source().taken([SIBLING]);
      expect(taken.get(SIBLING)).to.be.within(2 ** 18, 2 ** 19);
      await backend.grow(SIBLING, 2 ** 21);
      expect(flood(world.at(SIBLING, 'more'), 2 ** 21).bytes).to.be.within(2 ** 20, 2 ** 21);
    },
  );

  given('says what stands in the way of deletion, and deletes it later', async (world, backend) => {
    await backend.make(PATH, wanted);
    runProgram('btrfs', 'subvolume', 'create', world.at(PATH, 'of-a-user'));
    await backend.retire(PATH, 'one');
    const why = await rejection(emptyTrash(world, backend));
    expect(why).to.have.property(
      'message',
      'one: .tlv/trash/one has subvolumes in it, made by its users, which only btrfs-progs 6.12 or newer deletes with it; install that, or delete them with `btrfs subvolume delete`',
    );
    runProgram('btrfs', 'subvolume', 'delete', world.at('.tlv/trash/one/of-a-user'));
    await emptyTrash(world, backend);
    expect(subvolumes(world)).to.deep.equal([]);
  });

  given('takes no limit for set that is not', async (world) => {
    const { pool, memoryBytes } = await kitOf(world);
    const { path, environment } = await storagePrograms();
    const careless = join(world.folder, 'careless');
    mkdirSync(careless);
    const skip = `[ "$2" = limit ] && exit 0; PATH='${path}' exec btrfs "$@"`;
    writeFileSync(join(careless, 'btrfs'), `#!/bin/sh\n${skip}\n`, { mode: 0o755 });
    runProgram('btrfs', 'quota', 'enable', world.root);
    const tools = new Tools({ path: `${careless}:${path}`, environment });
    const fault = await rejection(BTRFS.open({ pool, tools, memoryBytes }).make(PATH, wanted));
    expect(fault).to.be.instanceOf(ToolFailed);
    expect((fault as ToolFailed).stderr).to.match(
      /^the limit of \.tlv\/subvolumes\/[0-9a-f]{32} is none after that$/,
    );
    expect(existsSync(world.at(PATH))).to.equal(false);
  });

  it('says what is missing, and how to get it', async () => {
    await inWorld(async (world) => {
      const { pool, tools, memoryBytes } = await kitOf(world);
      const bare = new Tools({ path: world.folder });
      expect(await BTRFS.missing({ pool, tools: bare, memoryBytes })).to.equal(
        'backend btrfs needs btrfs, which this node lacks; install there: btrfs-progs',
      );
      expect(await BTRFS.missing({ pool, tools, memoryBytes })).to.equal(
        `backend btrfs needs a pool on btrfs, and ${world.root} is on another filesystem; take a directory on btrfs as root, or another backend in the class`,
      );
      mountBtrfs(world);
      expect(await BTRFS.missing(await kitOf(world))).to.equal(undefined);
    });
  });
});
