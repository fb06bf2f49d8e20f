import type { Backend, Traits } from '../../../src/agent/backends/backend.ts';
import { BackendMissing } from '../../../src/agent/backends/backends.ts';
import type { BackendName } from '../../../src/tars/class-parameters.ts';
import { type SimKit, SimDirectories } from './simulation-directories.ts';
import { GROUP } from './simulation-disk.ts';
import { SimMounted } from './simulation-mounted.ts';

/** One of each kind: a directory, one with a limit, and what is mounted, from the pool, a volume group and memory. */
export const KINDS = ['directory', 'quota', 'loop', 'lvm', 'tmpfs'] as const;
export type Kind = (typeof KINDS)[number];

/** What a StorageClass says that wants its volumes kept so. */
export const parametersOf = (backend: Kind): Readonly<Record<string, string>> => ({
  backend,
  ...(backend === 'lvm' ? { volumeGroup: GROUP } : {}),
});

export const isMountedKind = (backend: BackendName): boolean => ['loop', 'lvm', 'tmpfs'].includes(backend);

/** What the agent uses of Backends. */
export class SimBackends {
  readonly #backends: ReadonlyMap<BackendName, Backend>;
  readonly #missing: ReadonlySet<BackendName>;

  constructor(kit: SimKit, missing: ReadonlySet<BackendName>) {
    this.#missing = missing;
    const backends: Backend[] = [
      new SimDirectories('directory', kit),
      new SimDirectories('quota', kit),
      new SimMounted('loop', kit),
      new SimMounted('lvm', kit),
      new SimMounted('tmpfs', kit),
    ];
    this.#backends = new Map(backends.map((backend) => [backend.name, backend]));
  }

  get(name: BackendName): Backend {
    const why = this.missing(name);
    if (why !== undefined) throw new BackendMissing(why);
    return this.#backends.get(name)!;
  }

  missing(name: BackendName): string | undefined {
    return this.#missing.has(name) ? `this node lacks what backend ${name} needs` : undefined;
  }

  traitsOf(name: BackendName): Traits {
    return this.#backends.get(name)!.traits;
  }
}
