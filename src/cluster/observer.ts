import type { EndReason } from './faults.ts';

/** The part of a logger that we use; pino's are of this kind. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export const silentLogger: Logger = { info: () => {}, warn: () => {}, error: () => {} };

/** What metrics are made of. Its methods must not throw. */
export interface ListWatchObserver {
  /** A complete list was taken. */
  listed(objects: number): void;
  /** A watch has ended, in good order or not; the next one follows. */
  watchEnded(reason: EndReason): void;
  /** A list or a watch failed. */
  failed(reason: EndReason, error: Error): void;
  /** How many objects are known now. */
  sized(objects: number): void;
  /** Somebody whom an object was delivered to has thrown. */
  handlerFailed(error: Error): void;
}
