import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statfsSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { tlv } from '../offline/tlv.ts';
import { needRoot, World } from '../unit/agent/disk-world.ts';
import { loopDevices } from './mounted-world.ts';
import { storagePrograms } from './programs.ts';

const GIB = 2 ** 30;

describe('tlv loopmount', () => {
  let world: World;
  let file: string;
  let point: string;

  before(needRoot);
  beforeEach(() => {
    world = new World();
    [file, point] = [join(world.folder, 'xxx'), world.at('local/xxx')];
  });
  afterEach(() => {
    world.remove();
    expect(loopDevices(world)).to.deep.equal([]);
  });

  const loopmount = async (...argv: readonly string[]) => {
    const { path, environment } = await storagePrograms();
    const { stdout, stderr, exit } = await tlv(['loopmount', ...argv], '', {
      ...environment,
      PATH: path,
    });
    return { text: `${stdout}${stderr}`.replaceAll(world.folder, ''), exit };
  };
  const refused = (text: string) => ({ text: `tlv: loopmount: ${text}\n`, exit: 2 });

  it('makes the disk of the seed: 6G, of which 5Gi are to be had', async () => {
    const { text, exit } = await loopmount(file, '6G', point);
    expect(text).to.match(
      /^made \/xxx of 6144Mi, which takes room as it is written to\nformatted \/xxx with ext4\nmade the directory \/root\/local\/xxx\nmounted \/xxx at \/root\/local\/xxx: (\d+)Mi, of which (\d+)Mi are free\n$/,
    );
    expect(exit).to.equal(0);
    expect(world.mountPoints).to.deep.equal([point]);
    const { bavail, bsize } = statfsSync(point);
    expect(bavail * bsize).to.be.within(5 * GIB, 6 * GIB);
    expect(statSync(file).blocks * 512).to.be.lessThan(GIB / 4);
  });

  it('changes nothing when it is done again', async () => {
    await loopmount(file, '16M', point);
    writeFileSync(join(point, 'data'), 'precious');
    expect(await loopmount(file, '32M', point)).to.deep.equal({
      text: '/xxx is mounted at /root/local/xxx already\n',
      exit: 0,
    });
    expect(world.mountPoints).to.deep.equal([point]);
    expect(readFileSync(join(point, 'data'), 'utf8')).to.equal('precious');
  });

  it('mounts again what was unmounted, whatever the size and the type that are asked for', async () => {
    await loopmount(file, '16M', point);
    writeFileSync(join(point, 'data'), 'precious');
    world.unmount(point);
    const { text, exit } = await loopmount(file, '1G', point, '--fs-type', 'xfs');
    expect(text).to.match(
      /^\/xxx is there with 16Mi, and stays so\n\/xxx has a filesystem already \(ext4\), and is not formatted\nmounted \/xxx at /,
    );
    expect(exit).to.equal(0);
    expect(readFileSync(join(point, 'data'), 'utf8')).to.equal('precious');
  });

  it('formats with xfs, and a file that was set aside before', async () => {
    execFileSync('fallocate', ['--length', '300M', file]);
    const { text, exit } = await loopmount(file, '300M', point, '--fs-type', 'xfs');
    expect(text).to.match(/^formatted \/xxx with xfs\n/);
    expect(exit).to.equal(0);
    expect(statSync(file).blocks * 512).to.be.within(300 * 2 ** 20, 301 * 2 ** 20);
  });

  it('formats nothing that holds anything', async () => {
    writeFileSync(file, 'precious');
    truncateSync(file, 2 ** 24);
    expect(await loopmount(file, '16M', point)).to.deep.equal(
      refused(
        '/xxx holds data, which is no filesystem, and is not formatted; remove it, or name another file',
      ),
    );
    execFileSync('mkswap', [file], { stdio: 'pipe' });
    expect(await loopmount(file, '16M', point)).to.deep.equal(
      refused(
        '/xxx holds swap, which is no filesystem, and is not formatted; remove it, or name another file',
      ),
    );
    expect(world.mountPoints).to.deep.equal([]);
  });

  it('covers nothing that is there', async () => {
    mkdirSync(point, { recursive: true });
    writeFileSync(join(point, 'data'), 'precious');
    expect(await loopmount(file, '16M', point)).to.deep.equal(
      refused(
        '/root/local/xxx is not empty, and what is in it would be covered; move it away, or name another directory',
      ),
    );
    expect(await loopmount(file, '16M', join(point, 'data'))).to.deep.equal(
      refused('/root/local/xxx/data is no directory; name another one'),
    );
    const other = world.at('other');
    mkdirSync(other);
    world.mountTmpfs(other);
    expect(await loopmount(file, '16M', other)).to.deep.equal(
      refused('something else is mounted at /root/other; unmount it, or name another directory'),
    );
    expect(() => statSync(file)).to.throw(/ENOENT/);
  });

  it('mounts no file twice, nor one that is none', async () => {
    await loopmount(file, '16M', point);
    expect(await loopmount(file, '16M', world.at('second'))).to.deep.equal(
      refused('/xxx is mounted at /root/local/xxx already; unmount it there, or name another file'),
    );
    expect(await loopmount(world.root, '16M', world.at('second'))).to.deep.equal(
      refused('/root is no plain file; name another one'),
    );
    expect(await loopmount(join(world.folder, 'none/xxx'), '16M', world.at('second'))).to.deep.equal(
      refused('there is no directory /none for /none/xxx; make it'),
    );
  });
});
