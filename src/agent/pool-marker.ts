import * as z from 'zod';
import { messageOf } from '../tars/message-of.ts';
import type { Directory } from './os/directory.ts';
import { DiskFault, NewerFormat } from './os/errors.ts';

/** Largest size of the small files that we keep beside the volumes. */
export const MAX_STATE_BYTES = 64 * 1024;
export const MARKER_FILE = 'pool.json';
export const FORMAT_FILE = 'format.json';
const FORMAT_VERSION = 1;

/** What makes a directory a pool, and this one: kept in its root, and in every volume's object in the cluster. */
export interface Marker {
  readonly id: string;
  /** Where it was made. */
  readonly node: string;
  readonly createdAt: string;
}

const versioned = z.object({ version: z.int().min(1) });
const marker = z.object({
  version: z.literal(FORMAT_VERSION),
  id: z.uuid(),
  node: z.string(),
  createdAt: z.string(),
});

export function markerText(content: Marker): string {
  return `${JSON.stringify({ version: FORMAT_VERSION, ...content }, undefined, 2)}\n`;
}

export function formatText(): string {
  return `${JSON.stringify({ version: FORMAT_VERSION })}\n`;
}

/** The marker in our folder of a root; undefined where there is none. */
export async function readMarker(state: Directory): Promise<Marker | undefined> {
  const json = await readVersioned(state, MARKER_FILE);
  if (json === undefined) return undefined;
  const { success, data, error } = marker.safeParse(json);
  if (success) return data;
  throw unusable(state, MARKER_FILE, z.prettifyError(error));
}

/** Throws where the folder was written by a newer version. A missing file is left to those who need a whole pool. */
export async function checkFormat(state: Directory): Promise<void> {
  await readVersioned(state, FORMAT_FILE);
}

async function readVersioned(state: Directory, file: string): Promise<unknown> {
  const text = await state.readSmallFile(file, MAX_STATE_BYTES);
  if (text === undefined) return undefined;
  const json = parsed(state, file, text);
  const { success, data, error } = versioned.safeParse(json);
  if (!success) throw unusable(state, file, z.prettifyError(error));
  if (data.version > FORMAT_VERSION) throw new NewerFormat(`${state.path}/${file}`, data.version);
  return json;
}

function parsed(state: Directory, file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unusable(state, file, messageOf(error));
  }
}

function unusable(state: Directory, file: string, why: string): DiskFault {
  const path = `${state.path}/${file}`;
  return new DiskFault('UNREADABLE', path, `${path} cannot be understood: ${why}`);
}
