import { pino, stdTimeFunctions, type Logger } from 'pino';
import type { Io } from './io.ts';
import type { LogOptions } from './log-options.ts';

/** The log on standard error: one JSON object a line, or the same for people. */
export async function createLog({ logLevel, logFormat }: LogOptions, { stderr }: Io): Promise<Logger> {
  const options = {
    level: logLevel,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (logFormat === 'json') return pino(options, stderr);
  // Loaded here only: in a pod nobody looks at it, and it is in the way.
  const { default: pretty } = await import('pino-pretty');
  return pino(options, pretty({ destination: stderr, colorize: stderr.isTTY === true, singleLine: true }));
}
