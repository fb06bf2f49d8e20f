import { parse } from 'yaml';
import * as z from 'zod';
import { messageOf } from '../../tars/message-of.ts';
import { isRecord } from '../../tars/json.ts';
import { DiscoveryConfigInvalid } from './config-invalid.ts';
import { durationMs } from './go-duration.ts';
import { namePattern } from './name-pattern.ts';

/** Disks that are found in one directory, for one class. */
export interface DiscoveredClass {
  readonly storageClass: string;
  /** On the host: what volumes are told by. */
  readonly hostDir: string;
  /** The same directory as this process sees it. */
  readonly mountDir: string;
  readonly volumeMode: 'Filesystem' | 'Block';
  readonly accessMode: string;
  /** What the kubelet formats a device with that is used as a filesystem; it chooses where nothing is said. */
  readonly fsType?: string | undefined;
  readonly names: RegExp;
  /** How a device is cleaned; undefined means that the agent overwrites it itself. */
  readonly cleaner?: readonly string[] | undefined;
}

/** The ConfigMap of the static provisioner, read. */
export interface DiscoveryConfig {
  readonly classes: readonly DiscoveredClass[];
  readonly nodeLabels: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly useNodeNameOnly: boolean;
  readonly setOwner: boolean;
  readonly minResyncMs: number;
  /** Keys that mean nothing here, in words. */
  readonly ignored: readonly string[];
}

const DEFAULT_RESYNC = '5m0s';

const directory = z
  .string('must be a path')
  .transform((path) => path.replace(/(?<=.)\/+$/, ''))
  .refine(
    (path) => /^(\/(?!\.{1,2}(\/|$))[^/\0]+)+$/.test(path),
    'must be an absolute path without . or .. in it, and not / itself',
  );
const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, { error: () => `must be one of ${values.join(', ')}` });
const text = z.string('must be text; put it in quotes');
const flag = z.boolean('must be true or false');

const CLASS = {
  hostDir: directory,
  mountDir: directory,
  volumeMode: oneOf(['Filesystem', 'Block']).default('Filesystem'),
  accessMode: oneOf(['ReadWriteOnce', 'ReadWriteOncePod', 'ReadWriteMany', 'ReadOnlyMany']).default(
    'ReadWriteOnce',
  ),
  fsType: text.regex(/^[a-z0-9]+$/, 'must be the name of a filesystem, such as "ext4"').optional(),
  namePattern: text.default('*').transform((pattern, context) => {
    const names = namePattern(pattern === '' ? '*' : pattern);
    if (names) return names;
    context.addIssue({ code: 'custom', message: 'must be a pattern of *, ?, [a-z] and plain characters' });
    return z.NEVER;
  }),
  blockCleanerCommand: z
    .array(text.min(1, 'must not be empty'), 'must be a list: the program and each of its arguments')
    .min(1, 'must name a program; leave it out to have devices overwritten by the agent')
    .optional(),
  selector: z
    .undefined(
      'is for disks that several nodes share, and volumes of this agent are of one node each; leave it out',
    )
    .optional(),
} as const;

const CONFIG = {
  storageClassMap: z.record(
    z.string(),
    z.strictObject(CLASS),
    'must map names of classes to their directories',
  ),
  nodeLabelsForPV: z.array(text, 'must be a list of labels').default([]),
  labelsForPV: z.record(z.string(), text, 'must map labels to their values').default({}),
  useNodeNameOnly: flag.default(false),
  setPVOwnerRef: flag.default(false),
  minResyncPeriod: text.default(DEFAULT_RESYNC).transform((duration, context) => {
    const ms = durationMs(duration);
    if (ms !== undefined && ms >= 1000) return ms;
    context.addIssue({
      code: 'custom',
      message: `must be a duration of 1s or more; write "${DEFAULT_RESYNC}"`,
    });
    return z.NEVER;
  }),
  useAlphaAPI: flag
    .refine((isWanted) => !isWanted, 'is for Kubernetes before 1.10, and not supported; leave it out')
    .optional(),
  useJobForCleaning: flag.optional(),
  jobTolerations: z.unknown().optional(),
} as const;

const schema = z.strictObject(CONFIG);

/**
 * Reads the keys of the static provisioner's ConfigMap.
 * @throws {DiscoveryConfigInvalid} that names each key that is wrong, the rule and the remedy
 */
export function readDiscoveryConfig(keys: ReadonlyMap<string, string>): DiscoveryConfig {
  const parsed = parsedKeys(keys);
  const read = schema.safeParse(parsed);
  if (!read.success)
    throw new DiscoveryConfigInvalid(
      read.error.issues.flatMap((issue) => wordsFor(issue, parsed)).join('\n'),
    );
  const { storageClassMap, nodeLabelsForPV, labelsForPV, useNodeNameOnly, setPVOwnerRef, ...rest } =
    read.data;
  const classes = Object.entries(storageClassMap).map(
    ([
      storageClass,
      { namePattern: names, blockCleanerCommand, selector: _none, ...known },
    ]): DiscoveredClass => ({
      ...known,
      storageClass,
      names,
      cleaner: blockCleanerCommand,
    }),
  );
  if (classes.length === 0)
    throw new DiscoveryConfigInvalid('storageClassMap: it is empty; name a class and its directory');
  return {
    classes,
    nodeLabels: nodeLabelsForPV,
    labels: labelsForPV,
    useNodeNameOnly,
    setOwner: setPVOwnerRef,
    minResyncMs: rest.minResyncPeriod,
    ignored: ignoredIn(rest),
  };
}

function parsedKeys(keys: ReadonlyMap<string, string>): Record<string, unknown> {
  const parsed: Record<string, unknown> = {};
  for (const [key, value] of keys) {
    try {
      // As the static provisioner's parser reads it.
      parsed[key] = (parse(value, { version: '1.1' }) as unknown) ?? undefined;
    } catch (error) {
      throw new DiscoveryConfigInvalid(`${key}: it is no YAML: ${messageOf(error)}`, { cause: error });
    }
  }
  return parsed;
}

function wordsFor(issue: z.core.$ZodIssue, parsed: unknown): string[] {
  const at = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(at.length === 0 ? CONFIG : CLASS).join(', ');
    return issue.keys.map((key) => `${[...at, key].join('.')}: it is not known here; there are ${known}`);
  }
  const value = at.reduce<unknown>(
    (parent, key) => (isRecord(parent) || Array.isArray(parent) ? Reflect.get(parent, key) : undefined),
    parsed,
  );
  return [
    `${at.join('.')}: ${value === undefined ? 'it is missing, and' : JSON.stringify(value)} ${issue.message}`,
  ];
}

function ignoredIn({
  useJobForCleaning,
  jobTolerations,
}: {
  useJobForCleaning?: boolean | undefined;
  jobTolerations?: unknown;
}): string[] {
  return [
    ...(useJobForCleaning
      ? [
          'useJobForCleaning is not needed: the agent cleans by itself, for as long as it takes, and goes on after a restart',
        ]
      : []),
    ...(jobTolerations === undefined ? [] : ['jobTolerations is not needed: the agent makes no jobs']),
  ];
}
