import * as z from 'zod';
import { BACKENDS, type ClassParameters, FILESYSTEMS } from '../tars/class-parameters.ts';

/**
 * How one volume is kept. The ledger has it, so that a volume is brought back into its place, measured and removed as it
 * was made, whatever has become of its class.
 */
export const storage = z.object({
  backend: z.enum(BACKENDS),
  /** Bytes that it was promised. */
  size: z.int().min(0),
  options: z
    .object({
      fsType: z.enum(FILESYSTEMS),
      preallocate: z.boolean(),
      inodes: z.int(),
      volumeGroup: z.string(),
    })
    .partial()
    .optional(),
});
export type Storage = z.infer<typeof storage>;
export type VolumeOptions = NonNullable<Storage['options']>;

/** Of what nobody has said otherwise. */
export const PLAIN: Storage = { backend: 'directory', size: 0 };

/** How a volume of a class is to be kept that is asked for with so many bytes. */
export function storageFor(parameters: ClassParameters, requestBytes: number): Storage {
  const { backend, minBytes } = parameters;
  const options = optionsFor(parameters);
  const size = Math.ceil(Math.max(requestBytes, minBytes));
  return { backend, size, ...(Object.keys(options).length > 0 ? { options } : {}) };
}

function optionsFor({ backend, fsType, preallocate, inodes, volumeGroup }: ClassParameters) {
  switch (backend) {
    case 'loop':
      return { fsType, preallocate };
    case 'tmpfs':
      return inodes === undefined ? {} : { inodes };
    case 'lvm':
      return volumeGroup === undefined ? {} : { fsType, volumeGroup };
    case 'directory':
    case 'btrfs':
    case 'quota':
      return {};
  }
}

/** What its backend has to know of it. */
export function madeOf<Owner>({ size, options }: Storage, owner: Owner) {
  return { owner, size, ...(options ? { options } : {}) };
}

/** The name of what it takes its room from: volumes of one name share what is there. */
export function sourceNameOf({ backend, options }: Storage): string {
  if (backend === 'tmpfs') return 'memory';
  return backend === 'lvm' ? `volume group ${options?.volumeGroup ?? ''}` : 'pool';
}
