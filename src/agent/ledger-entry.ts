import * as z from 'zod';
import { storage } from './storage.ts';
import { asVolumePath, type VolumePath } from '../tars/host-path.ts';

const owner = z.object({
  uid: z.int().min(0),
  gid: z.int().min(0),
  mode: z.int().min(0).max(0o7777),
});

/**
 * What the ledger says of one volume path: what was intended, before it was done.
 * - `making`: the directory was absent or empty, and is being made; nobody was told of it.
 * - `made`: the volume is, or may be, known to the cluster: its data belongs to the claim.
 * - `retiring`: its data may go, and is being moved into the trash.
 * - `kept`: its volume is gone, its data stays (policy Retain); only people decide on it.
 */
const entry = z
  .object({
    /** 2 where there is a storage: who reads only 1 must not take such a volume for a plain directory. */
    version: z.literal([1, 2]),
    state: z.enum(['making', 'made', 'retiring', 'kept']),
    path: z.string().transform((text, context): VolumePath => {
      const path = asVolumePath(text);
      if (path !== undefined) return path;
      context.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is no path of a volume` });
      return z.NEVER;
    }),
    /** Name of its PersistentVolume. */
    volume: z.string().min(1),
    /** Of the PersistentVolume, once it is known; the trash is named after it. */
    volumeUid: z.string().optional(),
    storageClass: z.string(),
    /** Of its volume, as last seen: one that is made again must not remove what people wanted kept. */
    reclaimPolicy: z.string().optional(),
    /** Whose data it is; absent while it is only offered. */
    claim: z.object({ namespace: z.string(), name: z.string(), uid: z.string() }).optional(),
    /** What was last asked for and applied: another owner on the disk is drift, another one asked for is a change. */
    owner,
    /** What data that was adopted came with, for as long as nothing else is asked for: that is no drift. */
    adopted: owner.optional(),
    /** How it is kept; absent for a plain directory. */
    storage: storage.optional(),
  })
  .refine(
    ({ version, storage: kept }) => (version === 2) === (kept !== undefined),
    'version 2 is for what has a storage',
  );

export const ledgerEntry = entry;
export type LedgerEntry = z.infer<typeof entry>;
