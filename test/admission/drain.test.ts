import { once } from 'node:events';
import { connect } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { statefulSet } from '../unit/builders.ts';
import { review } from '../unit/admission/requests.ts';
import { SERVER, startLoad, until } from './load.ts';
import { CA, call, HOST, startWebhook } from './webhook.ts';

const BODY = JSON.stringify(review('StatefulSet', 'CREATE', statefulSet()));

describe('draining', () => {
  it('loses nothing under load while replicas are replaced one after the other', async () => {
    const replicas = new Map<number, Awaited<ReturnType<typeof startWebhook>>>();
    const ready = new Set<number>();
    const add = async () => {
      const webhook = await startWebhook({ cached: [SERVER] });
      replicas.set(webhook.port, webhook);
      ready.add(webhook.port);
    };
    await add();
    await add();
    // As a Service does: only ready replicas get requests, and it is told a moment late.
    let turn = 0;
    const load = startLoad(() => [...ready][turn++ % ready.size]);
    for (let round = 0; round < 4; round++) {
      const [port, webhook] = [...replicas][0]!;
      await add();
      // Long enough for a client that chose this replica on a busy machine.
      const drained = webhook.stop(1500);
      expect((await call(port, 'GET /readyz')).status).to.equal(503);
      await sleep(50);
      ready.delete(port);
      replicas.delete(port);
      await drained;
      const { promise, resolve } = Promise.withResolvers<string>();
      call(port, 'GET /healthz').then(
        () => resolve('answered'),
        (error: NodeJS.ErrnoException) => resolve(error.code ?? ''),
      );
      expect(await promise).to.equal('ECONNREFUSED');
    }
    await load.stop();
    expect(load.failures).to.deep.equal([]);
    expect(load.answered).to.be.greaterThan(200);
    await Promise.all([...replicas.values()].map((webhook) => webhook.stop()));
  });

  it('answers everything during the grace, and asks clients to leave', async () => {
    const webhook = await startWebhook();
    const drained = webhook.stop(1500);
    const { status, headers } = await call(webhook.port, 'POST /mutate', { body: BODY });
    expect({ status, connection: headers.connection }).to.deep.equal({ status: 200, connection: 'close' });
    expect((await call(webhook.port, 'GET /healthz')).status).to.equal(200);
    await drained;
  });

  it('finishes what is in flight after the last connection was taken', async () => {
    const lookUp = Promise.withResolvers<typeof SERVER>();
    const asked = Promise.withResolvers<void>();
    const webhook = await startWebhook({
      deps: {
        fetchTServer: () => {
          asked.resolve();
          return lookUp.promise;
        },
      },
    });
    const answer = call(webhook.port, 'POST /mutate', { body: BODY });
    await asked.promise;
    const drained = webhook.stop();
    // Well past the moment at which idle connections are closed.
    await sleep(600);
    lookUp.resolve(SERVER);
    expect((await answer).status).to.equal(200);
    await drained;
  });

  it('does not wait for connections that never said a word', async () => {
    const webhook = await startWebhook();
    const silent = connect({ host: HOST, port: webhook.port, ca: CA });
    silent.on('error', () => undefined);
    await once(silent, 'secureConnect');
    let isDrained = false;
    void webhook.stop().then(() => (isDrained = true));
    await until('it has drained', () => isDrained, 3000);
  });
});
