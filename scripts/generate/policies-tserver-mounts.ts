import {
  DNS_LABEL_MAX,
  DNS_LABEL_PATTERN,
  ID_PATTERN,
  MAX_LIST_ITEMS,
  MODE_PATTERNS,
  MOUNT_PATH_PATTERN,
} from '../../src/tars/patterns.ts';
import type { Settings } from '../../src/tars/settings.ts';
import { MOUNT_SOURCES } from '../../src/tars/tserver.ts';
import { PLACEHOLDER } from '../../src/tars/vocabulary.ts';
import type { RuleCode } from '../../src/validate/catalogue.ts';
import { field, fits, isTextThatFits, list, shown, text } from './policies-cel.ts';
import { checkDuplicates, checkItems, type Check, type Said } from './policies-check.ts';
import { isGiven, said, shownValue, string } from './policies-tserver-sample.ts';
import { VALUE } from './policies-words.ts';

const MOUNTS = { items: 'variables.mounts', old: 'variables.mountsOld' } as const;

const saidOfMount = (mount: Record<string, unknown>, settings: Settings): Said =>
  said({ k8s: { mounts: [{ name: 'a', mountPath: '/a', source: { emptyDir: {} }, ...mount }] } }, settings);

/** The mounts of a TServer, in the order of src/validate/tserver-mounts.ts. */
export function mountChecks(settings: Settings): Check[] {
  return [...itemChecks(settings), ...ownerChecks(settings), ...uniqueChecks(settings)];
}

function itemChecks(settings: Settings): Check[] {
  const name = (mount: string) => string(mount, 'name');
  const mountPath = (mount: string) => string(mount, 'mountPath');
  const sources = (mount: string) => `${list(MOUNT_SOURCES)}.filter(k, ${isGiven(mount, 'k')})`;
  return [
    checkItems({
      ...MOUNTS,
      code: 'TLV202',
      name: 'mountName',
      bad: (mount) => `!(${isTextThatFits(name(mount), DNS_LABEL_PATTERN, DNS_LABEL_MAX)})`,
      value: name,
      values: (mount) => shownValue(name(mount)),
      said: saidOfMount({ name: VALUE }, settings),
    }),
    checkItems({
      ...MOUNTS,
      code: 'TLV201',
      name: 'mountReserved',
      bad: (mount) => `${name(mount)} == ${text(PLACEHOLDER)}`,
      said: saidOfMount({ name: PLACEHOLDER }, settings),
    }),
    checkItems({
      ...MOUNTS,
      code: 'TLV204',
      name: 'noSource',
      bad: (mount) => `${sources(mount)}.size() == 0`,
      said: saidOfMount({ source: {} }, settings),
    }),
    checkItems({
      ...MOUNTS,
      code: 'TLV204',
      name: 'sources',
      bad: (mount) => `${sources(mount)}.size() > 1`,
      value: sources,
      values: (mount) => ({
        'emptyDir, secret': `${sources(mount)}.join(', ')`,
        'emptyDir and secret': `${sources(mount)}.join(' and ')`,
      }),
      said: saidOfMount({ source: { emptyDir: {}, secret: {} } }, settings),
    }),
    checkItems({
      ...MOUNTS,
      code: 'TLV205',
      name: 'mountPath',
      bad: (mount) => `!(${isTextThatFits(mountPath(mount), MOUNT_PATH_PATTERN, 4096)})`,
      value: mountPath,
      values: (mount) => shownValue(mountPath(mount)),
      said: saidOfMount({ mountPath: VALUE }, settings),
    }),
  ];
}

function ownerChecks(settings: Settings): Check[] {
  const rule = (
    code: RuleCode,
    key: 'uid' | 'gid' | 'mode',
    bad: (value: string) => string,
    sample = VALUE,
    name: string = key,
  ): Check => {
    const value = (volume: string) => field(volume, key, 'null');
    return checkItems({
      items: 'variables.volumes',
      old: 'variables.volumesOld',
      code,
      name,
      bad: (volume) => `${value(volume)} != null && ${bad(value(volume))}`,
      value,
      values: (volume) => ({ [`"${sample}"`]: shown(value(volume)) }),
      said: saidOfMount({ source: { tLocalVolume: { [key]: sample } } }, settings),
    });
  };
  const isNot = (pattern: string, longest: number) => (value: string) =>
    `!(${isTextThatFits(value, pattern, longest)})`;
  const isPosix = (value: string) => isTextThatFits(value, MODE_PATTERNS.posix, 4);
  const pattern = MODE_PATTERNS[settings.modePattern];
  return [
    rule('TLV301', 'uid', isNot(ID_PATTERN, 6)),
    rule('TLV302', 'gid', isNot(ID_PATTERN, 6)),
    rule('TLV303', 'mode', (value) => `!(${isPosix(value)})`),
    rule(
      'TLV303',
      'mode',
      (value) => `${isPosix(value)} && !(${fits(value, pattern, 4)})`,
      settings.modePattern === 'seed' ? '700' : VALUE,
      'modeWithZero',
    ),
  ];
}

function uniqueChecks(settings: Settings): Check[] {
  const names = (of: string) => `${of}.map(m, ${string('m', 'name')})`;
  // Those without a path have a key of their own.
  const path = string('m', 'mountPath');
  const paths = (of: string) => `${of}.map(m, ${path} == '' ? ' ' + ${string('m', 'name')} : ${path})`;
  const pair = (fields: [object, object]): Said =>
    said({ k8s: { mounts: fields.map((each) => ({ source: { emptyDir: {} }, ...each })) } }, settings);
  return [
    checkDuplicates({
      code: 'TLV203',
      name: 'mountNames',
      keys: names(MOUNTS.items),
      old: names(MOUNTS.old),
      atMost: MAX_LIST_ITEMS,
      values: (key) => ({ '"twice"': shown(key) }),
      said: pair([
        { name: 'twice', mountPath: '/a' },
        { name: 'twice', mountPath: '/b' },
      ]),
    }),
    checkDuplicates({
      code: 'TLV206',
      name: 'mountPaths',
      keys: paths(MOUNTS.items),
      old: paths(MOUNTS.old),
      atMost: MAX_LIST_ITEMS,
      values: (key, first, last) => ({
        '"/twice"': shown(key),
        '"first"': shown(string(`variables.mounts[${first}]`, 'name')),
        '"second"': shown(string(`variables.mounts[${last}]`, 'name')),
      }),
      said: pair([
        { name: 'first', mountPath: '/twice' },
        { name: 'second', mountPath: '/twice' },
      ]),
    }),
  ];
}
