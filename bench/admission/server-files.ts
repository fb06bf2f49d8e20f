import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ControlPlane } from '../../test/controlplane/control-plane.ts';
import { statefulSetText } from '../statefulset-text.ts';
import { outcomeOf } from './outcome.ts';

/** Files that servers are given: certificate, key, the patch that comes out, and the StatefulSet that it leads to. */
export interface ServerFiles {
  readonly cert: string;
  readonly key: string;
  readonly patch: string;
  readonly outcome: string;
}

/** Writes them into a folder; the certificate is the control plane's own. */
export function writeServerFiles(folder: string, { tls }: ControlPlane): ServerFiles {
  const { patch, outcome } = outcomeOf(statefulSetText(6000));
  const write = (name: keyof ServerFiles, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  return {
    cert: write('cert', tls.cert),
    key: write('key', tls.key),
    patch: write('patch', JSON.stringify(patch)),
    outcome: write('outcome', JSON.stringify(outcome)),
  };
}

/** Beside this file. */
export type FloorProgram = 'floor-https.ts' | 'floor-express.ts';

/** How a server with a constant answer is started. */
export function floorArgv(
  program: FloorProgram,
  port: number,
  { cert, key, patch }: ServerFiles,
): [string, ...string[]] {
  return [process.execPath, join(import.meta.dirname, program), String(port), cert, key, patch];
}
