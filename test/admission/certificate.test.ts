import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Pem } from './authority.ts';
import { SERVER, startLoad } from './load.ts';
import { CA, call, HOST, leaf, startWebhook } from './webhook.ts';

describe('a certificate that changes', () => {
  it('is served to new connections at once, and no request fails under load', async () => {
    const webhook = await startWebhook({ cached: [SERVER] });
    const [first, second] = [await leaf(), await leaf()];
    const load = startLoad(() => webhook.port, { clients: 4 });
    const passer = startLoad(() => webhook.port, { clients: 2, isKept: false });
    for (let turn = 0; turn < 20; turn++) {
      const pem = turn % 2 === 0 ? first : second;
      webhook.certificate.change(pem);
      expect(await servedSerial(webhook.port)).to.equal(serialOf(pem));
      // Clients that come anew each time meet each certificate too.
      expect((await call(webhook.port, 'GET /healthz')).status).to.equal(200);
      await sleep(20);
    }
    await Promise.all([load.stop(), passer.stop()]);
    expect(load.failures).to.deep.equal([]);
    expect(load.answered).to.be.greaterThan(100);
    await webhook.stop();
  });

  it('stays as it was when the new one cannot be served', async () => {
    const webhook = await startWebhook();
    const before = await servedSerial(webhook.port);
    webhook.certificate.change({ cert: 'nothing', key: 'of the kind' });
    expect(await servedSerial(webhook.port)).to.equal(before);
    expect(webhook.spy.logged.join()).to.match(
      /^error the new certificate cannot be served; the old one stays/,
    );
    await webhook.stop();
  });

  it('makes the webhook unready while it is not trusted, and says why', async () => {
    const webhook = await startWebhook();
    webhook.certificate.problem = 'caBundle lacks the authority of the served certificate';
    expect((await call(webhook.port, 'GET /readyz')).text).to.include(
      '[-] certificate: caBundle lacks the authority of the served certificate',
    );
    webhook.certificate.problem = undefined;
    expect((await call(webhook.port, 'GET /readyz')).status).to.equal(200);
    await webhook.stop();
  });
});

async function servedSerial(port: number): Promise<string> {
  const socket = connect({ host: HOST, port, ca: CA });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

const serialOf = ({ cert }: Pem): string => new X509Certificate(cert).serialNumber;
