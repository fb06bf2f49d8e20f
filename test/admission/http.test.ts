import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { statefulSet } from '../unit/builders.ts';
import { review, UID } from '../unit/admission/requests.ts';
import { CA, call, HOST, keepingAgent, startWebhook, type Call, type Webhook } from './webhook.ts';

const MIB = 1024 * 1024;
const GOOD = JSON.stringify(review('StatefulSet', 'CREATE', statefulSet()));
const nested = (depth: number) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
const withHeaders = (headers: Call['headers'], body: Call['body'] = GOOD): Call => ({ headers, body });

interface Refusal {
  readonly title: string;
  readonly target?: string;
  readonly call?: Call;
  readonly status: number;
  readonly reason: string;
  readonly message: string | RegExp;
  readonly allow?: string;
}

const NOWHERE = 'there is nothing here; POST to /mutate or /validate, GET /healthz or /readyz';
const REFUSALS: readonly Refusal[] = [
  ...['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'].map((method) => ({
    title: `${method} on a webhook`,
    target: `${method} /mutate?timeout=10s`,
    status: 405,
    reason: 'MethodNotAllowed',
    message: `method ${method} is not allowed here; use POST`,
    allow: 'POST',
  })),
  {
    title: 'POST on a probe',
    target: 'POST /readyz',
    status: 405,
    reason: 'MethodNotAllowed',
    message: 'method POST is not allowed here; use GET, HEAD',
    allow: 'GET, HEAD',
  },
  { title: 'another path', target: 'POST /mutate/x', status: 404, reason: 'NotFound', message: NOWHERE },
  { title: 'another case', target: 'POST /Mutate', status: 404, reason: 'NotFound', message: NOWHERE },
  {
    title: 'a path that cannot be decoded',
    target: 'POST /%E0%A4%A',
    status: 404,
    reason: 'NotFound',
    message: NOWHERE,
  },
  {
    title: 'no content type',
    call: withHeaders({ 'content-type': '' }),
    status: 415,
    reason: 'UnsupportedMediaType',
    message: 'content type "" is not supported; send application/json',
  },
  {
    title: 'another content type',
    call: withHeaders({ 'content-type': 'application/yaml' }),
    status: 415,
    reason: 'UnsupportedMediaType',
    message: 'content type "application/yaml" is not supported; send application/json',
  },
  {
    title: 'another charset',
    call: withHeaders({ 'content-type': 'application/json; charset=utf-16' }),
    status: 415,
    reason: 'UnsupportedMediaType',
    message: 'charset "utf-16" is not supported; send utf-8',
  },
  {
    title: 'a compressed body',
    call: withHeaders({ 'content-encoding': 'gzip' }),
    status: 415,
    reason: 'UnsupportedMediaType',
    message: 'content encoding "gzip" is not supported; send the body as it is',
  },
  {
    title: 'a body over 8 MiB that says so',
    call: { body: Buffer.alloc(8 * MIB + 1, 0x20) },
    status: 413,
    reason: 'RequestEntityTooLarge',
    message: 'the body is larger than 8388608 bytes',
  },
  {
    title: 'a body over 8 MiB in chunks',
    call: { body: Array.from({ length: 9 }, () => Buffer.alloc(MIB, 0x20)) },
    status: 413,
    reason: 'RequestEntityTooLarge',
    message: 'the body is larger than 8388608 bytes',
  },
  {
    title: 'no body',
    call: { body: '' },
    status: 400,
    reason: 'BadRequest',
    message: 'the body is not JSON in UTF-8: Unexpected end of JSON input',
  },
  {
    title: 'half a body',
    call: { body: GOOD.slice(0, 100) },
    status: 400,
    reason: 'BadRequest',
    message: /^the body is not JSON in UTF-8: /,
  },
  {
    title: 'what is no UTF-8',
    call: { body: Buffer.from([0x22, 0xff, 0xfe, 0x22]) },
    status: 400,
    reason: 'BadRequest',
    message: 'the body is not JSON in UTF-8: The encoded data was not valid for encoding utf-8',
  },
  {
    title: 'a body nested a million deep',
    call: { body: nested(1_000_000) },
    status: 400,
    reason: 'BadRequest',
    message: 'the body is no AdmissionReview: its kind is missing',
  },
  {
    title: 'JSON that is no review',
    call: { body: '[]' },
    status: 400,
    reason: 'BadRequest',
    message: 'the body is no AdmissionReview: its kind is missing',
  },
];

