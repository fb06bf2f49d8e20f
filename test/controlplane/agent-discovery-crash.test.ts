import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readDiscoveryConfig } from '../../src/agent/discovery/config.ts';
import type { BeforeEffect } from '../../src/cluster/effect.ts';
import { Crash, needRoot } from '../unit/agent/disk-world.ts';
import { quickened } from './agents.ts';
import { contentOf, DiscoveryDisks } from './discovery-disks.ts';
import { CLAIMS, STORAGE_CLASSES, VOLUMES } from './paths.ts';
import { Served, type Volume } from './served.ts';
import { waitFor } from './wait.ts';

/**
 * The agent dies before each of the effects by which it takes a disk back, one after the other, and a new one comes:
 * nobody is ever offered a disk with somebody's data on it, and it is offered again in the end.
 */

const NODE = 'node-1';
/** What has nothing to do with disks, and comes whenever it likes. */
const ASIDE = /leases|csistoragecapacities|probe|reserve/;

/** Without what is another at every run. */
const plain = (effect: string): string =>
  effect.replaceAll(/\.[0-9a-f]{8}\.new/g, '.new').replaceAll(/~\/[0-9a-f]{8}\./g, '~/');

/** One effect of a run: its words, and which of those with the same words. */
interface Boundary {
  readonly effect: string;
  readonly nth: number;
}

/** Lets effects happen until one that it is told to die before, and none from there on. */
class Fuse {
  readonly seen: Boundary[] = [];
  isIntact = true;
  #dieBefore: Boundary | undefined;
  #isLit = false;

  /** From now on effects count; without a boundary they are only noted. */
  light(dieBefore?: Boundary): void {
    this.#dieBefore = dieBefore;
    this.#isLit = true;
  }

  readonly before: BeforeEffect = (what) => {
    if (!this.isIntact) throw new Crash(what);
    if (!this.#isLit || ASIDE.test(what)) return;
    const effect = plain(what);
    const nth = this.seen.filter((each) => each.effect === effect).length;
    this.seen.push({ effect, nth });
    if (effect !== this.#dieBefore?.effect || nth !== this.#dieBefore.nth) return;
    this.isIntact = false;
    throw new Crash(what);
  };
}

describe('an agent that dies while it takes a disk back', function () {
  this.timeout(1_500_000);
  this.slow(300_000);
  let served: Served;
  let disks: DiscoveryDisks;

  before(needRoot);
  before(async () => {
    disks = new DiscoveryDisks();
    const directory = disks.directory('disks');
    const discovery = readDiscoveryConfig(
      new Map([['storageClassMap', `disks: {hostDir: ${directory}, mountDir: ${directory}}`]]),
    );
    served = await Served.start({
      nodes: [NODE],
      classes: 't-storage-class=on-demand,disks=discovery',
      agents: { clock: quickened(8), discovery },
    });
    await served.create(STORAGE_CLASSES, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'disks' },
      provisioner: 'kubernetes.io/no-provisioner',
      volumeBindingMode: 'Immediate',
    });
  });
  after(async () => {
    await served?.stop();
    disks?.remove();
  });

  const only = async (): Promise<Volume | undefined> => {
    const [volume, ...others] = await served.list<Volume>(VOLUMES);
    expect(others, 'one disk, one volume').to.deep.equal([]);
    return volume;
  };
  const offered = (before?: Volume) =>
    waitFor('the disk to be offered', async () => {
      const volume = await only();
      return volume?.status.phase === 'Available' && volume.metadata.uid !== before?.metadata.uid && volume;
    });

  /** A claim of this name has the disk, with data on it, and the agent knows that. */
  async function used(name: string, path: string): Promise<Volume> {
    await served.create(CLAIMS, {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace: 'default' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'disks',
        resources: { requests: { storage: '1Mi' } },
      },
    });
    const volume = await served.bound(name);
    mkdirSync(join(path, 'deep/er'), { recursive: true });
    for (const file of ['file', 'deep/er/file']) writeFileSync(join(path, file), name);
    return volume;
  }

  function isKnown({ spec }: Volume): boolean {
    const folder = served.agents.path(NODE, '.tlv/discovered');
    return readdirSync(folder).some((file) =>
      readFileSync(join(folder, file), 'utf8').includes(spec.claimRef!.uid),
    );
  }

  /** Whoever is offered the disk at this moment finds nothing on it. */
  async function nothingIsShown(path: string, at: string): Promise<void> {
    const volume = await only();
    if (volume === undefined || volume.spec.claimRef) return;
    expect(contentOf(path), at).to.deep.equal([]);
  }

  it('offers it to nobody with data on it, and offers it again in the end', async () => {
    const path = disks.loopmount('disks', 'disk', '20M');
    const start = async (): Promise<Fuse> => {
      const fuse = new Fuse();
      await served.agents.start(NODE, { beforeEffect: fuse.before });
      return fuse;
    };
    let fuse = await start();
    await offered();

    /** A claim has the disk and goes, and the agent dies or is done; a new one is there in the end. */
    async function round(name: string, dieBefore?: Boundary, tearsOut = false): Promise<Fuse> {
      const bound = await used(name, path);
      await waitFor('the agent to know it', () => isKnown(bound));
      const lit = fuse;
      lit.light(dieBefore);
      await served.remove(`${CLAIMS}/${name}`);
      await waitFor('it to die, or to be done', async () => {
        const volume = await only();
        const isNew = volume !== undefined && volume.metadata.uid !== bound.metadata.uid;
        return !lit.isIntact || (isNew && volume.status.phase === 'Available');
      });
      await served.agents.stop(NODE);
      const where = dieBefore?.effect ?? 'nothing';
      await nothingIsShown(path, where);
      const volume = await only();
      if (volume && tearsOut) await served.tearOut(`${VOLUMES}/${volume.metadata.name}`);
      fuse = await start();
      await offered(bound);
      expect(contentOf(path), where).to.deep.equal([]);
      return lit;
    }

    const { seen } = await round('undisturbed');
    const effects = seen.map(({ effect }) => effect);
    for (const words of [/discovered/, /^remove /, /^sync \.$/, /^DELETE /, /^PATCH /, /^POST /])
      expect(
        effects.some((effect) => words.test(effect)),
        `${words} in ${effects.join(', ')}`,
      ).to.equal(true);
    const alive: string[] = [];
    const died = new Set<string>();
    for (const [index, boundary] of seen.entries()) {
      // Every other time, somebody removes the volume by force meanwhile.
      const { isIntact } = await round(`claim-${index}`, boundary, index % 2 === 1);
      if (isIntact) alive.push(boundary.effect);
      else died.add(boundary.effect);
    }
    // Writes that the API server has just refused, for the object was not seen as it is, are not in every run; nor is a
    // record written down as often.
    expect(alive.filter((effect) => !died.has(effect) && !/^(PATCH|DELETE) /.test(effect))).to.deep.equal([]);
  });
});
