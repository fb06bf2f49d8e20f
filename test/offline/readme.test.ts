import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from './tlv.ts';

/** What the READMEs show is what one gets: every `console` block is run, every relative link is followed. */

const PAGES = [
  'README.md',
  'README.zh-CN.md',
  'CONTRIBUTING.md',
  ...[
    'rules',
    'expansion',
    'discovery',
    'install',
    'image',
    'gitops',
    'break-glass',
    'uninstall',
    'limitations',
    'compatibility',
    'migrate/README',
    'migrate/from-tarsk8s',
    'migrate/from-local-path',
    'migrate/from-hand-made',
  ].map((name) => `docs/${name}.md`),
];

for (const page of PAGES) {
  describe(page, function () {
    this.slow(2000);
    const text = readFileSync(join(ROOT, page), 'utf8');

    for (const [, block = ''] of text.matchAll(/^```console\n([\s\S]*?)^```$/gm)) {
      const [prompt = '', ...output] = block.split('\n');
      it(`shows what it prints: ${prompt}`, () => {
        const command = prompt.replace(/^\$ /, '');
        // The block shows what a terminal shows: both streams, whatever the exit code of the last command.
        const printed = execFileSync('sh', ['-c', `{ ${command}; } 2>&1 || true`], {
          cwd: ROOT,
          encoding: 'utf8',
        });
        expect(printed).to.equal(output.join('\n'));
      });
    }

    it('links to files that are there', () => {
      const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)].map(
        ([, link]) => link ?? '',
      );
      const missing = links.filter((link) => !existsSync(join(ROOT, dirname(page), link)));
      expect(missing).to.deep.equal([]);
    });
  });
}

describe('README.zh-CN.md', () => {
  it('shows the same commands as README.md', () => {
    const commands = (page: string) =>
      [...readFileSync(join(ROOT, page), 'utf8').matchAll(/^\$ .*$/gm)].map(([line]) => line);
    expect(commands('README.zh-CN.md')).to.deep.equal(commands('README.md'));
  });
});
