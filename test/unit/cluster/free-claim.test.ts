import { expect } from 'chai';
import { ApiStatusError, ConnectionError } from '../../../src/cluster/faults.ts';
import { freeClaim } from '../../../src/cluster/free-claim.ts';
import { eventually } from './fake-api.ts';
import { FakeClock } from './fake-clock.ts';

const CLAIM = { namespace: 'shop', name: 'data', uid: 'u1', resourceVersion: '7', selectedNode: 'node-1' };
const PATH = '/api/v1/namespaces/shop/persistentvolumeclaims/data';
const FREED = {
  metadata: {
    resourceVersion: '7',
    annotations: {
      'volume.kubernetes.io/selected-node': null,
      'local.tars.io/freed-from': 'node-1',
    },
    labels: { 'local.tars.io/node': null },
  },
};
const UNMARKED = { metadata: { uid: 'u1', annotations: { 'local.tars.io/freed-from': null } } };

describe('freeing a claim', () => {
  let clock: FakeClock;
  let writes: unknown[];
  /** What comes of each write, in turn. */
  let faults: (Error | undefined)[];
  let aborted: AbortController;

  beforeEach(() => {
    clock = new FakeClock();
    writes = [];
    faults = [];
    aborted = new AbortController();
  });

  const free = () =>
    freeClaim(
      {
        patch: (path, body, type) => {
          writes.push([type, path, body]);
          const fault = faults.shift();
          return fault ? Promise.reject(fault) : Promise.resolve({});
        },
      },
      CLAIM,
      { clock, signal: aborted.signal },
    );
  const pause = () => eventually('the pause', () => clock.pending.length > 0);
  const both = [
    ['merge', PATH, FREED],
    ['merge', PATH, UNMARKED],
  ];

  it('drops choice and label on condition of what was seen, and a moment later takes its own mark off', async () => {
    const done = free();
    await pause();
    expect(writes).to.deep.equal(both.slice(0, 1));
    clock.advance(499);
    expect(writes).to.have.lengthOf(1);
    clock.advance(1);
    await done;
    expect(writes).to.deep.equal(both);
  });

  it('does not take the second write amiss: the claim is free, gone, or another one', async () => {
    for (const fault of [
      new ApiStatusError(404, '404 gone'),
      new ApiStatusError(409, '409 another uid'),
      new ConnectionError('reset'),
    ]) {
      faults = [undefined, fault];
      const done = free();
      await pause();
      clock.advance(500);
      await done;
    }
    expect(writes).to.have.lengthOf(6);
  });

  it('writes nothing more where the first write fails, and says why', async () => {
    const fault = new ApiStatusError(409, '409 it has changed');
    faults = [fault];
    const thrown = await free().catch((error: unknown) => error);
    expect(thrown).to.equal(fault);
    expect(writes).to.have.lengthOf(1);
  });

  it('cuts the pause short when it is told to end, and still takes its mark off', async () => {
    const done = free();
    await pause();
    aborted.abort();
    await done;
    expect(writes).to.deep.equal(both);
  });
});
