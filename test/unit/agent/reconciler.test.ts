import { expect } from 'chai';
import type { AgentApi } from '../../../src/agent/agent-api.ts';
import type { Backends } from '../../../src/agent/backends/backends.ts';
import type { Backend, Found, Owner } from '../../../src/agent/backends/backend.ts';
import type { ClaimView } from '../../../src/agent/claim-view.ts';
import type { Hands } from '../../../src/agent/execute.ts';
import type { LedgerEntry } from '../../../src/agent/ledger-entry.ts';
import { PathIndex } from '../../../src/agent/path-index.ts';
import type { HealthyPool, PoolHealth } from '../../../src/agent/pool-health.ts';
import { Reconciler } from '../../../src/agent/reconciler.ts';
import type { VolumeView } from '../../../src/agent/volume-view.ts';
import { silentLogger } from '../../../src/cluster/observer.ts';
import { bound, claim, OWNER, PATH, storageClass, volume } from './plan-states.ts';

const SERVED = storageClass('t-storage-class', 'local.tars.io');

/** One path of one node: what is on its disk and in the caches, and how often the disk was looked at. */
class OnePath {
  readonly did: string[] = [];
  looks = 0;
  now = 0;
  /** Its disk is not there. */
  isLost = false;
  /** In how many milliseconds the path comes again. */
  again: number | undefined;
  claims: readonly ClaimView[] = [claim()];
  #entry: LedgerEntry | undefined;
  #found: Found = { kind: 'absent' };
  readonly #volumes = new PathIndex<VolumeView>(
    () => PATH,
    () => {},
  );
  readonly #reconciler = this.#makeReconciler();

  async reconcile(): Promise<void> {
    this.again = undefined;
    await this.#reconciler.reconcile(PATH);
  }

  #healthOf(pool: HealthyPool): PoolHealth {
    const isLost = (): boolean => this.isLost;
    const health = {
      why: 'its disk is away',
      get pool() {
        return isLost() ? undefined : pool;
      },
    };
    return health as unknown as PoolHealth;
  }

  watch(seen: Partial<VolumeView>): void {
    this.#volumes.upsert('volume', volume(seen));
  }

  #makeReconciler(): Reconciler {
    const backend = {
      inspect: async () => {
        this.looks += 1;
        return this.#found;
      },
      make: async (_path: string, { owner }: { owner: Owner }) => {
        this.did.push('made');
        this.#found = { kind: 'empty', owner };
      },
      own: async (_path: string, owner: Owner) => {
        this.did.push(`owned by ${owner.uid}`);
        this.#found = { kind: 'empty', owner };
      },
    };
    const ledger = {
      get: () => this.#entry,
      write: async (entry: LedgerEntry) => {
        this.#entry = entry;
      },
    };
    const backends = {
      get: () => backend as unknown as Backend,
      missing: () => undefined,
      traitsOf: () => ({ enforcesSize: false, survivesReboot: true }),
    };
    const room = { left: () => 2 ** 40, write: ledger.write };
    const api = {
      createVolume: async () => void this.did.push('created'),
      look: async () => {
        this.did.push('asked the API server');
        return { volume: undefined, claim: undefined };
      },
    };
    const pool = { id: 'pool-1', ledger, room, backends: backends as unknown as Backends };
    const said = { events: { record: () => {} }, logger: silentLogger };
    const hands = { ...said, api, backends, ledger, room, published: async () => {}, retired: () => {} };
    return new Reconciler({
      caches: {
        volumes: this.#volumes,
        claimsAt: () => [...this.claims],
        classes: new Map([['t-storage-class', SERVED]]),
      },
      health: this.#healthOf(pool as unknown as HealthyPool),
      queue: { add: () => {}, addAfter: (_key, ms) => void (this.again = ms) },
      api: api as unknown as AgentApi,
      hands: () => hands as unknown as Hands,
      site: { node: 'n1', hostname: 'host-1', root: '/pool' },
      said,
      offerTtlMs: 600_000,
      clock: { now: () => this.now, after: () => () => {} },
      spaceChanged: () => {},
      published: async () => {},
    });
  }
}

describe('the reconciler, of a volume that was just made', () => {
  let path: OnePath;

  beforeEach(async () => {
    path = new OnePath();
    await path.reconcile();
    expect(path.did).to.deep.equal(['made', 'created']);
    expect(path.looks).to.equal(1);
  });

  it('is looked at again once it is bound, and not at each event until then', async () => {
    const events = [
      () => path.watch({ phase: 'Pending' }),
      () => path.watch({ phase: 'Bound' }),
      () => (path.claims = [bound({ phase: 'Pending' })]),
    ];
    for (const event of events) {
      path.now += 100;
      event();
      await path.reconcile();
      expect([path.looks, path.again]).to.deep.equal([1, 5000 - path.now]);
    }
    path.claims = [bound()];
    await path.reconcile();
    expect([path.looks, path.again]).to.deep.equal([1, 1000]);
    // Then, or when something else happens before.
    await path.reconcile();
    expect([path.looks, path.again]).to.deep.equal([2, undefined]);
    expect(path.did).to.deep.equal(['made', 'created']);
  });

  it('is looked at soon, where it is not bound', async () => {
    path.watch({ phase: 'Pending' });
    await path.reconcile();
    expect([path.looks, path.again]).to.deep.equal([1, 5000]);
    path.now = 5000;
    await path.reconcile();
    expect(path.looks).to.equal(2);
  });

  it('waits for the watch to bring it, and not for ever', async () => {
    path.now += 100;
    await path.reconcile();
    expect([path.looks, path.again]).to.deep.equal([1, 4900]);
    path.now = 5000;
    await path.reconcile();
    expect(path.did).to.deep.equal(['made', 'created', 'created']);
  });

  it('looks at it again when the disk was away meanwhile', async () => {
    path.watch({ phase: 'Bound' });
    path.claims = [bound()];
    path.isLost = true;
    await path.reconcile();
    path.isLost = false;
    await path.reconcile();
    expect(path.looks).to.equal(2);
  });

  it('does at once what its claim asks for next', async () => {
    path.watch({ phase: 'Bound' });
    const { wanted } = claim();
    path.claims = [bound({ wanted: { ...wanted, owner: { ...OWNER, uid: 7 } } as ClaimView['wanted'] })];
    await path.reconcile();
    expect(path.did.slice(2)).to.deep.equal(['owned by 7']);
  });

  it('lets go of it at once when its claim is gone', async () => {
    path.watch({ phase: 'Released' });
    path.claims = [];
    await path.reconcile();
    expect(path.looks).to.equal(2);
    expect(path.did.slice(2)).to.deep.equal(['asked the API server']);
  });
});
