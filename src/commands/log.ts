import { pino, stdTimeFunctions, type Logger } from 'pino';
import type { Io } from './io.ts';
import type { LogOptions } from './log-options.ts';

/**
 * Line by line, each is out before the next thing happens, whatever becomes of the process then. In batches, what is said
 * while a line is being written goes out with the next: for who says something all the time, a tenth of what a review costs.
 */
type Pace = 'line by line' | 'in batches';

/** Bytes that are kept for a reader who does not read; what is said beyond that is lost. */
const MOST_UNREAD = 1024 * 1024;

/** The log on standard error: one JSON object a line, or the same for people. */
export async function createLog(
  { logLevel, logFormat }: LogOptions,
  { stderr }: Io,
  pace: Pace = 'line by line',
): Promise<Logger> {
  const options = {
    level: logLevel,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (logFormat === 'json') {
    if (pace === 'line by line' || stderr !== process.stderr) return pino(options, stderr);
    const { fd: dest } = process.stderr;
    return pino(options, pino.destination({ dest, sync: false, maxLength: MOST_UNREAD }));
  }
  // Loaded here only: in a pod nobody looks at it, and it is in the way.
  const { default: pretty } = await import('pino-pretty');
  return pino(options, pretty({ destination: stderr, colorize: stderr.isTTY === true, singleLine: true }));
}
