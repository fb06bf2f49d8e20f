/** One condition of readiness. */
export interface ReadyCheck {
  readonly name: string;
  /** Why it is not fulfilled; undefined when it is. */
  readonly missing: () => string | undefined;
  /** It is told of, and nothing more: without it there is still enough to do. */
  readonly isOptional?: boolean;
}

/** Ready means that every check is fulfilled and that nobody has asked us to stop. */
export class Readiness {
  private readonly checks: readonly ReadyCheck[];
  private stopping = false;

  constructor(checks: readonly ReadyCheck[]) {
    this.checks = checks;
  }

  get isShuttingDown(): boolean {
    return this.stopping;
  }

  /** Unready from now on, for good. */
  shutDown(): void {
    this.stopping = true;
  }

  /** Every check in its order, as `/readyz` prints them. */
  report(): { readonly isReady: boolean; readonly text: string } {
    const shutdown: ReadyCheck = {
      name: 'shutdown',
      missing: () => (this.stopping ? 'the process is shutting down' : undefined),
    };
    const results = [...this.checks, shutdown].map(({ name, missing, isOptional = false }) => ({
      name,
      why: missing(),
      isOptional,
    }));
    const lines = results.map(({ name, why, isOptional }) =>
      why === undefined ? `[+] ${name}\n` : `[${isOptional ? '!' : '-'}] ${name}: ${why}\n`,
    );
    const isReady = results.every(({ why, isOptional }) => why === undefined || isOptional);
    return { isReady, text: `${lines.join('')}${isReady ? 'ready' : 'not ready'}\n` };
  }
}
