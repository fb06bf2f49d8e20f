import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Run, tlv } from '../offline/tlv.ts';
import { needRoot } from '../unit/agent/disk-world.ts';
import { quickened } from './agents.ts';
import { treeOf } from './disks.ts';
import { CLAIMS, STORAGE_CLASSES, VOLUMES } from './paths.ts';
import { type Claim, type ClaimParts, Served, type Volume } from './served.ts';
import { waitFor } from './wait.ts';

/** Whose data a directory is that is already there, and what becomes of data when people delete volumes by hand. */

const NODE = 'node-1';
const CLASSES = 't-storage-class=on-demand,replicas=on-demand';
const ADOPT = 'local.tars.io/adopt';
const ANNOTATIONS = { 'tars.io/LocalVolumeUID': '1000', 'tars.io/LocalVolumeMode': '711' };

describe('data that is already there', function () {
  this.timeout(300_000);
  this.slow(15_000);
  let served: Served;
  let root: string;

  before(needRoot);
  before(async () => {
    served = await Served.start({ nodes: [NODE], classes: CLASSES, agents: { clock: quickened(5) } });
    root = served.agents.root(NODE);
    await served.agents.start(NODE);
  });
  after(async () => served?.stop());

  const pathOf = (server: string) => `default/tars.${server}/data`;
  const at = (server: string) => join(root, pathOf(server));
  const owner = (server: string) => {
    const { uid, gid, mode } = statSync(at(server));
    return `${uid}:${gid} ${(mode & 0o777).toString(8)}`;
  };
  const claim = (name: string, parts: ClaimParts = {}) =>
    served.claim(name, { node: NODE, annotations: ANNOTATIONS, ...parts });
  const path = ({ metadata }: Volume) => `${VOLUMES}/${metadata.name}`;
  const idle = () => served.agents.agent(NODE).idle();

  /** As somebody else has left it. */
  function filled(server: string): Record<string, string> {
    mkdirSync(join(at(server), 'deep'), { recursive: true });
    writeFileSync(join(at(server), 'deep/file'), `data of ${server}`);
    chownSync(join(at(server), 'deep'), 7, 8);
    return treeOf(at(server));
  }

  /** A bound volume with data in it. */
  async function withData(name: string, parts: ClaimParts = {}) {
    const { metadata } = await claim(name, parts);
    const volume = await served.bound(name);
    return { uid: metadata.uid, volume, tree: filled(name) };
  }

  async function isRefused(name: string, words: RegExp): Promise<void> {
    const tree = treeOf(at(name));
    await served.told('PersistentVolumeClaim', name, 'DirectoryNotEmpty', words);
    await idle();
    const { metadata, spec } = (await served.find<Claim>(`${CLAIMS}/${name}`))!;
    // It stays with this node: on another one it would start without its data.
    expect(metadata.annotations!['volume.kubernetes.io/selected-node']).to.equal(NODE);
    expect(spec.volumeName).to.equal(undefined);
    expect(await served.volumesAt(pathOf(name))).to.deep.equal([]);
    expect(treeOf(at(name))).to.deep.equal(tree);
  }
  const UNKNOWN = /holds data, and is neither served nor removed: .*adopt: "true".*tlv orphans purge/;

  const orphans = async (...args: string[]): Promise<Run> =>
    tlv(['orphans', ...args, '--root', root, '--kubeconfig', served.plane.kubeconfig()], '', {
      TLV_CLASSES: CLASSES,
    });
  const listed = async () => {
    const { stdout } = await orphans('list', '-o', 'json');
    const list = JSON.parse(stdout) as { path: string; kind: string; claim?: { name: string } }[];
    return list.map(({ path: where, kind, claim: whose }) => `${where} ${kind} ${whose?.name ?? '-'}`);
  };

  describe('and that nobody knows', () => {
    it('is taken where it is empty, with the owner that the claim asks for', async () => {
      mkdirSync(at('empty'), { recursive: true });
      await claim('empty');
      await served.bound('empty');
      expect(owner('empty')).to.equal('1000:0 711');
      expect(readdirSync(at('empty'))).to.deep.equal([]);
    });

    it('is neither served nor removed, until the claim is allowed to adopt it', async () => {
      const tree = filled('unknown');
      await claim('unknown');
      await isRefused('unknown', UNKNOWN);
      expect(treeOf(at('unknown'))).to.deep.equal(tree);
      await served.patch(`${CLAIMS}/unknown`, { metadata: { annotations: { [ADOPT]: 'true' } } });
      await served.bound('unknown');
      await served.told('PersistentVolumeClaim', 'unknown', 'VolumeAdopted', /has the data at/);
      expect(treeOf(at('unknown'))['/deep/file']).to.equal(tree['/deep/file']);
      expect(treeOf(at('unknown'))['/deep']).to.equal(tree['/deep']);
    });

    it('keeps owner and mode when it is adopted, until the claim asks for others', async () => {
      filled('asis');
      chownSync(at('asis'), 999, 998);
      chmodSync(at('asis'), 0o700);
      await claim('asis', { annotations: { ...ANNOTATIONS, [ADOPT]: 'true' } });
      await served.bound('asis');
      const words = /whose owner and mode stay 999:998 700 until the claim asks for others than 1000:0 711$/;
      await served.told('PersistentVolumeClaim', 'asis', 'VolumeAdopted', words);
      await served.agents.stop(NODE);
      await served.agents.start(NODE);
      await idle();
      expect(owner('asis')).to.equal('999:998 700');

      const annotations = { 'tars.io/LocalVolumeMode': '755' };
      await served.patch(`${CLAIMS}/asis`, { metadata: { annotations } });
      await served.told('PersistentVolumeClaim', 'asis', 'OwnerChanged', /are 1000:0 755 now/);
      expect(owner('asis')).to.equal('1000:0 755');
    });

    it('is no matter of adoption for any other word than "true"', async () => {
      filled('maybe');
      await claim('maybe', { annotations: { ...ANNOTATIONS, [ADOPT]: 'yes' } });
      await isRefused('maybe', UNKNOWN);
      await served.remove(`${CLAIMS}/maybe`);
      await idle();
      expect(existsSync(join(at('maybe'), 'deep/file'))).to.equal(true);
    });

    it('is reclaimed like any other once it was adopted', async () => {
      filled('adopted');
      await claim('adopted', { annotations: { [ADOPT]: 'true' } });
      const volume = await served.bound('adopted');
      await served.remove(`${CLAIMS}/adopted`);
      await served.gone(path(volume));
      expect(existsSync(at('adopted'))).to.equal(false);
    });
  });

  describe('of a claim', () => {
    it('comes back to it when agent and server are stopped and started', async () => {
      const { volume, tree } = await withData('same');
      await served.agents.stop(NODE);
      await served.agents.start(NODE);
      await idle();
      expect((await served.bound('same')).metadata.uid).to.equal(volume.metadata.uid);
      expect(treeOf(at('same'))).to.deep.equal(tree);
    });

    it('never goes to the next claim of that name, which begins with an empty directory', async () => {
      const { uid, volume } = await withData('again');
      await served.remove(`${CLAIMS}/again`);
      // While the old one is on its way out, or after it.
      const next = await waitFor('the next claim to be made', async () => {
        if (await served.find(`${CLAIMS}/again`)) return false;
        return claim('again');
      });
      expect(next.metadata.uid).not.to.equal(uid);
      const bound = await served.bound('again');
      expect(bound.metadata.uid).not.to.equal(volume.metadata.uid);
      expect(readdirSync(at('again'))).to.deep.equal([]);
      expect(owner('again')).to.equal('1000:0 711');
    });

    it('is not replaced by an empty directory when it vanishes', async () => {
      const { volume } = await withData('vanished');
      rmSync(at('vanished'), { recursive: true });
      await served.touch(path(volume));
      await served.told('PersistentVolume', volume.metadata.name, 'VolumeDataMissing', /is not made again/);
      await served.tearOut(path(volume));
      await served.told(
        'PersistentVolumeClaim',
        'vanished',
        'VolumeDataMissing',
        /are gone, and an empty directory/,
      );
      await idle();
      expect(existsSync(at('vanished'))).to.equal(false);
      const tree = filled('vanished');
      await served.touch(`${CLAIMS}/vanished`);
      await served.bound('vanished');
      expect(treeOf(at('vanished'))['/deep/file']).to.equal(tree['/deep/file']);
    });
  });

  describe('and kept by policy (Retain)', () => {
    it('stays with its volume, and without it, and goes to the claim that may adopt it', async () => {
      const { volume, tree } = await withData('kept');
      await served.patch(path(volume), { spec: { persistentVolumeReclaimPolicy: 'Retain' } });
      await served.remove(`${CLAIMS}/kept`);
      await served.phase(volume.metadata.name, 'Released');
      await served.told('PersistentVolume', volume.metadata.name, 'VolumeRetained', /its data stays at/);
      await served.remove(path(volume));
      await served.gone(path(volume));
      expect(treeOf(at('kept'))).to.deep.equal(tree);

      await claim('kept');
      const words = /holds the data of claim default\/kept \(uid .*\), and is neither served nor removed/;
      await isRefused('kept', words);
      await served.patch(`${CLAIMS}/kept`, { metadata: { annotations: { [ADOPT]: 'true' } } });
      const adopted = await served.bound('kept');
      expect(adopted.metadata.uid).not.to.equal(volume.metadata.uid);
      expect(treeOf(at('kept'))['/deep/file']).to.equal(tree['/deep/file']);
    });

    it('goes when the policy of the released volume is set to Delete', async () => {
      const { volume } = await withData('let-go');
      await served.patch(path(volume), { spec: { persistentVolumeReclaimPolicy: 'Retain' } });
      await served.remove(`${CLAIMS}/let-go`);
      await served.told(
        'PersistentVolume',
        volume.metadata.name,
        'VolumeRetained',
        /set the policy to Delete/,
      );
      await served.patch(path(volume), { spec: { persistentVolumeReclaimPolicy: 'Delete' } });
      await served.gone(path(volume));
      expect(existsSync(at('let-go'))).to.equal(false);
    });
  });

  describe('of a volume that somebody deletes', () => {
    for (const [how, away] of [
      ['politely', (name: string) => served.remove(name)],
      ['with its finalizers', (name: string) => served.tearOut(name)],
    ] as const) {
      it(`${how}, before it is bound: it is made again, for the same claim`, async () => {
        const server = `early-${how.replaceAll(' ', '-')}`;
        await served.plane.kill('kube-controller-manager');
        const { metadata } = await claim(server);
        const [volume] = await waitFor('a volume', async () => {
          const found = await served.volumesAt(pathOf(server));
          return found.length === 1 && found;
        });
        filled(server);
        const tree = treeOf(at(server));
        await away(path(volume!));
        // Our part is done then; the API server waits for the controller's.
        await waitFor('the agent to let it go', async () => {
          const { metadata: seen } = (await served.find<Volume>(path(volume!))) ?? {};
          return seen?.uid !== volume!.metadata.uid || !seen.finalizers?.includes('local.tars.io/volume');
        });
        await served.plane.restart('kube-controller-manager');
        const again = await waitFor('another one', async () => {
          const found = await served.find<Volume>(path(volume!));
          return found !== undefined && found.metadata.uid !== volume!.metadata.uid && found;
        });
        expect(again.spec.claimRef!.uid).to.equal(metadata.uid);
        expect((await served.bound(server)).metadata.uid).to.equal(again.metadata.uid);
        expect(treeOf(at(server))).to.deep.equal(tree);
      });
    }

    it('politely, while it is bound: it stays, with a warning, until its claim goes', async () => {
      const { volume, tree } = await withData('polite');
      await served.remove(path(volume));
      const words =
        /being deleted while claim default\/polite uses it: .*is removed as soon as the claim is deleted/;
      await served.told('PersistentVolume', volume.metadata.name, 'VolumeDeleting', words);
      expect(treeOf(at('polite'))).to.deep.equal(tree);
      expect((await served.find<Volume>(path(volume)))!.status.phase).to.equal('Bound');
      await served.remove(`${CLAIMS}/polite`);
      await served.gone(path(volume));
      expect(existsSync(at('polite'))).to.equal(false);
    });

    it('with its finalizers, while it is bound: it is made again, and the claim comes back from Lost', async () => {
      const { volume, tree } = await withData('forced');
      await served.agents.stop(NODE);
      await served.tearOut(path(volume));
      await waitFor('the claim to be Lost', async () => {
        const found = await served.find<Claim>(`${CLAIMS}/forced`);
        return found?.status.phase === 'Lost';
      });
      await served.agents.start(NODE);
      await waitFor(
        'the volume to be back',
        async () => (await served.volumesAt(pathOf('forced'))).length === 1,
      );
      // The controller would look again by itself, some seconds later.
      await served.touch(`${CLAIMS}/forced`);
      const again = await served.bound('forced');
      expect(again.metadata.name).to.equal(volume.metadata.name);
      expect(again.metadata.uid).not.to.equal(volume.metadata.uid);
      await served.told(
        'PersistentVolumeClaim',
        'forced',
        'VolumeRestored',
        /its data at .* was not touched/,
      );
      expect(treeOf(at('forced'))).to.deep.equal(tree);
      await served.remove(`${CLAIMS}/forced`);
      await served.gone(path(again));
      expect(existsSync(at('forced'))).to.equal(false);
    });

    it('politely, while it is released: its data is removed as if nobody had', async () => {
      const { volume } = await withData('released');
      await served.agents.stop(NODE);
      await served.remove(`${CLAIMS}/released`);
      await served.phase(volume.metadata.name, 'Released');
      await served.remove(path(volume));
      expect(existsSync(join(at('released'), 'deep/file'))).to.equal(true);
      await served.agents.start(NODE);
      await served.gone(path(volume));
      expect(existsSync(at('released'))).to.equal(false);
    });

    it('with its finalizers, while it is released: its data stays, for people to decide on', async () => {
      const { volume, tree } = await withData('torn');
      await served.agents.stop(NODE);
      await served.remove(`${CLAIMS}/torn`);
      await served.phase(volume.metadata.name, 'Released');
      await served.tearOut(path(volume));
      await served.agents.start(NODE);
      await idle();
      expect(treeOf(at('torn'))).to.deep.equal(tree);
      await claim('torn');
      await isRefused('torn', /holds the data of claim default\/torn/);
      await served.remove(`${CLAIMS}/torn`);
    });

    it('politely, while it is bound, with policy Retain: the data stays when the claim goes', async () => {
      const { volume, tree } = await withData('retained');
      await served.patch(path(volume), { spec: { persistentVolumeReclaimPolicy: 'Retain' } });
      await served.remove(path(volume));
      await served.told(
        'PersistentVolume',
        volume.metadata.name,
        'VolumeDeleting',
        /is kept, and the volume goes/,
      );
      await served.remove(`${CLAIMS}/retained`);
      await served.gone(path(volume));
      expect(treeOf(at('retained'))).to.deep.equal(tree);
    });
  });

  describe('is dealt with by tlv orphans', () => {
    it('list: what is there, for people and for scripts', async () => {
      const rows = await listed();
      expect(rows).to.include.members([
        `${pathOf('maybe')} unknown -`,
        `${pathOf('torn')} kept torn`,
        `${pathOf('retained')} kept retained`,
      ]);
      // Nothing that a claim has.
      for (const name of ['same', 'again', 'kept', 'empty']) expect(rows.join()).not.to.include(pathOf(name));
      const { exit, stdout } = await orphans('list');
      expect(exit).to.equal(1);
      expect(stdout).to.match(/^PATH +KIND +CLAIM\n/);
      expect(stdout).to.match(/^default\/tars\.torn\/data +kept +default\/torn$/m);
    });

    it('adopt: for the claim that asks for that path, and no other', async () => {
      const tree = treeOf(at('torn'));
      await claim('other');
      const wrong = await orphans('adopt', pathOf('torn'), '--claim', 'default/other');
      expect(wrong.exit).to.equal(2);
      expect(wrong.stderr).to.include(`asks for ${pathOf('other')}, not for ${pathOf('torn')}`);
      const none = await orphans('adopt', pathOf('torn'), '--claim', 'default/torn');
      expect([none.exit, none.stderr.includes('there is no claim default/torn')]).to.deep.equal([2, true]);

      await claim('torn');
      await isRefused('torn', /holds the data of claim default\/torn/);
      const { exit, stderr } = await orphans('adopt', pathOf('torn'), '--claim', 'default/torn');
      expect([exit, stderr]).to.deep.equal([0, '']);
      await served.bound('torn');
      expect(treeOf(at('torn'))['/deep/file']).to.equal(tree['/deep/file']);
    });

    it('adopt: for a replica that has a path of its own because its class says so', async () => {
      await served.create(STORAGE_CLASSES, {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: 'replicas' },
        provisioner: 'local.tars.io',
        parameters: { scope: 'Pod' },
        volumeBindingMode: 'WaitForFirstConsumer',
      });
      // A claim is read once, as its class is known then.
      await waitFor('the class', () => served.agents.agent(NODE).running?.caches.classes.has('replicas'));
      const ofReplica = `${pathOf('shop')}.0`;
      mkdirSync(join(root, ofReplica), { recursive: true });
      writeFileSync(join(root, ofReplica, 'file'), 'data of replica 0');
      await claim('data-shop-0', { server: 'shop', storageClass: 'replicas' });
      await served.told('PersistentVolumeClaim', 'data-shop-0', 'DirectoryNotEmpty', /data\.0 on node/);
      const { exit, stderr } = await orphans('adopt', ofReplica, '--claim', 'default/data-shop-0');
      expect([exit, stderr]).to.deep.equal([0, '']);
      const { spec } = await served.bound('data-shop-0');
      expect(spec.local.path).to.equal(join(root, ofReplica));
    });

    it('purge: after --yes, and never what a claim has, or what is no path of a volume', async () => {
      const tree = treeOf(at('retained'));
      const trial = await orphans('purge', pathOf('retained'));
      expect([trial.exit, trial.stdout]).to.deep.equal([
        0,
        `${pathOf('retained')} would be removed; say --yes to do it\n`,
      ]);
      expect(treeOf(at('retained'))).to.deep.equal(tree);

      const same = treeOf(at('same'));
      const refusals = [
        [pathOf('same'), /volume .* leads to .*; delete its claim instead/],
        [pathOf('nothing'), /there is no default\/tars\.nothing\/data/],
        ['../outside/a.b/c', /is no path of a volume/],
      ] as const;
      const refused = async ([what, words]: (typeof refusals)[number]) => {
        const { exit, stderr } = await orphans('purge', '--yes', what);
        expect([exit, words.test(stderr)], `${what}: ${stderr}`).to.deep.equal([2, true]);
      };
      await Promise.all(refusals.map(refused));
      expect(treeOf(at('same'))).to.deep.equal(same);

      // Begun for the claim that waits for it, which then has an empty one.
      await claim('retained');
      await isRefused('retained', /holds the data of claim default\/retained/);
      const { exit, stdout } = await orphans('purge', '--yes', pathOf('retained'));
      expect([exit, stdout]).to.deep.equal([0, `${pathOf('retained')} is in the trash\n`]);
      await served.touch(`${CLAIMS}/retained`);
      await served.bound('retained');
      expect(readdirSync(at('retained'))).to.deep.equal([]);
    });

    it('purge: not the data of a claim that lives while its volume is gone', async () => {
      const { volume, tree } = await withData('lives');
      await served.agents.stop(NODE);
      await served.tearOut(path(volume));
      const { exit, stderr } = await orphans('purge', '--yes', pathOf('lives'));
      expect([exit, /is the data of claim default\/lives, which is there/.test(stderr)]).to.deep.equal([
        2,
        true,
      ]);
      expect(treeOf(at('lives'))).to.deep.equal(tree);
      await served.agents.start(NODE);
      await served.bound('lives');
      expect(treeOf(at('lives'))).to.deep.equal(tree);
    });

    it('list: nothing, where there is nothing', async () => {
      await orphans('purge', '--yes', pathOf('maybe'));
      const { exit, stdout } = await orphans('list');
      expect([exit, stdout]).to.deep.equal([0, 'no orphans\n']);
    });
  });
});
