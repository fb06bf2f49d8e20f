/** PEM, as node:tls takes it. */
export interface ServedPair {
  readonly cert: string;
  readonly key: string;
}

/** Where a server has its certificate from: a Secret that replicas share, or given files. */
export interface CertificateSource {
  /** What is to be served now. Throws before start() is through. */
  current(): ServedPair;
  /** Calls the listener each time that this changes; what it returns ends that. */
  onChange(listener: (pair: ServedPair) => void): () => void;
  /** When what is served ends; undefined while nothing is. */
  readonly notAfter: Date | undefined;
  /** Clients trust what is served: it has not ended, and the configurations name its authority. */
  readonly isTrusted: boolean;
  /** Why it is not trusted, or what went wrong lately; undefined where all is well. */
  readonly problem: string | undefined;
  /** Is through when there is something to serve. */
  start(): Promise<void>;
  /** Is through when what is served is trusted for the first time. */
  ready(): Promise<void>;
  /** Looks no more; what is served stays served. */
  stop(): Promise<void>;
}

/** Time comes from outside, so that tests can let years pass. */
export interface Time {
  /** The wall clock, which certificates go by. */
  now(): Date;
  /** Milliseconds that only ever grow. */
  monotonic(): number;
  /** Is through after this long, or at once when the signal says so. */
  delay(ms: number, signal: AbortSignal): Promise<void>;
}

type LogLine = (fields: object, message: string) => void;

/** As much of a pino logger as is used here. */
export type Log = Readonly<Record<'info' | 'warn' | 'error', LogLine>>;

/** Tells everybody who asked; one who fails does not keep it from the others. */
export class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  add(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(value: T): void {
    for (const listener of this.#listeners) {
      try {
        listener(value);
      } catch (error) {
        this.#log.error({ err: error }, 'a listener could not take the new certificate');
      }
    }
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
