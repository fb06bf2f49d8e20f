import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { readDiscoveryConfig } from '../../src/agent/discovery/config.ts';
import { needRoot } from '../unit/agent/disk-world.ts';
import { ROOT } from '../offline/tlv.ts';
import { quickened } from './agents.ts';
import { ensureBinaries } from './binaries.ts';
import { contentOf, DiscoveryDisks } from './discovery-disks.ts';
import { bind, MIB, mountTmpfs, sizeBytes, unmount } from './disks.ts';
import { CLAIMS, PODS, STORAGE_CLASSES, VOLUMES } from './paths.ts';
import { run } from './run.ts';
import { type Claim, podOf, Served, type Volume } from './served.ts';
import { waitFor } from './wait.ts';

/** The static provisioner's documented behaviours, each a test of its name, and what its users suffered from. */

const NODE = 'node-1';
const CLASSES = [
  'local-volume',
  'disks',
  'chosen',
  'raw',
  'formatted',
  'kept',
  'scripted',
  'twice',
  'again',
] as const;

describe('the discovery of disks', function () {
  this.timeout(300_000);
  this.slow(20_000);
  let served: Served;
  let disks: DiscoveryDisks;

  before(needRoot);
  before(async () => {
    disks = new DiscoveryDisks();
    const classes = ['t-storage-class=on-demand', ...CLASSES.map((name) => `${name}=discovery`)].join(',');
    served = await Served.start({
      nodes: [NODE],
      classes,
      agents: { clock: quickened(4), discovery: configOf() },
    });
    await served.plane.kubectl(['label', 'node', NODE, 'rack=r1', 'unasked=x']);
    for (const name of CLASSES) await served.create(STORAGE_CLASSES, classOf(name));
    await served.agents.start(NODE);
  });
  after(async () => {
    await served?.stop();
    disks?.remove();
  });

  function configOf() {
    const script = join(disks.directory('.'), 'clean.sh');
    const more: Record<string, string> = {
      chosen: 'namePattern: "disk[0-9]"',
      raw: 'volumeMode: Block',
      formatted: 'fsType: xfs\n  blockCleanerCommand: ["/scripts/shred.sh", "2"]',
      scripted: `volumeMode: Block\n  blockCleanerCommand: [${JSON.stringify(script)}, "twice"]`,
      again: `namePattern: "*"`,
    };
    const directory = (name: string) => disks.directory(name === 'again' ? 'twice' : name);
    const entry = (name: string) =>
      `${name}:\n  hostDir: ${directory(name)}\n  mountDir: ${directory(name)}\n${more[name] ? `  ${more[name]}\n` : ''}`;
    return readDiscoveryConfig(
      new Map([
        ['storageClassMap', CLASSES.map(entry).join('')],
        ['nodeLabelsForPV', '- rack\n- absent\n'],
        ['labelsForPV', 'team: db\n'],
        ['setPVOwnerRef', 'true'],
        ['useJobForCleaning', 'false'],
      ]),
    );
  }

  const classOf = (name: string) => ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: name === 'local-volume' ? 'WaitForFirstConsumer' : 'Immediate',
    ...(name === 'kept' ? { reclaimPolicy: 'Retain' } : {}),
    ...(name === 'formatted' ? { mountOptions: ['noatime'] } : {}),
  });

  const at = async (path: string) =>
    (await served.list<Volume>(VOLUMES)).filter(({ spec }) => spec.local.path === path);

  /** The volume of a disk, once it is there, and another one than before. */
  const offered = (path: string, before?: Volume) =>
    waitFor(
      `${path} to be offered`,
      async () => {
        const [volume, ...others] = await at(path);
        expect(others, 'one disk, one volume').to.deep.equal([]);
        return volume?.status.phase === 'Available' && volume.metadata.uid !== before?.metadata.uid && volume;
      },
      // It may be cleaned before, on a disk that others are busy with, and the controllers have the last one to let go.
      { timeoutMs: 60_000 },
    );

  const claim = (name: string, storageClassName: string, spec: object = {}) =>
    served.create(CLAIMS, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace: 'default' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName,
        resources: { requests: { storage: '1Mi' } },
        ...spec,
      },
    });

  const of = (volume: Volume) => `${VOLUMES}/${volume.metadata.name}`;
  const refused = (words: RegExp) => served.told('Node', NODE, 'DiscoveryRefused', words);
  const told = (volume: Volume, reason: string, words: RegExp) =>
    served.told('PersistentVolume', volume.metadata.name, reason, words);

  /** A claim that has the disk, and data on it. */
  async function used(name: string, path: string, storageClass = 'disks'): Promise<Volume> {
    const volume = await offered(path);
    await claim(name, storageClass, { volumeName: volume.metadata.name });
    const bound = await served.bound(name);
    mkdirSync(join(path, 'deep/er'), { recursive: true });
    for (const file of ['file', '.hidden', 'deep/file', 'deep/er/file'])
      writeFileSync(join(path, file), `data of ${name}`);
    return bound;
  }

  /** Nobody has it any more. */
  async function takenAway(path: string): Promise<void> {
    await unmount(path);
    rmSync(path, { recursive: true });
    await waitFor(`${path} to be withdrawn`, async () => (await at(path)).length === 0);
  }

  /** Nothing happens for so long that it would have happened. */
  async function looksPass(count = 2): Promise<void> {
    const canary = disks.tmpfs('disks', `canary-${performance.now()}`);
    for (let look = 0; look < count; look++) {
      await offered(canary);
      await takenAway(canary);
      if (look + 1 < count) mountTmpfs(canary, 'size=1m');
    }
  }

  /** Waits until a record speaks of it. */
  const recorded = (words: string) =>
    waitFor(`the record to know ${words}`, () =>
      records().some((file) =>
        readFileSync(served.agents.path(NODE, '.tlv/discovered', file), 'utf8').includes(words),
      ),
    );
  const records = () => readdirSync(served.agents.path(NODE, '.tlv/discovered'));

  it('creates a volume for each mount point in the directory, as the static provisioner writes it', async () => {
    const path = disks.tmpfs('disks', 'one', '64m');
    const { metadata, spec } = await offered(path);
    const node = (await served.find<Claim>(`/api/v1/nodes/${NODE}`))!;
    expect(metadata.name).to.match(/^local-pv-[0-9a-f]{20}$/);
    expect(metadata).to.deep.include({
      labels: { rack: 'r1', team: 'db', 'kubernetes.io/hostname': NODE },
      finalizers: ['local.tars.io/volume', 'kubernetes.io/pv-protection'],
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: NODE, uid: node.metadata.uid }],
    });
    expect(metadata.annotations).to.deep.include({
      'pv.kubernetes.io/provisioned-by': `local-volume-provisioner-${NODE}-${node.metadata.uid}`,
      'local.tars.io/discovered': 'true',
      'local.tars.io/size-enforced': 'true',
    });
    expect(spec).to.deep.equal({
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '64Mi' },
      local: { path },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [NODE] }] },
          ],
        },
      },
      persistentVolumeReclaimPolicy: 'Delete',
      storageClassName: 'disks',
      volumeMode: 'Filesystem',
    });
    await takenAway(path);
  });

  it('creates none for a mere directory, and says why', async () => {
    const path = disks.path('disks', 'mere');
    mkdirSync(path);
    const { count } = await refused(/mere is a directory and not an actual mount point, .*mount --bind/);
    await looksPass();
    expect(await at(path)).to.deep.equal([]);
    expect(count, 'said once').to.equal(1);
    rmSync(path, { recursive: true });
  });

  it('creates none for a file, nor for a link to a directory, be it a mount point', async () => {
    const real = disks.tmpfs('disks', 'real');
    const [file, link] = [disks.path('disks', 'file'), disks.path('disks', 'link')];
    writeFileSync(file, '');
    symlinkSync(real, link);
    await refused(/file is neither a mount point nor a block device/);
    await refused(/link is a link to .*real, and only links to block devices are followed/);
    for (const each of [file, link]) rmSync(each);
    await offered(real);
    await takenAway(real);
  });

  it('discovers the first level only', async () => {
    const path = disks.tmpfs('disks', 'top');
    mkdirSync(join(path, 'below'));
    mountTmpfs(join(path, 'below'), 'size=1m');
    await offered(path);
    expect(await at(join(path, 'below'))).to.deep.equal([]);
    await unmount(join(path, 'below'));
    await takenAway(path);
  });

  it('discovers only names that match namePattern', async () => {
    const [other, path] = [disks.tmpfs('chosen', 'disk'), disks.tmpfs('chosen', 'disk7')];
    await offered(path);
    expect(await at(other)).to.deep.equal([]);
    await takenAway(path);
  });

  it('lets directories share a disk by bind mounts, each with the capacity of the disk', async () => {
    const shared = join(disks.directory('shared'), 'disk');
    mountTmpfs(shared, 'size=32m');
    const paths = ['vol1', 'vol2'].map((name) => {
      const [from, path] = [join(shared, name), disks.path('disks', name)];
      mkdirSync(from);
      bind(from, path);
      return path;
    });
    for (const path of paths)
      expect((await offered(path)).spec).to.have.nested.property('capacity.storage', '32Mi');
    for (const path of paths) await takenAway(path);
  });

  it('creates volumes of mode Block for links to devices, with the size of the device', async () => {
    const { path } = disks.device('raw', 'by-id', 3 * MIB);
    const { spec } = await offered(path);
    expect(spec).to.deep.include({ volumeMode: 'Block', capacity: { storage: '3Mi' }, local: { path } });
  });

  it('creates none of mode Block for a path that has a filesystem', async () => {
    const path = disks.tmpfs('raw', 'filesystem');
    await refused(/filesystem has a filesystem, and class raw is for volumes of mode Block/);
    expect(await at(path)).to.deep.equal([]);
    await unmount(path);
  });

  it('has the kubelet format devices that are used as filesystems, with the options of the class', async () => {
    const { path } = disks.device('formatted', 'disk', 3 * MIB);
    expect((await offered(path)).spec).to.deep.include({
      volumeMode: 'Filesystem',
      local: { path, fsType: 'xfs' },
      mountOptions: ['noatime'],
    });
  });

  it('cleans a released filesystem and creates its volume again', async () => {
    const path = disks.loopmount('disks', 'cleaned', '20M');
    const bound = await used('cleaned', path);
    await served.remove(`${CLAIMS}/cleaned`);
    await offered(path, bound);
    await told(bound, 'VolumeReclaimed', /all data at .*cleaned on node node-1 is removed/);
    expect(readdirSync(path), 'lost+found stays').to.deep.equal(['lost+found']);
    await takenAway(path);
  });

  it('cleans a released device: overwritten whole, where no command says otherwise', async () => {
    const { path, device } = disks.device('raw', 'zeroed', 9 * MIB + 512);
    const volume = await offered(path);
    const spec = { volumeName: volume.metadata.name, volumeMode: 'Block' };
    await claim('zeroed', 'raw', spec);
    await served.bound('zeroed');
    await served.remove(`${CLAIMS}/zeroed`);
    await offered(path, volume);
    expect(readFileSync(device).equals(Buffer.alloc(9 * MIB + 512))).to.equal(true);
  });

  it("takes the scripts of the static provisioner's image for its own way where they are not there", async () => {
    const { path, device } = disks.device('formatted', 'shredded', 2 * MIB);
    const volume = await offered(path);
    await claim('shredded', 'formatted', { volumeName: volume.metadata.name });
    await served.bound('shredded');
    await served.remove(`${CLAIMS}/shredded`);
    await offered(path, volume);
    expect(readFileSync(device).equals(Buffer.alloc(2 * MIB))).to.equal(true);
  });

  it('runs blockCleanerCommand with the device in LOCAL_PV_BLKDEVICE, again after a failure, and says what it said', async () => {
    const [script, log] = [join(disks.directory('.'), 'clean.sh'), join(disks.directory('.'), 'log')];
    const write = (lines: string) => {
      writeFileSync(script, `#!/bin/sh\n${lines}\n`);
      chmodSync(script, 0o755);
    };
    write('echo no such luck >&2; exit 3');
    const { path } = disks.device('scripted', 'disk', MIB);
    const volume = await offered(path);
    await claim('scripted', 'scripted', { volumeName: volume.metadata.name, volumeMode: 'Block' });
    await served.bound('scripted');
    await served.remove(`${CLAIMS}/scripted`);
    await told(volume, 'CleaningFailed', /clean\.sh twice` ended with 3: no such luck/);
    const { status } = (await served.find<Volume>(of(volume)))!;
    expect(status.phase).to.equal('Released');
    write(`echo "$@ $LOCAL_PV_BLKDEVICE" >>${log}`);
    await offered(path, volume);
    expect(readFileSync(log, 'utf8')).to.equal(`twice ${path}\n`);
  });

  it('leaves a released volume of policy Retain alone, also when it is deleted, until it was emptied by hand', async () => {
    const path = disks.loopmount('kept', 'disk', '20M');
    const bound = await used('kept', path, 'kept');
    await served.remove(`${CLAIMS}/kept`);
    await told(bound, 'VolumeRetained', /its data stays at .*reclaim policy Retain/);
    await served.remove(of(bound));
    await served.gone(of(bound));
    await refused(/disk \(class kept\) is not offered again: .*has data of claim default\/kept, .*empty it/);
    expect(contentOf(path)).to.include('deep/er/file');
    for (const name of contentOf(path)) rmSync(join(path, name), { recursive: true, force: true });
    await offered(path, bound);
  });

  it('deletes the volume of a disk that is gone when nobody uses it, and only says so when somebody does', async () => {
    const [idle, busy] = [disks.tmpfs('disks', 'idle'), disks.loopmount('disks', 'busy', '20M')];
    const [volume, bound] = [await offered(idle), await used('busy', busy)];
    await unmount(idle);
    await served.gone(of(volume));
    await unmount(busy);
    await told(bound, 'VolumeDataMissing', /busy is a directory and not an actual mount point/);
    await looksPass();
    expect((await served.find<Volume>(of(bound)))!.metadata.uid).to.equal(bound.metadata.uid);
    rmSync(idle, { recursive: true });

    await served.remove(`${CLAIMS}/busy`);
    await told(bound, 'ReclaimRefused', /mount it there again to have it cleaned, or delete this volume/);
    await served.remove(of(bound));
    await served.gone(of(bound));
    execFileSync('mount', [join(disks.directory('.'), 'disks-busy.img'), busy]);
    await offered(busy, bound);
    expect(contentOf(busy), 'it was cleaned before it was offered').to.deep.equal([]);
    await takenAway(busy);
  });

  it('creates a volume anew that was deleted while nobody used it', async () => {
    const path = disks.tmpfs('disks', 'deleted');
    const volume = await offered(path);
    await served.remove(of(volume));
    await offered(path, volume);
    await takenAway(path);
  });

  /** As the static provisioner makes it, with no label but those that it is told to copy. */
  const foreignVolume = (name: string, path: string, labels: object = {}) =>
    served.create<Volume>(VOLUMES, {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: {
        name,
        labels,
        annotations: { 'pv.kubernetes.io/provisioned-by': `local-volume-provisioner-${NODE}-uid` },
      },
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '16Mi' },
        local: { path },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [NODE] }] },
            ],
          },
        },
        persistentVolumeReclaimPolicy: 'Delete',
        storageClassName: 'disks',
        volumeMode: 'Filesystem',
      },
    });

  it("counts the static provisioner's own volume as that of the disk, labelled or not", async () => {
    for (const labels of [{}, { 'kubernetes.io/hostname': NODE }]) {
      const path = disks.path('disks', 'migrated');
      const foreign = await foreignVolume('local-pv-1a2b3c4d', path, labels);
      disks.tmpfs('disks', 'migrated');
      await looksPass();
      expect((await at(path)).map(({ metadata }) => metadata.uid)).to.deep.equal([foreign.metadata.uid]);
      await served.tearOut(of(foreign));
      await offered(path, foreign);
      await takenAway(path);
    }
  });

  it("takes over the static provisioner's volume, and cleans it when its claim is gone", async () => {
    const path = disks.loopmount('disks', 'taken', '20M');
    const early = await offered(path);
    await unmount(path);
    await served.gone(of(early));
    const foreign = await foreignVolume('local-pv-5d6e7f80', path);
    execFileSync('mount', [join(disks.directory('.'), 'disks-taken.img'), path]);
    await claim('taken', 'disks', { volumeName: foreign.metadata.name });
    await served.bound('taken');
    writeFileSync(join(path, 'file'), 'data');
    const guide = readFileSync(`${ROOT}docs/discovery.md`, 'utf8');
    const [, steps] = /```sh\n( *NODE=.*?)```/s.exec(guide)!;
    const names = steps!.replace(/NODE=\S+ VOLUME=\S+/, `NODE=${NODE} VOLUME=${foreign.metadata.name}`);
    const { kubectl } = await ensureBinaries(['kubectl']);
    const env = {
      PATH: `${dirname(kubectl)}:${process.env['PATH']}`,
      HOME: disks.directory('home'),
      KUBECONFIG: served.plane.kubeconfig(),
    };
    const { code, stderr } = await run('sh', ['-c', names], { env });
    expect([code, stderr]).to.deep.equal([0, '']);
    await recorded('5d6e7f80');
    await served.remove(`${CLAIMS}/taken`);
    const volume = await offered(path, foreign);
    expect(volume.metadata.name).to.match(/^local-pv-[0-9a-f]{20}$/);
    expect(contentOf(path)).to.deep.equal([]);
    await takenAway(path);
  });

  it('offers a disk with data that it never saw before as it is', async () => {
    const path = disks.tmpfs('disks', 'filled');
    const volume = await offered(path);
    await takenAway(path);
    mountTmpfs(path, 'size=16m');
    writeFileSync(join(path, 'brought'), 'from elsewhere');
    await offered(path, volume);
    expect(contentOf(path)).to.deep.equal(['brought']);
    await takenAway(path);
  });

  it('makes a bound volume again that was removed by force, for its claim and nobody else', async () => {
    const path = disks.loopmount('disks', 'torn', '20M');
    const bound = await used('torn', path);
    await recorded(bound.spec.claimRef!.uid);
    await served.tearOut(of(bound));
    const again = await waitFor('the claim to have it again', async () => {
      const [volume] = await at(path);
      return volume?.status.phase === 'Bound' && volume;
    });
    expect(again.spec.claimRef?.uid).to.equal(bound.spec.claimRef?.uid);
    expect(contentOf(path)).to.include('deep/er/file');

    await recorded(again.metadata.uid);
    // And with the claim gone too, while no agent runs: nobody gets what was on it.
    await served.agents.stop(NODE);
    await served.remove(`${CLAIMS}/torn`);
    await served.tearOut(of(again));
    await served.agents.start(NODE);
    await offered(path, again);
    expect(contentOf(path)).to.deep.equal([]);
    await takenAway(path);
  });

  it('does not offer again what may have been used while no agent ran', async () => {
    const path = disks.loopmount('disks', 'unseen', '20M');
    const volume = await offered(path);
    await recorded(volume.metadata.uid);
    await served.agents.stop(NODE);
    await served.tearOut(of(volume));
    writeFileSync(join(path, 'secret'), 'of somebody');
    await served.agents.start(NODE);
    const { message } = await refused(/unseen \(class disks\) is not offered again: .*may have been used/);
    await looksPass();
    expect([await at(path), contentOf(path)]).to.deep.equal([[], ['secret']]);
    const [file] = /\S+\.json/.exec(message)!;
    rmSync(file);
    await offered(path);
    await takenAway(path);
  });

  it('never cleans another disk that has come to the place of the released one', async () => {
    const path = disks.loopmount('disks', 'exchanged', '20M');
    const bound = await used('exchanged', path);
    await unmount(path);
    mountTmpfs(path, 'size=16m');
    writeFileSync(join(path, 'precious'), '');
    await told(
      bound,
      'VolumeDataMissing',
      /tmpfs .* is there, and it was ext4 .*; nothing on it is ever removed/,
    );
    await served.remove(`${CLAIMS}/exchanged`);
    await told(bound, 'ReclaimRefused', /another disk is there now/);
    expect(contentOf(path)).to.deep.equal(['precious']);
    await unmount(path);
    execFileSync('mount', [join(disks.directory('.'), 'disks-exchanged.img'), path]);
    await offered(path, bound);
    expect(contentOf(path)).to.deep.equal([]);
    await takenAway(path);
  });

  it('cleans nothing while something is mounted below, and goes on when it is not', async () => {
    const path = disks.loopmount('disks', 'below', '20M');
    const bound = await used('below', path);
    const inner = join(path, 'deep/inner');
    mountTmpfs(inner, 'size=1m');
    writeFileSync(join(inner, 'precious'), '');
    await served.remove(`${CLAIMS}/below`);
    await told(bound, 'CleaningFailed', /something is mounted at .*inner; unmount it/);
    expect([contentOf(inner), existsSync(join(path, 'file'))]).to.deep.equal([['precious'], true]);
    await unmount(inner);
    await offered(path, bound);
    await takenAway(path);
  });

  it('offers a disk that two classes find for neither of them', async () => {
    const path = disks.tmpfs('twice', 'disk');
    await refused(
      /disk \(class twice\) is the same disk as .*disk \(class again\), so it is offered for neither/,
    );
    expect(await at(path)).to.deep.equal([]);
    await unmount(path);
  });

  it('replays the seed: a directory is not enough, a file of 6G that is mounted is, for a claim of 5Gi', async () => {
    const path = disks.path('local-volume', 'xxx');
    mkdirSync(path);
    await refused(/xxx is a directory and not an actual mount point/);
    await claim('myclaim', 'local-volume', { resources: { requests: { storage: '5Gi' } } });
    await served.create(PODS, podOf('mypod', 'myclaim'));
    await served.unschedulable('mypod', /didn't find available persistent volumes to bind/);
    disks.loopmount('local-volume', 'xxx', '6G');
    const { spec } = await served.bound('myclaim');
    expect([spec.local.path, spec.persistentVolumeReclaimPolicy]).to.deep.equal([path, 'Delete']);
    expect(spec).to.have.nested.property('capacity.storage', `${Math.floor(sizeBytes(path) / MIB)}Mi`);
    await served.runningPods('default', 1);
    await served.remove(`${PODS}/mypod`);
    await served.remove(`${CLAIMS}/myclaim`);
    await offered(path);
    await unmount(path);
  });

  it('forgets disks that are nobody’s any more', () => {
    expect(records().filter((file) => !file.endsWith('.json'))).to.deep.equal([]);
  });
});
