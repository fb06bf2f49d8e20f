import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { MIB } from '../../controlplane/disks.ts';
import { storagePrograms } from '../../storage/programs.ts';

/* What the other tests in here rely on: the kernel can it. */

const WITHOUT_UDEV = 'activation { udev_sync=0 udev_rules=0 } devices { obtain_device_list_from_udev=0 }';

describe('the kernel of a guest', () => {
  let folder: string;
  let device: string;
  let env: NodeJS.ProcessEnv;

  const system = (file: string, ...argv: readonly string[]): string =>
    execFileSync(file, argv, { encoding: 'utf8', env, stdio: 'pipe' }).trim();

  before(async () => {
    const { path, environment } = await storagePrograms();
    env = { ...process.env, ...environment, PATH: path };
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kernel-'));
    const image = join(folder, 'image');
    system('truncate', '-s', '400M', image);
    device = system('losetup', '--find', '--show', image);
  });
  afterEach(() => {
    system('losetup', '--detach', device);
    rmSync(folder, { recursive: true });
  });

  it('stops a writer at the project quota of xfs, though it is root, and not its neighbour', () => {
    const disk = join(folder, 'disk');
    const [limited, free] = [join(disk, 'limited'), join(disk, 'free')];
    mkdirSync(disk);
    system('mkfs.xfs', '-q', device);
    system('mount', '-o', 'prjquota', device, disk);
    try {
      for (const directory of [limited, free]) mkdirSync(directory);
      system('xfs_quota', '-x', '-c', `project -s -p ${limited} 7`, '-c', 'limit -p bhard=10m 7', disk);
      expect(() => fill(limited)).to.throw(/^(ENOSPC|EDQUOT):/);
      expect(fill(free)).to.equal(20);
    } finally {
      system('umount', disk);
    }
  });

  it('makes logical volumes and takes them away again', () => {
    const lvm = (verb: string, ...argv: readonly string[]): string =>
      system('lvm', verb, '--quiet', '--yes', '--config', WITHOUT_UDEV, ...argv);
    lvm('vgcreate', 'group', device);
    try {
      lvm('lvcreate', '--size=100M', '--name=volume', 'group');
      system('mkfs.ext4', '-q', '/dev/group/volume');
      const names = (): string => lvm('lvs', '--noheadings', '--options=lv_name', 'group');
      expect(names()).to.equal('volume');
      lvm('lvremove', 'group/volume');
      expect(names()).to.equal('');
    } finally {
      lvm('vgremove', 'group');
    }
  });
});

/** Writes up to 20 MiB, and says how many. */
function fill(directory: string): number {
  const file = openSync(join(directory, 'file'), 'w');
  const chunk = Buffer.alloc(MIB);
  let written = 0;
  try {
    while (written < 20) {
      writeSync(file, chunk);
      written++;
    }
  } finally {
    closeSync(file);
  }
  return written;
}
