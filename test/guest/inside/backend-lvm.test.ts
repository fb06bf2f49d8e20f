import { expect } from 'chai';
import { LVM } from '../../../src/agent/backends/lvm.ts';
import { kitOf, unmountAll } from '../../storage/mounted-world.ts';
import { VolumeGroup } from '../../storage/volume-group.ts';
import { ToolFailed } from '../../../src/agent/os/tools.ts';
import { itKeepsTheContract } from '../../unit/agent/backend-contract.ts';
import { OWNER } from '../../unit/agent/backend-ground.ts';
import { inWorld, namesBelow, PATH, rejection } from '../../unit/agent/disk-world.ts';

const MIB = 2 ** 20;
const GROUP = 'disks';

describe('backend lvm', () => {
  let group: VolumeGroup;

  before(async () => {
    group = await VolumeGroup.make(GROUP, 2048 * MIB);
  });
  after(() => group.remove());

  itKeepsTheContract({
    name: 'lvm',
    prepare: async (world) => {
      group.clear();
      await world.pool();
    },
    open: async (world, before) => LVM.open(await kitOf(world, before)),
    size: 16 * MIB,
    options: { volumeGroup: GROUP },
    many: 4,
    crashesAt: (effect) => /^(lvm|mkfs|mount|umount|resize2fs)/.test(effect),
    isMounted: true,
    takes: 'its size',
    hasInTrash: (_world, name) => group.volumes().includes(`tlv-trash-${name}`),
    reboot: (world) => {
      unmountAll(world);
      group.deactivate();
    },
    inventory: () => group.volumes(),
  });

  it('leaves logical volumes of others alone, whatever they are called', async () => {
    const name = 'tlv-7d302ab92e5d56fde106311ce34e38f5';
    group.clear();
    group.addForeign(name);
    await inWorld(async (world) => {
      const backend = LVM.open(await kitOf(world));
      expect(await backend.inspect(PATH)).to.deep.equal({ kind: 'absent' });
      const wanted = { owner: OWNER, size: 16 * MIB, options: { volumeGroup: GROUP } };
      expect(await rejection(backend.make(PATH, wanted))).to.be.instanceOf(ToolFailed);
      await backend.retire(PATH, 'item');
      expect(await backend.discard(PATH)).to.equal(true);
      expect(namesBelow(world.root)).to.deep.equal([]);
    });
    expect(group.volumes()).to.deep.equal([name]);
  });
});
