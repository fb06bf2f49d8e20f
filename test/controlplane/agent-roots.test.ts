import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { poolAnnotation } from '../../src/tars/agent-lease.ts';
import { tlv } from '../offline/tlv.ts';
import { needRoot } from '../unit/agent/disk-world.ts';
import { SilentDisk } from '../unit/agent/silent-disk.ts';
import { quickened } from './agents.ts';
import { bind, freeBytes, MIB, mountTmpfs, sha256, sizeBytes, unmount } from './disks.ts';
import { CLAIMS, VOLUMES } from './paths.ts';
import { type Claim, type ClaimParts, Served, type Volume } from './served.ts';
import { waitFor } from './wait.ts';

/** One agent with two disks, each at a root of its own, and classes that choose between them. */

const NODE = 'node-1';
const SYSTEM = 't-local-volume-system';
const CAPACITIES = `/apis/storage.k8s.io/v1/namespaces/${SYSTEM}/csistoragecapacities`;
const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${SYSTEM}/leases/t-local-volume-agent-${NODE}`;
const [PLAIN, FAST, AWAY, AWAY_OFFERS, FAST_OFFERS] = [
  't-storage-class',
  'fast',
  'away',
  'away-offers',
  'fast-offers',
];

const classOf = (name: string, provisioner: string, root: string) => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name },
  provisioner,
  reclaimPolicy: 'Delete',
  // Offers are bound as they come: there are no pods here.
  volumeBindingMode: provisioner === 'local.tars.io' ? 'WaitForFirstConsumer' : 'Immediate',
  parameters: { root },
});

describe('an agent with two roots', function () {
  this.timeout(300_000);
  this.slow(15_000);
  let served: Served;
  let first: string;
  let fast: string;
  /** The disks themselves, which stay when they are unmounted at the roots. */
  let disks: Readonly<Record<string, string>>;

  before(needRoot);
  before(async () => {
    const classes = `${PLAIN}=on-demand,${FAST}=on-demand,${AWAY}=on-demand,${FAST_OFFERS}=per-node,${AWAY_OFFERS}=per-node`;
    served = await Served.start({ nodes: [NODE, 'node-2'], classes, agents: { clock: quickened(5) } });
    const { agents, installed } = served;
    first = agents.root(NODE);
    fast = join(agents.directory, 'fast');
    disks = { [first]: join(agents.directory, 'disk-1'), [fast]: join(agents.directory, 'disk-2') };
    mountTmpfs(disks[first]!, 'size=256m');
    mountTmpfs(disks[fast]!, 'size=64m');
    for (const root of [first, fast]) bind(disks[root]!, root);
    await installed.apply([
      classOf(FAST, 'local.tars.io', fast),
      classOf(AWAY, 'local.tars.io', '/away'),
      classOf(FAST_OFFERS, 'kubernetes.io/no-provisioner', fast),
      classOf(AWAY_OFFERS, 'kubernetes.io/no-provisioner', '/away'),
    ]);
    await agents.start(NODE, { otherRoots: [fast] });
    await isThere(fast);
  });
  after(async () => served?.stop());

  const faultAt = (root: string) => served.agents.agent(NODE).faultAt(root);
  const isThere = (root: string) => waitFor(`${root} to be served`, () => faultAt(root) === undefined);
  const isLost = (root: string) => waitFor(`${root} to be lost`, () => faultAt(root) !== undefined);
  const capacityOf = async (storageClass: string) => {
    const all = await served.list<{ readonly capacity: string; readonly storageClassName: string }>(
      CAPACITIES,
    );
    return all.find(({ storageClassName }) => storageClassName === storageClass)?.capacity;
  };
  /** What is left of a disk, and a hundredth of it kept back. */
  const room = (root: string) => `${Math.floor((freeBytes(root) - sizeBytes(root) / 100) / MIB)}Mi`;
  const claim = (name: string, storageClass: string, parts: ClaimParts = {}) =>
    served.claim(name, { node: NODE, request: '1Mi', storageClass, ...parts });

  async function withData(name: string, storageClass: string, parts: ClaimParts = {}) {
    await claim(name, storageClass, parts);
    const volume = await served.bound(name);
    const file = join(volume.spec.local.path, 'file');
    writeFileSync(file, `data of ${name}`);
    return { name, volume, file, sum: sha256(file) };
  }

  async function nothingIsLeft(): Promise<void> {
    await served.installed.kubectl('delete', 'pvc', '--all', '--timeout=120s');
    await waitFor('every volume to be gone', async () => (await served.list(VOLUMES)).length === 0);
  }

  it('tells the scheduler of each class what its root has', async () => {
    await waitFor('the room of all', async () => {
      const told = await Promise.all([PLAIN, FAST, AWAY].map(capacityOf));
      return told.join() === [room(first), room(fast), '0'].join();
    });
    expect([room(first), room(fast)]).to.deep.equal(['253Mi', '63Mi']);
    expect(await served.list(CAPACITIES)).to.have.lengthOf(3);
  });

  it('has a pool at each, and the Lease remembers both', async () => {
    const ids = [first, fast].map((root) => served.agents.agent(NODE).running!.at(root)!.health.pool!.id);
    expect(ids[0]).not.to.equal(ids[1]);
    await waitFor('the Lease to remember them', async () => {
      const { annotations = {} } = (await served.find<Claim>(LEASE))?.metadata ?? {};
      const keys = ['local.tars.io/pool', poolAnnotation(first), poolAnnotation(fast)];
      return keys.map((key) => annotations[key]).join() === [ids[0], ...ids].join();
    });
    for (const root of [first, fast])
      await served.told('Node', NODE, 'VolumePoolReady', new RegExp(`at ${root} serves local volumes`));
  });

  it('makes volumes where their class says, of one path as well, and takes each away by itself', async () => {
    const same = { server: 'same', volume: 'data' };
    const here = await withData('here', PLAIN, same);
    const there = await withData('there', FAST, same);
    expect(here.volume.spec.local.path).to.equal(`${first}/default/tars.same/data`);
    expect(there.volume.spec.local.path).to.equal(`${fast}/default/tars.same/data`);
    const pools = [here, there].map(({ volume }) => volume.metadata.annotations!['local.tars.io/pool']);
    expect(pools).to.deep.equal(
      [first, fast].map((root) => served.agents.agent(NODE).running!.at(root)!.health.pool!.id),
    );

    await served.remove(`${CLAIMS}/there`);
    await served.gone(`${VOLUMES}/${there.volume.metadata.name}`);
    await waitFor('the data to be gone', () => readdirSync(`${fast}/.tlv/trash`).length === 0);
    expect(existsSync(there.file)).to.equal(false);
    expect(sha256(here.file)).to.equal(here.sum);
    await nothingIsLeft();
  });

  it('offers volumes at the root of their class', async () => {
    const parts = { labels: { 'local.tars.io/namespace': 'default' } };
    const { storageClassName } = (await claim('offered', FAST_OFFERS, parts)).spec as Record<string, unknown>;
    expect(storageClassName).to.equal(FAST_OFFERS);
    const { spec } = await served.bound('offered');
    expect(spec.local.path).to.equal(`${fast}/default/tars.offered/data`);
    await nothingIsLeft();
  });

  it('hands back claims of a root that it lacks, and says which it has', async () => {
    await claim('astray', AWAY);
    const why = `node ${NODE} has no root /away \\(parameter root of StorageClass away\\): its agent serves ${first}, ${fast}; start it with --root /away too`;
    const words = new RegExp(`^${why}; the scheduler looks for another node$`);
    await served.told('PersistentVolumeClaim', 'astray', 'ClaimHandedBack', words);
    const { annotations = {}, labels } = (await served.find<Claim>(`${CLAIMS}/astray`))!.metadata;
    expect(annotations).not.to.have.property('volume.kubernetes.io/selected-node');
    expect(labels).not.to.have.property('local.tars.io/node');

    await served.claim('astray-offers', {
      storageClass: AWAY_OFFERS,
      labels: { 'local.tars.io/namespace': 'default' },
    });
    const told = new RegExp(`^${why.replace('StorageClass away', 'StorageClass away-offers')}$`);
    await served.told('PersistentVolumeClaim', 'astray-offers', 'ProvisioningFailed', told);
    expect(existsSync('/away')).to.equal(false);
    await nothingIsLeft();
  });

  it('names all roots to volumes that are at none', async () => {
    const volume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: {
        name: 'stray',
        labels: { 'kubernetes.io/hostname': NODE },
        finalizers: ['local.tars.io/volume'],
      },
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'none',
        local: { path: `${fast}/stray` },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [NODE] }] },
            ],
          },
        },
      },
    };
    await served.create(VOLUMES, volume);
    const words = new RegExp(
      `its path ${fast}/stray is no directory of a volume below ${first} or ${fast}, so`,
    );
    await served.told('PersistentVolume', 'stray', 'VolumeNotOurs', words);
    await served.tearOut(`${VOLUMES}/stray`);
  });

  const PAIRS = [
    { name: 'the other one', lost: () => fast, ofLost: FAST, left: () => first, ofLeft: PLAIN },
    { name: 'the first one', lost: () => first, ofLost: PLAIN, left: () => fast, ofLeft: FAST },
  ];
  for (const { name, lost, ofLost, left, ofLeft } of PAIRS) {
    it(`goes on with what is left when ${name} is lost, and with both when it is back`, async () => {
      const word = ofLost === FAST ? 'other' : 'first';
      const kept = await withData(`${word}-kept`, ofLost);
      const goes = await withData(`${word}-goes`, ofLost);
      const stays = await withData(`${word}-stays`, ofLeft);
      const ends = await withData(`${word}-ends`, ofLeft);
      await unmount(lost());
      await isLost(lost());
      const why = `there is no \\.tlv/pool\\.json in ${lost()}: is its disk mounted\\?`;
      const words = new RegExp(`^no local volume is provisioned, deleted or promised at ${lost()}: ${why}`);
      await served.told('Node', NODE, 'VolumePoolLost', words);
      expect(served.agents.agent(NODE).missing()).to.equal(
        ofLost === PLAIN ? faultAt(lost()) : undefined,
        'what keeps it from being ready',
      );
      await waitFor('nothing to be promised of it', async () => (await capacityOf(ofLost)) === '0');
      expect(await capacityOf(ofLeft)).not.to.equal('0');

      await served.remove(`${CLAIMS}/${goes.name}`);
      await claim(`${word}-new`, ofLost);
      const handed = new RegExp(`^node ${NODE} cannot serve it: ${why}`);
      await served.told('PersistentVolumeClaim', `${word}-new`, 'ClaimHandedBack', handed);
      await served.remove(`${CLAIMS}/${ends.name}`);
      await served.gone(`${VOLUMES}/${ends.volume.metadata.name}`);
      await waitFor('its data to be gone', () => !existsSync(ends.file));
      const meanwhile = await withData(`${word}-meanwhile`, ofLeft);
      expect(meanwhile.file).to.equal(`${left()}/default/tars.${word}-meanwhile/data/file`);
      expect(sha256(stays.file)).to.equal(stays.sum);
      await served.agents.agent(NODE).idle();
      expect(readdirSync(lost()), 'below the mount').to.deep.equal([]);
      const released = await served.find<Volume>(`${VOLUMES}/${goes.volume.metadata.name}`);
      expect(released!.metadata.finalizers).to.include('local.tars.io/volume');

      bind(disks[lost()]!, lost());
      await isThere(lost());
      await served.gone(`${VOLUMES}/${goes.volume.metadata.name}`);
      await waitFor('the data to be gone', () => !existsSync(goes.file));
      expect(sha256(kept.file)).to.equal(kept.sum);
      await waitFor('room to be promised', async () => (await capacityOf(ofLost)) !== '0');
      await withData(`${word}-again`, ofLost);
      await nothingIsLeft();
    });
  }

  it('goes on at one root while the disk of the other does not answer, whose claims may go to another node', async () => {
    const disk = new SilentDisk(fast);
    try {
      await claim('begun', FAST);
      await waitFor('the disk to count as lost', () => faultAt(fast)?.includes('does not answer'), {
        timeoutMs: 80_000,
      });
      await claim('later', FAST);
      const words = new RegExp(`the disk at ${fast} does not answer: it has failed, or is out of reach`);
      await served.told('PersistentVolumeClaim', 'later', 'ClaimHandedBack', words);
      await served.told('Node', NODE, 'VolumePoolLost', words);
      await withData('meanwhile', PLAIN);
      await waitFor('no room there', async () => (await capacityOf(FAST)) === '0');
    } finally {
      disk.fail();
      await unmount(fast);
    }
    await isThere(fast);
    await nothingIsLeft();
  });

  it('takes a new disk at one root on the word of a person, and keeps what it knows of the other', async () => {
    const kept = await withData('kept', PLAIN);
    await unmount(fast);
    const exchanged = join(served.agents.directory, 'exchanged');
    mountTmpfs(exchanged, 'size=64m');
    mkdirSync(join(exchanged, 'data of somebody'));
    bind(exchanged, fast);
    await isLost(fast);
    const flags = ['--node-name', NODE, '--root', fast, '--kubeconfig', served.plane.kubeconfig()];
    const { exit, stderr } = await tlv(['agent', '--init-pool', ...flags]);
    expect([exit, stderr]).to.deep.equal([0, '']);
    await isThere(fast);
    expect(served.agents.agent(NODE).missing()).to.equal(undefined);

    await served.agents.stop(NODE);
    // In the other order: what is remembered goes by the root, and not by its place.
    await served.agents.start(NODE, { root: fast, otherRoots: [first] });
    await isThere(first);
    expect(sha256(kept.file)).to.equal(kept.sum);
    await served.remove(`${CLAIMS}/kept`);
    await served.gone(`${VOLUMES}/${kept.volume.metadata.name}`);
    await nothingIsLeft();
    await served.agents.stop(NODE);
  });

  it('serves the first of two roots that are on one filesystem', async () => {
    const [one, two] = [served.agents.root('node-2'), join(served.agents.directory, 'beside')];
    mkdirSync(two);
    const agent = await served.agents.start('node-2', { otherRoots: [two] });
    expect(agent.faultAt(two)).to.equal(
      `${two} is on the same filesystem as ${one}, whose room would be promised twice: mount a disk of its own at ${two}`,
    );
    expect(readdirSync(two)).to.deep.equal([]);
  });
});
