import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { tlv } from '../offline/tlv.ts';
import { needRoot } from '../unit/agent/disk-world.ts';
import { flood } from '../unit/agent/backend-ground.ts';
import { loopFilesBelow } from '../storage/loop-files.ts';
import { lacksCapability } from '../storage/mounted-world.ts';
import { sha256 } from './disks.ts';
import { CLAIMS, STORAGE_CLASSES, VOLUMES } from './paths.ts';
import { type Claim, claimOf, type ClaimParts, Served, type Volume } from './served.ts';
import { deviceOf, loseMounts, mountFresh, mountsBelow, programs } from './storage-pools.ts';
import { waitFor } from './wait.ts';

/** Classes whose volumes have a size: what a person sees of them, from the claim to the empty trash. */

const MIB = 2 ** 20;
const CLASS_PARAMETERS = {
  loop: { backend: 'loop' },
  xfs: { backend: 'loop', fsType: 'xfs' },
  full: { backend: 'loop', preallocate: 'true', minSize: '8Mi', maxSize: '200Mi' },
  memory: { backend: 'tmpfs', inodes: '1000' },
  subvolume: { backend: 'btrfs' },
  grouped: { backend: 'lvm', volumeGroup: 'nowhere' },
  wrong: { backend: 'loop', size: '1Gi' },
} as const;
type ClassName = keyof typeof CLASS_PARAMETERS;
const NAMES = Object.keys(CLASS_PARAMETERS) as ClassName[];
const SETTING = ['t-storage-class=on-demand', ...NAMES.map((name) => `${name}=on-demand:enforced`)].join(',');

/** Pools: images and memory on ext4, subvolumes on btrfs, and a small one that is soon given away. */
const POOLS = { plain: ['ext4', 3000], fine: ['btrfs', 600], small: ['ext4', 900] } as const;
type Node = keyof typeof POOLS;
const NODES = Object.keys(POOLS) as Node[];

/** Each way to keep a volume, where it is kept, and the smallest size that is worth it. */
const WAYS: readonly (readonly [ClassName, Node, number])[] = [
  ['loop', 'plain', 32],
  ['xfs', 'plain', 320],
  ['full', 'plain', 32],
  ['memory', 'plain', 16],
  ['subvolume', 'fine', 32],
];

/** The kernel lets no other process make an ext4 larger that is mounted. */
const CAP_SYS_RESOURCE = 24;
const CANNOT_GROW: readonly ClassName[] = lacksCapability(CAP_SYS_RESOURCE) ? ['loop', 'full'] : [];

interface SizedClaim extends Claim {
  readonly status: Claim['status'] & { readonly capacity?: { readonly storage: string } };
}

