import fc from 'fast-check';
import { expect } from 'chai';
import { issueAuthority, issueLeaf } from '../../../certs/issue.ts';
import { LIFETIMES } from '../../../certs/lifetime.ts';
import { plan } from '../../../certs/plan.ts';
import { parseState, secretData } from '../../../certs/state.ts';
import { bundlesOf } from '../../../certs/trust.ts';
import { DAY, HOUR, NAMES, Replica, SECOND, START, World } from './world.ts';

/** TLV_SOAK=1 searches long and elsewhere each time; else the search is short and always the same. */
const SOAK = Number(process.env.TLV_SOAK ?? 0);
const SEARCH = SOAK > 0 ? { numRuns: 1000 * SOAK } : { numRuns: 60, seed: 20_240_229 };

const REPLICAS = 3;
/** Half the grace: a replica that has not looked for so long does not count as alive. */
const LONGEST_ABSENCE = 12 * HOUR;

const DAMAGE = [
  'delete',
  'dropKey',
  'truncate',
  'garble',
  'foreign',
  'foreignLeaf',
  'restore',
  'emptyBundle',
  'strangeBundle',
  'junkBundle',
  'dropConfiguration',
  'thirdParty',
] as const;
type Damage = (typeof DAMAGE)[number];
const KEYS = ['ca.crt', 'ca.key', 'next-ca.key', 'tls.crt', 'tls.key'];

type Action =
  | { readonly do: 'step' | 'finish' | 'crash'; readonly replica: number }
  | { readonly do: 'tick'; readonly ms: number }
  | { readonly do: 'leap'; readonly days: number }
  | { readonly do: 'damage'; readonly what: Damage; readonly at: number };

const anyReplica = fc.nat(REPLICAS - 1);
const anyAction: fc.Arbitrary<Action> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('step' as const), replica: anyReplica }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('finish' as const), replica: anyReplica }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const), replica: anyReplica }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('tick' as const), ms: fc.nat(HOUR) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('leap' as const), days: fc.nat(60) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('damage' as const),
      what: fc.constantFrom(...DAMAGE),
      at: fc.nat(20),
    }),
  },
);

/**
 * Three replicas in one world. After every single operation:
 * - what a replica serves and the API servers trusted before that operation, they trust after it;
 * - what it gives up for something else it gives up only for what they trust.
 * Only somebody else's hand on the configurations excuses.
 */
class Cluster {
  readonly world = new World();
  readonly replicas: Replica[];
  readonly #skews: readonly number[];
  readonly #backups: Readonly<Record<string, string>>[] = [];
  /** Replicas that look at configurations which somebody else has changed under their eyes. */
  readonly #excused = new Set<Replica>();

  constructor(skews: readonly number[]) {
    this.#skews = skews;
    this.replicas = skews.map((skew) => new Replica(this.world, {}, skew));
  }

