import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { EventEmitter } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { CertificateFileError, CertificateFiles } from '../../../certs/files.ts';
import { issueAuthority, issueLeaf } from '../../../certs/issue.ts';
import { LIFETIMES } from '../../../certs/lifetime.ts';
import type { Pair } from '../../../certs/state.ts';
import { DAY, silent, START } from './world.ts';

/** A folder as the kubelet mounts a Secret: files are links through `..data`, which is swapped as one. */
class SecretVolume {
  readonly folder = mkdtempSync(join(tmpdir(), 'certs-'));
  readonly certFile = join(this.folder, 'tls.crt');
  readonly keyFile = join(this.folder, 'tls.key');
  #version = 0;

  put(cert: string, key: string): void {
    const version = `..v${++this.#version}`;
    mkdirSync(join(this.folder, version));
    writeFileSync(join(this.folder, version, 'tls.crt'), cert);
    writeFileSync(join(this.folder, version, 'tls.key'), key);
    symlinkSync(version, join(this.folder, '..new'));
    renameSync(join(this.folder, '..new'), join(this.folder, '..data'));
    if (this.#version > 1) return;
    for (const name of ['tls.crt', 'tls.key']) symlinkSync(join('..data', name), join(this.folder, name));
  }
}

describe('given certificate files', () => {
  let authority: Pair;
  let first: Pair;
  let second: Pair;
  let volume: SecretVolume;
  let now: number;
  /** Each emission of "tick" ends one wait; each wait begins with "waiting". */
  let clock: EventEmitter;
  let files: CertificateFiles;
  let errors: string[];

  before(async () => {
    authority = await issueAuthority(new Date(START), LIFETIMES);
    first = await issueLeaf(authority, ['a'], new Date(START), LIFETIMES);
    second = await issueLeaf(authority, ['a'], new Date(START + 60 * DAY), LIFETIMES);
  });

  beforeEach(() => {
    volume = new SecretVolume();
    now = START;
    clock = new EventEmitter();
    errors = [];
    files = new CertificateFiles({
      certFile: volume.certFile,
      keyFile: volume.keyFile,
      readFile: async (path, encoding) => readFile(path, encoding),
      log: { ...silent, error: (fields) => errors.push((fields as { err: Error }).err.message) },
      time: {
        now: () => new Date(now),
        monotonic: () => now - START,
        delay: async (_ms, signal) => {
          const woken = once(clock, 'tick', { signal }).catch(() => undefined);
          clock.emit('waiting');
          await woken;
        },
      },
    });
  });

  afterEach(async () => {
    await files.stop();
    rmSync(volume.folder, { recursive: true });
  });

  const put = ({ certificate, key }: Pair) => volume.put(String(certificate), key);

  /** Lets one look happen, to its end. */
  async function look(): Promise<void> {
    const looked = once(clock, 'waiting');
    clock.emit('tick');
    await looked;
  }

  it('are served, followed through the swap of a Secret volume, and kept when the new ones are bad', async () => {
    put(first);
    await files.start();
    await files.ready();
    expect(files.current()).to.deep.equal({ cert: String(first.certificate), key: first.key });
    expect(files.notAfter).to.deep.equal(first.certificate.validToDate);
    const heard: unknown[] = [];
    files.onChange(() => heard.push(files.notAfter));

    await look();
    expect(heard).to.deep.equal([]);

    now += 60 * DAY;
    put(second);
    await look();
    expect(heard).to.deep.equal([second.certificate.validToDate]);
    expect(files.current().key).to.equal(second.key);

    volume.put(String(second.certificate), first.key);
    await look();
    await look();
    const message = `${volume.keyFile}: the key does not fit the certificate in ${volume.certFile}`;
    expect(errors).to.deep.equal([message]);
    expect(files.problem).to.equal(message);
    expect(files.current().key).to.equal(second.key);
    expect(files.isTrusted).to.be.true;

    put(second);
    await look();
    expect(files.problem).to.equal(undefined);
    now += 91 * DAY;
    expect(files.isTrusted).to.be.false;
    expect(files.problem).to.equal(`${volume.certFile}: the certificate has expired`);
  });

  const CASES: readonly (readonly [
    string,
    () => readonly [string, string],
    (files: SecretVolume) => string,
  ])[] = [
    [
      'no certificate in it',
      () => ['hello', first.key],
      ({ certFile }) => `${certFile}: the file is not PEM`,
    ],
    ['an empty one', () => ['', first.key], ({ certFile }) => `${certFile}: the file is empty`],
    [
      'a cut-off one',
      () => [String(first.certificate).slice(0, 99), first.key],
      ({ certFile }) => `${certFile}: the file is cut off`,
    ],
    [
      'no key in it',
      () => [String(first.certificate), String(first.certificate)],
      ({ keyFile }) => `${keyFile}: the file is no private key in PEM form`,
    ],
    [
      'another key',
      () => [String(first.certificate), second.key],
      ({ certFile, keyFile }) => `${keyFile}: the key does not fit the certificate in ${certFile}`,
    ],
    [
      'one of later',
      () => [String(second.certificate), second.key],
      ({ certFile }) => `${certFile}: the certificate is not valid before 2026-03-01T23:00:00Z`,
    ],
  ];

  async function refusal(): Promise<string> {
    const error: unknown = await files.start().then(
      () => 'it started',
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(CertificateFileError);
    return (error as Error).message;
  }

  for (const [what, content, message] of CASES) {
    it(`are refused at the start: ${what}`, async () => {
      volume.put(...content());
      expect(await refusal()).to.equal(message(volume));
    });
  }

  it('are refused at the start: expired', async () => {
    put(first);
    now += 91 * DAY;
    expect(await refusal()).to.equal(`${volume.certFile}: the certificate expired on 2026-04-01T00:00:00Z`);
  });

  it('are refused at the start: not there', async () => {
    expect(await refusal()).to.equal(`${volume.certFile}: there is no such file`);
  });

  it('are refused at the start: a directory', async () => {
    mkdirSync(volume.certFile);
    expect(await refusal()).to.equal(`${volume.certFile}: it is a directory`);
  });
});
