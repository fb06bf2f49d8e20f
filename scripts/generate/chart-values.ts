import { Writable } from 'node:stream';
import type { Command } from 'commander';
import { agentCommand } from '../../src/commands/agent.ts';
import { sweepCommand } from '../../src/commands/sweep.ts';
import { webhookCommand } from '../../src/commands/webhook.ts';
import { MODE_PATTERNS } from '../../src/tars/patterns.ts';
import type { ClassWay } from '../../src/tars/settings.ts';
import {
  AFFINITY,
  BOOLEAN,
  closed,
  flags,
  list,
  NAMESPACES,
  NODE_SELECTOR,
  oneOf,
  PEER,
  PORT,
  RESERVE_PATTERN,
  RESOURCES,
  ROOT_PATTERN,
  type Schema,
  someOf,
  text,
  TOLERATIONS,
  UPDATE_STRATEGY,
} from './chart-schema.ts';

/*
 * The values of the chart, in the order of values.yaml: what each may be, what it means, and which fields of which
 * objects it is. Where such a field is in the base already, that is the default, so the chart's cannot be another one.
 */

export interface ChartValue {
  /** From the root of the values, with dots. */
  readonly path: string;
  readonly meaning: string;
  readonly schema: Schema;
  /** What the base does not say. */
  readonly default?: unknown;
  readonly fields?: readonly ChartField[];
}

/** An object by `Kind/name`, and a field as in chart-field.ts. */
type ChartField = readonly [object: string, field: string];

const WEBHOOK = 'Deployment/t-local-volume-webhook';
const AGENT = 'DaemonSet/t-local-volume-agent';
const WORKLOADS = [WEBHOOK, AGENT];
const NETWORK_POLICIES = [
  'NetworkPolicy/t-local-volume-webhook',
  'NetworkPolicy/t-local-volume-agent',
] as const;
const POD = 'spec.template.spec';
const container = (name: string): string => `${POD}.containers[${name}]`;

const ADMISSION = 'spec.matchConstraints.namespaceSelector.matchExpressions[0].values[]';
const WEBHOOKS = 'webhooks[*].namespaceSelector.matchExpressions[0].values[]';

/** What stands above a group of values. */
export const GROUPS: Readonly<Record<string, string>> = {
  image: 'One image for webhook, sweeper and agent.',
  csiDriver: 'What the scheduler is told of volumes that are made on demand.',
  networkPolicy: 'What may reach the pods, and what they may reach.',
  storageClass: 'The class t-storage-class. Its name is fixed: it stands in claims and templates everywhere.',
  webhook: 'The admission webhook, and the pods of its Deployment.',
  sweeper: 'The sweeper, in the pods of the webhook.',
  agent: 'The agent, on every node that has volumes.',
};

/** Taken from the names of an image, for which the schema needs no more than that they are none of each other's. */
const IMAGE_REPOSITORY = '^[a-z0-9][a-z0-9._:/-]*[a-z0-9]$';
const IMAGE_TAG = '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$';
const IMAGE_DIGEST = '^(sha256:[0-9a-f]{64})?$';

/** What the base says that is no default by itself. */
export interface Base {
  readonly image: { readonly repository: string; readonly tag: string };
  /** Flags and environment variables that a container of a workload is given. */
  readonly taken: (workload: string, container: string) => ReadonlySet<string>;
}

