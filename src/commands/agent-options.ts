import { InvalidArgumentError, Option, type Command } from 'commander';
import { Reserve } from '../agent/reserve.ts';
import { overlapOf, type Roots } from '../agent/roots.ts';
import { DEFAULT_ROOT } from '../tars/host-path.ts';
import { INSTALLED } from './installed.ts';
import type { LogOptions } from './log-options.ts';
import { numberBetween } from './numbers.ts';
import { bindAddressOption, kubeconfigOption, metricsPortOption } from './server-options.ts';
import type { SettingsOptions } from './settings-options.ts';

export interface AgentCommandOptions extends LogOptions, SettingsOptions {
  readonly nodeName?: string;
  readonly root: Roots;
  readonly requireMountPoint: boolean;
  readonly initPool: boolean;
  readonly reserve: Reserve;
  readonly memoryLimit: Reserve;
  readonly toolsPath: string;
  /** Seconds. */
  readonly offerTtl: number;
  readonly lookUpInterval: number;
  readonly maxDeleteRate: number;
  readonly allowOtherHostname: boolean;
  readonly discoveryConfig?: string;
  readonly namespace: string;
  readonly metricsPort: number;
  readonly bindAddress?: string;
  readonly kubeconfig?: string;
}

const DEFAULT_ROOTS: Roots = [DEFAULT_ROOT];

/** Where a node's volumes are, and the API server that knows them. */
export function addRootOptions(command: Command, more = ''): void {
  command
    .addOption(
      new Option('--root <dir>', `where volumes are, a real directory, best a disk of its own${more}`)
        .env('TLV_ROOT')
        .argParser(roots)
        .default(DEFAULT_ROOTS, JSON.stringify(DEFAULT_ROOT)),
    )
    .addOption(
      new Option('--require-mount-point', 'do nothing unless something is mounted at the root')
        .env('TLV_REQUIRE_MOUNT_POINT')
        .default(false),
    )
    .addOption(kubeconfigOption());
}

export function toolsPathOption(): Option {
  return new Option(
    '--tools-path <dirs>',
    'where mkfs, mount, losetup and the like are, which backends other than directory need',
  )
    .env('TLV_TOOLS_PATH')
    .default('/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin');
}

export function addAgentOptions(command: Command): void {
  command.addOption(new Option('--node-name <name>', 'the node that it runs on').env('TLV_NODE_NAME'));
  addRootOptions(
    command,
    '; may be given several times (TLV_ROOT: separated by colons), first that of the classes without parameter root',
  );
  command
    .addOption(
      new Option('--namespace <name>', 'where its Lease and its capacities are')
        .env('TLV_NAMESPACE')
        .default(INSTALLED.namespace),
    )
    .addOption(
      new Option(
        '--init-pool',
        "make what is at the root this node's storage, whatever was there before, and end: for a new disk in place of an old one",
      ).default(false),
    )
    .addOption(
      new Option('--reserve <size>', 'what is never promised of the disk: a share (10%) or a size (5Gi)')
        .env('TLV_RESERVE')
        .argParser(reserve)
        .default(Reserve.parse('10%'), '10%'),
    )
    .addOption(
      new Option(
        '--memory-limit <size>',
        'what volumes in memory (backend tmpfs) may hold together: a share of the memory (25%) or a size (4Gi)',
      )
        .env('TLV_MEMORY_LIMIT')
        .argParser(reserve)
        .default(Reserve.parse('25%'), '25%'),
    )
    .addOption(toolsPathOption())
    .addOption(
      new Option('--offer-ttl <seconds>', 'per node: how long an offer stands when no claim waits any more')
        .env('TLV_OFFER_TTL')
        .argParser(numberBetween(0, 604_800))
        .default(600),
    )
    .addOption(
      new Option('--look-up-interval <seconds>', 'how often to look for what no watch brings')
        .env('TLV_LOOK_UP_INTERVAL')
        .argParser(numberBetween(1, 86_400))
        .default(600),
    )
    .addOption(
      new Option('--max-delete-rate <number>', 'files and directories a second, when removing data')
        .env('TLV_MAX_DELETE_RATE')
        .argParser(numberBetween(1, 1_000_000))
        .default(2000),
    )
    .addOption(
      new Option(
        '--allow-other-hostname',
        'serve although the hostname label is not the name of the node (needs deploy/components/relaxed-hostname)',
      )
        .env('TLV_ALLOW_OTHER_HOSTNAME')
        .default(false),
    )
    .addOption(
      new Option(
        '--discovery-config <dir>',
        "offer disks that are mounted on the node: where the static provisioner's ConfigMap is mounted",
      ).env('TLV_DISCOVERY_CONFIG'),
    )
    .addOption(metricsPortOption('/metrics, /healthz and /readyz', 9808))
    .addOption(bindAddressOption());
}

function reserve(text: string): Reserve {
  const read = Reserve.parse(text);
  if (!read) throw new InvalidArgumentError('expected a share such as 10%, or a size such as 5Gi.');
  return read;
}

/** For a command that is about one root, where it may be one of several. */
export const severalRoots = (known: Roots): string =>
  `there are several roots, ${known.join(', ')}: name the one that is meant with --root`;

/** What is there by default is not added to. */
function roots(text: string, known: Roots): Roots {
  const [first = '', ...others] = text.split(':').map(absolute);
  const all: Roots = known === DEFAULT_ROOTS ? [first, ...others] : [...known, first, ...others];
  const overlap = overlapOf(all);
  if (overlap === undefined) return all;
  throw new InvalidArgumentError(`${overlap}: each root needs a directory of its own.`);
}

/** Without what would make two texts of one path. */
function absolute(text: string): string {
  const plain = text.replace(/\/+$/, '');
  const parts = plain.split('/').slice(1);
  if (plain.startsWith('/') && parts.every((part) => part !== '' && part !== '.' && part !== '..'))
    return plain;
  throw new InvalidArgumentError('expected an absolute path without . or .. in it, and not / itself.');
}
