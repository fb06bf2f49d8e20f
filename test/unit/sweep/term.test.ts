import { expect } from 'chai';
import { ApiStatusError } from '../../../src/cluster/faults.ts';
import type { World } from '../../../src/sweep/patience.ts';
import { Term } from '../../../src/sweep/term.ts';
import { eventually } from '../cluster/fake-api.ts';
import { FakeClock, HASTY_CLOCK } from '../cluster/fake-clock.ts';
import { capacityOf, claimOf, DELAY_MS, leaseOf, nodeOf, type Objects, volumeOf, worldOf } from './world.ts';

const CLAIM = '/api/v1/namespaces/shop/persistentvolumeclaims/data-n';
const VOLUME = '/api/v1/persistentvolumes/volume-n';
const EVERY_MS = 5000;
/** What it takes to free the claim. */
const FREES = [`PATCH merge ${CLAIM}`, `PATCH merge ${CLAIM}`];

/** A term at a cluster of which the watches say one thing, and the API server, when asked, another. */
class Stage {
  readonly clock = new FakeClock();
  readonly calls: string[] = [];
  readonly bodies: unknown[] = [];
  readonly told: string[] = [];
  readonly events: string[] = [];
  isLeader = true;
  world: World;
  /** Names of nodes that the API server finds. */
  nodes: string[] = [];
  renewTime: string | undefined;
  fault: Error | undefined;
  readonly #over = new AbortController();
  readonly #served: Promise<void>;

  constructor(objects: Objects) {
    this.world = worldOf({ ...objects, nodes: [nodeOf('other'), ...(objects.nodes ?? [])] });
    const term = new Term({
      followers: {
        start: () => undefined,
        stop: () => Promise.resolve(),
        synced: () => Promise.resolve(),
        world: () => this.world,
      },
      tools: {
        writer: {
          get: (path) => Promise.resolve(this.#get(path)),
          patch: (path, body, type) => this.#write(`PATCH ${type} ${path}`, body),
          remove: (path, preconditions) => this.#write(`DELETE ${path}`, preconditions),
        },
        events: { record: ({ name }, type, reason) => void this.events.push(`${type} ${reason} ${name}`) },
        namespace: 'tlv',
        delaySeconds: DELAY_MS / 1000,
        clock: HASTY_CLOCK,
      },
      isLeader: () => this.isLeader,
      delayMs: DELAY_MS,
      everyMs: EVERY_MS,
      clock: this.clock,
      logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
      observer: {
        acted: (kind) => void this.told.push(kind),
        failed: (kind, error) => void this.told.push(`${kind}: ${error.message}`),
      },
    });
    this.#served = term.serve(this.#over.signal);
  }

  #get(path: string): Record<string, unknown> | undefined {
    if (!path.startsWith('/api/v1/nodes'))
      return this.renewTime ? { spec: { renewTime: this.renewTime } } : undefined;
    const [, name] = /=([^&=]+)$/.exec(decodeURIComponent(path)) ?? [];
    return { items: this.nodes.filter((node) => node === name) };
  }

  #write(what: string, body: unknown): Promise<Record<string, unknown>> {
    this.calls.push(what);
    this.bodies.push(body);
    return this.fault ? Promise.reject(this.fault) : Promise.resolve({});
  }

  /** Lets the delay pass, and the next look be taken. */
  async delay(): Promise<void> {
    await this.#waits();
    this.clock.advance(DELAY_MS);
    await this.look();
  }

  async look(): Promise<void> {
    await this.#waits();
    this.clock.advance(EVERY_MS);
    await this.#waits();
  }

  #waits(): Promise<void> {
    return eventually('a wait for the next look', () => this.clock.pending.includes(EVERY_MS));
  }

  async end(): Promise<void> {
    this.#over.abort();
    await this.#served;
  }
}

