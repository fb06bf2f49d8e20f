import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/** A filesystem of FUSE whose server never answers, as a disk that is out of reach: whoever opens it waits. */
export class SilentDisk {
  #server: number | undefined;

  constructor(target: string) {
    this.#server = openSync('/dev/fuse', 'r+');
    const options = 'fd=3,rootmode=40000,user_id=0,group_id=0';
    // Not by mount.fuse, which would start a server.
    execFileSync('mount', ['-i', '-t', 'fuse', '-o', options, 'silent', target], {
      stdio: ['ignore', 'pipe', 'pipe', this.#server],
    });
  }

  /** Whoever waits is told that there is nobody; may be called again without effect. */
  fail(): void {
    if (this.#server !== undefined) closeSync(this.#server);
    this.#server = undefined;
  }
}
