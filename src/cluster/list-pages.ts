import { isRecord } from '../tars/json.ts';
import type { ApiReader, ReadOptions } from './api-reader.ts';
import { ApiStatusError, MalformedError } from './faults.ts';
import { asKubeObject, type KubeObject, resourceVersionOf } from './kube-object.ts';

/** As client-go pages: one page of full objects is all that is in memory at a time. */
const PAGE_SIZE = '500';

interface Listed<T> {
  readonly items: readonly T[];
  /** From where a watch goes on. */
  readonly resourceVersion: string;
}

/** The whole list, page by page, each object read at once so that only what is needed of it stays. */
export async function listAll<T>(
  reader: ApiReader,
  path: string,
  options: ReadOptions,
  read: (object: KubeObject) => T,
): Promise<Listed<T>> {
  try {
    return await pages(reader, path, { ...options, query: { ...options.query, limit: PAGE_SIZE } }, read);
  } catch (error) {
    // The list that the later pages belong to was compacted away meanwhile: then all of it in one answer.
    if (error instanceof ApiStatusError && error.status === 410) return pages(reader, path, options, read);
    throw error;
  }
}

async function pages<T>(
  reader: ApiReader,
  path: string,
  options: ReadOptions,
  read: (object: KubeObject) => T,
): Promise<Listed<T>> {
  const items: T[] = [];
  let next: string | undefined;
  for (;;) {
    const query = { ...options.query, continue: next };
    const page = await reader.json(path, { ...options, query });
    for (const item of itemsOf(page)) items.push(read(asKubeObject(item)));
    next = continueOf(page);
    if (next === undefined) return { items, resourceVersion: resourceVersionOf(page) };
  }
}

function itemsOf(page: unknown): readonly unknown[] {
  if (isRecord(page) && Array.isArray(page.items)) return page.items;
  // Go writes an empty list as null in some answers.
  if (isRecord(page) && page.items === null) return [];
  throw new MalformedError('the answer is no list');
}

function continueOf(page: unknown): string | undefined {
  const next = isRecord(page) && isRecord(page.metadata) ? page.metadata.continue : undefined;
  return typeof next === 'string' && next !== '' ? next : undefined;
}
