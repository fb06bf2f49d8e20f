import { LVM } from '../../../src/agent/backends/lvm.ts';
import { kitOf, unmountAll } from '../../storage/mounted-world.ts';
import { VolumeGroup } from '../../storage/volume-group.ts';
import { itKeepsTheContract } from '../../unit/agent/backend-contract.ts';

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
    crashesAt: (effect) => /^(lvm|mkfs|mount|umount|losetup|xfs_growfs|rename)/.test(effect),
    isMounted: true,
    takes: 'its size',
    hasInTrash: (_world, name) => group.volumes().includes(`tlv-trash-${name}`),
    reboot: (world) => {
      unmountAll(world);
      group.deactivate();
    },
    inventory: () => group.volumes(),
  });
});