/** Every value, in order. */
export function chartValues({ image, taken }: Base): ChartValue[] {
  return [
    {
      path: 'image.repository',
      meaning: 'Without tag and digest.',
      schema: text(IMAGE_REPOSITORY),
      default: image.repository,
    },
    {
      path: 'image.tag',
      meaning: 'Not looked at where there is a digest.',
      schema: text(IMAGE_TAG),
      default: image.tag,
    },
    {
      path: 'image.digest',
      meaning: 'sha256:…, which nobody can put another image behind.',
      schema: text(IMAGE_DIGEST),
      default: '',
    },
    {
      path: 'image.pullPolicy',
      meaning: 'IfNotPresent, Always or Never.',
      schema: oneOf('IfNotPresent', 'Always', 'Never'),
      fields: WORKLOADS.map((workload) => [workload, `${POD}.containers[*].imagePullPolicy`]),
    },
    {
      path: 'image.pullSecrets',
      meaning: 'Secrets of this namespace with what the registry wants to see: [{name: …}].',
      schema: list(closed({ name: { type: 'string', minLength: 1 } }, ['name'])),
      default: [],
      fields: WORKLOADS.map((workload) => [workload, `${POD}.imagePullSecrets`]),
    },
    {
      path: 'provisioning',
      meaning:
        'on-demand: a volume is made where the scheduler placed the pod. per-node: every eligible node offers a volume ' +
        'while a claim waits, the way of TarsK8S. The class has to be deleted before this is changed.',
      schema: oneOf(...(['on-demand', 'per-node'] satisfies ClassWay[])),
      default: 'on-demand',
    },
    {
      path: 'modePattern',
      meaning: `Which modes are allowed. seed: ${MODE_PATTERNS.seed}. posix: ${MODE_PATTERNS.posix}, so 750 too; it has a CRD of its own.`,
      schema: oneOf(...Object.keys(MODE_PATTERNS)),
      default: 'seed',
    },
    {
      path: 'certificates',
      meaning:
        'self-managed: the webhook issues and renews them, in one Secret. cert-manager: it does, and has to be there.',
      schema: oneOf('self-managed', 'cert-manager'),
      default: 'self-managed',
    },
    {
      path: 'relaxedHostname',
      meaning:
        'For clusters where the label kubernetes.io/hostname is not the name of the node. An agent may then touch the ' +
        'volumes of any one hostname.',
      schema: BOOLEAN,
      default: false,
    },
    {
      path: 'optedInOnly',
      meaning:
        "For clusters where each StatefulSet of a TServer says so itself, as those of TarsK8S's controller do: by tars.io/ServerApp, " +
        'an owner reference, a template of the class, or local.tars.io/tserver. The webhook is asked about no other one.',
      schema: BOOLEAN,
      default: false,
    },
    {
      path: 'backends',
      meaning:
        'For classes whose volumes stop a writer at their size (deploy/classes): the agent is a privileged container, ' +
        'which mounts on its node.',
      schema: BOOLEAN,
      default: false,
    },
    {
      path: 'excludedNamespaces',
      meaning:
        'Namespaces that webhooks and rules never look at, beside kube-system and the one of this release: what is in ' +
        'them gets no volumes of ours but by complete manifests (tlv render).',
      schema: NAMESPACES,
      default: [],
      fields: [
        ['MutatingWebhookConfiguration/t-local-volume', WEBHOOKS],
        ['ValidatingWebhookConfiguration/t-local-volume', WEBHOOKS],
        ['ValidatingAdmissionPolicy/t-local-volume-tservers', ADMISSION],
        ['ValidatingAdmissionPolicy/t-local-volume-statefulsets', ADMISSION],
        ['ValidatingAdmissionPolicy/t-local-volume-claims', ADMISSION],
      ],
    },
    {
      path: 'storageClass.create',
      meaning: 'false where somebody else makes it.',
      schema: BOOLEAN,
      default: true,
    },
    {
      path: 'storageClass.reclaimPolicy',
      meaning:
        'Delete: the data goes with its claim. Retain: it stays. The class has to be deleted before this is changed; ' +
        'volumes that exist keep theirs.',
      schema: oneOf('Delete', 'Retain'),
      fields: [['StorageClass/t-storage-class', 'reclaimPolicy']],
    },
    {
      path: 'csiDriver.storageCapacity',
      meaning:
        'false for clusters of very many nodes: the scheduler does not look at the room that nodes have before it chooses ' +
        'one, which takes it ever longer, and an agent gives back what does not fit. May be changed at any time.',
      schema: BOOLEAN,
      fields: [['CSIDriver/local.tars.io', 'spec.storageCapacity']],
    },
    {
      path: 'networkPolicy.create',
      meaning: 'false where other rules say it.',
      schema: BOOLEAN,
      default: true,
    },
    {
      path: 'networkPolicy.apiServerPorts',
      meaning: 'Where the API server listens: of its Service, and of itself.',
      schema: someOf(closed({ port: PORT }, ['port'])),
      fields: NETWORK_POLICIES.map((policy) => [policy, 'spec.egress[0].ports']),
    },
    {
      path: 'networkPolicy.metricsFrom',
      meaning: 'Who may read the metrics: any pod, unless this is narrowed to your Prometheus.',
      schema: someOf(PEER),
      fields: [
        [NETWORK_POLICIES[0], 'spec.ingress[1].from'],
        [NETWORK_POLICIES[1], 'spec.ingress[0].from'],
      ],
    },
    {
      path: 'webhook.replicas',
      meaning: 'With one there is no PodDisruptionBudget, which would hold up every drain.',
      schema: { type: 'integer', minimum: 1 },
      fields: [[WEBHOOK, 'spec.replicas']],
    },
    resources('webhook', WEBHOOK),
    extraArgs('webhook', WEBHOOK, webhookCommand, taken),
    ...scheduling('webhook', WEBHOOK),
    {
      path: 'webhook.affinity',
      meaning: 'Where replicas would rather be; what is given is merged with what is here.',
      schema: AFFINITY,
      fields: [[WEBHOOK, `${POD}.affinity`]],
    },
    resources('sweeper', WEBHOOK),
    extraArgs('sweeper', WEBHOOK, sweepCommand, taken),
    {
      path: 'agent.root',
      meaning:
        'Where volumes are on every node, best a disk of its own. Not to be changed while there are volumes: agents ' +
        'would not find their data there, and do nothing.',
      schema: text(ROOT_PATTERN),
      fields: [
        [AGENT, `${container('agent')}.env[TLV_ROOT].value`],
        [AGENT, `${container('agent')}.volumeMounts[root].mountPath`],
        [AGENT, `${POD}.volumes[root].hostPath.path`],
      ],
    },
    {
      path: 'agent.reserve',
      meaning: 'What is never promised of the disk: a share (10%) or a size (5Gi).',
      schema: text(RESERVE_PATTERN),
      fields: [[AGENT, `${container('agent')}.env[TLV_RESERVE].value`]],
    },
    resources('agent', AGENT),
    extraArgs('agent', AGENT, agentCommand, taken),
    ...scheduling('agent', AGENT),
    {
      path: 'agent.updateStrategy',
      meaning: 'Nobody loses a volume while an agent restarts; only new claims wait.',
      schema: UPDATE_STRATEGY,
      fields: [[AGENT, 'spec.updateStrategy']],
    },
  ];
}

