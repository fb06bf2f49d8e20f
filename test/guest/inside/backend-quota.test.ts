import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Backend } from '../../../src/agent/backends/backend.ts';
import { parseMembership } from '../../../src/agent/backends/project-quota.ts';
import { QUOTA } from '../../../src/agent/backends/quota.ts';
import { Tools } from '../../../src/agent/os/tools.ts';
import { kitOf } from '../../storage/mounted-world.ts';
import { makeImage, openQuota, QuotaDisk } from '../../storage/quota-disk.ts';
import { runProgram } from '../../storage/run-program.ts';
import { itKeepsTheContract } from '../../unit/agent/backend-contract.ts';
import { itSurvivesCrashes } from '../../unit/agent/backend-crashes.ts';
import { emptyTrash, Ground, type Implementation } from '../../unit/agent/backend-ground.ts';
import {
  Crash,
  crashAfter,
  inWorld,
  needRoot,
  PATH,
  pathOf,
  rejection,
  SIBLING,
  World,
} from '../../unit/agent/disk-world.ts';

const DD = ['if=/dev/zero', 'bs=1k', 'conv=fsync', 'status=none'];
/** Of what root may do, what a container has that is not privileged. */
const AS_CONTAINER = ['--bounding-set=-sys_resource', '--inh-caps=-sys_resource'];
const STOPS_NO_ROOT = { enforcesSize: false, survivesReboot: true };
const WANTED = { owner: { uid: 1001, gid: 1002, mode: 0o750 }, size: 2 ** 20 };

describe('project quotas', () => {
  let world: World;
  before(needRoot);
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.remove());

  const missingIn = async () => await QUOTA.missing(await kitOf(world));
  const mountAs = (type: 'xfs' | 'ext4', mountOptions: string, mkfs?: readonly string[]) =>
    runProgram('mount', '-o', `loop${mountOptions}`, makeImage(type, world.folder, mkfs), world.root);

  it('cannot be had without their programs', async () => {
    const kit = { ...(await kitOf(world)), tools: new Tools({ path: world.folder }) };
    expect(await QUOTA.missing(kit)).to.equal(
      'backend quota needs setquota, repquota, chattr, lsattr, which this node lacks; install there: quota, e2fsprogs',
    );
  });

  it('cannot be had on a filesystem of another kind', async () => {
    world.mountTmpfs(world.root);
    expect(await missingIn()).to.equal(
      `backend quota needs a pool on xfs or ext4, and ${world.root} is on tmpfs; take a directory on one of these as root, or another backend in the class`,
    );
  });

  for (const options of ['', ',pqnoenforce']) {
    it(`cannot be had on xfs mounted with "${options}"`, async () => {
      mountAs('xfs', options);
      expect(await missingIn()).to.equal(
        `backend quota needs project quotas, and the xfs at ${world.root} enforces none; mount it with the option prjquota, which takes more than a remount`,
      );
    });
  }

  for (const [what, mkfs] of [
    ['made with them, and mounted without', undefined],
    ['made without', ['mkfs.ext4', '-q', '-F']],
  ] as const) {
    it(`cannot be had on ext4 ${what}`, async () => {
      mountAs('ext4', '', mkfs);
      expect(await missingIn()).to.equal(
        `backend quota needs project quotas, and the ext4 at ${world.root} enforces none; unmount it, run tune2fs -O quota,project on its device, and mount it with the option prjquota`,
      );
    });
  }

  it('stop on ext4 only programs that have to keep to them, which root of a container has', async () => {
    mountAs('ext4', ',prjquota');
    const backend = await openQuota(world);
    for (const path of [PATH, SIBLING]) await backend.make(path, WANTED);
    const zeroes = (file: string, kilobytes: number) => [...DD, `of=${file}`, `count=${kilobytes}`];
    const writeAsContainer = (file: string, kilobytes: number) =>
      runProgram('setpriv', ...AS_CONTAINER, 'dd', ...zeroes(file, kilobytes));
    expect(() => writeAsContainer(world.at(PATH, 'a'), 2048)).to.throw('Disk quota exceeded');
    expect(statSync(world.at(PATH, 'a')).size).to.be.within(2 ** 19, 2 ** 20);
    writeAsContainer(world.at(SIBLING, 'a'), 512);
    await backend.grow(PATH, 2 ** 21);
    writeAsContainer(world.at(PATH, 'b'), 512);
    expect(() => writeAsContainer(world.at(PATH, 'c'), 2048)).to.throw('Disk quota exceeded');
    runProgram('dd', ...zeroes(world.at(PATH, 'd'), 2048));
    expect(statSync(world.at(PATH, 'd')).size).to.equal(2 ** 21);
  });
});

