import { styleText } from 'node:util';
import type { Paint } from '../offline/report-formats.ts';
import type { Io } from './io.ts';

/** Colours for a terminal, and none for files, pipes, NO_COLOR and dumb terminals. */
export function painter(stream: Io['stderr']): Paint {
  return (severity, text) =>
    styleText(severity === 'error' ? 'red' : 'yellow', text, { stream, validateStream: true });
}
