import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Certificates by openssl: made by other hands than the ones that the product makes itself. */

const run = promisify(execFile);
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

export interface Pem {
  readonly cert: string;
  readonly key: string;
}

export class Authority {
  readonly cert: string;
  readonly #key: string;

  private constructor({ cert, key }: Pem) {
    this.cert = cert;
    this.#key = key;
  }

  static async make(): Promise<Authority> {
    const subject = ['-subj', '/CN=test authority', '-addext', 'keyUsage=critical,keyCertSign'];
    return new Authority(await pair([...subject, '-days', '2']));
  }

  /** A new certificate for 127.0.0.1, good for a day. */
  async leaf(): Promise<Pem> {
    return await inDirectory(async (directory) => {
      const files = { cert: join(directory, 'ca.crt'), key: join(directory, 'ca.key') };
      await Promise.all([writeFile(files.cert, this.cert), writeFile(files.key, this.#key, { mode: 0o600 })]);
      return await pair([
        '-subj',
        '/CN=localhost',
        '-addext',
        'subjectAltName=IP:127.0.0.1,DNS:localhost',
        '-addext',
        'basicConstraints=critical,CA:FALSE',
        '-days',
        '1',
        '-CA',
        files.cert,
        '-CAkey',
        files.key,
      ]);
    });
  }
}

async function pair(args: readonly string[]): Promise<Pem> {
  return await inDirectory(async (directory) => {
    const cert = join(directory, 'tls.crt');
    const key = join(directory, 'tls.key');
    await run('openssl', ['req', '-x509', ...NEW_KEY, '-keyout', key, '-out', cert, ...args]);
    return { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') };
  });
}

async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'tlv-certificates-'));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
