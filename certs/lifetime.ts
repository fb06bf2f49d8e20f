import type { X509Certificate } from 'node:crypto';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export interface Lifetimes {
  readonly authorityMs: number;
  readonly leafMs: number;
  /** From how long before it is made a certificate is good. */
  readonly backdateMs: number;
}

/** The last leaf of an authority, issued at two thirds of its life, still gets its full ninety days. */
export const LIFETIMES: Lifetimes = {
  authorityMs: 365 * DAY_MS,
  leafMs: 90 * DAY_MS,
  // Clocks of nodes differ.
  backdateMs: HOUR_MS,
};

/** When two thirds of its life are over. */
export function renewalDue({ validFromDate, validToDate }: X509Certificate): Date {
  const life = validToDate.getTime() - validFromDate.getTime();
  return new Date(validFromDate.getTime() + Math.floor((life * 2) / 3));
}

/** Why a certificate is not good at this time; undefined where it is. */
export function timeFault({ validFromDate, validToDate }: X509Certificate, now: Date): string | undefined {
  if (now > validToDate) return `expired on ${second(validToDate)}`;
  if (now < validFromDate) return `is not valid before ${second(validFromDate)}`;
  return undefined;
}

/** Certificates know seconds only. */
export const second = (date: Date): string => date.toISOString().replace('.000Z', 'Z');
