import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { generatedFiles } from '../../scripts/generate/files.ts';

describe('generated files', () => {
  for (const { path, text } of generatedFiles()) {
    it(`${path} is what the code says (npm run generate)`, () => {
      expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).to.equal(text);
    });
  }
});
