import { expect } from 'chai';
import { ApiReader } from '../../../src/cluster/api-reader.ts';
import { Connections } from '../../../src/cluster/api-request.ts';
import { ApiStatusError } from '../../../src/cluster/faults.ts';
import { watchStream } from '../../../src/cluster/watch-stream.ts';
import { eventually, FakeApi, refuse, THINGS } from './fake-api.ts';

describe('a reader that keeps its connections', () => {
  let api: FakeApi;
  let connections: Connections;
  let reader: ApiReader;
  const { signal } = new AbortController();

  beforeEach(async () => {
    api = await FakeApi.start();
    connections = new Connections(2);
    reader = new ApiReader(api.config(), undefined, connections);
  });
  afterEach(async () => {
    connections.close();
    await api.stop();
  });

  /** Follows the things until the server ends it. */
  async function follow(): Promise<void> {
    const events = watchStream(reader, THINGS, { signal });
    const ended = events.next();
    await eventually('a watch', () => api.openWatches === 1);
    api.endWatches();
    expect((await ended).done).to.equal(true);
  }

  it('needs one for lists, watches and refusals, one after the other', async () => {
    await reader.json(THINGS, { signal });
    await follow();
    api.once('list', refuse(429));
    const refused = await reader.json(THINGS, { signal }).catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(ApiStatusError);
    await follow();
    expect(api.connectionsMade).to.equal(1);
  });

  it('asks again over a new one where the server has let go the old one', async () => {
    await reader.json(THINGS, { signal });
    api.dropConnections();
    await reader.json(THINGS, { signal });
    expect(api.connectionsMade).to.equal(2);
  });
});
