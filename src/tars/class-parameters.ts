import * as z from 'zod';
import { bytesOf } from './quantity.ts';

/** The ways to keep a volume on a node. */
export const BACKENDS = ['directory', 'loop', 'tmpfs', 'btrfs', 'quota', 'lvm'] as const;
export type BackendName = (typeof BACKENDS)[number];

/** What volumes with a filesystem of their own are formatted with. */
export const FILESYSTEMS = ['ext4', 'xfs'] as const;
export type FsType = (typeof FILESYSTEMS)[number];

/** Below that, mkfs.xfs refuses. */
const XFS_MIN_BYTES = 300 * 2 ** 20;
/** Below that, a journal takes much of it, or there is none at all, and a power cut damages the filesystem. */
const EXT4_MIN_BYTES = 8 * 2 ** 20;
/** Below that, there is no room for a few files in a directory with a limit. */
const LIMIT_MIN_BYTES = 2 ** 20;

/** `parameters` of a StorageClass, read. Sizes are bytes. */
export interface ClassParameters {
  readonly backend: BackendName;
  /** The pool that its volumes are in; the agent's only one unless told. */
  readonly root?: string | undefined;
  /** Where a claim does not say it. */
  readonly scope?: 'Node' | 'Pod' | undefined;
  /** Smaller requests get that much. */
  readonly minBytes: number;
  /** Larger requests are refused. */
  readonly maxBytes: number;
  /** Of loop and lvm. */
  readonly fsType: FsType;
  /** Of loop: all room is taken from the pool when the volume is made, and none while it is written to. */
  readonly preallocate: boolean;
  /** Of tmpfs: how many files and directories it holds at most. */
  readonly inodes?: number | undefined;
  /** Of lvm: where its logical volumes are made. */
  readonly volumeGroup?: string | undefined;
}

const quantity = z.string().transform((text, context): number => {
  const bytes = bytesOf(text);
  if (bytes > 0) return bytes;
  context.addIssue({ code: 'custom', message: 'must be a quantity above 0; write "10Gi", for example' });
  return z.NEVER;
});

const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, { error: () => `must be one of ${values.join(', ')}` });

const SCHEMA = {
  backend: oneOf(BACKENDS).default('directory'),
  root: z
    .string()
    .regex(/^(\/(?!\.{1,2}(\/|$))[^/\0]+)+$/, 'must be an absolute path without . or .. in it')
    .optional(),
  scope: oneOf(['Node', 'Pod']).optional(),
  minSize: quantity.optional(),
  maxSize: quantity.optional(),
  fsType: oneOf(FILESYSTEMS).default('ext4'),
  preallocate: oneOf(['true', 'false']).default('false'),
  inodes: z
    .string()
    .regex(/^[1-9]\d{0,9}$/, 'must be a whole number above 0, as a string; write "100000", for example')
    .transform(Number)
    .optional(),
  volumeGroup: z
    .string()
    .regex(/^(?!\.{1,2}$)[\w+.][\w+.-]{0,126}$/, 'must be the name of a volume group of LVM')
    .optional(),
} as const;

type Parameter = keyof typeof SCHEMA;
const schema = z.object(SCHEMA);

/** Parameters that mean something to some backends only. */
const ONLY_FOR: Readonly<Partial<Record<Parameter, readonly BackendName[]>>> = {
  fsType: ['loop', 'lvm'],
  preallocate: ['loop'],
  inodes: ['tmpfs'],
  volumeGroup: ['lvm'],
};

/**
 * Reads `parameters` of a StorageClass.
 * @returns what they mean, or a fault that names each parameter that is wrong, its value, the rule and the remedy
 */
export function readClassParameters(
  parameters: Readonly<Record<string, unknown>>,
): ClassParameters | { readonly fault: string } {
  const read = schema.safeParse(parameters);
  const faults = [
    ...unknownParameters(parameters),
    ...(read.error?.issues ?? []).map(({ path, message }) => faultOf(String(path[0]), parameters, message)),
    ...(read.success ? misplaced(parameters, read.data.backend) : []),
  ];
  if (!read.success || faults.length > 0) return { fault: faults.join('; ') };
  const { minSize, maxSize, preallocate, backend, fsType, ...rest } = read.data;
  const minBytes = Math.max(minSize ?? 0, smallest(backend, fsType));
  const maxBytes = maxSize ?? Infinity;
  if (minBytes > maxBytes) {
    return {
      fault: `parameter maxSize: ${String(parameters['maxSize'])} is less than the smallest size, ${minBytes} bytes`,
    };
  }
  return { ...rest, backend, fsType, minBytes, maxBytes, preallocate: preallocate === 'true' };
}

function unknownParameters(parameters: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(parameters)
    .filter((name) => !Object.hasOwn(SCHEMA, name))
    .map((name) => `parameter ${name} is not known here; there are ${Object.keys(SCHEMA).join(', ')}`);
}

function misplaced(parameters: Readonly<Record<string, unknown>>, backend: BackendName): string[] {
  const wrong = Object.entries(ONLY_FOR).filter(
    ([name, backends]) => Object.hasOwn(parameters, name) && !backends.includes(backend),
  );
  const faults = wrong.map(([name, backends]) =>
    faultOf(
      name,
      parameters,
      `is for backend ${backends.join(' or ')} only, and this is ${backend}; leave it out`,
    ),
  );
  return backend === 'lvm' && parameters['volumeGroup'] === undefined
    ? [
        ...faults,
        'parameter volumeGroup is missing: backend lvm needs to know where its logical volumes are made',
      ]
    : faults;
}

function faultOf(name: string, parameters: Readonly<Record<string, unknown>>, message: string): string {
  return `parameter ${name}: ${JSON.stringify(parameters[name])} ${message}`;
}

function smallest(backend: BackendName, fsType: FsType): number {
  if (backend === 'directory' || backend === 'tmpfs') return 0;
  if (backend === 'btrfs' || backend === 'quota') return LIMIT_MIN_BYTES;
  return fsType === 'xfs' ? XFS_MIN_BYTES : EXT4_MIN_BYTES;
}
