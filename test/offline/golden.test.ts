import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT, tlv } from './tlv.ts';

/**
 * Each folder of test/golden is a case: `command` is what is typed after `tlv`, the other files are what
 * comes out. Cases are found by themselves; `UPDATE_GOLDEN=1 npm test -- offline` writes them anew, and
 * the diff is then to be read as the change that it is.
 */
const GOLDEN = join(ROOT, 'test/golden');
const OUTPUTS = ['stdout', 'stderr', 'exit'];
/** What a case may read: on standard input, or by name. */
const INPUT = /^(?:stdin|input.*)$/;

describe('golden files', function () {
  this.slow(2000);

  for (const name of readdirSync(GOLDEN).sort()) {
    it(name, async () => {
      const folder = join(GOLDEN, name);
      const command = readFileSync(join(folder, 'command'), 'utf8').trim();
      const stdin = join(folder, 'stdin');
      const { stdout, stderr, exit } = await tlv(
        command.split(/\s+/),
        existsSync(stdin) ? readFileSync(stdin, 'utf8') : '',
      );
      const actual: Record<string, string> = { stdout, stderr, exit: `${exit}\n` };
      for (const output of OUTPUTS) {
        const file = join(folder, output);
        if (process.env.UPDATE_GOLDEN) writeFileSync(file, actual[output] ?? '');
        expect(actual[output], `${name}/${output}`).to.equal(readFileSync(file, 'utf8'));
      }
    });

    it(`${name} holds nothing that is not used`, () => {
      const files = readdirSync(join(GOLDEN, name)).filter((file) => !INPUT.test(file));
      expect(files.sort()).to.deep.equal(['command', ...OUTPUTS].sort());
    });
  }
});
