import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import manifest from '../../package.json' with { type: 'json' };
import { PROGRAMS } from '../../scripts/image/tools-layer.ts';
import { ROOT } from '../offline/tlv.ts';
import {
  blobPath,
  configOf,
  type Descriptor,
  entriesOf,
  filesBelow,
  madeImage,
  type MadeImage,
  manifestOf,
  NAME,
  needDebianAndRoot,
} from './made-image.ts';

const LIMIT_BYTES = 150e6;
const LIBRARY = /^lib(?:64)?\/.*\.so(?:\.\d+)*$/;
const SHELL = /^(?:\w*sh|busybox|toybox|env|apt.*|dpkg.*|npm|npx|corepack|ldconfig)$/;

const sha256 = (data: Uint8Array) => `sha256:${createHash('sha256').update(data).digest('hex')}`;

describe('the archive of the image', function () {
  this.timeout(300_000);
  this.slow(5000);
  let image: MadeImage;
  let index: { readonly manifests: readonly (Descriptor & { annotations: object; platform: object })[] };

  before(needDebianAndRoot);
  before(async () => {
    image = await madeImage();
    index = JSON.parse(readFileSync(join(image.layout, 'index.json'), 'utf8'));
  });

  it('is an OCI image layout with one image, of the name that containerd shall give it', () => {
    expect(readdirSync(image.layout).sort()).to.deep.equal(['blobs', 'index.json', 'oci-layout']);
    expect(JSON.parse(readFileSync(join(image.layout, 'oci-layout'), 'utf8'))).to.deep.equal({
      imageLayoutVersion: '1.0.0',
    });
    const [one, ...others] = index.manifests;
    expect(others).to.deep.equal([]);
    expect(one?.annotations).to.deep.equal({
      'io.containerd.image.name': NAME,
      'org.opencontainers.image.ref.name': 'dev',
    });
    expect(one?.digest).to.equal(image.made.digest);
  });

  it('has every blob that is named, of the digest and size that are said, and no other', () => {
    const { config, layers } = manifestOf(image);
    const named = [...index.manifests, config, ...layers];
    for (const { digest, size } of named) {
      const blob = readFileSync(blobPath(image.layout, digest));
      expect([digest, size]).to.deep.equal([sha256(blob), blob.length]);
    }
    const blobs = readdirSync(join(image.layout, 'blobs/sha256')).map((name) => `sha256:${name}`);
    expect(blobs.sort()).to.deep.equal(named.map(({ digest }) => digest).sort());
  });

  it('says which layers it is made of, with their digests before compression', () => {
    const { layers } = manifestOf(image);
    const { rootfs } = configOf(image);
    const plain = layers.map(({ digest }) =>
      sha256(gunzipSync(readFileSync(blobPath(image.layout, digest)))),
    );
    expect(rootfs).to.deep.equal({ type: 'layers', diff_ids: plain });
  });

  it('is run as nobody, without a shell, in production', () => {
    const { config, architecture, os } = configOf(image);
    const { Labels, ...rest } = config;
    expect(rest).to.deep.equal({
      User: '65532:65532',
      Env: [
        'NODE_ENV=production',
        'NODE_OPTIONS=--max-semi-space-size=8 --v8-pool-size=1',
        'MALLOC_ARENA_MAX=2',
      ],
      Entrypoint: ['/usr/local/bin/node', '/app/tlv.mjs'],
      WorkingDir: '/',
    });
    expect({ architecture, os }).to.deep.equal({
      architecture: process.arch === 'x64' ? 'amd64' : 'arm64',
      os: 'linux',
    });
    expect(Labels).to.include({
      'org.opencontainers.image.title': 't-local-volume',
      'org.opencontainers.image.version': manifest.version,
      'org.opencontainers.image.licenses': 'Apache-2.0',
    });
  });

  it('holds files and folders of root that nobody else can write, and nothing that tells when it was made', () => {
    for (const { mode, owner, date, path } of all(image)) {
      expect(mode, path).to.be.oneOf(['drwxr-xr-x', '-rw-r--r--', '-rwxr-xr-x']);
      expect([owner, date], path).to.deep.equal(['0/0', '1970-01-01']);
    }
  });

  it('holds Node, a name for it with our code, and what backends run as programs, and no shell or package manager', () => {
    const programs = all(image).filter(({ mode }) => mode === '-rwxr-xr-x');
    const names = programs.map(({ path }) => path).filter((path) => !LIBRARY.test(path));
    const tools = PROGRAMS.map((name) => `usr/sbin/${name}`);
    expect(names).to.have.members(['usr/local/bin/node', 'usr/local/bin/tlv', ...tools]);
    for (const path of tools) {
      // A script would need what is not there.
      const magic = readFileSync(join(image.root, path)).subarray(1, 4);
      expect(magic.toString(), path).to.equal('ELF');
    }
    expect(readFileSync(join(image.root, 'usr/local/bin/tlv'), 'utf8')).to.match(
      /^#!\/usr\/local\/bin\/node\n/,
    );
    for (const path of filesBelow(image.root)) expect(basename(path), path).to.not.match(SHELL);
  });

  it('takes less than 150 MB on the disk of a node', () => {
    const bytes = filesBelow(image.root).reduce(
      (sum, name) => sum + lstatSync(join(image.root, name)).size,
      0,
    );
    expect(bytes).to.be.below(LIMIT_BYTES);
    expect(image.made.layers.reduce((sum, { contentSize }) => sum + contentSize, 0)).to.equal(bytes);
  });

  it('is the same when it is made again, by the command', () => {
    const again = join(image.layout, '../again.tar');
    const printed = execFileSync(process.execPath, [join(ROOT, 'scripts/image.ts'), '--output', again], {
      // Not where the first one was made, nor with its mask.
      cwd: '/',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString();
    expect(printed).to.include(`${NAME} for linux/`).and.include(image.made.digest);
    expect(sha256(readFileSync(again))).to.equal(sha256(readFileSync(image.archive)));
  });
});

/** The entries of all layers. */
const all = (image: MadeImage) => manifestOf(image).layers.flatMap((layer) => entriesOf(image, layer));
