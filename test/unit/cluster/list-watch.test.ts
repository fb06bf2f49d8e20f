import { expect } from 'chai';
import { event, eventually, FakeApi, refuse, THINGS, watchOf } from './fake-api.ts';
import { Follower } from './follow.ts';

const SILENCE_MS = 330_000;
const RELIST_MS = 100_000;
const GONE = { kind: 'Status', code: 410, message: 'too old resource version: 1 (2)' };

describe('list-watch', () => {
  let api: FakeApi;
  let follower: Follower;

  beforeEach(async () => {
    api = await FakeApi.start();
    follower = new Follower(api, { timings: { relistMs: RELIST_MS } });
  });
  afterEach(async () => {
    await follower.watch.stop();
    await api.stop();
  });

  /** That many watches were asked for, and the last one is open at both ends. */
  const watching = (watches = 1) =>
    eventually(
      `${watches} watches`,
      () =>
        api.count('watch') >= watches && api.openWatches === 1 && follower.clock.pending.includes(SILENCE_MS),
    );
  /** Lets the next list come due, long before the watch has been silent for too long. */
  const relist = () => follower.clock.advance(RELIST_MS);
  const begin = async () => {
    api.put('a');
    follower.watch.start();
    await follower.watch.synced();
    await watching();
  };

  describe('in good order', () => {
    it('delivers what there is, what comes, changes and goes', async () => {
      api.put('a', 1);
      follower.watch.start();
      expect(follower.watch.isSynced).to.equal(false);
      await follower.watch.synced();
      expect(follower.watch.isSynced).to.equal(true);
      expect(follower.names).to.deep.equal(['a']);

      await watching();
      api.put('b', 2);
      api.put('a', 3);
      api.put('c', 4);
      api.delete('b');
      await eventually('the events', () => follower.delivered.length === 5);
      expect(follower.delivered).to.deep.equal(['+shop/a', '+shop/b', '+shop/a', '+shop/c', '-shop/b']);
      expect([...follower.objects]).to.deep.equal([
        ['shop/a', 3],
        ['shop/c', 4],
      ]);
      expect([follower.watch.size, follower.sized]).to.deep.equal([2, 2]);
      expect(follower.watch.lastError).to.equal(undefined);
    });

    it('asks for bookmarks, a time of its own and the label', async () => {
      await follower.watch.stop();
      follower = new Follower(api, { labelSelector: 'local.tars.io/node=node-1' });
      await begin();
      expect(api.last('list').query).to.deep.equal({
        limit: '500',
        labelSelector: 'local.tars.io/node=node-1',
      });
      expect(api.last('watch').query).to.deep.equal({
        watch: 'true',
        allowWatchBookmarks: 'true',
        labelSelector: 'local.tars.io/node=node-1',
        resourceVersion: '101',
        timeoutSeconds: '300',
      });
    });

    it('goes on from the last bookmark when the server closes', async () => {
      await begin();
      follower.clock.advance(20_000);
      api.bookmark('170');
      api.raw('\n');
      await eventually('the bookmark', () => follower.watch.lastEventAgeSeconds() === 0);
      api.endWatches();
      await watching(2);
      expect(api.last('watch').query).to.include({ resourceVersion: '170' });
      expect(api.count('list')).to.equal(1);
      expect(follower.ended).to.deep.equal(['closed']);
      expect(follower.failed).to.deep.equal([]);
    });

    it('reads lists in pages of 500', async () => {
      for (let index = 0; index < 1201; index++) api.put(`thing-${index}`);
      follower.watch.start();
      await follower.watch.synced();
      expect(follower.watch.size).to.equal(1201);
      expect(api.seen.map(({ kind, query }) => [kind, query['limit'], query['continue']]).slice(0, 3)).to.eql(
        [
          ['list', '500', undefined],
          ['page', '500', '500'],
          ['page', '500', '1000'],
        ],
      );
    });

    it('takes the whole list at once when a page has expired', async () => {
      for (let index = 0; index < 501; index++) api.put(`thing-${index}`);
      api.once('page', refuse(410, 'The provided continue parameter is too old'));
      follower.watch.start();
      await follower.watch.synced();
      expect(follower.watch.size).to.equal(501);
      expect(api.last('list').query).to.deep.equal({});
      expect(follower.failed).to.deep.equal([]);
    });

    it('compares with a list now and then: what vanished goes, what is unchanged is not told again', async () => {
      await begin();
      api.put('b');
      await eventually('b', () => follower.delivered.length === 2);
      api.forget('a');
      relist();
      await watching(2);
      expect(follower.delivered).to.deep.equal(['+shop/a', '+shop/b', '-shop/a']);
      expect(follower.ended).to.deep.equal(['relist']);
      expect(follower.listed).to.deep.equal([1, 1]);
      expect(follower.failed).to.deep.equal([]);
    });

    it('knows how long it has heard nothing', async () => {
      await begin();
      follower.clock.advance(42_000);
      expect(follower.watch.lastEventAgeSeconds()).to.equal(42);
      api.put('b');
      await eventually('b', () => follower.objects.size === 2);
      expect(follower.watch.lastEventAgeSeconds()).to.equal(0);
    });
  });

  describe('when the history is gone', () => {
    const relists = async () => {
      await follower.skip(250);
      await watching(2);
      expect(api.count('list')).to.equal(2);
      expect(follower.ended).to.deep.equal(['expired']);
      expect(follower.failed).to.have.length(1);
    };

    it('lists again after an ERROR 410 in a stream', async () => {
      await begin();
      api.raw(event('ERROR', GONE));
      await relists();
    });

    it('lists again after an answer of 410', async () => {
      api.once('watch', refuse(410));
      follower.watch.start();
      await relists();
    });

    it('does not loop when each stream begins with ERROR 410', async () => {
      for (let time = 0; time < 6; time++) api.once('watch', watchOf(event('ERROR', GONE)));
      follower.watch.start();
      for (const wait of [250, 500, 1000, 2000, 4000, 8000]) await follower.skip(wait);
      await watching(7);
      expect(api.count('list')).to.equal(7);
    });

    it('lists again after any other ERROR in a stream', async () => {
      await begin();
      api.raw(event('ERROR', { kind: 'Status', code: 500, message: 'decoding failed' }));
      await follower.skip(250);
      await watching(2);
      expect(api.count('list')).to.equal(2);
      expect(follower.failed).to.deep.equal(['failed: 500 decoding failed']);
    });
  });

  describe('when the server asks for patience', () => {
    it('waits as long as Retry-After says: a list', async () => {
      api.once('list', refuse(429, 'slow down', {}, { 'retry-after': '7' }));
      follower.watch.start();
      await follower.skip(7000);
      await follower.watch.synced();
      expect(api.count('list')).to.equal(2);
      expect(follower.failed).to.deep.equal(['throttled: 429 slow down']);
    });

    it('waits as long as Retry-After says: a watch, which goes on where it was', async () => {
      api.once('watch', refuse(503, 'not yet', {}, { 'retry-after': '9' }));
      follower.watch.start();
      await follower.skip(9000);
      await watching(2);
      expect(api.count('list')).to.equal(1);
      expect(follower.ended).to.deep.equal(['failed']);
    });

    it('reads dates and details, and does not wait for ever', async () => {
      const tomorrow = new Date(Date.now() + 86_400_000).toUTCString();
      api.once('list', refuse(503, 'later', {}, { 'retry-after': tomorrow }));
      api.once('list', refuse(429, 'wait', { details: { retryAfterSeconds: 3 } }));
      follower.watch.start();
      await follower.skip(300_000);
      await follower.skip(3000);
      await follower.watch.synced();
    });

    it('backs off by itself where there is none, up to the cap', async () => {
      const waits = [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000];
      for (const _ of waits) api.once('list', refuse(500));
      follower.watch.start();
      for (const wait of waits) await follower.skip(wait);
      await follower.watch.synced();
    });

    it('watches on while the list that is due is throttled', async () => {
      await begin();
      api.once('list', refuse(429, 'slow down', {}, { 'retry-after': '20' }));
      relist();
      await watching(2);
      api.put('b');
      await eventually('b', () => follower.objects.size === 2);
      await follower.skip(20_000);
      await watching(3);
      expect(follower.listed).to.deep.equal([1, 2]);
      expect(follower.ended).to.deep.equal(['relist', 'relist']);
    });
  });

  describe('when the connection fails', () => {
    const goesOn = async (reason: string) => {
      api.put('b');
      await follower.skip(250);
      await watching(2);
      await eventually('b', () => follower.objects.size === 2);
      expect(follower.ended).to.deep.equal([reason]);
      expect(api.count('list')).to.equal(1);
      expect(follower.watch.lastError).to.equal(undefined);
    };

    it('goes on where a cut one was', async () => {
      await begin();
      api.endWatches('destroy');
      await goesOn('broken');
    });

    it('goes on after half a line, and takes the event once', async () => {
      await begin();
      const [half] = event('ADDED', { metadata: { name: 'half' } }).split('half');
      api.raw(half!);
      api.endWatches();
      await goesOn('malformed');
      expect(follower.failed[0]).to.match(/^malformed: the connection ended within a line: \{"type":"ADDED"/);
    });

    it('goes on after half a line of a cut connection', async () => {
      await begin();
      api.raw('{"type":');
      api.endWatches('destroy');
      await goesOn('broken');
    });

    const JUNK: readonly (readonly [string, string])[] = [
      ['{"type": "ADDED", "object": \n', 'malformed: a line that is no JSON: {"type": "ADDED", "object": '],
      ['[1]\n', 'malformed: not an event of a watch: [1]'],
      [
        '{"type":"DANCED","object":{}}\n',
        'malformed: not an event of a watch: {"type":"DANCED","object":{}}',
      ],
      ['{"type":"ADDED","object":{}}\n', 'malformed: no resourceVersion in {}'],
      [
        '{"type":"ADDED","object":{"metadata":{"resourceVersion":"7"}}}\n',
        'malformed: not an object with a name and a resourceVersion: {"metadata":{"resourceVersion":"7"}}',
      ],
    ];
    for (const [line, message] of JUNK) {
      it(`goes on after the line ${line.trim()}`, async () => {
        await begin();
        api.raw(line);
        await goesOn('malformed');
        expect(follower.failed).to.deep.equal([message]);
      });
    }

    it('gives up a line that does not end', async () => {
      await begin();
      api.raw('x'.repeat(17 * 1024 * 1024));
      await goesOn('malformed');
    });

    it('joins lines and letters that arrive in pieces', async () => {
      await begin();
      const object = { metadata: { name: 'b', namespace: 'shop', resourceVersion: '180' }, spec: '本地卷' };
      const bytes = Buffer.from(event('ADDED', object) + event('DELETED', object) + event('ADDED', object));
      api.endWatches();
      api.once('watch', (response) => {
        response.writeHead(200);
        const send = (from: number): void => {
          if (from < bytes.length) response.write(bytes.subarray(from, from + 1), () => send(from + 1));
        };
        send(0);
      });
      await follower.skip(250);
      await eventually('b', () => follower.delivered.length === 4);
      expect(follower.objects.get('shop/b')).to.equal('本地卷');
    });

    it('notices silence, counted from the last byte and longer than the server would stay', async () => {
      await follower.watch.stop();
      follower = new Follower(api, { timings: { relistMs: 3_600_000 } });
      await begin();
      follower.clock.advance(SILENCE_MS - 1);
      api.raw('\n');
      api.put('late');
      await eventually('the event', () => follower.objects.size === 2);
      follower.clock.advance(1);
      expect(follower.ended).to.deep.equal([]);
      api.endWatches();
      await watching(2);
      follower.clock.advance(SILENCE_MS);
      await eventually('the end', () => follower.failed.length === 1);
      expect(follower.ended).to.deep.equal(['closed', 'silent']);
      expect(follower.failed).to.deep.equal(['silent: nothing heard for 330 s']);
      // As it had lived for more than a minute, the first wait is a short one.
      await follower.skip(250);
      await watching(3);
    });

    it('does not wait for ever for an answer, nor for the rest of a list', async () => {
      api.once('list', () => undefined);
      api.once('list', (response) => void response.write('{"items": ['));
      follower.watch.start();
      await eventually('the list', () => api.count('list') === 1);
      await follower.skip(30_000);
      await follower.skip(250);
      await eventually('half a list', () => api.count('list') === 2);
      await eventually('the rest', () => follower.clock.pending.includes(30_000));
      // Reading restarts the count with every piece that arrives.
      await eventually('silence', () => {
        follower.clock.advance(30_000);
        return follower.failed.length === 2;
      });
      expect(follower.failed).to.deep.equal([
        'silent: nothing heard for 30 s',
        'silent: nothing heard for 30 s',
      ]);
      await eventually('sync', () => {
        follower.clock.advance(500);
        return follower.watch.isSynced;
      });
    });

    it('goes on when the server was away', async () => {
      await begin();
      for (let time = 0; time < 3; time++) api.once('watch', (response) => void response.destroy());
      api.endWatches('destroy');
      for (const wait of [250, 500, 1000, 2000]) await follower.skip(wait);
      await watching(5);
      expect(follower.ended).to.deep.equal(['broken', 'broken', 'broken', 'broken']);
      expect(api.count('list')).to.equal(1);
    });

    it('begins its back-off anew after a healthy minute', async () => {
      await follower.watch.stop();
      follower = new Follower(api);
      await begin();
      api.endWatches('destroy');
      await follower.skip(250);
      await watching(2);
      follower.clock.advance(59_000);
      api.endWatches('destroy');
      await follower.skip(500);
      await watching(3);
      follower.clock.advance(60_000);
      api.endWatches('destroy');
      await follower.skip(250);
      await watching(4);
    });

    it('does not open a watch again at once that the server closes at once', async () => {
      for (let time = 0; time < 3; time++) api.once('watch', watchOf(''));
      follower.watch.start();
      for (const wait of [250, 500, 1000]) await follower.skip(wait);
      await watching(4);
      expect(follower.ended).to.deep.equal(['closed', 'closed', 'closed']);
    });

    it('does not take for a list what is none', async () => {
      api.once('list', (response) => void response.end('<html>'));
      api.once('list', (response) => void response.end('{"kind": "Status"}'));
      api.once('list', (response) => void response.end('{"items": [], "metadata": {}}'));
      api.once('list', (response) => void response.end('{"items": [{}], "metadata": {}}'));
      follower.watch.start();
      for (const wait of [250, 500, 1000, 2000]) await follower.skip(wait);
      await follower.watch.synced();
      expect(follower.failed).to.deep.equal([
        'malformed: the answer is no JSON: <html>',
        'malformed: the answer is no list',
        'malformed: no resourceVersion in {"items":[],"metadata":{}}',
        'malformed: not an object with a name and a resourceVersion: {}',
      ]);
    });
  });

  describe('when the resource is not there', () => {
    beforeEach(() => api.served.clear());

    it('counts as synced and empty, and looks again every 15 s', async () => {
      follower.watch.start();
      await follower.watch.synced();
      expect(follower.watch.size).to.equal(0);
      await follower.skip(15_000);
      await eventually('the next look', () => api.count('list') === 2);
      api.served.add(THINGS);
      api.put('a');
      await follower.skip(15_000);
      await eventually('a', () => follower.objects.size === 1);
      expect(follower.failed).to.deep.equal([]);
      expect(follower.said).to.deep.equal([
        `${THINGS}: not served by this cluster; looking again later`,
        `${THINGS}: now served`,
      ]);
    });

    it('is empty again when the resource is removed', async () => {
      api.served.add(THINGS);
      await begin();
      api.served.clear();
      api.endWatches();
      await follower.skip(250);
      await follower.skip(500);
      await eventually('the removal', () => follower.objects.size === 0);
      expect(follower.ended).to.deep.equal(['closed', 'absent']);
    });

    it('is empty again when a due list finds the resource removed, and watches no more', async () => {
      api.served.add(THINGS);
      await begin();
      api.served.clear();
      relist();
      await eventually('the removal', () => follower.objects.size === 0);
      await follower.skip(15_000);
      await eventually('the next look', () => api.count('list') === 3);
      expect(api.count('watch')).to.equal(1);
    });

    it('uses the first version that is served, and a better one from the next list on', async () => {
      const [old, better] = ['/apis/test.io/v1beta2/things', '/apis/test.io/v1beta3/things'];
      api.served.add(old);
      await follower.watch.stop();
      follower = new Follower(api, { timings: { relistMs: RELIST_MS }, paths: [better, old] });
      await begin();
      expect(api.last('watch').path).to.equal(old);
      api.served.add(better);
      relist();
      await watching(2);
      expect(api.last('watch').path).to.equal(better);
    });
  });

  it('says so when it is not allowed to, and is not synced', async () => {
    for (const code of [401, 403]) api.once('list', refuse(code, 'things is forbidden'));
    follower.watch.start();
    await follower.skip(250);
    await eventually('two refusals', () => follower.failed.length === 2);
    expect(follower.watch.isSynced).to.equal(false);
    expect(follower.watch.lastError?.message).to.equal('403 things is forbidden');
    expect(follower.said).to.deep.equal([
      `following ${THINGS}: 401 things is forbidden`,
      `following ${THINGS}: 403 things is forbidden`,
    ]);
    await follower.skip(500);
    await follower.watch.synced();
  });

  describe('when a handler throws', () => {
    it('goes on, counts it and tells it again with the next list', async () => {
      follower.poison = '+shop/a';
      await begin();
      api.put('b');
      await eventually('b', () => follower.objects.size === 1);
      expect(follower.handlerErrors).to.deep.equal(['cannot take +shop/a']);
      follower.poison = undefined;
      relist();
      await eventually('a', () => follower.objects.size === 2);
    });

    it('so for what is removed', async () => {
      await begin();
      follower.poison = '-shop/a';
      api.delete('a');
      await eventually('the error', () => follower.handlerErrors.length === 1);
      follower.poison = undefined;
      relist();
      await eventually('the removal', () => follower.objects.size === 0);
      expect(follower.watch.size).to.equal(0);
    });

    it('so for what cannot be read, which is as good as gone', async () => {
      await follower.watch.stop();
      follower = new Follower(api, {
        read: (object) => {
          const { spec } = object as { spec?: unknown };
          if (spec === 'bad') throw new Error('unreadable');
          return spec === 'odd' ? undefined : object;
        },
      });
      await begin();
      api.put('a', 'bad');
      await eventually('the removal', () => follower.objects.size === 0);
      api.put('a');
      await eventually('a', () => follower.objects.size === 1);
      api.put('a', 'odd');
      await eventually('the removal', () => follower.objects.size === 0);
      expect(follower.handlerErrors).to.deep.equal(['unreadable']);
    });
  });

  describe('stop', () => {
    it('ends an open watch at once, silently', async () => {
      await begin();
      await follower.watch.stop();
      await eventually('the end', () => api.openWatches === 0);
      expect([follower.ended, follower.failed]).to.deep.equal([[], []]);
    });

    it('ends a list that nobody answers', async () => {
      api.once('list', () => undefined);
      follower.watch.start();
      await eventually('the list', () => api.count('list') === 1);
      await follower.watch.stop();
      const error = await follower.watch.synced().catch((thrown: unknown) => thrown);
      expect(error).to.be.an('error').with.property('message', `stopped before ${THINGS} could be listed`);
    });

    it('ends a back-off', async () => {
      api.once('list', refuse(429, 'slow down', {}, { 'retry-after': '60' }));
      follower.watch.start();
      await eventually('the wait', () => follower.clock.pending.includes(60_000));
      await follower.watch.stop();
      expect(follower.clock.pending).to.deep.equal([]);
    });

    it('leaves no timer behind', async () => {
      await begin();
      await follower.watch.stop();
      expect(follower.clock.pending).to.deep.equal([]);
    });
  });
});
