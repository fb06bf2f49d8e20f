import { mkdirSync } from 'node:fs';
import { expect } from 'chai';
import { mounts, mountsWithin, parseMounts, pointsWithin } from '../../../src/agent/os/mounts.ts';
import { needRoot, World } from './disk-world.ts';

describe('mounts', () => {
  it('reads the table with its octal escapes and any number of optional fields', () => {
    const text = [
      '22 27 0:21 / /proc rw,relatime - proc proc rw',
      String.raw`36 35 98:0 /mnt1 /mnt\040two\134x\011y\012z rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue`,
      '37 35 98:0 / /数据 ro,noatime master:1 - ext3 /dev/root rw',
      String.raw`38 35 98:0 / /full rw - ext3 /dev/my\040disk ro`,
      '',
    ].join('\n');
    const disk = { device: '98:0', type: 'ext3', source: '/dev/root' };
    expect(parseMounts(text)).to.deep.equal([
      {
        id: 22,
        device: '0:21',
        point: '/proc',
        type: 'proc',
        source: 'proc',
        options: ['rw'],
        isReadOnly: false,
      },
      { ...disk, id: 36, point: '/mnt two\\x\ty\nz', options: ['rw', 'errors=continue'], isReadOnly: false },
      { ...disk, id: 37, point: '/数据', options: ['rw'], isReadOnly: true },
      { ...disk, id: 38, point: '/full', source: '/dev/my disk', options: ['ro'], isReadOnly: true },
    ]);
  });

  it('does not take a longer name for something within', () => {
    const all = ['/a', '/a/b', '/ab', '/a/bc', '/'].map((point) => ({ point }));
    expect(pointsWithin(all, '/a')).to.deep.equal(['/a', '/a/b', '/a/bc']);
    expect(pointsWithin(all, '/a/b')).to.deep.equal(['/a/b']);
    expect(pointsWithin(all, '/')).to.have.length(5);
  });

  describe('for real', () => {
    let world: World;
    before(needRoot);
    beforeEach(() => {
      world = new World();
    });
    afterEach(() => world.remove());

    it('finds a disk and a bind mount, whatever they are called', async () => {
      const [disk, bound] = [world.at('a b\\040\tc'), world.at('a b\\040\tc', '数据')];
      mkdirSync(disk);
      world.mountTmpfs(disk);
      mkdirSync(bound);
      world.mount(bound, '--bind', world.outside);
      expect(await mountsWithin(world.root)).to.deep.equal([disk, bound]);
      expect(await mountsWithin(bound)).to.deep.equal([bound]);
      world.unmount(bound);
      expect(await mountsWithin(world.root)).to.deep.equal([disk]);
      world.makeReadOnly(disk);
      expect((await mounts()).find(({ point }) => point === disk)?.isReadOnly).to.equal(true);
    });
  });
});
