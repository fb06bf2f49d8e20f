import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '../offline/tlv.ts';
import { inNewestWords } from './older-words.ts';

/**
 * What kubectl prints, word for word: one folder of test/controlplane/golden for each test file.
 * `UPDATE_GOLDEN=1 npm test -- controlplane` writes the texts anew, and the diff is then to be read as the
 * change that it is.
 */
export class GoldenTexts {
  readonly #folder: string;
  readonly #used = new Set<string>();

  constructor(name: string) {
    this.#folder = join(ROOT, 'test/controlplane/golden', name);
  }

  expect(name: string, text: string): void {
    const file = join(this.#folder, `${name}.txt`);
    this.#used.add(`${name}.txt`);
    if (process.env.UPDATE_GOLDEN) {
      mkdirSync(this.#folder, { recursive: true });
      writeFileSync(file, text);
    }
    expect(inNewestWords(text), `${name}.txt`).to.equal(existsSync(file) ? readFileSync(file, 'utf8') : '');
  }

  /** To be asked at the end: a text that nothing prints any more is a lie. */
  expectNoneUnused(): void {
    expect(readdirSync(this.#folder).sort()).to.deep.equal([...this.#used].sort());
  }
}
