import {
  APP_LABEL_PATTERN,
  DNS_LABEL_MAX,
  DNS_LABEL_PATTERN,
  LABEL_VALUE_MAX,
  LABEL_VALUE_PATTERN,
} from './patterns.ts';

/** The default root: where TarsK8S's own agent has put volumes since the seeds. */
export const DEFAULT_ROOT = '/usr/local/app/tars/host-mount';

/** Which directory a volume is, below the root of its pool. */
export interface VolumeAddress {
  readonly namespace: string;
  readonly app: string;
  readonly server: string;
  readonly volume: string;
  /** Of the replica, where each has a directory of its own (pod scope). */
  readonly ordinal?: number;
}

/**
 * The directory of a volume relative to the root, `<namespace>/<app>.<server>/<volume>[.<ordinal>]` (seed): three
 * components, none of which is hidden, `.` or `..`, or holds a separator.
 */
export type VolumePath = string & { readonly __brand: 'VolumePath' };

interface Part {
  readonly name: string;
  readonly value: string;
  readonly pattern: RegExp;
  readonly max: number;
}

/** The path, or what is wrong with a part of the address, in words. */
export function volumePathOf(address: VolumeAddress): VolumePath | { readonly fault: string } {
  const bad = partsOf(address).find(({ value, pattern, max }) => value.length > max || !pattern.test(value));
  if (bad) {
    return {
      fault: `its ${bad.name} ${JSON.stringify(bad.value)} cannot be part of a path on the host: it must match ${bad.pattern.source} and have ${bad.max} characters at most`,
    };
  }
  const { namespace, app, server, volume, ordinal } = address;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this is where such paths are made
  return `${namespace}/${app}.${server}/${volume}${ordinal === undefined ? '' : `.${ordinal}`}` as VolumePath;
}

const PATH = /^([^/]+)\/([^./]+)\.([^/]+)\/([^/]+)$/;

/** The same path as a checked one; undefined for any text that no address could have made. */
export function asVolumePath(text: string): VolumePath | undefined {
  const [, namespace = '', app = '', server = '', volume = ''] = PATH.exec(text) ?? [];
  // The last component may be longer than a label: by the ordinal.
  const name = volume.length > LABEL_VALUE_MAX ? volume.replace(/\.\d{1,10}$/, '') : volume;
  const path = volumePathOf({ namespace, app, server, volume: name });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its parts have just been checked
  return typeof path === 'string' ? (text as VolumePath) : undefined;
}

function partsOf({ namespace, app, server, volume }: VolumeAddress): readonly Part[] {
  return [
    { name: 'namespace', value: namespace, pattern: new RegExp(DNS_LABEL_PATTERN), max: DNS_LABEL_MAX },
    { name: 'app', value: app, pattern: new RegExp(APP_LABEL_PATTERN), max: LABEL_VALUE_MAX },
    { name: 'server', value: server, pattern: new RegExp(LABEL_VALUE_PATTERN), max: LABEL_VALUE_MAX },
    { name: 'volume', value: volume, pattern: new RegExp(LABEL_VALUE_PATTERN), max: LABEL_VALUE_MAX },
  ];
}
