import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect } from 'chai';

/** Imports point inwards: tars <- mutate, validate <- offline, admission, cluster <- agent, sweep <- commands. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  tars: [],
  mutate: ['tars'],
  validate: ['tars'],
  offline: ['tars', 'mutate', 'validate'],
  admission: ['tars', 'mutate', 'validate'],
  cluster: ['tars', 'validate', 'certs'],
  agent: ['tars', 'validate', 'cluster'],
  sweep: ['tars', 'cluster'],
  commands: ['tars', 'mutate', 'validate', 'offline', 'admission', 'cluster', 'agent', 'sweep', 'certs'],
};
/** What the pure folders may use of others: no file, no network, no process. */
const PURE = new Set(['tars', 'mutate', 'validate']);
const PURE_PACKAGES = new Set(['zod', 'fast-json-patch', 'node:util', 'node:crypto']);

const SRC = join(import.meta.dirname, '../../src');

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

function importsOf(file: string): string[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  return [...text.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)'/gm)].map(([, name]) => name ?? '');
}

const folderOf = (file: string) => file.split('/')[0] ?? '';

describe('layers', () => {
  for (const file of files.filter((name) => name.includes('/'))) {
    it(`${file} imports inwards only`, () => {
      const folder = folderOf(file);
      const outwards = importsOf(file)
        .filter((name) => name.startsWith('.') && !name.endsWith('.json'))
        .map((name) => folderOf(normalize(join('src', dirname(file), name)).replace(/^src\//, '')))
        .filter((target) => target !== folder && !MAY_IMPORT[folder]?.includes(target));
      expect(outwards).to.deep.equal([]);
    });
  }

  it('nothing calls by client-node, whose calls are not in the image', () => {
    const imports = files.flatMap((file) =>
      [
        ...readFileSync(join(SRC, file), 'utf8').matchAll(
          /^import ([^;]*) from '@kubernetes\/client-node'/gm,
        ),
      ].map(([, what]) => what),
    );
    expect(new Set(imports)).to.deep.equal(new Set(['type { KubeConfig }', '{ KubeConfig }']));
  });

  for (const file of files.filter((name) => PURE.has(folderOf(name)))) {
    it(`${file} is pure`, () => {
      const others = importsOf(file).filter((name) => !name.startsWith('.') && !PURE_PACKAGES.has(name));
      expect(others).to.deep.equal([]);
      expect(readFileSync(join(SRC, file), 'utf8')).not.to.match(
        /\bprocess\.|\bDate\.|Math\.random|console\./,
      );
    });
  }
});
