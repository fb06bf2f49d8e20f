import { expect } from 'chai';
import { ControlPlane } from '../controlplane/control-plane.ts';
import { CLAIMS, STORAGE_CLASSES, VOLUMES } from '../controlplane/paths.ts';
import { type Claim, claimOf, type Volume } from '../controlplane/served.ts';
import { waitFor } from '../controlplane/wait.ts';
import { GuestNode, VOLUME_GROUP } from './node.ts';
import { skipWithoutGuests } from './possible.ts';

/* A node that loses its power, for real: what its kernel held is gone, and its disks are as they were at that moment. */

const NODE = 'node-1';
/** Parameters of classes. */
const BACKENDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  loop: { backend: 'loop' },
  'loop-xfs': { backend: 'loop', fsType: 'xfs' },
  quota: { backend: 'quota' },
  lvm: { backend: 'lvm', volumeGroup: VOLUME_GROUP },
};
const CLASSES = Object.keys(BACKENDS);
/** Those whose volumes have to be mounted. */
const MOUNTED = CLASSES.filter((name) => name !== 'quota');
const LOG_LINES = 30;
const PATIENCE = { timeoutMs: 600_000 };

describe('a node that loses its power', function () {
  this.timeout(1_800_000);
  let plane: ControlPlane;
  let node: GuestNode;
  /** What was written to each volume and synced. */
  let sums: Readonly<Record<string, string>>;

  before(skipWithoutGuests);
  before(async () => {
    plane = await ControlPlane.start({ components: ['kube-controller-manager', 'kwok'] });
    await plane.addNodes([NODE]);
    await plane.kubectl(['create', 'namespace', 't-local-volume-system']);
    for (const name of CLASSES) await create(STORAGE_CLASSES, storageClass(name));
    node = await GuestNode.boot(NODE, plane, CLASSES);
  });
  afterEach(function () {
    if (this.currentTest?.state === 'failed' && node)
      console.error(node.agentLog().split('\n').slice(-LOG_LINES).join('\n'));
  });
  after(async () => {
    await node?.stop();
    await plane?.stop();
  });

  const create = async (path: string, object: object): Promise<void> => {
    const { status, body } = await plane.api('POST', path, object);
    expect(status, JSON.stringify(body)).to.equal(201);
  };
  /** Asks for a volume of a class on this node; the scheduler has chosen it. */
  const claim = async (name: string, storageClass: string): Promise<void> => {
    const { spec, ...rest } = claimOf(name, {
      node: NODE,
      request: storageClass === 'loop-xfs' ? '300Mi' : '64Mi',
    });
    await create(CLAIMS, { ...rest, spec: { ...spec, storageClassName: storageClass } });
  };
  const bound = (name: string): Promise<unknown> =>
    waitFor(
      `claim ${name} to be bound`,
      async () => (await plane.api<Claim>('GET', `${CLAIMS}/${name}`)).body.status.phase === 'Bound',
      PATIENCE,
    );
  const volumes = async (): Promise<readonly Volume[]> =>
    (await plane.api<{ readonly items: readonly Volume[] }>('GET', VOLUMES)).body.items;
  const sumsNow = async (names: readonly string[]): Promise<Record<string, string>> => {
    const printed = await node.sh(
      `cd /; sha256sum ${names.map((name) => `${node.path(name)}/file`).join(' ')}`,
    );
    const lines = printed.split('\n').map((line) => line.split('  '));
    return Object.fromEntries(lines.map(([sum = ''], index) => [names[index] ?? '', sum]));
  };
  /** Waits until the agent has said so of the volumes, since it was started. */
  const said = (reason: string, names: readonly string[]): Promise<unknown> => {
    const isSaid = (line: string, name: string): boolean =>
      line.includes(`"path":"default/tars.${name}/data"`) && line.includes(`"reason":"${reason}"`);
    return waitFor(
      `${reason} of ${names.join(', ')}`,
      () => {
        const lines = node.agentLog().split('\n');
        return names.every((name) => lines.some((line) => isSaid(line, name)));
      },
      PATIENCE,
    );
  };
  const mounted = async (): Promise<string[]> => {
    const points = await node.sh("awk '{print $5}' /proc/self/mountinfo");
    return CLASSES.filter((name) => points.split('\n').includes(node.path(name)));
  };
  const loopDevices = async (): Promise<number> => {
    const printed = await node.sh('losetup --list --noheadings --output=NAME');
    return printed.split('\n').filter(Boolean).length;
  };

  it('has volumes of every backend, and servers write to them', async () => {
    await node.startAgent();
    await node.mountPool();
    for (const name of CLASSES) await claim(name, name);
    await Promise.all(CLASSES.map(bound));
    expect(await mounted()).to.deep.equal(MOUNTED);
    for (const name of CLASSES)
      await node.sh(`dd if=/dev/urandom of=${node.path(name)}/file bs=1M count=8 conv=fsync 2>&1`);
    sums = await sumsNow(CLASSES);
    expect(new Set(Object.values(sums)).size).to.equal(CLASSES.length);
  });

  it('takes nothing where its volumes belong, until they are there', async () => {
    // Servers are in the middle of it.
    const writing = CLASSES.map(
      (name) => `while dd if=/dev/zero of=${node.path(name)}/more bs=1M count=4; do :; done &`,
    );
    await node.sh(`exec >/dev/null 2>&1; ${writing.join(' ')}`);
    await node.reset();
    expect(await mounted()).to.deep.equal([]);
    await node.mountPool();
    for (const name of MOUNTED) {
      expect(await node.refused(`echo lost >${node.path(name)}/file`)).to.match(/Operation not permitted$/);
      expect(await node.sh(`ls -A ${node.path(name)}`)).to.equal('');
    }
    // What needs no mount of its own is there.
    expect(await sumsNow(['quota'])).to.deep.equal({ quota: sums['quota'] });
    await node.sh('umount /pool');
  });

  it('waits for its disk, and leaves alone what is in the place of it', async () => {
    await node.startAgent();
    await waitFor(
      'the agent to miss it',
      () => node.agentLog().includes('nothing is mounted at /pool'),
      PATIENCE,
    );
    expect(await node.sh('ls -A /pool')).to.equal('');
    await node.mountPool();
  });

  it('has its volumes back in their places, with all that was synced, and with their limits', async () => {
    await said('VolumeAttached', MOUNTED);
    expect(await mounted()).to.deep.equal(MOUNTED);
    expect(await sumsNow(CLASSES)).to.deep.equal(sums);
    for (const name of CLASSES) {
      const complaint = await node.refused(`fallocate --length=400M ${node.path(name)}/more`);
      expect(complaint, name).to.match(/No space left on device|Disk quota exceeded/);
    }
    expect(await loopDevices()).to.equal(2);
  });

  it('finishes the volumes that it was about to make', async () => {
    const names = CLASSES.map((name) => `${name}-more`);
    for (const name of CLASSES) await claim(`${name}-more`, name);
    // One of them is there, and the others are somewhere on their way.
    await Promise.any(names.map(bound));
    await node.reset();
    await node.startAgent();
    await node.mountPool();
    await Promise.all(names.map(bound));
    await said('VolumeAttached', MOUNTED);
    expect(await sumsNow(CLASSES)).to.deep.equal(sums);
    expect(await loopDevices()).to.equal(4);
  });

  it('leaves nothing behind of volumes that are deleted', async () => {
    const count = (await volumes()).length;
    await plane.kubectl(['delete', 'pvc', '--all', '--wait=false']);
    await waitFor('the volumes to be gone', async () => (await volumes()).length === 0, PATIENCE);
    const removed = (): number => node.agentLog().match(/the data of volume \S+ is removed/g)?.length ?? 0;
    await waitFor('their data to be gone', () => removed() === count, PATIENCE);
    // Their mounts, directories, images and entries, and what is on its way out.
    const left = [
      'grep -c " /pool/" /proc/self/mountinfo',
      'find /pool -mindepth 1 -not -path "/pool/.tlv*"',
      'find /pool/.tlv/ledger /pool/.tlv/images /pool/.tlv/trash -mindepth 1',
      'lvm lvs --noheadings',
    ].join('; ');
    expect(await node.sh(`${left}; true`)).to.equal('0');
    expect(await loopDevices()).to.equal(0);
  });
});

const storageClass = (name: string): object => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name },
  provisioner: 'local.tars.io',
  volumeBindingMode: 'WaitForFirstConsumer',
  reclaimPolicy: 'Delete',
  parameters: BACKENDS[name],
});
