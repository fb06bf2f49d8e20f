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

export const HTTPS = 'https, constant answer';
export const EXPRESS = 'express, constant answer';
/** The programs beside this file that always answer the same. */
const PROGRAMS = { [HTTPS]: 'floor-https.ts', [EXPRESS]: 'floor-express.ts' } as const;
export type Floor = keyof typeof PROGRAMS;

/** How one of them is started. */
export function floorArgv(
  floor: Floor,
  port: number,
  { cert, key, patch }: ServerFiles,
): [string, ...string[]] {
  return [process.execPath, join(import.meta.dirname, PROGRAMS[floor]), String(port), cert, key, patch];
}
