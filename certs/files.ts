import type { KeyObject, X509Certificate } from 'node:crypto';
import { timeFault } from './lifetime.ts';
import { readCertificates, readKey } from './pem.ts';
import {
  type CertificateSource,
  Listeners,
  type Log,
  messageOf,
  type ServedPair,
  type Time,
} from './source.ts';

/** A file that cannot be served, and what is wrong with it. */
export class CertificateFileError extends Error {
  override readonly name = 'CertificateFileError';
}

export interface CertificateFilesOptions {
  readonly certFile: string;
  readonly keyFile: string;
  /** UTF-8 text; node:fs/promises has it. */
  readonly readFile: (path: string, encoding: 'utf8') => Promise<string>;
  readonly time: Time;
  readonly log: Log;
  readonly everyMs?: number;
}

interface Loaded extends ServedPair {
  readonly notAfter: Date;
}

const EVERY_MS = 10_000;

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read',
  EISDIR: 'it is a directory',
};

/**
 * Certificate and key from given files, read again and again: a Secret's volume changes by a symbolic link, which a
 * watch of the files would miss. What cannot be served never replaces what is served. Whether clients trust it is for
 * whoever made it to see to.
 */
export class CertificateFiles implements CertificateSource {
  readonly #options: CertificateFilesOptions;
  readonly #listeners: Listeners<ServedPair>;
  readonly #stopping = new AbortController();
  #loaded: Loaded | undefined;
  #failure: string | undefined;
  #running: Promise<void> | undefined;

  constructor(options: CertificateFilesOptions) {
    this.#options = options;
    this.#listeners = new Listeners(options.log);
  }

  current(): ServedPair {
    if (!this.#loaded) throw new Error('there is no certificate yet; wait for start()');
    return { cert: this.#loaded.cert, key: this.#loaded.key };
  }

  onChange(listener: (pair: ServedPair) => void): () => void {
    return this.#listeners.add(listener);
  }

  get notAfter(): Date | undefined {
    return this.#loaded?.notAfter;
  }

  get isTrusted(): boolean {
    return this.#loaded !== undefined && this.#options.time.now() <= this.#loaded.notAfter;
  }

  get problem(): string | undefined {
    if (this.isTrusted || !this.#loaded) return this.#failure;
    return this.#failure ?? `${this.#options.certFile}: the certificate has expired`;
  }

  /** @throws {CertificateFileError} where the files cannot be served as they are */
  async start(): Promise<void> {
    if (this.#running) return;
    this.#loaded = await load(this.#options);
    this.#running = this.#run();
  }

  async ready(): Promise<void> {
    await this.start();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { time, everyMs = EVERY_MS } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      await time.delay(everyMs, signal);
      if (signal.aborted) return;
      await this.#reload();
    }
  }

  async #reload(): Promise<void> {
    const { log, certFile } = this.#options;
    try {
      const loaded = await load(this.#options);
      this.#failure = undefined;
      if (loaded.cert === this.#loaded?.cert && loaded.key === this.#loaded.key) return;
      this.#loaded = loaded;
      log.info({ file: certFile, notAfter: loaded.notAfter }, 'certificates: files changed, reloaded');
      this.#listeners.tell(this.current());
    } catch (error) {
      // Once for each fault: the next look would say the same.
      if (this.#failure !== messageOf(error)) {
        log.error({ err: error }, 'certificates: files changed but cannot be served, the old ones stay');
      }
      this.#failure = messageOf(error);
    }
  }
}

async function load(options: CertificateFilesOptions): Promise<Loaded> {
  const { certFile, keyFile, time } = options;
  const cert = await text(options, certFile);
  const key = await text(options, keyFile);
  const leaf = certificateOf(certFile, cert);
  if (!leaf.checkPrivateKey(keyOf(keyFile, key))) {
    throw new CertificateFileError(`${keyFile}: the key does not fit the certificate in ${certFile}`);
  }
  const fault = timeFault(leaf, time.now());
  if (fault !== undefined) throw new CertificateFileError(`${certFile}: the certificate ${fault}`);
  return { cert, key, notAfter: leaf.validToDate };
}

async function text({ readFile }: CertificateFilesOptions, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw new CertificateFileError(`${file}: ${WORDS[code] ?? messageOf(error)}`, { cause: error });
  }
}

function certificateOf(file: string, pem: string): X509Certificate {
  const { certificates, fault } = readCertificates(pem);
  const [leaf] = certificates;
  if (leaf && fault === undefined) return leaf;
  throw new CertificateFileError(`${file}: the file ${fault ?? 'holds no certificate'}`);
}

function keyOf(file: string, pem: string): KeyObject {
  const key = readKey(pem);
  if (typeof key !== 'string') return key;
  throw new CertificateFileError(`${file}: the file ${key}`);
}
