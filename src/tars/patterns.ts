/**
 * Every pattern once, as text: the CRD schema, the policies and the rules are made from these.
 * They are written in what RE2 and JavaScript read alike.
 */

/** uid and gid, a decimal string of at most six digits (seed: tLocalVolume). */
export const ID_PATTERN = '^(0|[1-9][0-9]{0,5})$';

/** Octal modes: `seed` has no digit 0, as the seeds' CRD says; `posix` allows it. */
export const MODE_PATTERNS = {
  seed: '^0?[1-7]{3,3}$',
  posix: '^0?[0-7]{3}$',
} as const;
export type ModePattern = keyof typeof MODE_PATTERNS;

export const OWNER_DEFAULTS = { uid: '0', gid: '0', mode: '755' } as const;

/** RFC 1123 label: names of volumes, mounts and claim templates. */
export const DNS_LABEL_PATTERN = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
export const DNS_LABEL_MAX = 63;

/** A TServer's app and server: they become label values, path components and object names. */
export const SERVER_NAME_PATTERN = '^[A-Za-z][0-9A-Za-z]*$';
export const SERVER_NAME_MAX = 63;

/** A Kubernetes label value that is not empty; it can be neither `.` nor `..` nor hold a separator. */
export const LABEL_VALUE_PATTERN = '^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$';
/** The same without dots, so that `<app>.<server>` can be read in one way only. */
export const APP_LABEL_PATTERN = '^[A-Za-z0-9]([-A-Za-z0-9_]*[A-Za-z0-9])?$';
export const LABEL_VALUE_MAX = 63;

/** Absolute, and without the colon that container runtimes split on. */
export const MOUNT_PATH_PATTERN = '^/[^:]*$';

export const PORT_RANGE = { min: 1, max: 65535 } as const;

/** What an API server can check by CEL at a bounded cost. */
export const MAX_LIST_ITEMS = 64;
