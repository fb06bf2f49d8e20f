import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { bundle } from '../../scripts/image/bundle.ts';
import { RUNTIME_CONFIG } from '../../scripts/image/image-config.ts';

const DAEMON_SET = join(import.meta.dirname, '../../deploy/base/daemonset.yaml');

/** What Node and its library for threads are told by the environment. */
const OF_NODE = new Set(['NODE_OPTIONS', 'UV_THREADPOOL_SIZE']);

interface DaemonSet {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Container[] } } };
}
interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
}

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

  /** As the DaemonSet sets it for the agent, as far as it is about Node. */
  get agentEnv(): Readonly<Record<string, string>> {
    const { spec } = parse(readFileSync(DAEMON_SET, 'utf8')) as DaemonSet;
    const told = (spec.template.spec.containers[0]?.env ?? []).flatMap(({ name, value }) =>
      OF_NODE.has(name) && value !== undefined ? [[name, value] as const] : [],
    );
    return { ...this.env, ...Object.fromEntries(told) };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
