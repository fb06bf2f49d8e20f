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

  it('spares commands what they do not use: express, certificates and the API server', () => {
    const servers = ['express', '@peculiar/x509'];
    expect(packagesOf(code, 'webhook-serve')).to.include.members([...servers, 'undici']);
    expect(packagesOf(code, 'agent-serve')).to.include('undici').and.not.include.oneOf(servers);
    expect(packagesOf(code, 'tlv')).to.include('yaml').and.not.include('undici');
  });

  it('takes nothing of client-node that nobody asked for', () => {
    // Its exec, attach and cp, and what they need.
    const files = ['tlv', 'agent-serve', 'webhook-serve', 'sweep-serve'];
    const packages = files.flatMap((name) => packagesOf(code, name));
    expect(packages).to.include('@kubernetes/client-node').and.not.include.oneOf(['tar-fs', 'ws']);
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
