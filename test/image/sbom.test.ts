import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { expect } from 'chai';
import manifest from '../../package.json' with { type: 'json' };
import { ROOT } from '../offline/tlv.ts';
import { bundled as bundledCode } from './bundled.ts';
import { madeImage, needDebianAndRoot } from './made-image.ts';

const SCHEMAS = join(
  dirname(createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json')),
  'res/schema',
);
const DOC = 'usr/share/doc/t-local-volume';

interface Component {
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly cpe?: string;
  readonly licenses?: readonly unknown[];
  readonly components?: readonly Component[];
}

interface Bill {
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

describe('the bill of materials in the image', function () {
  this.timeout(300_000);
  let root: string;
  let bill: Bill;
  /** Of the packages that esbuild says it took code from: folder of the package to its package.json. */
  let bundled: { readonly name: string; readonly version: string; readonly license: string }[];
  const purls = (kind: string) =>
    bill.components.flatMap(({ purl }) => (purl?.startsWith(`pkg:${kind}/`) ? purl : []));

  before(needDebianAndRoot);
  before(async () => {
    ({ root } = await madeImage());
    bill = JSON.parse(readFileSync(join(root, DOC, 'sbom.cdx.json'), 'utf8'));
    const { outputs } = (await bundledCode()).metafile;
    const folders = Object.values(outputs).flatMap(({ inputs }) =>
      Object.entries(inputs).flatMap(([path, { bytesInOutput }]) =>
        bytesInOutput > 0 ? packageFolder(join(ROOT, path)) : [],
      ),
    );
    bundled = [...new Set(folders)]
      .filter((folder) => folder !== ROOT)
      .map((folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
  });

  it('is CycloneDX 1.6', () => {
    const schema = (name: string) => JSON.parse(readFileSync(join(SCHEMAS, name), 'utf8'));
    const referred = ['spdx.SNAPSHOT.schema.json', 'jsf-0.82.SNAPSHOT.schema.json'];
    // By the address that the main schema refers to them by.
    const schemas = Object.fromEntries(
      referred.map((name) => [`http://cyclonedx.org/schema/${name}`, schema(name)]),
    );
    const ajv = new Ajv({ strict: false, validateFormats: false, schemas });
    const isValid = ajv.compile(schema('bom-1.6.SNAPSHOT.schema.json'));
    expect(isValid(bill), JSON.stringify(isValid.errors)).to.equal(true);
    expect(isValid({ ...bill, components: [{ name: 'no type' }] })).to.equal(false);
  });

  it('names every package of npm that code comes from, and no other', () => {
    const expected = bundled.map(({ name, version }) => `pkg:npm/${name.replace('@', '%40')}@${version}`);
    expect(expected).to.include(`pkg:npm/zod@${manifest.dependencies.zod}`);
    expect(purls('npm').sort()).to.deep.equal(expected.sort());
  });

  it('names the packages of Debian that are in the image, as scanners look for them too', () => {
    const folder = join(root, 'var/lib/dpkg/status.d');
    const present = readdirSync(folder).map((name) => {
      const field = (key: string) =>
        new RegExp(`^${key}: (.*)$`, 'm').exec(readFileSync(join(folder, name), 'utf8'))?.[1] ?? '';
      return `${field('Package')} ${field('Version')}`;
    });
    const named = bill.components.filter(({ purl }) => purl?.startsWith('pkg:deb/'));
    expect(named.map(({ name, version }) => `${name} ${version}`)).to.have.members(present);
    expect(present.join())
      .to.include('libc6 ')
      .and.include('libstdc++6 ')
      .and.include('lvm2 ')
      .and.include('libmount1 ');
    const release = readFileSync(join(root, 'etc/os-release'), 'utf8');
    const field = (key: string) => new RegExp(`^${key}="?([^"\n]*)`, 'm').exec(release)?.[1];
    for (const purl of purls('deb')) expect(purl).to.include(`distro=${field('ID')}-${field('VERSION_ID')}`);
  });

  it('names the Node that is in the image, and what is linked into it', () => {
    const program = join(root, 'usr/local/bin/node');
    const versions = JSON.parse(execFileSync(program, ['-p', 'JSON.stringify(process.versions)']).toString());
    const node = bill.components.find(({ name }) => name === 'node');
    expect(node?.version).to.equal(versions.node).and.equal(manifest.devDependencies.node);
    const openssl = node?.components?.find(({ name }) => name === 'openssl');
    expect(openssl).to.include({
      version: versions.openssl,
      cpe: `cpe:2.3:a:openssl:openssl:${versions.openssl}:*:*:*:*:*:*:*`,
    });
  });

  it('gives each of them a version', () => {
    for (const one of bill.components) {
      for (const { name, version } of [one, ...(one.components ?? [])]) expect(version, name).to.match(/^\d/);
    }
  });

  it('says what needs what: everything is needed by the product in the end', () => {
    const edges = new Map(bill.dependencies.map(({ ref, dependsOn = [] }) => [ref, dependsOn]));
    const reached = new Set<string>();
    const reach = (ref: string): void => {
      if (reached.has(ref)) return;
      reached.add(ref);
      for (const next of edges.get(ref) ?? []) reach(next);
    };
    reach(bill.metadata.component['bom-ref']);
    const all = [...bill.components, bill.metadata.component].map((one) => one['bom-ref']);
    expect([...reached].sort()).to.deep.equal(all.sort());
  });

  it('goes with the texts of all licences', () => {
    const texts = readFileSync(join(root, DOC, 'third-party-licenses.txt'), 'utf8');
    for (const { name, version, license } of bundled) {
      expect(texts).to.include(`\n${name} ${version} (${license})\n`);
    }
    expect(readFileSync(join(root, 'usr/local/share/doc/node/LICENSE'), 'utf8')).to.include('OpenSSL');
    for (const name of readdirSync(join(root, 'var/lib/dpkg/status.d'))) {
      const copyright = readFileSync(join(root, 'usr/share/doc', name, 'copyright'), 'utf8');
      for (const [path] of copyright.matchAll(/\/usr\/share\/common-licenses\/[\w.-]*\w/g)) {
        expect(existsSync(join(root, path)), `${name}: ${path}`).to.equal(true);
      }
    }
  });
});

/** The nearest folder above whose package.json names a package; folders with none but a type are part of one. */
function packageFolder(path: string): string {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (folder === join(ROOT, '.') || `${folder}/` === ROOT) return ROOT;
    if (existsSync(file) && 'version' in JSON.parse(readFileSync(file, 'utf8'))) return folder;
  }
}
