/**
 * What can go wrong on the disk, told apart by who has to mend it. This is the one place where an errno gets a
 * meaning.
 */

/** An operation on the disk failed; `code` is an errno's name, or one of ours. */
export class FileFault extends Error {
  override readonly name: string = 'FileFault';
  readonly code: string;
  /** Below the root of the pool; the root itself is given as it was named. */
  readonly path: string;

  constructor(code: string, path: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
  }
}

/** A fault of the node: nothing else that is tried here now would fare better. */
export class DiskFault extends FileFault {
  override readonly name: string = 'DiskFault';
}

/** A fault of this one path: something is in the way. Other volumes are not concerned. */
export class PathBlocked extends FileFault {
  override readonly name: string = 'PathBlocked';
}

/** The storage that we were working on is not there any more, or another one is. */
export class PoolLost extends DiskFault {
  override readonly name: string = 'PoolLost';

  constructor(path: string, message: string, cause?: unknown) {
    super('POOL_LOST', path, message, cause);
  }
}

/** The pool was written by a version of ours that knows more than this one. */
export class NewerFormat extends DiskFault {
  override readonly name: string = 'NewerFormat';

  constructor(path: string, version: number) {
    super(
      'NEWER_FORMAT',
      path,
      `${path} has version ${version}: it was written by a newer version of the agent; upgrade this agent`,
    );
  }
}

/** What stands in our own folder of the root is a matter of the node, never of one volume. */
export const STATE_FOLDER = '.tlv';

/** These tell of the disk or of this process, whatever path they come up at. */
const OF_THE_NODE: Readonly<Record<string, string>> = {
  ENOSPC: 'no space or no inodes are left on the disk',
  EDQUOT: 'the quota is used up',
  EROFS: 'the filesystem is read-only',
  EIO: 'the disk fails to read or write',
  EUCLEAN: 'the filesystem is damaged',
  ENODEV: 'the device is gone',
  ENXIO: 'the device is gone',
  ESTALE: 'the filesystem is gone',
  EMFILE: 'this process has too many files open',
  ENFILE: 'the node has too many files open',
  ENOMEM: 'the node is out of memory',
};

/** And these of the path, unless it is our own. */
const OF_THE_PATH: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  EEXIST: 'something is there already',
  ENOTDIR: 'a file or a link stands where a directory has to be',
  ELOOP: 'a link stands where a file has to be',
  EISDIR: 'a directory stands where a file has to be',
  ENOTEMPTY: 'it is not empty',
  EBUSY: 'it is in use, most likely mounted',
  ENAMETOOLONG: 'its name is too long for this filesystem',
  EINVAL: 'the filesystem does not take it',
  EXDEV: 'it is on another filesystem or mount',
  EMLINK: 'the directory above it has as many directories as the filesystem allows',
};

/** These tell of the directory that is worked in: it may be marked immutable, or this process may lack the right. */
const OF_THE_DIRECTORY: Readonly<Record<string, string>> = {
  EACCES: 'permission is denied, even to this process',
  EPERM: 'it is not permitted, even to this process (is it marked immutable?)',
};

export interface Attempt {
  /** Such as `make the directory`. */
  readonly doing: string;
  readonly path: string;
  /** What it is in. */
  readonly directory: string;
}

/** A system call's error as one of the above; every other error is returned as it is. */
export function faultOf(error: unknown, { doing, path, directory }: Attempt): unknown {
  const code = errnoOf(error);
  if (code === undefined) return error;
  const why = OF_THE_NODE[code] ?? OF_THE_PATH[code] ?? OF_THE_DIRECTORY[code] ?? `it fails with ${code}`;
  const message = `cannot ${doing} ${path}: ${why}`;
  const isOfNode = !(code in OF_THE_PATH) && !(code in OF_THE_DIRECTORY);
  if (isOfNode) return new DiskFault(code, path, message, error);
  return faultAt(code in OF_THE_DIRECTORY ? directory : path, { code, path, message, cause: error });
}

/** What is wrong at a path is a fault of the node where the path is our own. */
export function faultAt(
  where: string,
  fault: { readonly code: string; readonly path: string; readonly message: string; readonly cause?: unknown },
): FileFault {
  const { code, path, message, cause } = fault;
  return new (isOurs(where) ? DiskFault : PathBlocked)(code, path, message, cause);
}

/** True for a fault with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): error is FileFault {
  return error instanceof FileFault && codes.includes(error.code);
}

/** The root (a dot, or absolute), and our own folder in it. */
function isOurs(path: string): boolean {
  return path === '.' || path.startsWith('/') || `${path}/`.startsWith(`${STATE_FOLDER}/`);
}

/** Node has no names for these, and calls them unknown. */
const UNNAMED: Readonly<Record<number, string>> = { 116: 'ESTALE', 117: 'EUCLEAN', 122: 'EDQUOT' };

/** The name of a system call's error; errors of Node itself have codes too, but no number. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error instanceof FileFault) return undefined;
  const { code, errno }: NodeJS.ErrnoException = error;
  return errno === undefined ? undefined : (UNNAMED[-errno] ?? code);
}