describe('the HTTPS server', () => {
  let webhook: Webhook;
  before(async () => {
    webhook = await startWebhook();
  });
  after(() => webhook.stop());

  for (const { title, target, call: sent, status, reason, message, allow } of REFUSALS) {
    it(`answers ${status} to ${title}`, async () => {
      const reply = await call(webhook.port, target ?? 'POST /mutate?timeout=10s', sent ?? { body: GOOD });
      expect(reply.status).to.equal(status);
      if (message instanceof RegExp) expect(reply.json.message).to.match(message);
      else expect(reply.json.message).to.equal(message);
      expect(reply.json).to.include({
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        reason,
        code: status,
      });
      expect(reply.headers.allow).to.equal(allow);
    });
  }

  it('echoes the uid of a review that it cannot read', async () => {
    const body = GOOD.replace('"CREATE"', '"PATCH"');
    const reply = await call(webhook.port, 'POST /validate', { body });
    expect(reply.status).to.equal(400);
    expect(reply.json.details).to.deep.equal({ uid: UID });
  });

  it('answers a review with a review', async () => {
    for (const path of ['/mutate', '/mutate?timeout=10s', '/validate?timeout=10s&x=%zz']) {
      const { status, json, headers } = await call(webhook.port, `POST ${path}`, {
        body: GOOD,
        headers: { 'content-type': 'Application/JSON; charset="UTF-8"' },
      });
      expect(status).to.equal(200);
      expect(headers['content-type']).to.equal('application/json');
      expect(headers).not.to.have.property('x-powered-by');
      expect(json).to.deep.equal({
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        response: { uid: UID, allowed: true },
      });
    }
  });

  it('takes a body in as many pieces as it comes', async () => {
    const bytes = Buffer.from(GOOD.replace('tarslog:1', '日志'));
    const body = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
    expect((await call(webhook.port, 'POST /mutate', { body })).status).to.equal(200);
  });

  it('takes what is just below its limits', async () => {
    const padded = `${GOOD}${' '.repeat(8 * MIB - Buffer.byteLength(GOOD))}`;
    expect((await call(webhook.port, 'POST /mutate', { body: padded })).status).to.equal(200);
  });

  it('says that an object is nested too deep where it judges shapes, and leaves it alone elsewhere', async () => {
    const body = JSON.stringify(review('StatefulSet', 'CREATE', { spec: {} })).replace(
      '"spec":{}',
      `"spec":${nested(1_000_000)}`,
    );
    const mutated = await call(webhook.port, 'POST /mutate', { body });
    expect(mutated.json.response).to.deep.equal({ uid: UID, allowed: true });
    const { json } = await call(webhook.port, 'POST /validate', { body });
    expect(JSON.stringify(json.response)).to.include('nested more than 200 levels deep');
  });

  it('is not impressed by keys that JavaScript has plans with', async () => {
    const evil = GOOD.replace(
      '"replicas":3',
      '"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"replicas":3',
    ).replace(
      '"metadata":{',
      '"metadata":{"labels":{"__proto__":"x","constructor":"y","tars.io/ServerApp":"a","tars.io/ServerName":"b"},',
    );
    for (const path of ['/mutate', '/validate']) {
      expect((await call(webhook.port, `POST ${path}`, { body: evil })).status).to.equal(200);
    }
    expect(({} as { polluted?: number }).polluted).to.equal(undefined);
  });

  it('keeps connections, longer than the API server does', async () => {
    const agent = keepingAgent({ maxSockets: 1 });
    const ports = new Set<number>();
    agent.on('free', (socket: TLSSocket) => ports.add(socket.localPort ?? 0));
    for (let index = 0; index < 20; index++) {
      const { headers } = await call(webhook.port, 'POST /mutate', { body: GOOD, agent });
      expect(headers['keep-alive']).to.equal('timeout=120');
    }
    agent.destroy();
    expect(ports.size).to.equal(1);
  });

  it('speaks TLS 1.2 and newer, and nothing else', async () => {
    const versions = ['TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
    const results: (string | undefined)[] = [];
    for (const version of versions) {
      // OpenSSL itself refuses to say hello in old versions, unless it is asked to.
      const socket = connect({
        host: HOST,
        port: webhook.port,
        ca: CA,
        minVersion: version,
        maxVersion: version,
        ciphers: 'DEFAULT@SECLEVEL=0',
      });
      const { promise, resolve } = Promise.withResolvers<string | undefined>();
      socket.on('secureConnect', () => resolve(socket.getProtocol() ?? undefined));
      socket.on('error', () => resolve(undefined));
      results.push(await promise);
      socket.destroy();
    }
    expect(results).to.deep.equal([undefined, 'TLSv1.2', 'TLSv1.3']);
    expect((await call(webhook.port, 'GET /healthz')).text).to.equal('ok\n');
  });

  it('answers what is no HTTP, and too many headers, and goes on', async () => {
    for (const [sent, answer] of [
      ['hello\r\n\r\n', 'HTTP/1.1 400'],
      [`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`, 'HTTP/1.1 431'],
      ['POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n', 'HTTP/1.1 400'],
      ['POST /mutate HTTP/1.1\r\n\r\n', 'HTTP/1.1 400'],
    ] as const) {
      expect(await raw(webhook.port, sent)).to.match(new RegExp(`^${answer}`));
    }
    expect((await call(webhook.port, 'GET /healthz')).status).to.equal(200);
  });
});

describe('a request that does not arrive', () => {
  const HEAD = 'POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';

  it('is given up after its time, with a word', async () => {
    const webhook = await startWebhook({ requestTimeoutMs: 50 });
    const answer = await raw(webhook.port, `${HEAD}content-length: 100\r\n\r\n{`);
    expect(answer).to.match(/^HTTP\/1\.1 408 .*connection: close/s);
    expect(answer).to.include('the request did not arrive within 0.05 s');
    // What was refused by its headers and goes on sending loses its connection as well.
    expect(await raw(webhook.port, `${HEAD}content-length: 90000000\r\n\r\n{`)).to.match(/^HTTP\/1\.1 413 /);
    await webhook.stop();
  });

  it('harms nobody when its client goes away', async () => {
    const webhook = await startWebhook();
    const socket = connect({ host: HOST, port: webhook.port, ca: CA });
    await once(socket, 'secureConnect');
    socket.write(`${HEAD}content-length: 100\r\n\r\n{`);
    await sleep(20);
    socket.destroy();
    expect((await call(webhook.port, 'GET /healthz')).status).to.equal(200);
    await webhook.stop();
  });
});

describe('the probes', () => {
  it('say which condition is missing', async () => {
    let why: string | undefined = 'the first list is not there yet';
    const webhook = await startWebhook({ checks: [{ name: 'tserver-cache', missing: () => why }] });
    const unready = await call(webhook.port, 'GET /readyz');
    expect(unready.status).to.equal(503);
    expect(unready.text).to.equal(
      '[+] certificate\n[-] tserver-cache: the first list is not there yet\n[+] shutdown\nnot ready\n',
    );
    expect((await call(webhook.port, 'GET /healthz')).status).to.equal(200);
    why = undefined;
    expect(await call(webhook.port, 'GET /readyz')).to.deep.include({
      status: 200,
      text: '[+] certificate\n[+] tserver-cache\n[+] shutdown\nready\n',
    });
    expect((await call(webhook.port, 'HEAD /readyz')).status).to.equal(200);
    await webhook.stop();
  });
});

describe('a look-up that fails', () => {
  it('is a 503, for failurePolicy to say what that means, with its reason also in the log', async () => {
    const webhook = await startWebhook({
      deps: { fetchTServer: () => Promise.reject(new Error('429 Too Many Requests')) },
    });
    const message = 'cannot look for the TServer of the StatefulSet: 429 Too Many Requests; apply again';
    for (const path of ['/mutate', '/validate']) {
      const { status, json } = await call(webhook.port, `POST ${path}`, { body: GOOD });
      expect(status).to.equal(503);
      expect(json).to.deep.include({ message, reason: 'ServiceUnavailable', details: { uid: UID } });
      expect(webhook.spy.logged.splice(0).join()).to.include(`warn ${message}`);
    }
    await webhook.stop();
  });
});

describe('a fault of our own', () => {
  it('is a 500 with the uid, in the log with its stack, and nothing more', async () => {
    const webhook = await startWebhook({
      deps: {
        lookup: {
          named: () => {
            throw new Error('a bug');
          },
          serving: () => undefined,
        },
      },
    });
    const { status, json } = await call(webhook.port, 'POST /mutate', { body: GOOD });
    expect(status).to.equal(500);
    expect(json).to.deep.include({
      message: 'internal error; the log of the webhook has the details',
      reason: 'InternalError',
      details: { uid: UID },
    });
    expect(webhook.spy.logged.join()).to.match(/^error internal error .*a bug/);
    expect((await call(webhook.port, 'GET /healthz')).status).to.equal(200);
    await webhook.stop();
  });
});

/** What comes back until the server closes the connection. */
async function raw(port: number, sent: string): Promise<string> {
  const socket = connect({ host: HOST, port, ca: CA });
  await once(socket, 'secureConnect');
  let answer = '';
  socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
  socket.on('error', () => undefined);
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('close', () => resolve());
  socket.write(sent);
  await promise;
  return answer;
}
