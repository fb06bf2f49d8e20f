import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '../offline/tlv.ts';
import {
  configOf,
  directory,
  entriesOf,
  filesBelow,
  madeImage,
  type MadeImage,
  manifestOf,
  needDebianAndRoot,
} from './made-image.ts';

interface Instruction {
  readonly name: string;
  readonly value: string;
}

/** Each stage of the Dockerfile. */
function stages(): Instruction[][] {
  const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '');
  const [, ...found] = text.split(/^(?=FROM )/m);
  return found.map((stage) =>
    Array.from(stage.matchAll(/^([A-Z]+) (.*)$/gm), ([, name = '', value = '']) => ({ name, value })),
  );
}

const valuesOf = (stage: readonly Instruction[] | undefined, wanted: string) =>
  (stage ?? []).flatMap(({ name, value }) => (name === wanted ? value : []));

describe('the Dockerfile', function () {
  this.timeout(300_000);
  this.slow(30_000);
  let image: MadeImage;
  const [build, final] = stages();
  const layersFolder = join(directory, 'layers');
  let copy: string | undefined;

  before(needDebianAndRoot);
  before(async () => {
    image = await madeImage();
  });
  after(() => {
    if (copy !== undefined) rmSync(copy, { recursive: true, force: true });
  });

  it('says of the image what the archive says', () => {
    const { User, Env, Entrypoint, WorkingDir, Labels } = configOf(image).config;
    expect(valuesOf(final, 'USER')).to.deep.equal([User]);
    expect(valuesOf(final, 'ENV').map((text) => text.replaceAll('"', ''))).to.deep.equal(Env);
    expect(valuesOf(final, 'WORKDIR')).to.deep.equal([WorkingDir]);
    expect(valuesOf(final, 'ENTRYPOINT').map((text) => JSON.parse(text))).to.deep.equal([Entrypoint]);
    const labels = valuesOf(final, 'LABEL').flatMap((text) => [...text.matchAll(/(\S+)="([^"]*)"/g)]);
    const {
      'org.opencontainers.image.created': _c,
      'org.opencontainers.image.revision': _r,
      ...lasting
    } = Labels;
    expect(Object.fromEntries(labels.map(([, key, value]) => [key, value]))).to.deep.equal(lasting);
  });

  it('copies the same layers, in the same order, and nothing else', () => {
    expect(valuesOf(final, 'FROM')).to.deep.equal(['scratch']);
    const copies = image.made.layers.map(({ name }) => `--from=build /layers/${name}/ /`);
    expect(valuesOf(final, 'COPY')).to.deep.equal(copies);
  });

  it('installs as `npm test` does', () => {
    const [install] = valuesOf(build, 'RUN');
    const ours = /'npm', \[(.*?)\]/.exec(readFileSync(join(ROOT, 'scripts/install.mjs'), 'utf8'))?.[1] ?? '';
    expect(ours).to.include("'ci'");
    expect(ours.replaceAll(/[',]/g, '')).to.include(install?.replace('npm ', ''));
  });

  it('builds the same files in a copy of the repository, without what .dockerignore leaves out', () => {
    copy = copyOfRepository();
    const [, ...commands] = valuesOf(build, 'RUN');
    expect(commands.join()).to.include(' /layers');
    for (const command of commands) {
      const line = `umask 077; ${command.replace(' /layers', ` ${layersFolder}`)}`;
      execFileSync('sh', ['-c', line], { cwd: copy, stdio: 'pipe' });
    }
    for (const [index, layer] of manifestOf(image).layers.entries()) {
      const folder = join(layersFolder, image.made.layers[index]?.name ?? '');
      const entries = entriesOf(image, layer);
      const files = entries.flatMap(({ path }) => (path.endsWith('/') ? [] : path));
      expect(filesBelow(folder)).to.deep.equal(files.sort());
      for (const { path, mode } of entries) {
        const { mode: bits, uid, gid, mtimeMs } = statSync(join(folder, path));
        expect([(bits & 0o7777).toString(8), uid, gid, mtimeMs], path).to.deep.equal([MODES[mode], 0, 0, 0]);
        if (path.endsWith('/')) continue;
        const isSame = readFileSync(join(folder, path)).equals(readFileSync(join(image.root, path)));
        expect(isSame, path).to.equal(true);
      }
    }
  });
});

const MODES: Readonly<Record<string, string>> = {
  'drwxr-xr-x': '755',
  '-rwxr-xr-x': '755',
  '-rw-r--r--': '644',
};

/**
 * What `COPY . .` copies. Packages are linked, to install them is what every `npm test` does; so it has to be on the
 * same disk.
 */
function copyOfRepository(): string {
  const parent = join(ROOT, '.cache');
  mkdirSync(parent, { recursive: true });
  const copy = mkdtempSync(join(parent, 'build-'));
  const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');
  expect(ignored).to.include.members(['node_modules', '.cache']);
  for (const name of readdirSync(ROOT)) {
    if (!ignored.includes(name)) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  }
  execFileSync('cp', ['-al', join(ROOT, 'node_modules'), copy]);
  return copy;
}
