import * as z from 'zod';

const filesystem = z.object({
  kind: z.literal('filesystem'),
  type: z.string(),
  inode: z.number(),
  bornMs: z.number(),
  uuid: z.string().optional(),
});
const block = z.object({
  kind: z.literal('block'),
  link: z.string().optional(),
  serial: z.string().optional(),
  bytes: z.number(),
});

/**
 * What this node knows of a disk that it has offered, written down before it is done:
 * - `offered`: the cluster is, or may be, told of it; as far as we know, nobody has used it yet.
 * - `withdrawing`: its volume goes, seen not to be used.
 * - `used`: a claim has, or had, it: its data is that claim's.
 * - `cleaning`: its claim is gone, and its data goes; it is offered to nobody before that is confirmed.
 * - `clean`: confirmed, for the volume with this uid and no other.
 */
const record = z.object({
  version: z.literal(1),
  state: z.enum(['offered', 'withdrawing', 'used', 'cleaning', 'clean']),
  storageClass: z.string(),
  /** On the host. */
  path: z.string(),
  /** Name of its PersistentVolume. */
  volume: z.string().min(1),
  /** Undefined until the cluster was seen to have it. */
  volumeUid: z.string().optional(),
  /** Whose data it is. */
  claim: z.object({ namespace: z.string(), name: z.string(), uid: z.string() }).optional(),
  /** Of the volume, as last seen. */
  reclaimPolicy: z.string().optional(),
  /** Which disk it is: another one in its place is never cleaned. */
  disk: z.discriminatedUnion('kind', [filesystem, block]),
  /** It was seen to hold nothing when it was offered. */
  wasEmpty: z.boolean(),
});

export const discoveryRecord = record;
export type DiscoveryRecord = z.infer<typeof record>;
