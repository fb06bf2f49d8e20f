import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { PROGRAMS } from '../../scripts/image/tools-layer.ts';
import { ROOT } from '../offline/tlv.ts';
import { confined, containerRoot } from './confined.ts';
import { filesBelow, madeImage, needDebianAndRoot } from './made-image.ts';

/** How each program of the backends says what it is; some do so only when they are called wrongly. */
const SAYS: Readonly<
  Record<string, { readonly args: readonly string[]; readonly exit?: number; readonly line: RegExp }>
> = {
  mount: { args: ['--version'], line: /^mount from util-linux \d/ },
  umount: { args: ['--version'], line: /^umount from util-linux \d/ },
  losetup: { args: ['--version'], line: /^losetup from util-linux \d/ },
  blkid: { args: ['--version'], line: /^blkid from util-linux \d/ },
  fallocate: { args: ['--version'], line: /^fallocate from util-linux \d/ },
  chattr: { args: [], exit: 1, line: /^Usage: \/usr\/sbin\/chattr .*-\+=/ },
  lsattr: { args: ['-V', '-d', '/'], line: /^lsattr \d/m },
  'mkfs.ext4': { args: ['-V'], line: /^mke2fs \d/ },
  resize2fs: { args: [], exit: 1, line: /^resize2fs \d/ },
  'mkfs.xfs': { args: ['-V'], line: /^mkfs\.xfs version \d/ },
  xfs_growfs: { args: ['-V'], line: /^xfs_growfs version \d/ },
  setquota: { args: ['--version'], line: /^Quota utilities version \d/ },
  repquota: { args: ['--version'], line: /^Quota utilities version \d/ },
  btrfs: { args: ['--version'], line: /^btrfs-progs v\d/ },
  lvm: { args: ['lvcreate', '--version'], line: /^ {2}LVM version: +\d/m },
};

describe('the programs of the backends in the image, with nothing else to be seen', function () {
  this.timeout(120_000);
  this.slow(3000);
  before(needDebianAndRoot);
  let root: string;
  before(async () => {
    root = await containerRoot();
    mkdirSync(join(root, 'files'));
    // Of the node, where there is LVM.
    mkdirSync(join(root, 'etc/lvm'));
  });

  it('are those that the agent runs, and are tried here, all of them', () => {
    const sources = filesBelow(join(ROOT, 'src/agent')).map((file) => join(ROOT, 'src/agent', file));
    const texts = sources.map((file) => readFileSync(file, 'utf8'));
    // Of what is run by another name, such as mkfs, the names are where backends say what they need.
    const called = /(?:tools\.(?:ask|change)\(|\(site, |mkfs: )\s*'([\w.]+)'/g;
    const names = texts.flatMap((text) => Array.from(text.matchAll(called), ([, name]) => name));
    expect(PROGRAMS).to.have.members([...new Set(names)]);
    expect(Object.keys(SAYS)).to.have.members(PROGRAMS);
  });

  for (const [name, { args, exit = 0, line }] of Object.entries(SAYS)) {
    it(`${name} finds all that it is linked with`, async () => {
      const ended = await confined(args, '', { program: `/usr/sbin/${name}` });
      expect(ended.exit, ended.stderr).to.equal(exit);
      expect(ended.stdout + ended.stderr).to.match(line);
    });
  }

  for (const [name, magic, at] of [
    ['mkfs.ext4', '53ef', 0x438],
    ['mkfs.xfs', Buffer.from('XFSB').toString('hex'), 0],
  ] as const) {
    it(`${name} does without settings of the machine`, async () => {
      const file = join('/files', name);
      writeFileSync(join(root, file), '');
      // Nobody runs it.
      chmodSync(join(root, file), 0o666);
      truncateSync(join(root, file), 300 * 2 ** 20);
      const options = name === 'mkfs.ext4' ? ['-F', '-q'] : ['-f', '-q'];
      const { exit, stderr } = await confined([...options, file], '', { program: `/usr/sbin/${name}` });
      expect(exit, stderr).to.equal(0);
      expect(bytesOf(join(root, file), at, magic.length / 2).toString('hex')).to.equal(magic);
      rmSync(join(root, file));
    });
  }

  it("stand beside a Node that is its makers' to the byte, but for the table of symbols behind it", async () => {
    const inImage = readFileSync(join((await madeImage()).root, 'usr/local/bin/node'));
    const installed = readFileSync(join(ROOT, 'node_modules/node/bin/node'));
    expect(inImage.length).to.be.below(installed.length * 0.9);
    // The header says no longer where that table is.
    const header = 64;
    expect(inImage.subarray(header).equals(installed.subarray(header, inImage.length))).to.equal(true);
  });
});

function bytesOf(path: string, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const file = openSync(path, 'r');
  readSync(file, bytes, 0, length, at);
  closeSync(file);
  return bytes;
}