  async do(action: Action): Promise<void> {
    switch (action.do) {
      case 'step':
        return this.#watched(this.replicas[action.replica]!);
      case 'finish':
        return this.finish(this.replicas[action.replica]!);
      case 'crash':
        this.replicas[action.replica] = new Replica(this.world, {}, this.#skews[action.replica]);
        return;
      case 'tick':
        return this.tick(action.ms);
      case 'leap':
        for (const each of this.replicas) await this.finish(each);
        this.world.now += action.days * DAY;
        for (const each of this.replicas) each.lastRest = this.world.now;
        return;
      case 'damage':
        await this.#damage(action.what, action.at);
    }
  }

  async tick(ms: number): Promise<void> {
    for (const each of this.replicas) {
      if (this.world.now + ms - each.lastRest > LONGEST_ABSENCE) await this.finish(each);
    }
    this.world.now += ms;
  }

  async finish(each: Replica): Promise<void> {
    do await this.#watched(each);
    while (!each.isResting);
  }

  async #watched(actor: Replica): Promise<void> {
    const { world } = this;
    const before = this.replicas.map(({ served }) => served);
    const wasTrusted = before.map((served) => served !== undefined && world.trusts(served));
    await actor.step();
    for (const [index, each] of this.replicas.entries()) {
      if (!wasTrusted[index] || this.#excused.has(each)) continue;
      expect(world.trusts(each.served!), `replica ${index} after ${actor.steps.join('; ')}`).to.be.true;
    }
    if (actor.isResting) this.#excused.delete(actor);
    const { secret } = world;
    if (secret && parseState(secret.data).faults.length === 0) this.#backups.push(secret.data);
  }

  /* oxlint-disable-next-line complexity -- a table of accidents */
  async #damage(what: Damage, at: number): Promise<void> {
    const { world } = this;
    const data: Record<string, string> = { ...world.secret?.data };
    const key = KEYS[at % KEYS.length]!;
    const bundle = at % 2;
    switch (what) {
      case 'delete':
        return world.setSecret(undefined);
      case 'dropKey':
        delete data[key];
        return world.setSecret(data);
      case 'truncate':
        data[key] = (data[key] ?? '').slice(0, at * 40);
        return world.setSecret(data);
      case 'garble':
        data[key] = (data[key] ?? '').replaceAll(/[ABC]/g, 'x');
        return world.setSecret(data);
      case 'foreign':
        return world.setSecret(await strangerData(world.now - at * 30 * DAY));
      case 'foreignLeaf': {
        const stranger = await strangerData(world.now);
        return world.setSecret({ ...data, 'tls.crt': stranger['tls.crt']!, 'tls.key': stranger['tls.key']! });
      }
      case 'restore':
        return world.setSecret(this.#backups[at % Math.max(this.#backups.length, 1)]);
      case 'emptyBundle':
        world.bundles[bundle] = world.bundles[bundle]?.map(() => '');
        break;
      case 'strangeBundle':
        world.bundles[bundle] = [(await strangerData(world.now))['ca.crt']!];
        break;
      case 'junkBundle':
        world.bundles[bundle] = world.bundles[bundle]?.map((text) => `${text.slice(0, -40)}\n`);
        break;
      case 'dropConfiguration':
        world.bundles[bundle] = world.bundles[bundle] ? undefined : ['', ''];
        break;
      case 'thirdParty':
        return world.setSecret({ ...data, 'somebody.else': `${at}` });
    }
    world.remember();
    for (const each of this.replicas) this.#excused.add(each);
  }

  /** Everybody looks as often as in life, and nothing else happens. */
  async quiet(rounds: number, everyMs: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      for (const each of this.replicas) await this.finish(each);
      await this.tick(everyMs);
    }
  }

  async expectRest(): Promise<void> {
    const { world } = this;
    for (const [index, entries] of world.bundles.entries()) world.bundles[index] = entries ?? [''];
    world.remember();
    for (const each of this.replicas) this.#excused.add(each);
    const before = world.writes;
    // Announce, settle, switch, settle: four rounds of half a minute, and one that mends before.
    await this.quiet(6, 31 * SECOND);
    expect(world.writes - before, 'writes until it is quiet').to.be.below(16);
    const quiet = world.writes;
    await this.quiet(2, 31 * SECOND);
    expect(world.writes, 'writes while nothing happens').to.equal(quiet);

    const state = parseState(world.secret!.data);
    expect(state.faults).to.deep.equal([]);
    expect(state.next, 'a next authority').to.equal(undefined);
    for (const each of this.replicas) {
      expect(each.served).to.equal(state.leaf!.certificate.toString());
      expect(each.rotation.isTrusted).to.be.true;
      expect(each.rotation.problem).to.equal(undefined);
      expect(world.trusts(each.served!)).to.be.true;
    }
    // A day later nobody trusts anything but the one authority.
    await this.quiet(8, 5 * HOUR);
    const later = parseState(world.secret!.data);
    const only = later.authority!.certificate.toString();
    expect(later.trusted.map(String)).to.deep.equal([only]);
    expect(world.bundles.flat()).to.deep.equal(world.bundles.flat().map(() => only));
  }
}

let strangers: Readonly<Record<string, string>> | undefined;

/** Of another cluster, or of another tool; made once, it is slow. */
async function strangerData(at: number): Promise<Record<string, string>> {
  if (strangers && at > START - DAY) return strangers;
  const now = new Date(at);
  const authority = await issueAuthority(now, LIFETIMES);
  const leaf = await issueLeaf(authority, ['elsewhere'], now, LIFETIMES);
  const { 'next-ca.key': _none, ...data } = secretData(authority, leaf, []);
  return (strangers = data as Record<string, string>);
}