for (const type of ['xfs', 'ext4'] as const) {
  describe(`project quotas on ${type}`, () => {
    const disk = new QuotaDisk(type);
    after(() => disk.remove());

    const implementation: Implementation = {
      name: `quota on ${type}`,
      prepare: async (world) => {
        disk.give(world);
        await world.pool();
      },
      open: async (world, before) => {
        const backend = await openQuota(world, before);
        // These tests run with all that root may do, and ext4 lets that pass.
        return type === 'xfs' ? backend : Object.assign(backend, { traits: STOPS_NO_ROOT });
      },
      many: 6,
      crashesAt: (effect) => /^(setquota|chattr|rename)/.test(effect),
      takes: 'what is written',
      inventory: (world) => disk.inventory(world),
    };
    itKeepsTheContract(implementation);
    // What happens in between is the same on both.
    if (type === 'xfs') itSurvivesCrashes(new Ground(implementation));

    const given = (title: string, body: (world: World, backend: Backend) => Promise<void>) =>
      it(title, async () => {
        await inWorld(async (world) => {
          disk.give(world);
          await body(world, await openQuota(world));
        });
      });
    const projectOf = (directory: string) => parseMembership(runProgram('lsattr', '-d', '-p', directory));

    given('hands the project on to all that is made in a volume', async (world, backend) => {
      await backend.make(PATH, WANTED);
      const { id, isInherited } = projectOf(world.at(PATH));
      expect([id >= 2 ** 30, isInherited]).to.deep.equal([true, true]);
      expect(readFileSync(world.at('.tlv/projects', String(id)), 'utf8')).to.equal(`${PATH}\n`);
      mkdirSync(world.at(PATH, 'folder'));
      expect(projectOf(world.at(PATH, 'folder'))).to.deep.equal({ id, isInherited });
      expect(projectOf(world.at(PATH, '..')).id).to.equal(0);
    });

    given('keeps an id until nothing in the trash has it', async (world, backend) => {
      await backend.make(PATH, WANTED);
      writeFileSync(world.at(PATH, 'data'), 'precious');
      const { id } = projectOf(world.at(PATH));
      await backend.retire(PATH, 'one');
      expect(projectOf(world.at('.tlv/trash/one')).id).to.equal(id);
      await backend.make(PATH, WANTED);
      expect(projectOf(world.at(PATH)).id).to.equal(id + 1);
      await emptyTrash(world, backend);
      await backend.make(SIBLING, WANTED);
      expect(projectOf(world.at(SIBLING)).id).to.equal(id);
    });

    given('leaves ids alone that somebody else uses', async (world, backend) => {
      await backend.make(PATH, WANTED);
      const { id } = projectOf(world.at(PATH));
      await backend.discard(PATH);
      mkdirSync(world.at('theirs'));
      runProgram('chattr', '-p', String(id), world.at('theirs'));
      await backend.make(PATH, WANTED);
      expect(projectOf(world.at(PATH)).id).to.equal(id + 1);
    });

    given('gives each of many an id of its own, although the agent dies', async (world) => {
      const paths = Array.from({ length: 12 }, (_, index) => pathOf(`shop/Test.GameServer/volume-${index}`));
      const makeAll = async (backend: Backend) =>
        await Promise.allSettled(paths.map((path) => backend.make(path, WANTED)));
      for (const effects of [17, 43]) {
        const ended = await makeAll(await openQuota(world, crashAfter(effects)));
        expect(ended.some((each) => each.status === 'rejected' && each.reason instanceof Crash)).to.equal(
          true,
        );
      }
      const ended = await makeAll(await openQuota(world));
      expect(ended.map(({ status }) => status)).to.deep.equal(paths.map(() => 'fulfilled'));
      const ids = paths.map((path) => projectOf(world.at(path)).id);
      expect(new Set(ids).size).to.equal(paths.length);
      expect(readdirSync(world.at('.tlv/projects'))).to.have.members(ids.map(String));
      expect(disk.inventory(world)).to.have.length(2 * paths.length);
    });

    given('has no size where nobody gave it one', async (world, backend) => {
      mkdirSync(world.at(PATH), { recursive: true });
      expect(await rejection(backend.grow(PATH, 2 ** 21))).to.have.property(
        'message',
        `${PATH} is in no project of ours, and has no size; move its data away, and into the volume that is made there then`,
      );
    });

    given('can be had where the filesystem enforces it, and not in a project of others', async (world) => {
      expect(await QUOTA.missing(await kitOf(world))).to.equal(undefined);
      // Files hand nothing on, and ext4 takes no such flag for them.
      runProgram('find', world.root, '-type', 'd', '-exec', 'chattr', '-p', '7', '+P', '{}', '+');
      expect(await QUOTA.missing(await kitOf(world))).to.equal(
        `backend quota puts each volume into a project of its own, and ${world.root} is in project 7 as a whole; take a directory outside of that project as root`,
      );
    });
  });
}
