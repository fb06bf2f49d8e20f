import { expect } from 'chai';
import { Tools } from '../../src/agent/os/tools.ts';
import { storagePrograms } from './programs.ts';

/** Each says its version, which it can only with all its libraries. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'mkfs.ext4': '-V',
  resize2fs: '--help',
  'mkfs.xfs': '-V',
  xfs_growfs: '-V',
  xfs_quota: '-V',
  'mkfs.btrfs': '--version',
  btrfs: '--version',
  lvm: 'version',
  setquota: '-V',
  repquota: '-V',
  losetup: '--version',
  mount: '--version',
  umount: '--version',
  blkid: '--version',
  fallocate: '--version',
  chattr: '-V',
  lsattr: '-V',
};

describe('programs that backends need', function () {
  this.timeout(120_000);
  this.slow(10_000);

  it('all run, with nothing installed', async () => {
    const tools = new Tools(await storagePrograms());
    expect(await tools.missing(Object.keys(PROGRAMS))).to.deep.equal([]);
    for (const [name, option] of Object.entries(PROGRAMS)) {
      // Some call a question for their version a fault.
      const said = await tools.ask(name, [option]).catch((error: Error) => error.message);
      expect(said, name).not.to.include('shared libraries');
    }
  });
});
