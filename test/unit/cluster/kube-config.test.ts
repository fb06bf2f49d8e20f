import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ApiReader } from '../../../src/cluster/api-reader.ts';
import { KubeConfigError, loadKubeConfig } from '../../../src/cluster/kube-config.ts';
import { FakeApi, THINGS } from './fake-api.ts';

describe('kubeconfig', () => {
  let directory: string;
  let path: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kube-config-'));
    path = join(directory, 'config');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const kubeconfig = ({ cluster = {}, user = {}, context = {} }: Record<string, object> = {}) => ({
    clusters: [{ name: 'bare-metal', cluster: { server: 'https://10.0.0.1:6443', ...cluster } }],
    users: [{ name: 'admin', user: { token: 'secret', ...user } }],
    contexts: [{ name: 'here', context: { cluster: 'bare-metal', user: 'admin', ...context } }],
    'current-context': 'here',
  });
  const load = (content: unknown) => {
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return loadKubeConfig(path);
  };

  it('is the given file', () => {
    expect(load(kubeconfig()).getCurrentCluster()?.server).to.equal('https://10.0.0.1:6443');
  });

  const BAD: readonly (readonly [string, unknown, RegExp])[] = [
    ['not YAML', 'a: [', /^kubeconfig .*config cannot be read: /],
    ['empty', '', /^kubeconfig .*config cannot be read: /],
    [
      'without a current context',
      { ...kubeconfig(), 'current-context': '' },
      /cannot be used: its current context, which is empty, names no cluster in it$/,
    ],
    [
      'of a context that is not there',
      { ...kubeconfig(), 'current-context': 'there' },
      /its current context, there, names no cluster in it$/,
    ],
    ['without the user', kubeconfig({ context: { user: 'bob' } }), /here, names no user in it$/],
    [
      'with a server that is no URL',
      kubeconfig({ cluster: { server: 'nowhere' } }),
      /the server of cluster bare-metal is no URL: nowhere$/,
    ],
    [
      'with a server without TLS',
      kubeconfig({ cluster: { server: 'http://10.0.0.1' } }),
      /is http:\/\/10\.0\.0\.1; without TLS, insecure-skip-tls-verify must say so$/,
    ],
  ];
  for (const [what, content, message] of BAD) {
    it(`is refused when ${what}`, () => {
      expect(() => load(content)).to.throw(KubeConfigError, message);
    });
  }

  it('is refused when missing, with the cause', () => {
    expect(() => loadKubeConfig(join(directory, 'none')))
      .to.throw(KubeConfigError, /none cannot be read: ENOENT/)
      .with.nested.property('cause.code', 'ENOENT');
  });

  it('is asked for where there is none to be found', () => {
    const { HOME, KUBECONFIG } = process.env;
    process.env['HOME'] = directory;
    delete process.env['KUBECONFIG'];
    try {
      expect(() => loadKubeConfig()).to.throw(
        KubeConfigError,
        'the default kubeconfig cannot be used: there is none, and this is not a pod with a service account; ' +
          'name a file with --kubeconfig',
      );
    } finally {
      process.env['HOME'] = HOME;
      if (KUBECONFIG !== undefined) process.env['KUBECONFIG'] = KUBECONFIG;
    }
  });

  describe('credentials', () => {
    let api: FakeApi;
    beforeEach(async () => {
      api = await FakeApi.start();
    });
    afterEach(() => api.stop());

    const cluster = () => ({ server: api.url, 'insecure-skip-tls-verify': true });
    const ask = async (reader: ApiReader) => {
      await reader.json(THINGS, { signal: new AbortController().signal });
      return api.last('list').authorization;
    };

    it('are sent: a token', async () => {
      expect(await ask(new ApiReader(load(kubeconfig({ cluster: cluster() }))))).to.equal('Bearer secret');
    });

    it('are sent: name and password', async () => {
      const user = { token: undefined, username: 'bob', password: 'pass' };
      const reader = new ApiReader(load(kubeconfig({ cluster: cluster(), user })));
      expect(await ask(reader)).to.equal(`Basic ${Buffer.from('bob:pass').toString('base64')}`);
    });

    it('are asked of a command again when they have expired', async () => {
      const answer = join(directory, 'answer');
      const tell = (token: string) =>
        writeFileSync(
          answer,
          JSON.stringify({
            apiVersion: 'client.authentication.k8s.io/v1',
            kind: 'ExecCredential',
            status: { token, expirationTimestamp: '2020-01-01T00:00:00Z' },
          }),
        );
      const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'cat', args: [answer] };
      const reader = new ApiReader(
        load(kubeconfig({ cluster: cluster(), user: { token: undefined, exec } })),
      );
      tell('first');
      expect(await ask(reader)).to.equal('Bearer first');
      tell('second');
      expect(await ask(reader)).to.equal('Bearer second');
    });

    it('that a command cannot give are an error of the request', async () => {
      const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'false' };
      const reader = new ApiReader(
        load(kubeconfig({ cluster: cluster(), user: { token: undefined, exec } })),
      );
      const error = await ask(reader).catch((thrown: unknown) => thrown);
      expect(error).to.have.property('name', 'ConnectionError');
      expect(api.seen).to.deep.equal([]);
    });
  });
});
