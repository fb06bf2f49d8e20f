import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { default as Ajv } from 'ajv-draft-04';
import { expect } from 'chai';
import type { Log } from 'sarif';
import { RULES } from '../../src/validate/catalogue.ts';
import { ROOT, tlv } from './tlv.ts';
import sarifSchema from '@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json' with { type: 'json' };

/**
 * examples/refused.yaml says itself, in a comment on each bad line, which rule refuses it. Here the four
 * formats of `tlv check` are held against these comments.
 */
const FILE = 'examples/refused.yaml';
const LINES = readFileSync(join(ROOT, FILE), 'utf8').split('\n');

/** `line:CODE` of every comment, and of those that need the class to be per node. */
function expected(perNode: boolean): string[] {
  return LINES.flatMap((text, index) => {
    const [, code, way] = /# (TLV\d{3})( per-node)?$/.exec(text) ?? [];
    return code && (!way || perNode) ? [`${index + 1}:${code}`] : [];
  });
}

describe('examples/refused.yaml', function () {
  this.slow(2000);

  it('is refused as its comments say, as text', async () => {
    const { stdout, exit } = await tlv(['check', '-f', FILE]);
    const found = [...stdout.matchAll(/^examples\/refused\.yaml:(\d+):\d+: (TLV\d{3}) /gm)];
    expect(found.map(([, line, code]) => `${line}:${code}`)).to.deep.equal(expected(false));
    expect(stdout.trim().split('\n')).to.have.length(expected(false).length);
    expect(exit).to.equal(1);
  });

  it('is refused by the rules of per-node classes too', async () => {
    const { stdout } = await tlv([
      'check',
      '-f',
      FILE,
      '-o',
      'json',
      '--classes',
      't-storage-class=per-node',
    ]);
    const found = JSON.parse(stdout) as { line: number; code: string }[];
    expect(found.map(({ line, code }) => `${line}:${code}`)).to.deep.equal(expected(true));
  });

  it('shows every rule that creating an object can break', async () => {
    const shown = new Set(expected(true).map((entry) => entry.split(':')[1]));
    // TLV103 takes an update, TLV9xx are warnings.
    const refusable = RULES.map(({ code }) => code).filter(
      (code) => code !== 'TLV103' && !code.startsWith('TLV9'),
    );
    expect(shown).to.deep.equal(new Set(refusable));
  });

  it('is pointed at by column: the value stands there', async () => {
    const { stdout } = await tlv(['check', '-f', FILE, '-o', 'json']);
    const found = JSON.parse(stdout) as { line: number; column: number; value?: unknown; code: string }[];
    // The value of TLV204 is what was given below the key, and is no text of its own.
    const pointed = found.filter((report) => report.value !== undefined && report.code !== 'TLV204');
    for (const { line, column, value, code } of pointed) {
      const text = LINES[line - 1]!.slice(column - 1).replace(/\s*# TLV.*$/, '');
      // Numbers are shown as YAML reads them: +1 is 1, 0755 is 493.
      const read = typeof value === 'number' ? (/^0\d/.test(text) ? parseInt(text, 8) : Number(text)) : value;
      const written = text.replace(/^\[|\]$/g, '').replace(/^"(.*)"$/, '$1');
      expect(
        typeof value === 'string' || typeof value === 'boolean' ? written : read,
        `${line} ${code}`,
      ).to.equal(typeof value === 'boolean' ? String(value) : value);
    }
  });

  it('is annotated for GitHub, one command a violation', async () => {
    const { stdout, exit } = await tlv(['check', '-f', FILE, '-o', 'github']);
    const found = stdout
      .trim()
      .split('\n')
      .map((line) =>
        /^::error file=examples\/refused\.yaml,line=(\d+),col=\d+,title=(TLV\d{3}) [^:]*::./.exec(line),
      );
    expect(found.map((match) => match && `${match[1]}:${match[2]}`)).to.deep.equal(expected(false));
    expect(exit).to.equal(1);
  });

  it('is SARIF by its schema, with every rule described', async () => {
    const { stdout, exit } = await tlv(['check', '-f', FILE, '-o', 'sarif']);
    const log = JSON.parse(stdout) as Log;
    // Not unicode: one of the schema's own patterns is none by that grammar.
    const ajv = new Ajv.default({ strict: false, validateFormats: false, unicodeRegExp: false });
    const isValid = ajv.compile(sarifSchema);
    expect(isValid(log), JSON.stringify(isValid.errors)).to.equal(true);
    // The schema is really looked at: a level that SARIF does not know is refused.
    expect(isValid({ ...log, version: '2.0.0' })).to.equal(false);
    const results = log.runs[0]?.results ?? [];
    expect(
      results.map(
        ({ ruleId, locations }) => `${locations?.[0]?.physicalLocation?.region?.startLine}:${ruleId}`,
      ),
    ).to.deep.equal(expected(false));
    for (const { ruleId, ruleIndex } of results) {
      expect(log.runs[0]?.tool.driver.rules?.[ruleIndex ?? -1]?.id).to.equal(ruleId);
    }
    expect(exit).to.equal(1);
  });

  it('is rendered not at all: nothing on standard output', async () => {
    const { stdout, stderr, exit } = await tlv(['render', '-f', FILE]);
    expect(stdout).to.equal('');
    expect(stderr.split('\n').filter((line) => line.includes(': TLV'))).to.have.length(
      expected(false).length,
    );
    expect(exit).to.equal(1);
  });
});
