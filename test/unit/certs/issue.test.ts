import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import { expect } from 'chai';
import { issueAuthority, issueLeaf } from '../../../certs/issue.ts';
import { LIFETIMES, renewalDue, second } from '../../../certs/lifetime.ts';
import { missingNames, namesOf, serverNames } from '../../../certs/names.ts';
import type { Pair } from '../../../certs/state.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

describe('issued certificates', () => {
  const now = new Date();
  const names = serverNames({ name: 'webhook', namespace: 'tars', extra: ['10.0.0.1', '::1', 'a.example'] });
  let authority: Pair;
  let stranger: Pair;
  let leaf: Pair;

  before(async () => {
    authority = await issueAuthority(now, LIFETIMES);
    stranger = await issueAuthority(now, LIFETIMES);
    leaf = await issueLeaf(authority, names, now, LIFETIMES);
  });

  it('are for every name of the Service and for the others', () => {
    expect(names).to.deep.equal([
      'webhook',
      'webhook.tars',
      'webhook.tars.svc',
      'webhook.tars.svc.cluster.local',
      '10.0.0.1',
      '::1',
      'a.example',
    ]);
    expect(missingNames(leaf.certificate, names)).to.deep.equal([]);
    expect(missingNames(leaf.certificate, ['b.example', '10.0.0.2'])).to.deep.equal([
      'b.example',
      '10.0.0.2',
    ]);
    expect(namesOf(leaf.certificate)).to.include.members(['webhook.tars.svc', '10.0.0.1']);
  });

  it('begin an hour before they were made, and no leaf outlives its authority', async () => {
    const at = new Date('2026-03-01T12:00:00.789Z');
    const short = await issueAuthority(at, { ...LIFETIMES, authorityMs: 1000 * 3600 });
    const { certificate } = await issueLeaf(short, ['a'], at, LIFETIMES);
    expect(second(certificate.validFromDate)).to.equal('2026-03-01T11:00:00Z');
    expect(second(certificate.validToDate)).to.equal('2026-03-01T13:00:00Z');
    expect(second(renewalDue(certificate))).to.equal('2026-03-01T12:20:00Z');
  });

  it('have serials of their own', async () => {
    const leaves = await Promise.all(
      Array.from({ length: 20 }, () => issueLeaf(authority, ['a'], now, LIFETIMES)),
    );
    const serials = leaves.map(({ certificate }) => certificate.serialNumber);
    expect(new Set(serials).size).to.equal(20);
    // 128 bits, of which a leading zero may go.
    for (const serial of serials) expect(serial).to.match(/^[0-9A-F]{28,32}$/);
  });

  async function shakeHands(servername: string, ca: Pair): Promise<string> {
    const server = createServer({ cert: String(leaf.certificate), key: leaf.key }, (socket) => socket.end());
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const socket = connect({ port, host: '127.0.0.1', servername, ca: String(ca.certificate) });
    try {
      await once(socket, 'secureConnect');
      return 'trusted';
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'error';
    } finally {
      socket.destroy();
      server.close();
    }
  }

  it('hold in a real handshake', async () => {
    expect(await shakeHands('webhook.tars.svc', authority)).to.equal('trusted');
    expect(await shakeHands('webhook.other.svc', authority)).to.equal('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(await shakeHands('webhook.tars.svc', stranger)).to.equal('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  // Where there is no openssl, the handshakes and the API server are the judges.
  if (hasOpenssl) {
    it('hold before openssl, strictly', () => {
      const folder = mkdtempSync(join(tmpdir(), 'certs-'));
      const file = (name: string, { certificate }: Pair) => {
        writeFileSync(join(folder, name), String(certificate));
        return join(folder, name);
      };
      const verify = (ca: Pair, subject: Pair, purpose: string) => {
        const args = [
          'verify',
          '-x509_strict',
          '-purpose',
          purpose,
          '-CAfile',
          file('ca', ca),
          file('leaf', subject),
        ];
        return spawnSync('openssl', args, { encoding: 'utf8' }).status;
      };
      try {
        expect(verify(authority, leaf, 'sslserver')).to.equal(0);
        expect(verify(authority, authority, 'any')).to.equal(0);
        expect(verify(authority, leaf, 'sslclient'), 'as a client').not.to.equal(0);
        expect(verify(stranger, leaf, 'sslserver'), 'by a stranger').not.to.equal(0);
        const text = spawnSync('openssl', ['x509', '-noout', '-text', '-in', file('leaf', leaf)], {
          encoding: 'utf8',
        });
        expect(text.stdout)
          .to.include('X509v3 Subject Key Identifier')
          .and.to.include('X509v3 Authority Key Identifier');
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }
});
