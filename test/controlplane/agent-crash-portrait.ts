import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { LedgerEntry } from '../../src/agent/ledger-entry.ts';
import { Ledger, ledgerFileOf } from '../../src/agent/ledger.ts';
import { findOrphans } from '../../src/agent/orphans.ts';
import { Pool } from '../../src/agent/pool.ts';
import { volumeHash } from '../../src/agent/volume-hash.ts';
import type { Claim, Volume } from './agent-crash-view.ts';

/**
 * All that there is of one node, as lines of text: what was expected and what was found are compared line by line, so
 * that nothing can be there, or missing, which nobody thought of.
 */

export const FINALIZER = 'local.tars.io/volume';

/** `dir PATH UID:GID MODE`, `file PATH CONTENT`, `link PATH TARGET`, of everything below a directory. */
export function treeLines(root: string, isLeftOut: (path: string) => boolean = () => false): string[] {
  const walk = (path: string): string[] =>
    orGone(path, () => readdirSync(join(root, path)).toSorted())
      .map((name) => join(path, name))
      .filter((below) => !isLeftOut(below))
      .flatMap((below) => {
        const lines = orGone(below, () => [lineOf(root, below)]);
        return lines[0]?.startsWith('dir ') ? [...lines, ...walk(below)] : lines;
      });
  return walk('');
}

/** The agent may take away what is just being looked at: then that is a line which nobody expects. */
function orGone(path: string, look: () => string[]): string[] {
  try {
    return look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return [`gone: ${path}`];
  }
}

function lineOf(root: string, path: string): string {
  const status = lstatSync(join(root, path));
  const owner = `${status.uid}:${status.gid} ${(status.mode & 0o7777).toString(8)}`;
  if (status.isDirectory()) return `dir ${path} ${owner}`;
  if (status.isSymbolicLink()) return `link ${path} ${readlinkSync(join(root, path))}`;
  return `file ${path} ${checksum(readFileSync(join(root, path)))}`;
}

export function checksum(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 12);
}

interface VolumeShown {
  readonly phase: string;
  readonly claim: string;
  readonly isForeign?: boolean;
}

export function volumeLine(path: string, { phase, claim, isForeign = false }: VolumeShown): string {
  return [`volume at ${path}: ${phase}, for ${claim}`, ...(isForeign ? FOREIGN : [])].join(', ');
}

const FOREIGN = ['without our finalizer', 'of no pool'];

/** Anything that is out of the ordinary makes the line another one. */
export function volumeLines(volumes: readonly Volume[], root: string): string[] {
  return volumes.map(({ metadata = {}, spec, status }) => {
    const path = spec.local.path.replace(`${root}/`, '');
    const shown = { phase: status?.phase ?? 'Pending', claim: spec.claimRef?.uid ?? 'nobody' };
    return [volumeLine(path, shown), ...oddities(metadata)].join(', ');
  });
}

function oddities({ annotations, finalizers, deletionTimestamp }: NonNullable<Volume['metadata']>): string[] {
  const isFinal = Array.isArray(finalizers) && finalizers.includes(FINALIZER);
  return [
    ...(isFinal ? [] : FOREIGN.slice(0, 1)),
    ...(annotations?.['local.tars.io/pool'] === undefined ? FOREIGN.slice(1) : []),
    ...(deletionTimestamp === undefined ? [] : ['Terminating']),
  ];
}

export function claimLine(name: string, uid: string, phase: string): string {
  return `claim ${name} ${uid} ${phase}`;
}

export function claimLines(claims: readonly Claim[]): string[] {
  return claims.map(({ metadata, status }) =>
    claimLine(metadata?.name ?? '', metadata?.uid ?? '', status?.phase ?? ''),
  );
}

export function entryLine(path: string, state: string, claimUid: string, owner: string): string {
  return `ledger has ${path}: ${state}, of ${claimUid}, ${owner}`;
}

/** What is in our own folder: the same for every healthy pool but for the entries. */
export function stateLines(root: string): string[] {
  const state = join(root, '.tlv');
  if (!existsSync(state)) return ['no pool'];
  const names = readdirSync(state).filter((name) => ![...HEALTHY, IMAGES].includes(name));
  const missing = HEALTHY.filter((name) => !existsSync(join(state, name)));
  const ledger = existsSync(join(state, 'ledger')) ? readdirSync(join(state, 'ledger')) : [];
  const trash = existsSync(join(state, 'trash')) ? readdirSync(join(state, 'trash')) : [];
  return [
    ...names.map((name) => `.tlv has ${name}`),
    ...missing.map((name) => `.tlv has no ${name}`),
    ...imagesIn(state),
    ...trash.map((name) => `the trash has ${name}`),
    ...ledger.map((file) => ledgerLine(join(state, 'ledger', file), file)),
  ];
}

/** Of the backend loop, once there was one; what is in it is what counts. */
const IMAGES = 'images';

export const imageLine = (path: string): string => `image ${volumeHash(path)}.img`;

function imagesIn(state: string): string[] {
  const folder = join(state, IMAGES);
  return existsSync(folder) ? readdirSync(folder).map((name) => `image ${name}`) : [];
}

const HEALTHY = ['format.json', 'ledger', 'pool.json', 'reserve', 'trash'];

function ledgerLine(path: string, file: string): string {
  try {
    const entry = JSON.parse(readFileSync(path, 'utf8')) as LedgerEntry;
    const { uid, gid, mode } = entry.owner;
    const line = entryLine(
      entry.path,
      entry.state,
      entry.claim?.uid ?? 'nobody',
      `${uid}:${gid} ${mode.toString(8)}`,
    );
    return file === ledgerFileOf(entry.path) ? line : `${line}, in the wrong file ${file}`;
  } catch (error) {
    return `the ledger has ${file}: ${String(error)}`;
  }
}

/** What the agent of this root would report. */
export async function orphanLines(root: string, served: readonly string[]): Promise<string[]> {
  const look = await Pool.look(root);
  if (look.kind !== 'healthy') return [`the pool is ${look.kind}`];
  const pool = new Pool(root, look.id);
  const orphans = await findOrphans({ pool, ledger: await Ledger.open(pool) }, (path) =>
    served.includes(path),
  );
  return orphans.map(({ path, kind }) => `orphan ${path} ${kind}`);
}

/** What is not as expected, in words; nothing when all is. */
export function differences(expected: readonly string[], found: readonly string[]): string[] {
  return [
    ...expected.filter((line) => !found.includes(line)).map((line) => `missing: ${line}`),
    ...found.filter((line) => !expected.includes(line)).map((line) => `not expected: ${line}`),
    ...found.filter((line, index) => found.indexOf(line) !== index).map((line) => `twice: ${line}`),
  ];
}
