import type { Owner } from './backends/backend.ts';
import type { LedgerEntry } from './ledger-entry.ts';

/** Owner and mode of a directory: what is asked for, and what came with data that was adopted. */

export const isSameOwner = (one: Owner, other: Owner): boolean =>
  one.uid === other.uid && one.gid === other.gid && one.mode === other.mode;

export const ownerText = ({ uid, gid, mode }: Owner): string =>
  `${uid}:${gid} ${mode.toString(8).padStart(3, '0')}`;

/** Data is adopted as it is: nothing was asked for but to have it. */
export const asAdopted = (found: Owner, asked: Owner): Pick<LedgerEntry, 'owner' | 'adopted'> => ({
  owner: asked,
  adopted: found,
});

/** What people are told of it, where it is not what the claim says. */
export function adoptedText(found: Owner, asked: Owner): string {
  if (isSameOwner(found, asked)) return '';
  return `, whose owner and mode stay ${ownerText(found)} until the claim asks for others than ${ownerText(asked)}`;
}