describe('volumes with a size', function () {
  this.timeout(1_500_000);
  this.slow(30_000);
  let served: Served;

  before(needRoot);
  before(async () => {
    const { path, environment } = programs;
    served = await Served.start({
      nodes: NODES,
      classes: SETTING,
      agents: { tools: { path, environment }, memoryBytes: 64 * MIB },
    });
    for (const [node, [type, size]] of Object.entries(POOLS))
      mountFresh(served.agents.root(node), type, size * MIB);
    for (const name of NAMES) await served.create(STORAGE_CLASSES, classOf(name));
    await served.agents.startAll(NODES);
  });
  after(async () => {
    await served?.agents.stopAll();
    for (const node of NODES) if (served) loseMounts(served.agents.root(node));
    await served?.stop();
  });

  const classOf = (name: ClassName) => ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner: 'local.tars.io',
    parameters: CLASS_PARAMETERS[name],
    allowVolumeExpansion: true,
    volumeBindingMode: 'WaitForFirstConsumer',
    reclaimPolicy: 'Delete',
  });
  const ask = (name: string, storageClassName: ClassName, parts: ClaimParts) => {
    const { spec, ...rest } = claimOf(name, parts);
    return served.create<SizedClaim>(CLAIMS, { ...rest, spec: { ...spec, storageClassName } });
  };
  const have = async (name: string, storageClass: ClassName, parts: ClaimParts) => {
    await ask(name, storageClass, parts);
    return await served.bound(name);
  };
  const pathOf = ({ spec }: Volume) => spec.local.path;
  const grow = (name: string, storage: string) =>
    served.patch(`${CLAIMS}/${name}`, { spec: { resources: { requests: { storage } } } });
  const holds = (name: string, storage: string) =>
    waitFor(`claim ${name} to hold ${storage}`, async () => {
      const claim = await served.find<SizedClaim>(`${CLAIMS}/${name}`);
      return claim?.status.capacity?.storage === storage;
    });
  const goes = async (name: string, volume: Volume) => {
    await served.remove(`${CLAIMS}/${name}`);
    await served.gone(`${VOLUMES}/${volume.metadata.name}`);
  };
  const room = (node: Node) => served.agents.agent(node).running!.health.pool!.room;
  const trashOf = (node: Node) => readdirSync(served.agents.path(node, '.tlv/trash'));

  for (const [storageClass, node, mebibytes] of WAYS) {
    describe(`of class ${storageClass}`, () => {
      const [one, other] = [`${storageClass}-one`, `${storageClass}-other`];
      const size = mebibytes * MIB;

      it('are told with the size at which a writer is stopped, and his neighbour is not', async () => {
        const annotations = { 'tars.io/LocalVolumeUID': '1000', 'tars.io/LocalVolumeMode': '711' };
        const volume = await have(one, storageClass, { node, request: `${mebibytes}Mi`, annotations });
        const neighbour = await have(other, storageClass, { node, request: `${mebibytes}Mi` });
        expect(volume.spec).to.deep.include({ capacity: { storage: `${mebibytes}Mi` } });
        expect(volume.metadata.annotations).to.deep.include({ 'local.tars.io/size-enforced': 'true' });
        const { bytes, code } = flood(join(pathOf(volume), 'flood'), size * 2);
        expect(code).to.be.oneOf(['ENOSPC', 'EDQUOT']);
        expect(bytes).to.be.within(size * 0.5, size);
        expect(flood(join(pathOf(neighbour), 'data'), size / 4)).to.deep.equal({
          bytes: size / 4,
          code: undefined,
        });
      });

      it('grow in use when their claims ask for more, with their data', async () => {
        if (CANNOT_GROW.includes(storageClass)) {
          await grow(one, `${mebibytes * 2}Mi`);
          const why = /^`resize2fs .* failed: .*Permission denied to resize filesystem/s;
          await served.told('PersistentVolumeClaim', one, 'ExpansionFailed', why);
          return;
        }
        const path = pathOf(await served.bound(one));
        const before = sha256(join(path, 'flood'));
        const larger = `${mebibytes * 2}Mi`;
        // Somebody writes to the neighbour all the while.
        const neighbour = pathOf(await served.bound(other));
        let rounds = 0;
        const writer = setInterval(() => writeFileSync(join(neighbour, 'data'), `round ${(rounds += 1)}`), 5);
        try {
          await grow(one, larger);
          await holds(one, larger);
        } finally {
          clearInterval(writer);
        }
        expect((await served.bound(one)).spec).to.deep.include({ capacity: { storage: larger } });
        await served.told('PersistentVolumeClaim', one, 'VolumeExpanded', new RegExp(`holds ${larger} now`));
        expect(sha256(join(path, 'flood'))).to.equal(before);
        expect(flood(join(path, 'more'), size / 2)).to.deep.equal({ bytes: size / 2, code: undefined });
      });

      it('go with all that they were made of', async () => {
        for (const name of [one, other]) await goes(name, await served.bound(name));
        const root = served.agents.root(node);
        await waitFor('the trash to be empty', () => trashOf(node).length === 0);
        expect(mountsBelow(root)).to.deep.equal([]);
        await waitFor('the devices to be gone', () => loopFilesBelow(root).length === 0);
        expect(existsSync(served.agents.path(node, 'default'))).to.equal(false);
        await served.agents.agent(node).idle();
        for (const source of ['pool', 'memory']) expect(room(node).promised(source)).to.equal(0);
      });
    });
  }

  describe('after the node went down', () => {
    it('are back in their places with their data before anybody is told that they are', async () => {
      const volume = await have('lasting', 'loop', { node: 'plain', request: '32Mi' });
      const path = pathOf(volume);
      const pool = deviceOf(served.agents.root('plain'));
      writeFileSync(join(path, 'precious'), 'precious');
      await served.agents.stop('plain');
      loseMounts(served.agents.root('plain'));
      // A pod that is started now must not write to the disk below, not even as root.
      expect(deviceOf(path)).to.equal(pool);
      expect(() => writeFileSync(join(path, 'lost'), 'lost')).to.throw('EPERM');
      await served.agents.start('plain');
      await served.told('PersistentVolume', volume.metadata.name, 'VolumeAttached', /back in its place/);
      expect(deviceOf(path)).not.to.equal(pool);
      expect(readdirSync(path)).to.include('precious');
      await goes('lasting', volume);
      await waitFor('the devices to be gone', () => loopFilesBelow(served.agents.root('plain')).length === 0);
    });

    it('say what is wrong where they cannot be brought back, and come back when it is mended', async () => {
      const volume = await have('damaged', 'loop', { node: 'plain', request: '32Mi' });
      const root = served.agents.root('plain');
      await served.agents.stop('plain');
      loseMounts(root);
      const [image] = readdirSync(join(root, '.tlv/images'));
      const disk = join(root, '.tlv/images', image!);
      const before = readFileSync(disk);
      truncateSync(disk, 0);
      await served.agents.start('plain');
      await served.told('PersistentVolumeClaim', 'damaged', 'VolumeFaulty', /^`mount .*` failed: /);
      expect(mountsBelow(root)).to.deep.equal([]);
      writeFileSync(disk, before);
      await served.touch(`${CLAIMS}/damaged`);
      await served.told('PersistentVolume', volume.metadata.name, 'VolumeAttached', /back in its place/);
      await goes('damaged', volume);
    });

    it('are empty where they were in memory, and say so', async () => {
      const volume = await have('fleeting', 'memory', { node: 'plain', request: '16Mi' });
      const path = pathOf(volume);
      writeFileSync(join(path, 'gone'), 'gone');
      await served.agents.stop('plain');
      loseMounts(served.agents.root('plain'));
      expect(() => writeFileSync(join(path, 'lost'), 'lost')).to.throw('EPERM');
      await served.agents.start('plain');
      await served.told('PersistentVolume', volume.metadata.name, 'VolumeDataLost', /was in memory/);
      expect(readdirSync(path)).to.deep.equal([]);
      await goes('fleeting', volume);
    });
  });

  it('stay where they are retained, and go into the trash when a person says so', async () => {
    const volume = await have('retained', 'loop', { node: 'plain', request: '32Mi' });
    const { name } = volume.metadata;
    writeFileSync(join(pathOf(volume), 'precious'), 'precious');
    await served.patch(`${VOLUMES}/${name}`, { spec: { persistentVolumeReclaimPolicy: 'Retain' } });
    await served.remove(`${CLAIMS}/retained`);
    await served.phase(name, 'Released');
    await served.remove(`${VOLUMES}/${name}`);
    await served.gone(`${VOLUMES}/${name}`);
    const orphans = (...argv: string[]) => {
      const where = ['--root', served.agents.root('plain'), '--kubeconfig', served.plane.kubeconfig()];
      return tlv(['orphans', ...argv, ...where], '', { TLV_CLASSES: SETTING });
    };
    const path = 'default/tars.retained/data';
    expect((await orphans('list')).stdout).to.match(new RegExp(`^${path} +kept +default/retained$`, 'm'));
    const purged = await orphans('purge', '--yes', path);
    expect(purged).to.deep.equal({ stdout: `${path} is in the trash\n`, stderr: '', exit: 0 });
    expect(mountsBelow(served.agents.root('plain'))).to.deep.equal([]);
    await waitFor('the devices to be gone', () => loopFilesBelow(served.agents.root('plain')).length === 0);
    // What people do to the disk is seen at the next look-up, or start.
    await served.agents.stop('plain');
    await served.agents.start('plain');
    await waitFor('its room to be free', () => room('plain').promised('pool') === 0);
  });

  it('get no more than there is, however many come at once', async () => {
    const left = room('small').left('pool');
    // Room for sixty, and half of one for what the agent writes down.
    const size = Math.floor(left / 60.5 / 4096) * 4096;
    const names = Array.from({ length: 100 }, (_, index) => `crowd-${index}`);
    await Promise.all(names.map((name) => ask(name, 'loop', { node: 'small', request: String(size) })));
    const claims = await waitFor(
      'every claim to be bound or sent away',
      async () => {
        const all = (await served.list<Claim>(CLAIMS)).filter(({ metadata }) =>
          names.includes(metadata.name),
        );
        const isSettled = ({ metadata, status }: Claim) =>
          status.phase === 'Bound' || !metadata.annotations?.['volume.kubernetes.io/selected-node'];
        return all.every(isSettled) && all;
      },
      { timeoutMs: 240_000 },
    );
    const bound = claims
      .filter(({ status }) => status.phase === 'Bound')
      .map(({ metadata }) => metadata.name);
    expect(bound).to.have.lengthOf(60);
    expect(mountsBelow(served.agents.root('small'))).to.have.lengthOf(60);
    const sentAway = names.find((name) => !bound.includes(name));
    await served.told(
      'PersistentVolumeClaim',
      sentAway!,
      'ClaimHandedBack',
      /^node small has \d+Mi to give at .*, less than the \d+ asked for; the scheduler looks for another node$/,
    );
    await Promise.all(names.map((name) => served.remove(`${CLAIMS}/${name}`)));
    await waitFor('all of it to be gone', () => mountsBelow(served.agents.root('small')).length === 0, {
      timeoutMs: 120_000,
    });
    await waitFor('the devices to be gone', () => loopFilesBelow(served.agents.root('small')).length === 0);
  });

  describe('of a class that', () => {
    it('asks for what the agent does not know are not made, and say what is wrong', async () => {
      await ask('puzzled', 'wrong', { node: 'plain' });
      await served.told(
        'PersistentVolumeClaim',
        'puzzled',
        'ProvisioningFailed',
        /^StorageClass wrong: parameter size is not known here; there are backend, root, /,
      );
    });

    it('needs what the node lacks are sent elsewhere, and say what that is', async () => {
      await ask('homeless', 'subvolume', { node: 'plain' });
      await served.told('PersistentVolumeClaim', 'homeless', 'ClaimHandedBack', /^node plain cannot .*btrfs/);
    });

    it('has a smallest and a largest size keep to them', async () => {
      const volume = await have('tiny', 'full', { node: 'plain', request: '1Mi' });
      expect(volume.spec).to.deep.include({ capacity: { storage: '8Mi' } });
      await grow('tiny', '300Mi');
      await served.told(
        'PersistentVolumeClaim',
        'tiny',
        'ExpansionFailed',
        /^volume \S+ stays at 8Mi, and the claim asks for 300Mi: StorageClass full allows 200Mi \(parameter maxSize\)/,
      );
      await goes('tiny', volume);
      await ask('giant', 'full', { node: 'plain', request: '201Mi' });
      await served.told(
        'PersistentVolumeClaim',
        'giant',
        'ProvisioningFailed',
        /201Mi is more than the 200Mi/,
      );
    });
  });
});