function resources(name: string, workload: string): ChartValue {
  return {
    path: `${name}.resources`,
    meaning: 'Requests and limits of its container.',
    schema: RESOURCES,
    fields: [[workload, `${container(name)}.resources`]],
  };
}

function scheduling(name: string, workload: string): ChartValue[] {
  return [
    {
      path: `${name}.priorityClassName`,
      meaning: 'Which pods have to go before this one.',
      schema: { type: 'string' },
      fields: [[workload, `${POD}.priorityClassName`]],
    },
    {
      path: `${name}.nodeSelector`,
      meaning: 'Labels of the nodes that it may run on; what is given is merged with what is here.',
      schema: NODE_SELECTOR,
      fields: [[workload, `${POD}.nodeSelector`]],
    },
    {
      path: `${name}.tolerations`,
      meaning:
        name === 'agent'
          ? 'Whatever taints a node: volumes that are there have to be looked after.'
          : 'Taints that it does not mind.',
      schema: TOLERATIONS,
      ...(name === 'agent' ? {} : { default: [] }),
      fields: [[workload, `${POD}.tolerations`]],
    },
  ];
}

type CommandOf = (io: Io, finish: () => void) => Command;
type Io = Parameters<typeof agentCommand>[0];

function extraArgs(name: string, workload: string, commandOf: CommandOf, taken: Base['taken']): ChartValue {
  const nowhere = new Writable();
  const command = commandOf({ stdin: process.stdin, stdout: nowhere, stderr: nowhere }, () => undefined);
  return {
    path: `${name}.extraArgs`,
    meaning: `More flags of \`tlv ${command.name()}\`, each as --name=value, but those that other values are for.`,
    schema: flags(command, taken(workload, name)),
    default: [],
    fields: [[workload, `${container(name)}.args[]`]],
  };
}
