import { expect } from 'chai';
import type { Bundle } from '../../scripts/image/bundle.ts';
import { bundled } from './bundled.ts';

describe('the bundle', function () {
  this.timeout(120_000);
  let code: Bundle;
  before(async () => {
    code = await bundled();
  });

  it('keeps the names of functions, for stack traces', () => {
    const texts = code.files.map(({ content }) => Buffer.from(content).toString());
    for (const name of ['serveAgent', 'serveWebhook', 'checkCommand']) {
      expect(
        texts.filter((text) => text.includes(`function ${name}(`)),
        name,
      ).to.have.lengthOf(1);
    }
  });

  it('spares commands what they do not use: express, certificates, the API server, and what reads YAML', () => {
    const servers = ['express', '@peculiar/x509'];
    const client = '@kubernetes/client-node';
    expect(packagesOf(code, 'webhook-serve')).to.include.members([...servers, client]);
    expect(packagesOf(code, 'agent-serve'))
      .to.include(client)
      .and.not.include.oneOf([...servers, 'yaml', 'pino-pretty']);
    expect(packagesOf(code, 'render-run')).to.include('yaml').and.not.include(client);
    expect(packagesOf(code, 'tlv')).to.not.include.oneOf(['yaml', client]);
  });

  it('takes nothing of client-node but how to find the API server', () => {
    const files = Object.values(code.metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs));
    // What its calls, and its exec, attach and cp need.
    expect(files.filter((file) => /node_modules\/(?:undici|tar-fs|ws)\//.test(file))).to.deep.equal([]);
    const ofClient = files.filter((file) => file.includes('/client-node/'));
    expect(ofClient.join('\n'))
      .to.include('/dist/config.js')
      .and.not.match(/\/gen\/(?:apis|models|types)\//);
  });
});

/** The packages that are in memory once a file has been loaded. */
function packagesOf({ metafile: { outputs } }: Bundle, name: string): string[] {
  const isWanted = (path: string) => path.startsWith(`dist/${name}-`) || path === `dist/${name}.mjs`;
  const loaded = new Set<string>();
  const load = (path: string): void => {
    if (loaded.has(path)) return;
    loaded.add(path);
    for (const { path: next, kind } of outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && next in outputs) load(next);
    }
  };
  Object.keys(outputs).filter(isWanted).forEach(load);
  expect(loaded, name).to.not.be.empty;
  const inputs = [...loaded].flatMap((path) => Object.keys(outputs[path]?.inputs ?? {}));
  return [...new Set(inputs.flatMap((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []))];
}
