import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type BlockDisk, deviceNumber, isToldApart, overwrite } from '../../../src/agent/os/block-device.ts';
import { CleanerFailed, runCleaner } from '../../../src/agent/os/cleaner-command.ts';
import { Directory } from '../../../src/agent/os/directory.ts';
import { type Disk, isSameDisk, lookAtDisk, type Seen } from '../../../src/agent/os/disk-look.ts';
import { DEVICE, DISK, OTHER } from './discovery-states.ts';
import { needRoot, rejection, World } from './disk-world.ts';

const MIB = 2 ** 20;

const readOrNothing = (file: string): string => {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
};

describe('which disk it is', () => {
  const { uuid: _uuid, ...unknown } = DISK as Disk & { uuid?: string };
  const ROWS: readonly [name: string, one: Disk, other: Disk, isSame: boolean][] = [
    ['itself', DISK, DISK, true],
    ['one of another uuid is another', DISK, OTHER, false],
    ['where the uuid is not to be seen, the rest decides', DISK, unknown, true],
    ['another directory of it is another', DISK, { ...DISK, inode: 12 } as Disk, false],
    ['one made at another time is another', unknown, { ...unknown, bornMs: 1 } as Disk, false],
    ['a device is no filesystem', DISK, DEVICE, false],
    ['nor a filesystem a device', DEVICE, DISK, false],
    ['a device by its link and size', DEVICE, { ...DEVICE }, true],
    ['of another size is another', DEVICE, { ...DEVICE, bytes: 1 } as Disk, false],
    [
      'a device with a serial is it by any name',
      { ...DEVICE, serial: 's' } as Disk,
      { ...DEVICE, serial: 's', link: '/dev/x', bytes: 1 } as Disk,
      true,
    ],
    [
      'of another serial is another',
      { ...DEVICE, serial: 's' } as Disk,
      { ...DEVICE, serial: 't' } as Disk,
      false,
    ],
    ['of no serial is not the one that had one', { ...DEVICE, serial: 's' } as Disk, DEVICE, false],
  ];
  for (const [name, one, other, isSame] of ROWS)
    it(name, () => expect([isSameDisk(one, other), isSameDisk(other, one)]).to.deep.equal([isSame, isSame]));

  it('is told apart from others by its serial, or by a link that goes by what it is', () => {
    const { link: _link, ...bare } = DEVICE as BlockDisk;
    const linked = (link: string): BlockDisk => ({ ...bare, link });
    const told = [
      { ...bare, serial: 's' },
      ...['id/a', 'uuid/a', 'partuuid/a'].map((by) => linked(`/dev/disk/by-${by}`)),
    ];
    expect(told.map(isToldApart)).to.deep.equal([true, true, true, true]);
    const alike = [bare, linked('/dev/vdb'), linked('/dev/disk/by-path/x'), linked('../dev/disk/by-id/x')];
    expect(alike.map(isToldApart)).to.deep.equal([false, false, false, false]);
  });

  it('has the numbers of its device as the kernel writes them', () => {
    expect(deviceNumber(0x701)).to.equal('7:1');
    // makedev(259, 1048575), as in glibc.
    expect(deviceNumber(Number((0x103n << 8n) | 0xffn | (0xfff00n << 12n)))).to.equal('259:1048575');
  });
});

