import { createHash } from 'node:crypto';

/** What files, devices and entries of tables are named after that belong to the volume at this path. */
export function volumeHash(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 32);
}
