import { BACKENDS, type BackendName } from '../../tars/class-parameters.ts';
import type { Backend, Kit, Provider, Traits } from './backend.ts';
import type { Remover } from '../remover.ts';
import { BTRFS } from './btrfs.ts';
import { DIRECTORY } from './directory.ts';
import { LOOP } from './loop.ts';
import { LVM } from './lvm.ts';
import { QUOTA } from './quota.ts';
import { TMPFS } from './tmpfs.ts';

/** Every way to keep volumes that there is. */
const PROVIDERS: readonly Provider[] = [DIRECTORY, LOOP, TMPFS, BTRFS, QUOTA, LVM];

/** A node that lacks what a backend needs was asked for one of its volumes. */
export class BackendMissing extends Error {
  override readonly name = 'BackendMissing';
}

/** The backends that one pool can have on this node, and why it cannot have the others. */
export class Backends {
  readonly #backends: ReadonlyMap<BackendName, Backend>;
  readonly #missing: ReadonlyMap<BackendName, string>;

  private constructor(
    backends: ReadonlyMap<BackendName, Backend>,
    missing: ReadonlyMap<BackendName, string>,
  ) {
    this.#backends = backends;
    this.#missing = missing;
  }

  static async open(kit: Kit, providers: readonly Provider[] = PROVIDERS): Promise<Backends> {
    const backends = new Map<BackendName, Backend>();
    const missing = new Map<BackendName, string>();
    for (const provider of providers) {
      const why = await provider.missing(kit);
      if (why !== undefined) missing.set(provider.name, why);
      // What it needs may be there to look at volumes, though not to make them.
      backends.set(provider.name, provider.open(kit));
    }
    return new Backends(backends, missing);
  }

  /** @throws {BackendMissing} */
  get(name: BackendName): Backend {
    const why = this.missing(name);
    const backend = this.#backends.get(name);
    if (why !== undefined || !backend) throw new BackendMissing(why ?? `there is no backend ${name}`);
    return backend;
  }

  traitsOf(name: BackendName): Traits {
    const backend = this.#backends.get(name);
    if (!backend) throw new BackendMissing(`there is no backend ${name}`);
    return backend.traits;
  }

  /** Why this node cannot keep volumes so; undefined where it can. */
  missing(name: BackendName): string | undefined {
    return this.#missing.get(name);
  }

  /** Of those that have a say in how what was retired is destroyed. */
  removers(): Remover[] {
    return this.available().flatMap((name) => this.#backends.get(name)?.remover ?? []);
  }

  /** Those that this node has. */
  available(): BackendName[] {
    return BACKENDS.filter((name) => this.#backends.has(name) && !this.#missing.has(name));
  }
}