describe('a look at a disk', function () {
  this.slow(2000);
  let world: World;
  const devices: string[] = [];
  before(needRoot);
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => {
    for (const each of devices.splice(0)) execFileSync('losetup', ['--detach', each]);
    world.remove();
  });

  async function look(name: string, asksForUse = true): Promise<Seen> {
    await using folder = await Directory.openRoot(world.root);
    return await lookAtDisk(folder, name, { asksForUse });
  }

  function ext4(name: string): string {
    const [file, path] = [join(world.folder, `${name}.img`), world.at(name)];
    execFileSync('truncate', ['-s', '8M', file]);
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-F', file]);
    mkdirSync(path, { recursive: true });
    world.mount(path, '-o', 'loop', file);
    return file;
  }

  function device(bytes: number): string {
    const file = join(world.folder, 'raw');
    writeFileSync(file, Buffer.alloc(bytes, 1));
    const found = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
    devices.push(found);
    return found;
  }

  it('knows a filesystem by its uuid, and its size', async () => {
    const file = ext4('one');
    const uuid = readFileSync(file)
      .subarray(1024 + 0x68, 1024 + 0x78)
      .toString('hex');
    const seen = await look('one');
    if (seen.kind !== 'disk') throw new Error(JSON.stringify(seen));
    expect(seen.disk).to.deep.include({ kind: 'filesystem', type: 'ext4', inode: 2, uuid });
    expect(seen.bytes).to.be.within(6 * MIB, 8 * MIB);
    expect([seen.isEmpty, seen.isReadOnly]).to.deep.equal([true, false]);
    writeFileSync(world.at('one', 'lost+found', 'found'), '');
    expect(await look('one')).to.have.property('isEmpty', false);
  });

  it('tells disks apart that were made in the same second, and one that was mounted again from none', async () => {
    const file = ext4('one');
    ext4('two');
    const [one, two] = [await look('one'), await look('two')];
    if (one.kind !== 'disk' || two.kind !== 'disk') throw new Error('no disks');
    expect(isSameDisk(one.disk, two.disk)).to.equal(false);
    world.unmount(world.at('one'));
    world.mount(world.at('one'), '-o', 'loop', file);
    expect(await look('one')).to.have.deep.property('disk', one.disk);
  });

  it('sees a device through its link, who has it, and what it is not', async () => {
    const raw = device(3 * MIB);
    symlinkSync(raw, world.at('by-id'));
    const seen = await look('by-id');
    if (seen.kind !== 'disk') throw new Error(JSON.stringify(seen));
    expect(seen.disk).to.deep.equal({
      kind: 'block',
      link: raw,
      serial: join(world.folder, 'raw'),
      bytes: 3 * MIB,
    });
    expect(seen).not.to.have.property('inUse');
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-F', raw]);
    mkdirSync(join(world.folder, 'elsewhere'));
    world.mount(join(world.folder, 'elsewhere'), raw);
    expect(await look('by-id'))
      .to.have.property('inUse')
      .that.matches(/^is a block device in use/);
    expect(await look('by-id', false)).not.to.have.property('inUse');
    world.unmount(join(world.folder, 'elsewhere'));
  });

  it('takes for no disk what is none', async () => {
    mkdirSync(world.at('directory'));
    writeFileSync(world.at('file'), '');
    symlinkSync('/nowhere', world.at('dangling'));
    mkdirSync(world.at('pool'));
    world.mountTmpfs(world.at('pool'));
    mkdirSync(world.at('pool/.tlv'));
    const why = async (name: string) => {
      const seen = await look(name);
      return 'why' in seen ? seen.why : seen.kind;
    };
    expect(await why('nothing')).to.equal('absent');
    expect(await why('directory')).to.match(/^is a directory and not an actual mount point/);
    expect(await why('file')).to.equal('is neither a mount point nor a block device');
    expect(await why('dangling')).to.match(/^is a link to \/nowhere, which is not there/);
    expect(await why('pool')).to.equal('holds .tlv, so it is the pool of an agent, and no free disk');
  });

  it('overwrites a device whole, unless somebody has it', async () => {
    const raw = device(5 * MIB + 512);
    let bytes = 0;
    const wrote = (count: number) => (bytes += count);
    const signal = new AbortController().signal;
    const number = deviceNumber(statSync(raw).rdev);
    await overwrite(raw, { number, bytes: 5 * MIB + 512, signal, wrote });
    expect(bytes).to.equal(5 * MIB + 512);
    expect(readFileSync(raw).equals(Buffer.alloc(5 * MIB + 512))).to.equal(true);
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-F', raw]);
    mkdirSync(world.at('elsewhere'));
    world.mount(world.at('elsewhere'), raw);
    const refused = await rejection(overwrite(raw, { number, bytes: 512, signal, wrote }));
    expect(refused).to.have.property('code', 'EBUSY');
  });

  it('writes nothing to a device that has come to the name of the one that was looked at', async () => {
    const raw = device(512);
    const { signal } = new AbortController();
    const wrote = () => expect.fail('it wrote');
    const refused = await rejection(overwrite(raw, { number: '7:9999', bytes: 512, signal, wrote }));
    expect(refused).to.have.property('message', `another device is at ${raw}`);
    expect(readFileSync(raw).equals(Buffer.alloc(512, 1))).to.equal(true);
  });

  it('knows the serial of each disk of this machine that has one, virtual ones too', async () => {
    for (const name of readdirSync('/sys/block')) {
      const serial = readOrNothing(`/sys/block/${name}/serial`);
      if (!serial) continue;
      symlinkSync(`/dev/${name}`, world.at(name));
      const seen = await look(name, false);
      expect(seen).to.have.nested.property('disk.serial', serial);
    }
  });
});

describe('the command of a cleaner', () => {
  const run = (argv: string[], signal = new AbortController().signal) =>
    runCleaner({ argv, device: '/mnt/disks/one', signal });

  it('finds the device in its environment, and nothing of ours', async () => {
    await run([
      'sh',
      '-c',
      '[ "$LOCAL_PV_BLKDEVICE $LC_ALL $#" = "/mnt/disks/one C 1" ] && [ -z "$HOME" ]',
      'x',
      '1',
    ]);
  });

  const FAILURES: readonly [argv: string[], words: string][] = [
    [['sh', '-c', 'echo so far; echo and no further >&2; exit 2'], 'ended with 2: so far\nand no further'],
    [['sh', '-c', 'kill -9 $$'], 'ended with SIGKILL: it said nothing'],
    [['/no/such/cleaner', '2'], 'cannot be run: spawn /no/such/cleaner ENOENT'],
  ];
  for (const [argv, words] of FAILURES) {
    it(`says how it failed: ${words.split(':')[0]}`, async () => {
      const error = await rejection(run(argv));
      expect(error).to.be.instanceOf(CleanerFailed);
      expect((error as Error).message).to.equal(`\`${argv.join(' ')}\` ${words}`);
    });
  }

  it('ends with all that it has started', async () => {
    const stop = new AbortController();
    const started = rejection(run(['sh', '-c', 'sleep 60 & wait'], stop.signal));
    setTimeout(() => stop.abort(new Error('stopped')), 100);
    expect(((await started) as Error).message).to.equal('stopped');
  });
});