describe('three replicas that share a Secret', function () {
  this.timeout(SOAK > 0 ? 0 : 120_000);
  this.slow(60_000);

  it('agree and are trusted, whatever order they act in, whatever breaks and however time passes', async () => {
    const skew = fc.integer({ min: -20 * 60 * SECOND, max: 20 * 60 * SECOND });
    const skews = fc.array(skew, { minLength: REPLICAS, maxLength: REPLICAS });
    await fc.assert(
      fc.asyncProperty(skews, fc.array(anyAction, { maxLength: 80 }), async (offsets, actions) => {
        const cluster = new Cluster(offsets);
        for (const each of actions) await cluster.do(each);
        await cluster.expectRest();
      }),
      SEARCH,
    );
  });

  it('start at once and end with one authority', async () => {
    const cluster = new Cluster([0, 0, 0]);
    // In step: each does its first operation, then each its second, and so on.
    for (let turn = 0; turn < 12; turn++) {
      for (const each of cluster.replicas) await each.step();
    }
    for (const each of cluster.replicas) if (!each.isResting) await each.finish();
    const steps = cluster.replicas.flatMap((each) => each.steps);
    expect(steps).to.deep.equal([
      'create: there is no Secret',
      'publish: MutatingWebhookConfiguration ours, webhook w0: caBundle is empty, lacks 1 of 1',
    ]);
    expect(new Set(cluster.replicas.map(({ served }) => served)).size).to.equal(1);
    await cluster.expectRest();
  });

  it('mend at once and end with one authority', async () => {
    const cluster = new Cluster([0, 0, 0]);
    await cluster.quiet(2, SECOND);
    const { 'ca.key': _lost, ...rest } = cluster.world.secret!.data;
    cluster.world.setSecret(rest);
    for (let turn = 0; turn < 3; turn++) {
      for (const each of cluster.replicas) await each.step();
    }
    for (const each of cluster.replicas) if (!each.isResting) await each.finish();
    const steps = cluster.replicas.flatMap((each) => each.steps).slice(2);
    expect(steps).to.deep.equal([
      'replace: ca.key is missing',
      'publish: MutatingWebhookConfiguration ours, webhook w0: caBundle lacks 1 of 2',
    ]);
    await cluster.expectRest();
  });

  it('live two years: leaves and authorities are renewed in time, and never in a hurry', async () => {
    const world = new World();
    // Looks are twelve hours apart here, so a grace of four days stands for one of a day.
    const patience = { settleMs: HOUR, graceMs: 4 * DAY };
    const replicas = Array.from({ length: REPLICAS }, () => new Replica(world, { patience }));
    const steps: string[] = [];
    const most = { bundle: 0 };
    while (world.now < START + 730 * DAY) {
      for (const each of replicas) {
        await each.finish(() => {
          // At the very first, nothing is trusted yet.
          const isTrusted = replicas.every(({ served = '' }) => world.now === START || world.trusts(served));
          expect(isTrusted, `day ${(world.now - START) / DAY}`).to.be.true;
        });
        const day = Math.floor((world.now - START) / DAY);
        steps.push(...each.steps.splice(0).map((step) => `day ${day} ${step.split(':')[0]}`));
      }
      most.bundle = Math.max(most.bundle, world.bundles[0]![0]!.split('BEGIN').length - 1);
      world.now += 12 * HOUR;
    }
    expect(most.bundle).to.equal(2);
    expect(steps).to.deep.equal([
      'day 0 create',
      'day 0 publish',
      'day 60 renew',
      'day 120 renew',
      'day 180 renew',
      'day 240 renew',
      'day 243 announce',
      'day 243 publish',
      'day 244 switch',
      'day 248 trust',
      'day 248 publish',
      'day 304 renew',
      'day 364 renew',
      'day 424 renew',
      'day 484 renew',
      'day 487 announce',
      'day 487 publish',
      'day 487 switch',
      'day 491 trust',
      'day 491 publish',
      'day 547 renew',
      'day 607 renew',
      'day 667 renew',
      'day 727 renew',
    ]);
  });

  it('plans nothing where nothing is to be done', async () => {
    const cluster = new Cluster([0, 0, 0]);
    await cluster.quiet(2, SECOND);
    const configurations = await cluster.world.bundleStore.read();
    const trust = {
      missing: [],
      bundles: bundlesOf(configurations),
      settled: new Set<string>(),
      idle: new Set<string>(),
    };
    const state = parseState(cluster.world.secret!.data);
    expect(plan(state, trust, new Date(cluster.world.now), NAMES)).to.deep.equal([]);
  });
});
