import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { needRoot } from '../unit/agent/disk-world.ts';
import { quickened } from './agents.ts';
import { mountTmpfs, treeOf, unmount } from './disks.ts';
import { CLAIMS, VOLUMES } from './paths.ts';
import { type Claim, type ClaimParts, claimOf, Served, type Volume } from './served.ts';
import { waitFor } from './wait.ts';

/**
 * Who may write claims, volumes or files on the node, and would like the agent to touch something else. Neither webhook
 * nor policies stand before it here: it has to hold by itself.
 */

const NODE = 'node-1';
const POOL = 'local.tars.io/pool';
const GATES = [
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
];

describe('attacks', function () {
  this.timeout(300_000);
  this.slow(15_000);
  let served: Served;
  let root: string;
  /** Beside the root: what must never be touched. */
  let outside: string;
  let untouched: Record<string, string>;

  before(needRoot);
  before(async () => {
    served = await Served.start({ nodes: [NODE], without: GATES, agents: { clock: quickened(5) } });
    root = served.agents.root(NODE);
    outside = join(served.agents.directory, 'outside');
    mkdirSync(join(outside, 'empty'), { recursive: true });
    mkdirSync(join(outside, 'default/tars.target/data'), { recursive: true });
    for (const name of ['data', 'default/file', 'default/tars.target/data/file'])
      writeFileSync(join(outside, name), `${name} of somebody else`);
    chmodSync(join(outside, 'data'), 0o640);
    await served.agents.start(NODE);
    // Links are planted in it, and planting one changes the time of the directory that it is in.
    untouched = around();
  });
  after(async () => served?.stop());
  afterEach('nothing outside the root was touched', () => {
    expect(around()).to.deep.equal(untouched);
  });

  /** Everything beside the root. */
  const around = () => treeOf(served.agents.directory, [root]);
  const at = (path: string) => join(root, path);
  const volume = async (name: string) => served.find<Volume>(`${VOLUMES}/${name}`);

  /** What a person reads who asks. */
  async function described(kind: 'pvc' | 'pv', name: string, words: RegExp): Promise<void> {
    let seen = '';
    await waitFor(`kubectl describe ${kind} ${name} to say ${words}`, async () => {
      seen = await served.installed.kubectl('describe', kind, name);
      // kubectl breaks no lines in messages.
      return words.test(seen);
    });
    expect(seen).to.match(/^Events:/m);
  }

  /** The claim is refused: told, no volume, no change below the root, and the node is kept. */
  async function refused(name: string, parts: ClaimParts, words: RegExp): Promise<void> {
    const below = treeOf(root);
    await served.claim(name, { node: NODE, ...parts });
    await described('pvc', name, words);
    await served.agents.agent(NODE).idle();
    expect(treeOf(root)).to.deep.equal(below);
    const { spec, metadata } = (await served.find<Claim>(`${CLAIMS}/${name}`))!;
    expect([spec.volumeName, metadata.annotations!['volume.kubernetes.io/selected-node']]).to.deep.equal([
      undefined,
      NODE,
    ]);
    expect(
      (await served.list<Volume>(VOLUMES)).filter(({ spec: { claimRef } }) => claimRef?.name === name),
    ).to.deep.equal([]);
    await served.remove(`${CLAIMS}/${name}`);
  }

  async function withData(name: string, parts: ClaimParts = {}): Promise<Volume> {
    await served.claim(name, { node: NODE, ...parts });
    const bound = await served.bound(name);
    writeFileSync(join(bound.spec.local.path, 'file'), `data of ${name}`);
    return bound;
  }

  /** The claim goes; the volume stays, and the reason is told. */
  async function isNotReclaimed(claim: string, name: string, words: RegExp): Promise<void> {
    await served.remove(`${CLAIMS}/${claim}`);
    await served.phase(name, 'Released');
    await described('pv', name, words);
    await served.agents.agent(NODE).idle();
    expect((await volume(name))!.metadata.finalizers).to.include('local.tars.io/volume');
  }

  async function isReclaimed(claim: string, name: string): Promise<void> {
    await served.remove(`${CLAIMS}/${claim}`);
    await isGone(name);
  }

  /** What was in the way is not any more. */
  async function isReclaimedNow(name: string): Promise<void> {
    await served.touch(`${VOLUMES}/${name}`);
    await isGone(name);
  }

  async function isGone(name: string): Promise<void> {
    await served.gone(`${VOLUMES}/${name}`);
    await waitFor('the trash to be empty', () => treeIsEmpty(at('.tlv/trash')));
    await served.agents.agent(NODE).idle();
  }
  const treeIsEmpty = (path: string) => Object.keys(treeOf(path)).length === 1;

  describe('by claims', () => {
    const key = (what: string) => `tars.io/LocalVolume${what}`;
    const LONG = '1'.repeat(300);
    const CASES: readonly (readonly [string, ClaimParts, RegExp])[] = [
      ['uid-dots', { annotations: { [key('UID')]: '../..' } }, /ProvisioningFailed .*TLV30\d .*"\.\.\/\.\."/],
      [
        'uid-nul',
        { annotations: { [key('UID')]: '0\u0000' } },
        /ProvisioningFailed .*TLV30\d .*LocalVolumeUID/,
      ],
      ['uid-long', { annotations: { [key('UID')]: LONG } }, /ProvisioningFailed .*TLV30\d .*LocalVolumeUID/],
      [
        'uid-wide',
        { annotations: { [key('UID')]: '１０' } },
        /ProvisioningFailed .*TLV30\d .*LocalVolumeUID/,
      ],
      ['gid-minus', { annotations: { [key('GID')]: '-1' } }, /ProvisioningFailed .*TLV30\d .*LocalVolumeGID/],
      [
        'mode-setuid',
        { annotations: { [key('Mode')]: '4777' } },
        /ProvisioningFailed .*TLV30\d .*LocalVolumeMode/,
      ],
      [
        'mode-line',
        { annotations: { [key('Mode')]: '755\n' } },
        /ProvisioningFailed .*TLV30\d .*LocalVolumeMode/,
      ],
      [
        'scope',
        { annotations: { 'local.tars.io/scope': '../Pod' } },
        /ProvisioningFailed .*TLV\d{3} .*scope/,
      ],
      ['app-dots', { app: 'a..b' }, /ProvisioningFailed .*TLV405 .*"a\.\.b"/],
      ['app-dot', { app: 'tars.tarslog', server: 'x' }, /ProvisioningFailed .*TLV405 .*ServerApp/],
      ['app-empty', { app: '' }, /ProvisioningFailed .*(TLV405|cannot be part of a path)/],
      ['server-empty', { server: '' }, /ProvisioningFailed .*(TLV405|cannot be part of a path)/],
      ['volume-empty', { volume: '' }, /ProvisioningFailed .*(TLV405|cannot be part of a path)/],
    ];
    for (const [name, parts, words] of CASES) it(`such as ${name}`, () => refused(name, parts, words));

    it('and no label gets past the API server that has a separator or more than 63 characters', async () => {
      for (const volumeLabel of ['..', 'a/../../b', `a${LONG}`, 'ä', 'a\u0000b', '.hidden', 'a b']) {
        const { status, body } = await served.plane.api(
          'POST',
          CLAIMS,
          claimOf('label', { volume: volumeLabel }),
        );
        expect([status, body['reason']], volumeLabel).to.deep.equal([422, 'Invalid']);
      }
    });

    it('with a name as long as names may be, without labels: it gets a directory of its own', async () => {
      const name = `${'n'.repeat(252)}0`;
      const { metadata, spec, ...rest } = claimOf(name, { node: NODE });
      const labels = { 'local.tars.io/node': NODE };
      await served.create(CLAIMS, {
        ...rest,
        metadata: { ...metadata, labels },
        spec: { ...spec, selector: undefined },
      });
      const bound = await served.bound(name);
      expect(bound.spec.local.path).to.match(/\/default\/claim\.n+-[0-9a-f]{16}\/n+-[0-9a-f]{16}$/);
      expect(bound.spec.local.path.startsWith(`${root}/default/`)).to.equal(true);
      await isReclaimed(name, bound.metadata.name);
    });

    it('of two that ask for one path: the first is served, the second told, at each way to meet', async () => {
      const first = await withData('first', { server: 'meet', volume: 'data.1' });
      await refused(
        'second',
        { server: 'meet', volume: 'data.1' },
        /PathTaken .*belongs to volume .*default\/first/,
      );
      // The directory of ordinal 1 of volume "data" is that of volume "data.1".
      const pod = { server: 'meet', volume: 'data', annotations: { 'local.tars.io/scope': 'Pod' } };
      await refused('data-meet-1', pod, /PathTaken .*belongs to volume .*default\/first/);
      // Upper case and lower case have one name in the cluster, but not on the disk.
      const upper = await withData('upper', { server: 'Meet', volume: 'data.1' });
      expect(upper.spec.local.path).not.to.equal(first.spec.local.path);
      expect(upper.metadata.name).not.to.equal(first.metadata.name);
      await isReclaimed('upper', upper.metadata.name);
      // Who has waited is served when the path is free, and not with the data of the first.
      await served.claim('third', { node: NODE, server: 'meet', volume: 'data.1' });
      await described('pvc', 'third', /PathTaken .*belongs to volume/);
      await served.remove(`${CLAIMS}/first`);
      const third = await served.bound('third');
      expect(third.metadata.uid).not.to.equal(first.metadata.uid);
      expect(existsSync(join(third.spec.local.path, 'file'))).to.equal(false);
      await isReclaimed('third', third.metadata.name);
    });
  });

  describe('by links where a directory has to be', () => {
    const CASES: readonly (readonly [string, string, string])[] = [
      ['the namespace', 'default', ''],
      ['the server', 'default/tars.target', 'default/tars.target'],
      ['the volume', 'default/tars.target/data', 'default/tars.target/data'],
      ['the volume, to an empty directory', 'default/tars.target/data', 'empty'],
      ['the volume, to nothing', 'default/tars.target/data', 'nothing'],
    ];
    for (const [name, place, target] of CASES) {
      it(`${name}: no claim is served through it`, async () => {
        mkdirSync(dirname(at(place)), { recursive: true });
        symlinkSync(join(outside, target), at(place));
        await refused('target', {}, /ProvisioningFailed .*(file or a link stands|link stands)/);
        rmSync(at(place));
        await served.gone(`${CLAIMS}/target`);
      });

      if (name === 'the volume, to nothing') continue;
      it(`${name}: nothing is removed through it`, async () => {
        const bound = await withData('target');
        const away = join(root, 'away');
        renameSync(at(place), away);
        symlinkSync(join(outside, target), at(place));
        await isNotReclaimed('target', bound.metadata.name, /ReclaimRefused .*link stands/);
        rmSync(at(place));
        renameSync(away, at(place));
        await isReclaimedNow(bound.metadata.name);
      });
    }
  });

  describe('by what is in a volume', () => {
    it('links that lead out: they go, what they lead to stays', async () => {
      const bound = await withData('links');
      const { path } = bound.spec.local;
      mkdirSync(join(path, 'deep/deeper'), { recursive: true });
      for (const [name, target] of [
        ['file', 'data'],
        ['directory', 'default'],
        ['deep/deeper/directory', 'default/tars.target'],
        ['nothing', 'nothing'],
      ] as const)
        symlinkSync(
          join(outside, target),
          join(path, `link-${name}`.replace('link-deep/deeper/', 'deep/deeper/link-')),
        );
      symlinkSync('../../../../outside', join(path, 'relative'));
      await isReclaimed('links', bound.metadata.name);
      expect(existsSync(path)).to.equal(false);
    });

    it('a hard link: the name goes, the file stays', async () => {
      // Beside the root as well: a file's own times do not change, only the count of its names does.
      const bound = await withData('hard');
      linkSync(join(outside, 'data'), join(bound.spec.local.path, 'hard'));
      await isReclaimed('hard', bound.metadata.name);
    });

    it('a mount: reclaim waits until it is gone', async () => {
      const bound = await withData('mounted');
      const point = join(bound.spec.local.path, 'mount');
      mountTmpfs(point, 'size=1m');
      writeFileSync(join(point, 'file'), 'of another disk');
      await isNotReclaimed(
        'mounted',
        bound.metadata.name,
        /ReclaimRefused .*something is mounted at or below/,
      );
      expect(existsSync(join(point, 'file'))).to.equal(true);
      await unmount(point);
      await isReclaimedNow(bound.metadata.name);
    });

    it('a mount in its place: neither served nor removed', async () => {
      mountTmpfs(at('default/tars.mount/data'), 'size=1m');
      await refused('mount', {}, /ProvisioningFailed .*something is mounted at or below/);
      await unmount(at('default/tars.mount/data'));
    });

    it('a file in its place: it stays', async () => {
      const bound = await withData('file');
      const { path } = bound.spec.local;
      renameSync(path, `${path}.away`);
      writeFileSync(path, 'a file');
      await isNotReclaimed('file', bound.metadata.name, /ReclaimRefused .*file or a link stands/);
      expect(treeOf(path)['.']).to.match(/^file /);
      rmSync(path);
      renameSync(`${path}.away`, path);
      await isReclaimedNow(bound.metadata.name);
    });
  });

  describe('by what is in our own folder', () => {
    it('links in the trash go, and what they lead to stays', async () => {
      for (const [name, target] of [
        ['file', 'data'],
        ['directory', 'default'],
        ['directory~', 'default'],
      ] as const)
        symlinkSync(join(outside, target), at(`.tlv/trash/${name}`));
      mkdirSync(at('.tlv/trash/item'));
      symlinkSync(join(outside, 'default'), at('.tlv/trash/item/link'));
      // The next volume that goes wakes it.
      const bound = await withData('wakes');
      await served.remove(`${CLAIMS}/wakes`);
      await served.gone(`${VOLUMES}/${bound.metadata.name}`);
      await waitFor('what can go to be gone', () => !existsSync(at('.tlv/trash/item')));
      await waitFor('the data to be gone', () => !existsSync(at(`.tlv/trash/${bound.metadata.uid}`)));
      for (const name of ['file', 'directory', 'directory~'])
        rmSync(at(`.tlv/trash/${name}`), { force: true });
    });

    for (const folder of ['trash', 'ledger']) {
      it(`a link in place of the ${folder} stops everything`, async () => {
        const bound = await withData('stopped');
        renameSync(at(`.tlv/${folder}`), at(`.tlv/${folder}.away`));
        symlinkSync(join(outside, 'empty'), at(`.tlv/${folder}`));
        await served.remove(`${CLAIMS}/stopped`);
        await served.phase(bound.metadata.name, 'Released');
        await served.told(
          'Node',
          NODE,
          'VolumePoolLost',
          new RegExp(`open \\.tlv/${folder}: a file or a link`),
        );
        expect(existsSync(join(bound.spec.local.path, 'file'))).to.equal(true);
        rmSync(at(`.tlv/${folder}`));
        renameSync(at(`.tlv/${folder}.away`), at(`.tlv/${folder}`));
        await served.gone(`${VOLUMES}/${bound.metadata.name}`);
      });
    }
  });

  describe('by volumes', () => {
    /** As one of ours, where a test does not say otherwise; its claim is gone, so the controller releases it. */
    async function planted(
      name: string,
      path: string,
      { finalizer = true, pool = true }: { finalizer?: boolean; pool?: boolean | string } = {},
    ): Promise<void> {
      const model = await withData(`model-${name}`);
      const { metadata, spec } = model;
      const { [POOL]: known, ...annotations } = metadata.annotations!;
      const claimRef = {
        ...spec.claimRef!,
        name: `gone-${name}`,
        uid: '11111111-2222-4333-8444-555555555555',
      };
      await served.create(VOLUMES, {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: {
          name,
          labels: metadata.labels,
          annotations: { ...annotations, ...(pool ? { [POOL]: pool === true ? known : pool } : {}) },
          finalizers: finalizer ? ['local.tars.io/volume'] : [],
        },
        spec: { ...spec, claimRef, local: { path } },
      });
      await served.phase(name, 'Released');
      await isReclaimed(`model-${name}`, metadata.name);
    }
    const data = (path: string) => {
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, 'file'), 'of somebody else');
      return treeOf(path);
    };

    it('with our labels only: none of ours, whatever it leads to', async () => {
      const path = at('default/tars.foreign/data');
      const tree = data(path);
      await planted('foreign', path, { finalizer: false, pool: false });
      await served.agents.agent(NODE).idle();
      expect(treeOf(path)).to.deep.equal(tree);
      await refused('foreign', {}, /PathTaken .*belongs to volume foreign/);
      await served.remove(`${VOLUMES}/foreign`);
      await served.gone(`${VOLUMES}/foreign`);
      expect(treeOf(path)).to.deep.equal(tree);
    });

    const CASES = [
      ['copied', true, /VolumeNotOurs .*ledger knows nothing at/],
      ['of-another-pool', 'another', /VolumeNotOurs .*belongs to pool another, and this node has pool/],
      ['of-no-pool', false, /VolumeNotOurs .*belongs to pool unknown/],
    ] as const;
    for (const [name, pool, words] of CASES) {
      it(`with our finalizer, and a pool that is ${name}: told, and left alone`, async () => {
        const path = at(`default/tars.${name}/data`);
        const tree = data(path);
        await planted(name, path, { pool });
        await described('pv', name, words);
        await served.remove(`${VOLUMES}/${name}`);
        await served.agents.agent(NODE).idle();
        expect(treeOf(path)).to.deep.equal(tree);
        expect((await volume(name))!.metadata.finalizers).to.include('local.tars.io/volume');
        await served.patch(`${VOLUMES}/${name}`, { metadata: { finalizers: null } });
        expect(treeOf(path)).to.deep.equal(tree);
      });
    }

    it('that lead out of the root, to our own folder, or above a volume: told, and left alone', async () => {
      for (const [name, path] of [
        ['outside', join(outside, 'default/tars.target/data')],
        ['sibling', `${root}-sibling/default/tars.target/data`],
        ['top', root],
        ['ours', at('.tlv/trash/data')],
        ['above', at('default/tars.target')],
        ['below', at('default/tars.target/data/deeper')],
      ] as const) {
        await planted(name, path);
        await described('pv', name, /VolumeNotOurs .*is no directory of a volume below/);
        await served.tearOut(`${VOLUMES}/${name}`);
      }
    });

    it('of ours, put back with another path: the ledger knows where its data is, and nothing goes', async () => {
      const bound = await withData('moved');
      const path = bound.spec.local.path;
      const { name } = bound.metadata;
      await served.agents.stop(NODE);
      await served.tearOut(`${VOLUMES}/${name}`);
      const target = data(at('default/tars.victim/data'));
      const { labels, annotations } = bound.metadata;
      await served.create(VOLUMES, {
        apiVersion: 'v1',
        kind: 'PersistentVolume',
        metadata: { name, labels, annotations, finalizers: ['local.tars.io/volume'] },
        spec: { ...bound.spec, local: { path: at('default/tars.victim/data') } },
      });
      await served.remove(`${CLAIMS}/moved`);
      await served.phase(name, 'Released');
      await served.agents.start(NODE);
      await described('pv', name, /VolumeNotOurs .*ledger knows nothing at .*tars\.victim/);
      await served.agents.agent(NODE).idle();
      expect(treeOf(at('default/tars.victim/data'))).to.deep.equal(target);
      expect(existsSync(join(path, 'file'))).to.equal(true);
      await served.tearOut(`${VOLUMES}/${name}`);
    });

    it('of ours, released while another volume leads to the same directory: nothing goes', async () => {
      const bound = await withData('shared');
      await planted('twin', bound.spec.local.path, { finalizer: false, pool: false });
      await isNotReclaimed(
        'shared',
        bound.metadata.name,
        /ReclaimRefused .*volume twin leads to the same directory/,
      );
      expect(existsSync(join(bound.spec.local.path, 'file'))).to.equal(true);
      await served.tearOut(`${VOLUMES}/twin`);
      await isReclaimedNow(bound.metadata.name);
    });
  });
});
