import type { X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { issueAuthority, issueLeaf } from '../../certs/issue.ts';
import { LIFETIMES } from '../../certs/lifetime.ts';
import { serverNames } from '../../certs/names.ts';
import { bundleText, readCertificates } from '../../certs/pem.ts';
import { SECRET_KEYS, secretData, type SecretState } from '../../certs/state.ts';
import { INSTALLED } from '../../src/commands/installed.ts';
import { isInjected, Load, type LoadReport, numbersOf, statefulSet, tserver } from './load.ts';
import { STATEFUL_SETS, TSERVERS } from './paths.ts';
import { CONFIGURATIONS, type Durations, type Replica, Replicas } from './replicas.ts';
import { waitFor } from './wait.ts';

/**
 * Several real webhook processes in front of a real API server, under load, while their certificates are renewed and
 * damaged and while they and the API server are killed. Nothing here depends on how fast the machine is.
 */

/** TLV_SOAK=1: every load for a minute more, and certificates mended at the pace of production; it says its numbers. */
const SOAK = Number(process.env.TLV_SOAK ?? 0);
const LOAD_MS = 3000 + 60_000 * SOAK;
const DAY_MS = 24 * 3_600_000;
const CREATORS = 8;
const CALLERS = 16;
const LIGHT = { creators: 2, callers: 4, callsPerSecond: 50 };
const UNHURRIED = { timeoutMs: 60_000 };
const NAMES = serverNames({
  name: INSTALLED.serviceName,
  namespace: INSTALLED.namespace,
  extra: ['127.0.0.1'],
});

const LOOKING = { everyMs: 300 } as const;
/** An authority that is no longer needed is soon forgotten. */
const FORGETFUL: Durations = { ...LOOKING, patience: { settleMs: 3000, graceMs: 20_000 } };
/** Authority and leaf are renewed after two thirds of their lives. */
const FLEETING: Durations = {
  ...LOOKING,
  lifetimes: { authorityMs: 60_000, leafMs: 30_000, backdateMs: 0 },
  patience: { settleMs: 3000, graceMs: 20_000 },
};
/** Usual certificates, looked after every moment. */
const ATTENTIVE: Durations = { ...LOOKING, patience: { settleMs: 3000, graceMs: DAY_MS } };

const NOTHING = Object.fromEntries(SECRET_KEYS.map((key) => [key, undefined]));

type Damage = (
  state: Readonly<Record<string, string>>,
) => Promise<Readonly<Record<string, string | undefined>>>;

const DAMAGES: Readonly<Record<string, Damage>> = {
  expired: async () => {
    const then = new Date(Date.now() - 500 * DAY_MS);
    const authority = await issueAuthority(then, LIFETIMES);
    return secretData(authority, await issueLeaf(authority, NAMES, then, LIFETIMES), []);
  },
  foreign: async () => {
    const authority = await issueAuthority(new Date(), LIFETIMES);
    const leaf = await issueLeaf(authority, ['elsewhere'], new Date(), LIFETIMES);
    return { ...secretData(authority, leaf, []), 'ca.key': undefined };
  },
  truncated: async (data) =>
    Object.fromEntries(Object.entries(data).map(([key, text]) => [key, text.slice(0, 120)])),
};

describe('the webhook under load', function () {
  this.timeout(120_000 + 10 * LOAD_MS);
  this.slow(30_000);
  let cluster: Replicas;
  let load: Load | undefined;

  before(async () => {
    cluster = await Replicas.start(3);
  });
  afterEach(async () => {
    // Of a test that has failed: it has said why.
    await load?.stop().catch(() => undefined);
    load = undefined;
  });
  after(async () => cluster?.stop());

  /** All of them run as they have done before, so that none has crashed in between. */
  const pids = () => cluster.all.map(({ pid }) => pid);

  async function onlyTwo(): Promise<[Replica, Replica]> {
    await cluster.all[2]!.kill();
    return (await cluster.run(2)) as [Replica, Replica];
  }

  async function started(options: Parameters<typeof Load.start>[1] = {}): Promise<Load> {
    await waitFor('the API server to reach the webhook', () => Load.prepare(cluster), UNHURRIED);
    load = await Load.start(cluster, options);
    return load;
  }

  /** What came of it; and whatever was stored has its volume. */
  async function finished(what: string): Promise<LoadReport> {
    const report = await load!.stop();
    const { count, bare } = await load!.stored();
    load = undefined;
    if (SOAK > 0) console.log(`      ${what}: ${numbersOf(report)}`);
    expect(bare, 'stored without a volume').to.deep.equal([]);
    expect(count).to.equal(report.creates.answered).and.to.be.above(0);
    expect(report.calls.answered).to.be.above(0);
    return report;
  }

  function expectNoneLost({ creates, calls }: LoadReport): void {
    expect(creates.failures.slice(0, 3)).to.deep.equal([]);
    expect(calls.failures.slice(0, 3)).to.deep.equal([]);
  }

  /** What each webhook of both configurations trusts, by fingerprints. */
  async function bundlesOf(): Promise<string[][]> {
    const texts = await Promise.all(CONFIGURATIONS.map((kind) => cluster.bundles(kind)));
    return texts
      .flat()
      .map((text) => readCertificates(text).certificates.map(({ fingerprint256 }) => fingerprint256));
  }

  /** One Secret without a fault, its authorities trusted by both configurations, and its leaf served by all of these. */
  async function agreement(replicas: readonly Replica[]): Promise<SecretState | undefined> {
    const state = await cluster.state();
    const wanted = state.trusted.map(({ fingerprint256 }) => fingerprint256);
    const bundles = await bundlesOf();
    const served = await Promise.all(replicas.map((replica) => replica.served(bundleText(state.trusted))));
    const isOne =
      state.faults.length === 0 &&
      bundles.every((bundle) => wanted.every((fingerprint) => bundle.includes(fingerprint))) &&
      served.every((fingerprint) => fingerprint === leafOf(state));
    return isOne ? state : undefined;
  }

  const agreed = (replicas: readonly Replica[]) =>
    waitFor('one certificate everywhere', () => agreement(replicas), UNHURRIED);

  const authorityOf = (state: SecretState) => state.authority?.certificate.fingerprint256;
  const leafOf = (state: SecretState) => state.leaf?.certificate.fingerprint256;

  it('has one authority after three first starts at once', async () => {
    expect(await cluster.secretData()).to.deep.equal({});
    const replicas = await cluster.run(3);
    const state = await agreement(replicas);
    expect(state?.trusted).to.have.length(1);
    const bundles = await bundlesOf();
    expect(bundles).to.deep.equal(bundles.map(() => [authorityOf(state!)]));
    expect(await Promise.all(replicas.map((replica) => replica.isReady()))).to.not.include(false);
    await started();
    await sleep(LOAD_MS);
    expectNoneLost(await finished('three replicas'));
    expect(await agreement(replicas)).to.have.nested.property('leaf');
  });

  it('loses what is in flight on a replica that is killed, and nothing else', async () => {
    const [left, killed] = await onlyTwo();
    const before = await agreed([left, killed]);
    await started({ creators: CREATORS, callers: CALLERS });
    await sleep(LOAD_MS / 2);
    await killed.kill();
    await sleep(LOAD_MS / 2);
    const { creates, calls } = await finished('one of two killed');
    expectInFlight(creates.failures, CREATORS);
    expect(calls.failures.length).to.be.at.most(CALLERS);

    await killed.start();
    expect(authorityOf(await agreed([left, killed]))).to.equal(authorityOf(before));
  });

  it('says which webhook failed where requests wait for a replica that is killed', async () => {
    // The API server keeps its connections, and since the other one was killed they all lead to this one.
    const [frozen, other] = await onlyTwo();
    const running = await started({ creators: CREATORS, callers: CALLERS });
    await waitFor('some creates', () => running.created > 50, UNHURRIED);
    frozen.freeze();
    // Sooner or later all of them wait there; how many do is left open.
    await sleep(1000);
    await frozen.kill();
    await frozen.start();
    const { creates, calls } = await finished('one of two frozen, then killed');
    expectInFlight(creates.failures, CREATORS);
    expect(creates.failures.length).to.be.above(0);
    expect(calls.failures.length).to.be.at.most(CALLERS);
    await agreed([frozen, other]);
  });

  /** At most one request of each client; each says whose fault it is, and works when it is made again. */
  function expectInFlight(failures: LoadReport['creates']['failures'], clients: number): void {
    expect(failures.length).to.be.at.most(clients);
    expect(new Set(failures.map(({ name }) => name)).size).to.equal(failures.length);
    for (const { why } of failures) {
      expect(why).to.match(/^500 .*failed calling webhook "create\.servers\.local\.tars\.io"/);
    }
  }

  it('outlives a restart of the API server', async () => {
    const replicas = await onlyTwo();
    const before = pids();
    const first = await agreed(replicas);
    const running = await started();
    await waitFor('some creates', () => running.created > 50, UNHURRIED);
    await cluster.plane.restart('kube-apiserver');
    const then = running.created;
    await waitFor('more creates', () => running.created > then + 50, UNHURRIED);
    await sleep(LOAD_MS / 2);
    const { calls } = await finished('API server restarted');
    // Those who ask the webhook itself do not even notice.
    expect(calls.failures.slice(0, 3)).to.deep.equal([]);

    const set = statefulSet('after-restart', 'after', 'later');
    await waitFor('another TServer', async () => {
      const { status } = await cluster.plane.api('POST', TSERVERS, tserver('later'));
      return status === 201;
    });
    for (const replica of replicas) {
      const known = async () => (await replica.metric('tlv_tserver_cache_size')) === 2;
      await waitFor(`${replica.name} to know it`, known, UNHURRIED);
    }
    const { status, body } = await cluster.plane.api('POST', STATEFUL_SETS, set);
    expect(status).to.equal(201);
    expect(isInjected(body as Parameters<typeof isInjected>[0])).to.equal(true);
    expect(pids()).to.deep.equal(before);
    expect(authorityOf(await agreed(replicas))).to.equal(authorityOf(first));
  });

  /** Whoever says that it is ready can be called by its name, with what the configurations trust. */
  async function expectGood(replicas: readonly Replica[]): Promise<void> {
    const [trusted = ''] = await cluster.bundles('mutating');
    const failures = await Promise.all(
      replicas.map((replica) => replica.served(trusted).then(() => undefined, String)),
    );
    expect(failures).to.deep.equal(replicas.map(() => undefined));
  }

  it('starts on a leaf for other names, and is not ready with that', async () => {
    await cluster.kill();
    const authority = await issueAuthority(new Date(), LIFETIMES);
    const leaf = await issueLeaf(authority, ['elsewhere'], new Date(), LIFETIMES);
    await cluster.writeSecret(secretData(authority, leaf, []));
    await cluster.run(1);
    // What is served by now is trusted, too.
    await cluster.kill();
    await cluster.writeSecret(secretData(authority, leaf, []));
    const replicas = await cluster.run(1);
    await expectGood(replicas);
    await agreed(replicas);
  });

  for (const [what, damage] of Object.entries(DAMAGES)) {
    it(`starts on a Secret that is ${what}, and mends it`, async () => {
      await cluster.kill();
      const before = authorityOf(await cluster.state());
      await cluster.writeSecret(await damage(await cluster.secretData()));
      const replicas = await cluster.run(2);
      await expectGood(replicas);
      const after = authorityOf(await agreed(replicas));
      expect(after).to.be.a('string').and.to.not.equal(before);
      const works = async () =>
        (await cluster.plane.api('POST', `${STATEFUL_SETS}?dryRun=All`, statefulSet('trial', 'trial')))
          .status === 201;
      await waitFor('the API server to reach the webhook', works, UNHURRIED);
    });
  }

  describe('looked after every moment', () => {
    before(async () => {
      await cluster.kill();
      await cluster.run(3, ATTENTIVE);
    });

    for (const [what, damage] of Object.entries(DAMAGES)) {
      it(`mends a Secret that is ${what} without a request lost`, () => expectMended(what, damage));
    }
  });

  if (SOAK > 0) {
    describe('looked after as in production', () => {
      before(async () => {
        await cluster.kill();
        await cluster.run(3);
      });

      for (const [what, damage] of Object.entries(DAMAGES)) {
        it(`mends a Secret that is ${what} without a request lost`, () => expectMended(what, damage));
      }
    });
  }

  async function expectMended(what: string, damage: Damage): Promise<void> {
    const before = await agreed(cluster.all);
    const running = pids();
    const replacements = () =>
      cluster.all.flatMap((replica) => replica.steps()).filter((step) => step === 'replace').length;
    const then = replacements();
    await started(LIGHT);
    await cluster.writeSecret(await damage(await cluster.secretData()));
    const mended = async () => {
      const state = await cluster.state();
      return state.faults.length === 0 && authorityOf(state) !== authorityOf(before);
    };
    await waitFor('another authority', mended, UNHURRIED);
    // The slowest look, and then the time that a new authority has to be trusted before anything of its is served.
    const state = await waitFor('one certificate everywhere', () => agreement(cluster.all), {
      timeoutMs: 120_000,
    });
    await sleep(LOAD_MS / 6);
    expectNoneLost(await finished(what));
    expect(replacements(), 'replacements by all replicas together').to.equal(then + 1);
    expect(pids()).to.deep.equal(running);
    // Whoever had not looked yet still served what it had signed.
    expect(state.trusted.map(({ fingerprint256 }) => fingerprint256)).to.include(authorityOf(before));
  }

  it('renews leaf and authority without a request lost', async () => {
    await cluster.kill();
    const first = await aged(10_000);
    const running = pids();
    const rotation = new Observed(cluster, first);
    await waitFor('a renewal, another authority, and the first one to be gone', () => rotation.isOver(), {
      timeoutMs: 240_000,
    });
    expectNoneLost(await finished(rotation.toString()));
    expect(pids()).to.deep.equal(running);
    await agreed(cluster.all);
  });

  if (SOAK > 0) {
    it('renews them again and again', async () => {
      await cluster.kill();
      await cluster.writeSecret(NOTHING);
      await cluster.run(3, FLEETING);
      await started({ creators: CREATORS, callers: CALLERS });
      const running = pids();
      const rotations = new Observed(cluster, (await cluster.state()).authority!.certificate);
      const end = performance.now() + LOAD_MS;
      const timeoutMs = 120_000 + LOAD_MS;
      const over = async () => (await rotations.isOver()) && performance.now() > end;
      await waitFor('many rotations', over, { timeoutMs });
      expectNoneLost(await finished(rotations.toString()));
      expect(pids()).to.deep.equal(running);
      await agreed(cluster.all);
    });
  }

  /**
   * Three replicas under load on certificates that are to be renewed at any moment: an authority of long ago, so that
   * this is not a race against its end as it would be with one that does not live for long.
   */
  async function aged(inMs: number): Promise<X509Certificate> {
    const due = Date.now() + inMs;
    const authority = await issueAuthority(madeAt(due + 1000, LIFETIMES.authorityMs), LIFETIMES);
    const leaf = await issueLeaf(authority, NAMES, madeAt(due, LIFETIMES.leafMs), LIFETIMES);
    await cluster.writeSecret(secretData(authority, leaf, []));
    await cluster.run(3, FORGETFUL);
    await started({ creators: CREATORS, callers: CALLERS });
    if (leafOf(await cluster.state()) === leaf.certificate.fingerprint256) return authority.certificate;
    // This machine is slow today, and all was over before it began.
    await load!.stop();
    await cluster.kill();
    return aged(2 * inMs);
  }
});

/** When something must have been made for its renewal to be due then. */
function madeAt(due: number, lifeMs: number): Date {
  const { backdateMs } = LIFETIMES;
  return new Date(due + backdateMs - ((lifeMs + backdateMs) * 2) / 3);
}

/** Every leaf that was there to be served, by its authority. */
class Observed {
  readonly #cluster: Replicas;
  readonly #first: X509Certificate;
  readonly #leaves = new Map<string, Set<string>>();

  constructor(cluster: Replicas, first: X509Certificate) {
    this.#cluster = cluster;
    this.#first = first;
  }

  /** Whether leaves were renewed, and nobody serves or trusts the first authority any more. Looks each time. */
  async isOver(): Promise<boolean> {
    const { authority, leaf } = await this.#cluster.state();
    const signing = authority?.certificate.fingerprint256 ?? 'none';
    const served = leaf?.certificate.fingerprint256 ?? 'none';
    this.#leaves.set(signing, (this.#leaves.get(signing) ?? new Set()).add(served));
    const texts = await Promise.all(CONFIGURATIONS.map((kind) => this.#cluster.bundles(kind)));
    const isGone = texts.flat().every((text) => !text.includes(String(this.#first)));
    return isGone && [...this.#leaves.values()].some(({ size }) => size > 1);
  }

  toString(): string {
    return `authorities with ${[...this.#leaves.values()].map(({ size }) => size).join(', ')} leaves`;
  }
}
