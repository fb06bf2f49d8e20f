import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { tlv } from '../offline/tlv.ts';
import { needRoot } from '../unit/agent/disk-world.ts';
import { quickened } from './agents.ts';
import { bind, freeBytes, mountTmpfs, remount, sha256, treeOf, unmount } from './disks.ts';
import { CLAIMS, VOLUMES } from './paths.ts';
import { type Claim, Served, type Volume } from './served.ts';
import { waitFor } from './wait.ts';

/** A node whose disk goes, or is another one, or takes nothing more: what the agent does then, and when it is back. */

const NODE = 'node-1';
const SYSTEM = 't-local-volume-system';
const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${SYSTEM}/leases/t-local-volume-agent-${NODE}`;

interface Fault {
  readonly name: string;
  readonly make: () => void;
  readonly mend: () => void;
  /** What people are told. */
  readonly why: RegExp;
}

describe('the disk of a node', function () {
  this.timeout(300_000);
  this.slow(15_000);
  let served: Served;
  let root: string;
  /** The disk itself, which stays when it is unmounted at the root. */
  let disk: string;

  before(needRoot);
  before(async () => {
    served = await Served.start({ nodes: [NODE], agents: { clock: quickened(5) } });
    root = served.agents.root(NODE);
    disk = join(served.agents.directory, 'disk');
    mountTmpfs(disk, 'size=64m,nr_inodes=2000');
    bind(disk, root);
    await served.agents.start(NODE);
  });
  after(async () => served?.stop());

  const missing = () => served.agents.agent(NODE).missing();
  const isBack = () => waitFor('the pool to be back', () => missing() === undefined);
  const capacity = async () => {
    const list = await served.list<{ capacity: string }>(
      `/apis/storage.k8s.io/v1/namespaces/${SYSTEM}/csistoragecapacities`,
    );
    return list[0]?.capacity;
  };
  const poolId = async () => (await served.find<Claim>(LEASE))?.metadata.annotations?.['local.tars.io/pool'];
  const selected = async (name: string) =>
    (await served.find<Claim>(`${CLAIMS}/${name}`))!.metadata.annotations?.[
      'volume.kubernetes.io/selected-node'
    ];

  /** A bound volume with data in it. */
  async function withData(name: string): Promise<{ volume: Volume; file: string; sum: string }> {
    await served.claim(name, { node: NODE, request: '1Mi' });
    const volume = await served.bound(name);
    writeFileSync(`${volume.spec.local.path}/data`, `data of ${name}`);
    const file = `${disk}/default/tars.${name}/data/data`;
    return { volume, file, sum: sha256(file) };
  }

  async function nothingIsLeft(): Promise<void> {
    await served.installed.kubectl('delete', 'pvc', '--all', '--timeout=120s');
    await waitFor('every volume to be gone', async () => (await served.list(VOLUMES)).length === 0);
  }

  it('is made its pool where it is new and empty', async () => {
    expect(readdirSync(`${disk}/.tlv`)).to.include.members(['pool.json', 'ledger', 'trash']);
    await waitFor('the Lease to remember it', poolId);
    const words = new RegExp(`pool ${await poolId()} at ${root} serves local volumes`);
    await served.told('Node', NODE, 'VolumePoolReady', words);
  });

  const FAULTS: readonly Fault[] = [
    {
      name: 'has lost its marker',
      make: () => renameSync(`${disk}/.tlv/pool.json`, `${disk}/.tlv/pool.away`),
      mend: () => renameSync(`${disk}/.tlv/pool.away`, `${disk}/.tlv/pool.json`),
      why: /there is no \.tlv\/pool\.json in .*run tlv agent --init-pool/,
    },
    {
      name: 'has a marker that nobody can read',
      make: () => {
        renameSync(`${disk}/.tlv/pool.json`, `${disk}/.tlv/pool.away`);
        writeFileSync(`${disk}/.tlv/pool.json`, '{"version":1,');
      },
      mend: () => renameSync(`${disk}/.tlv/pool.away`, `${disk}/.tlv/pool.json`),
      why: /pool\.json cannot be understood/,
    },
    {
      name: 'is of a newer version',
      make: () => {
        renameSync(`${disk}/.tlv/pool.json`, `${disk}/.tlv/pool.away`);
        writeFileSync(`${disk}/.tlv/pool.json`, '{"version":2}');
      },
      mend: () => renameSync(`${disk}/.tlv/pool.away`, `${disk}/.tlv/pool.json`),
      why: /has version 2: it was written by a newer version/,
    },
    {
      name: 'is read-only',
      make: () => remount(root, 'ro'),
      mend: () => remount(root, 'rw'),
      why: /is mounted read-only/,
    },
  ];

  for (const { name, make, mend, why } of FAULTS) {
    it(`${name}: nothing is made, removed or promised until it is mended`, () =>
      outlives(name, { make, mend, why }));
  }

  it('is not mounted: the directory that is bare then stays so, and nothing is lost', async () => {
    await outlives('not mounted', {
      make: () => unmount(root),
      mend: () => {
        expect(readdirSync(root), 'below the mount').to.deep.equal([]);
        bind(disk, root);
      },
      why: /there is no \.tlv\/pool\.json in .*is its disk mounted\?/,
    });
  });

  it('is gone with its mount point', async () => {
    await outlives('without root', {
      make: async () => {
        await unmount(root);
        rmSync(root, { recursive: true });
      },
      mend: () => bind(disk, root),
      why: /cannot open the root .*it is not there/,
    });
  });

  /** Volumes of before, one in use and one let go meanwhile, and a claim that comes meanwhile. */
  async function outlives(
    name: string,
    { make, mend, why }: { make: () => void | Promise<unknown>; mend: () => void; why: RegExp },
  ): Promise<void> {
    const word = name.replaceAll(' ', '-');
    const [kept, released] = [await withData(`${word}-kept`), await withData(`${word}-gone`)];
    await make();
    await waitFor('the agent to see it', () => why.test(missing() ?? ''));
    await served.told('Node', NODE, 'VolumePoolLost', new RegExp(`no local volume is .*${why.source}`));
    await waitFor('nothing to be promised', async () => (await capacity()) === '0');

    const before = treeOf(disk);
    await served.remove(`${CLAIMS}/${word}-gone`);
    await served.phase(released.volume.metadata.name, 'Released');
    await served.claim(`${word}-new`, { node: NODE });
    await served.told('PersistentVolumeClaim', `${word}-new`, 'ClaimHandedBack', why);
    expect(await selected(`${word}-new`)).to.equal(undefined);
    await served.agents.agent(NODE).idle();
    expect(treeOf(disk)).to.deep.equal(before);
    const { metadata } = (await served.find<Volume>(`${VOLUMES}/${released.volume.metadata.name}`))!;
    expect(metadata.finalizers).to.include('local.tars.io/volume');

    mend();
    await isBack();
    await served.gone(`${VOLUMES}/${released.volume.metadata.name}`);
    await waitFor('the data to be gone', () => !existsSync(released.file));
    expect(sha256(kept.file)).to.equal(kept.sum);
    expect((await served.bound(`${word}-kept`)).metadata.uid).to.equal(kept.volume.metadata.uid);
    await waitFor('room to be promised', async () => (await capacity()) !== '0');
    const again = await withData(`${word}-again`);
    expect(existsSync(again.file)).to.equal(true);
    await nothingIsLeft();
  }

  describe('is full', () => {
    const FULL: readonly (Fault & { readonly free: () => number })[] = [
      {
        name: 'of data',
        make: () => {
          mkdirSync(`${disk}/.ballast`);
          writeFileSync(`${disk}/.ballast/all`, Buffer.alloc(freeBytes(disk), 1));
        },
        mend: () => rmSync(`${disk}/.ballast`, { recursive: true }),
        free: () => freeBytes(disk),
        why: /no space or no inodes|less than the/,
      },
      {
        name: 'of inodes',
        make: () => {
          mkdirSync(`${disk}/.ballast`);
          for (let count = statfsSync(disk).ffree; count > 0; count--)
            writeFileSync(`${disk}/.ballast/${count}`, '');
        },
        mend: () => rmSync(`${disk}/.ballast`, { recursive: true }),
        free: () => statfsSync(disk).ffree,
        why: /no space or no inodes|less than the/,
      },
    ];
    for (const { name, make, mend, why, free } of FULL) {
      it(`${name}: nothing is promised, and what is let go is removed all the same`, async () => {
        const word = name.replaceAll(' ', '-');
        const [kept, released] = [await withData(`${word}-kept`), await withData(`${word}-gone`)];
        make();
        expect(free()).to.equal(0);
        await waitFor('nothing to be promised', async () => (await capacity()) === '0');
        await served.claim(`${word}-new`, { node: NODE, request: '1Mi' });
        await served.told('PersistentVolumeClaim', `${word}-new`, 'ClaimHandedBack', why);
        expect(await selected(`${word}-new`)).to.equal(undefined);

        await served.remove(`${CLAIMS}/${word}-gone`);
        await served.gone(`${VOLUMES}/${released.volume.metadata.name}`);
        await waitFor('the data to be gone', () => !existsSync(released.file));

        mend();
        await waitFor('room to be promised', async () => (await capacity()) !== '0');
        expect(sha256(kept.file)).to.equal(kept.sum);
        await withData(`${word}-again`);
        await nothingIsLeft();
      });
    }
  });

  describe('of a node that is known', () => {
    /** Neither a restart nor an empty directory makes a new node of it. */
    async function isNoNewNode(): Promise<void> {
      await unmount(root);
      await served.agents.startFaulty(NODE);
      expect(missing()).to.match(/there is no \.tlv\/pool\.json in .*is its disk mounted\?/);
      expect(readdirSync(root)).to.deep.equal([]);
      await served.agents.stop(NODE);
      bind(disk, root);
      await served.agents.start(NODE);
    }

    it('by its Lease is not begun anew where it is bare', async () => {
      await served.agents.stop(NODE);
      expect(await served.list(VOLUMES)).to.have.lengthOf(0);
      await isNoNewNode();
    });

    it('by its volumes is not begun anew where it is bare', async () => {
      await withData('known');
      await served.agents.stop(NODE);
      await served.remove(LEASE);
      await isNoNewNode();
      await nothingIsLeft();
    });

    it('that has to be a mount point is never written to where it is none', async () => {
      await served.agents.stop(NODE);
      await served.remove(LEASE);
      await unmount(root);
      await served.agents.startFaulty(NODE, { requireMountPoint: true });
      expect(missing()).to.match(/nothing is mounted at .*must be a mount point/);
      expect(readdirSync(root)).to.deep.equal([]);
      bind(disk, root);
      await isBack();
    });
  });

  describe('was exchanged', () => {
    it('volumes of the old one are left alone, and a person makes the new one its pool', async () => {
      const [kept, released] = [await withData('old-kept'), await withData('old-gone')];
      const old = await waitFor('the Lease to remember the pool', poolId);
      await unmount(root);
      const exchanged = join(served.agents.directory, 'exchanged');
      mountTmpfs(exchanged, 'size=64m');
      mkdirSync(`${exchanged}/.tlv`);
      const marker = { version: 1, id: '11111111-2222-4333-8444-555555555555', node: 'x', createdAt: 'x' };
      writeFileSync(`${exchanged}/.tlv/pool.json`, JSON.stringify(marker));
      for (const name of ['ledger', 'trash']) mkdirSync(`${exchanged}/.tlv/${name}`);
      bind(exchanged, root);
      const why = new RegExp(`holds the pool ${marker.id}, not ${old}`);
      await waitFor('the agent to see it', () => why.test(missing() ?? ''));
      await served.told('Node', NODE, 'VolumePoolLost', /run tlv agent --init-pool on this node/);
      const before = treeOf(exchanged);
      await served.claim('early', { node: NODE });
      await served.told('PersistentVolumeClaim', 'early', 'ClaimHandedBack', why);
      expect(treeOf(exchanged)).to.deep.equal(before);

      const flags = ['--node-name', NODE, '--root', root, '--kubeconfig', served.plane.kubeconfig()];
      const { exit, stdout, stderr } = await tlv(['agent', '--init-pool', ...flags]);
      expect([exit, stderr]).to.deep.equal([0, '']);
      expect(stdout).to.equal(
        `${root} is the pool ${marker.id} of node ${NODE}; the agent there goes on with it within seconds\n`,
      );
      await isBack();
      await served.claim('late', { node: NODE, request: '1Mi' });
      await served.bound('late');

      const words = new RegExp(`its data belongs to pool ${old}, and this node has pool ${marker.id}`);
      await served.remove(`${CLAIMS}/old-gone`);
      await served.told('PersistentVolume', released.volume.metadata.name, 'VolumeNotOurs', words);
      expect(await served.phase(released.volume.metadata.name, 'Released')).to.have.nested.property(
        'metadata.uid',
      );
      for (const { file, sum } of [kept, released]) expect(sha256(file)).to.equal(sum);
    });
  });
});
