import { pino, stdTimeFunctions, type Logger } from 'pino';
import pretty from 'pino-pretty';
import type { Io } from './io.ts';
import type { LogOptions } from './log-options.ts';

/** The log on standard error: one JSON object a line, or the same for people. */
export function createLog({ logLevel, logFormat }: LogOptions, { stderr }: Io): Logger {
  const options = {
    level: logLevel,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (logFormat === 'json') return pino(options, stderr);
  return pino(options, pretty({ destination: stderr, colorize: stderr.isTTY === true, singleLine: true }));
}
