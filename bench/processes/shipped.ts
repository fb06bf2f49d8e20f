import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from '../../scripts/image/bundle.ts';
import { RUNTIME_CONFIG } from '../../scripts/image/image-config.ts';

/** The command line as it is in the image: what was bundled is smaller in memory than these sources. */
export class Shipped {
  readonly #folder: string;

  static async make(): Promise<Shipped> {
    const folder = mkdtempSync(join(tmpdir(), 'tlv-shipped-'));
    for (const { name, content } of (await bundle()).files) writeFileSync(join(folder, name), content);
    return new Shipped(folder);
  }

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** As the image's entry point runs it. */
  argv(...args: readonly string[]): [string, ...string[]] {
    return [process.execPath, join(this.#folder, 'tlv.mjs'), ...args];
  }

  /** As the image sets it. */
  get env(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      RUNTIME_CONFIG.Env.map((entry) => {
        const [name = '', ...value] = entry.split('=');
        return [name, value.join('=')];
      }),
    );
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