describe('sweep term', () => {
  let stage: Stage;
  const open = (objects: Objects) => (stage = new Stage(objects));
  afterEach(() => stage.end());

  it('frees a claim on condition of its version, and writes it once more', async () => {
    open({ claims: [claimOf('n')] });
    await stage.delay();
    expect(stage.calls).to.deep.equal(FREES);
    expect(stage.bodies[0]).to.have.nested.property('metadata.resourceVersion', '7');
    expect(stage.bodies[1]).to.have.nested.property('metadata.uid', 'uid-data-n');
    expect(stage.told).to.deep.equal(['free-claim']);
    expect(stage.events).to.deep.equal(['Warning SelectedNodeDropped data-n']);
  });

  it('lets go a volume by the one finalizer, on condition of its version', async () => {
    open({ volumes: [volumeOf('n', { metadata: { deletionTimestamp: 'now' } })] });
    await stage.delay();
    expect(stage.calls).to.deep.equal([`PATCH json ${VOLUME}`]);
    expect(stage.bodies).to.deep.equal([
      [
        { op: 'test', path: '/metadata/resourceVersion', value: '7' },
        { op: 'remove', path: '/metadata/finalizers/1' },
      ],
    ]);
    expect(stage.events).to.deep.equal(['Warning VolumeLetGo volume-n']);
  });

  it('tells the claim of a volume that nobody can reach, once an hour', async () => {
    const claimRef = { namespace: 'shop', name: 'data-cart-0', uid: 'claim-1' };
    open({ volumes: [volumeOf('n', { phase: 'Bound', spec: { claimRef } })] });
    await stage.delay();
    for (let look = 0; look < 10; look++) await stage.look();
    expect(stage.calls).to.deep.equal([]);
    expect(stage.events).to.deep.equal(['Warning VolumeNodeGone data-cart-0']);
    for (let look = 0; look < 3_600_000 / EVERY_MS; look++) await stage.look();
    expect(stage.events).to.have.lengthOf(2);
  });

  it('deletes on condition of what it saw', async () => {
    open({ volumes: [volumeOf('n')], capacities: [capacityOf('n')], leases: [leaseOf('n', 'then')] });
    stage.renewTime = 'then';
    await stage.delay();
    await stage.look();
    expect(stage.calls.map((call) => call.split('/').at(-1))).to.deep.equal([
      'capacity-n',
      'volume-n',
      't-local-volume-agent-n',
    ]);
    expect(stage.bodies).to.deep.equal([
      { uid: 'uid-capacity-n' },
      { uid: 'uid-volume-n', resourceVersion: '7' },
      { uid: 'uid-t-local-volume-agent-n', resourceVersion: '7' },
    ]);
    expect(stage.events).to.deep.equal([]);
  });

  it('does nothing where the watch was behind: the node is there', async () => {
    open({ claims: [claimOf('n')], volumes: [volumeOf('n')] });
    stage.nodes = ['n'];
    await stage.delay();
    expect([stage.calls, stage.told]).to.deep.equal([[], []]);
  });

  it('does nothing where the watch was behind: the agent has renewed its Lease', async () => {
    open({ nodes: [nodeOf('n')], claims: [claimOf('n')], leases: [leaseOf('n', 'then')] });
    stage.renewTime = 'now';
    await stage.delay();
    expect(stage.calls).to.deep.equal([]);
    stage.renewTime = 'then';
    for (let look = 0; look < 7; look++) await stage.look();
    expect(stage.calls).to.deep.equal(FREES);
  });

  it('does nothing when it no longer leads', async () => {
    open({ claims: [claimOf('n')] });
    stage.isLeader = false;
    await stage.delay();
    expect(stage.calls).to.deep.equal([]);
  });

  it('does a thing once while the watch has not told of it, and again when that is late', async () => {
    open({ claims: [claimOf('n')] });
    await stage.delay();
    for (let look = 0; look < 5; look++) await stage.look();
    expect(stage.calls).to.deep.equal(FREES);
    await stage.look();
    expect(stage.calls).to.deep.equal([...FREES, ...FREES]);
  });

  it('does it again at once when it is to be done anew', async () => {
    open({ claims: [claimOf('n')] });
    await stage.delay();
    const { world } = stage;
    stage.world = { ...world, claims: [] };
    await stage.look();
    stage.world = world;
    await stage.look();
    await stage.delay();
    expect(stage.calls).to.deep.equal([...FREES, ...FREES]);
  });

  it('tries a step that fails again, as it is planned then, and no sooner than it may', async () => {
    open({ claims: [claimOf('n')] });
    stage.fault = new ApiStatusError(429, '429 slow', { retryAfterMs: 60_000 });
    await stage.delay();
    for (let look = 0; look < 10; look++) await stage.look();
    expect(stage.told).to.deep.equal(['free-claim: 429 slow']);
    stage.fault = undefined;
    stage.world = {
      ...stage.world,
      claims: stage.world.claims.map((claim) => ({ ...claim, resourceVersion: '8' })),
    };
    await stage.look();
    expect(stage.calls).to.have.lengthOf(1);
    await stage.look();
    expect(stage.told).to.deep.equal(['free-claim: 429 slow', 'free-claim']);
    expect(stage.calls.slice(1)).to.deep.equal(FREES);
    expect(stage.bodies[1]).to.have.nested.property('metadata.resourceVersion', '8');
  });

  it('takes what is gone meanwhile as nothing to be done', async () => {
    open({ claims: [claimOf('n')] });
    stage.fault = new ApiStatusError(404, '404 gone');
    await stage.delay();
    expect([stage.told, stage.events]).to.deep.equal([[], []]);
  });
});
