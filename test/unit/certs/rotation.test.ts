import { expect } from 'chai';
import { issueAuthority } from '../../../certs/issue.ts';
import { LIFETIMES } from '../../../certs/lifetime.ts';
import { Rotation, type RotationObserver, type RotationOptions } from '../../../certs/rotation.ts';
import type { Time } from '../../../certs/source.ts';
import { parseState } from '../../../certs/state.ts';
import { DAY, NAMES, Replica, SECOND, silent, START, World } from './world.ts';

const broken = (message: string) => async () => {
  throw new Error(message);
};

/** A rotation straight on the world, one pass at a time. */
function rotation(world: World, options: Partial<RotationOptions> = {}): Rotation {
  return new Rotation({
    secrets: world.secrets,
    bundles: world.bundleStore,
    names: NAMES,
    time: {
      now: () => new Date(world.now),
      monotonic: () => world.now - START,
      delay: async () => undefined,
    },
    log: silent,
    ...options,
  });
}

async function failureOf(one: Rotation): Promise<string> {
  try {
    await one.pass();
    return 'none';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('a rotation', () => {
  it('serves without trust only what it has nothing to lose by, and says why it is not ready', async () => {
    const world = new World();
    const bundles = { ...world.bundleStore, write: broken('403 may not patch') };
    const one = rotation(world, { bundles });
    expect(() => one.current()).to.throw('there is no certificate yet; wait for start()');
    expect(one.problem).to.equal('there is no certificate to serve yet');

    expect(await failureOf(one)).to.equal('publish: 403 may not patch');
    expect(one.current().cert).to.equal(world.secret!.data['tls.crt']);
    expect(one.isTrusted).to.be.false;
    expect(one.problem).to.equal('publish: 403 may not patch');

    // The leaf is renewed nevertheless, and followed once the old one is of no use.
    world.now += 91 * DAY;
    expect(await failureOf(one)).to.equal('publish: 403 may not patch');
    expect(world.trusts(world.secret!.data['tls.crt']!)).to.be.false;
    expect(await failureOf(one)).to.equal('publish: 403 may not patch');
    expect(one.notAfter).to.deep.equal(new Date(world.now + LIFETIMES.leafMs));
  });

  it('serves while the configurations do not exist, and is trusted once they do', async () => {
    const world = new World();
    world.bundles.fill(undefined);
    const one = rotation(world);
    await one.pass();
    expect(one.isTrusted).to.be.false;
    expect(one.problem).to.equal(
      'MutatingWebhookConfiguration ours and ValidatingWebhookConfiguration ours not found',
    );
    const { cert } = one.current();

    world.bundles.splice(0, 2, [''], ['']);
    await one.pass();
    expect(one.isTrusted).to.be.true;
    expect(one.current().cert).to.equal(cert);
    await one.ready();
  });

  it('keeps what is trusted until what replaces it has settled', async () => {
    const world = new World();
    const one = rotation(world);
    await one.pass();
    const { cert } = one.current();
    world.setSecret({});
    await one.pass();
    expect(one.current().cert).to.equal(cert);
    expect(one.isTrusted).to.be.true;
    world.now += 29 * SECOND;
    await one.pass();
    expect(one.current().cert).to.equal(cert);
    world.now += SECOND;
    const heard: string[] = [];
    one.onChange((pair) => heard.push(pair.cert));
    await one.pass();
    expect(heard).to.deep.equal([world.secret!.data['tls.crt']]);
    expect(parseState(world.secret!.data).trusted).to.have.length(2);
  });

  it('says which webhook does not trust it', async () => {
    const world = new World();
    const one = rotation(world);
    await one.pass();
    const stranger = await issueAuthority(new Date(START), LIFETIMES);
    world.bundles[1] = [String(stranger.certificate)];
    const still = rotation(world, { bundles: { ...world.bundleStore, write: async () => undefined } });
    expect(await failureOf(still)).to.equal('somebody else wrote first each time');
    expect(still.isTrusted).to.be.false;
  });

  it('hears of no change from a listener that fails', async () => {
    const world = new World();
    const one = rotation(world);
    const heard: string[] = [];
    one.onChange(() => {
      throw new Error('not now');
    });
    const end = one.onChange(() => heard.push('first'));
    await one.pass();
    end();
    world.bundles.fill(undefined);
    world.setSecret(undefined);
    await one.pass();
    expect(heard).to.deep.equal(['first']);
    expect(one.current().cert).to.equal(world.secret!.data['tls.crt']);
  });

  it('loops: tries again ever later, begins anew after a success, and stops when told', async () => {
    const world = new World();
    const waits: number[] = [];
    const stopped = Promise.withResolvers<void>();
    const time: Time = {
      now: () => new Date(world.now),
      monotonic: () => world.now - START,
      delay: async (ms) => {
        waits.push(Math.round(ms / 100) / 10);
        world.now += ms;
        if (waits.length === 10) stopped.resolve(one.stop());
      },
    };
    let looks = 0;
    const bundles = {
      ...world.bundleStore,
      read: async () => (++looks <= 7 ? broken('connection refused')() : world.bundleStore.read()),
    };
    const told: string[] = [];
    const observer: RotationObserver = {
      stepped: ({ kind }) => told.push(kind),
      failed: (error) => told.push((error as Error).message),
      served: (notAfter) => told.push(`until day ${Math.floor((notAfter.getTime() - START) / DAY)}`),
    };
    const one: Rotation = rotation(world, { bundles, time, observer, random: () => 0.5 });
    await one.start();
    await one.ready();
    await stopped.promise;
    expect(waits).to.deep.equal([0.8, 1.5, 3, 6, 12, 24, 30, 30, 30, 30]);
    expect(told).to.deep.equal([...Array(7).fill('connection refused'), 'create', 'publish', 'until day 90']);
  });

  it('lets go whoever waits for it when it is stopped', async () => {
    const world = new World();
    const time: Time = {
      now: () => new Date(world.now),
      monotonic: () => 0,
      delay: async (_ms, signal) =>
        new Promise((resolve) =>
          signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve()),
        ),
    };
    const one = rotation(world, { time, bundles: { ...world.bundleStore, read: broken('gone') } });
    const starting = one.start();
    await one.stop();
    const reason = await starting.then(
      () => 'started',
      (error: Error) => error.message,
    );
    expect(reason).to.equal('the rotation of certificates was stopped');
  });

  it('goes on from where a killed one stopped, at each operation', async () => {
    for (let operations = 1; operations < 20; operations++) {
      const world = new World();
      const victim = new Replica(world);
      for (let done = 0; done < operations; done++) await victim.step();
      const heir = new Replica(world);
      await heir.finish();
      expect(heir.rotation.isTrusted, `killed after ${operations}`).to.be.true;
      expect(parseState(world.secret!.data).faults).to.deep.equal([]);
      if (victim.isResting) return;
    }
    expect.fail('the pass never came to an end');
  });
});
