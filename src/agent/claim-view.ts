import type { KubeObject } from '../cluster/kube-object.ts';
import { formatPath } from '../tars/finding.ts';
import { type VolumeAddress, type VolumePath, volumePathOf } from '../tars/host-path.ts';
import { isRecord, textAt, textOf, valueAt } from '../tars/json.ts';
import { labelValueOf } from '../tars/label-value.ts';
import { claimOwner, type Scope } from '../tars/ownership.ts';
import { OWNER_DEFAULTS } from '../tars/patterns.ts';
import { bytesOf } from '../tars/quantity.ts';
import { servedClass, type ClassWay, type Settings } from '../tars/settings.ts';
import type { Claim } from '../tars/shapes.ts';
import { ANNOTATION, DEFAULT_REQUEST, LABEL, OURS, SELECTED_NODE } from '../tars/vocabulary.ts';
import { checkClaim } from '../validate/claim-rules.ts';
import { readClaim } from '../validate/read.ts';
import type { Owner } from './backends/backend.ts';

/** A claim of a served class, with as much of it as the agent decides by. */
export interface ClaimView {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly createdAt: string;
  readonly isDeleting: boolean;
  /** `Pending`, `Bound`, or `Lost` where its volume vanished. */
  readonly phase: string;
  readonly storageClass: string;
  readonly way: ClassWay;
  /** The scheduler's choice. */
  readonly selectedNode?: string | undefined;
  /** What the routing label says, which may lag behind. */
  readonly routedTo?: string | undefined;
  readonly volumeName?: string | undefined;
  readonly mayAdopt: boolean;
  readonly accessMode: string;
  /** A quantity, and the bytes that it stands for. */
  readonly request: string;
  readonly requestBytes: number;
  /** What it has been told that it holds; 0 until it is bound. */
  readonly capacityBytes: number;
  /** What is asked of its volume, or why that cannot be had, in words for people. */
  readonly wanted: Wanted | { readonly fault: string };
}

export interface Wanted {
  readonly address: VolumeAddress;
  readonly path: VolumePath;
  readonly owner: Owner;
}

/**
 * Reads a claim; undefined for one of a class that is not served. What a rule of admission forbids is a fault here too:
 * a claim may have been stored before the rules were, or past them.
 * @param scopeOf - what a class says of claims that do not say it themselves
 */
export function readClaimView(
  object: KubeObject,
  settings: Settings,
  scopeOf: (storageClass: string) => Scope | undefined = noScope,
): ClaimView | undefined {
  const read = readClaim(object);
  if (!read.ok) return undefined;
  const claim = read.object;
  const way = servedClass(claim.spec?.storageClassName, settings)?.way;
  const { name, namespace, resourceVersion } = object.metadata;
  if (way === undefined || namespace === undefined) return undefined;
  return {
    namespace,
    name,
    resourceVersion,
    way,
    ...stateOf(claim),
    ...askedBy(claim),
    wanted: wantedOf(claim, { namespace, way, settings, scopeOf }),
  };
}

const noScope = (): undefined => undefined;

const classOf = ({ spec }: Claim): string => spec?.storageClassName ?? '';

function askedBy(claim: Claim) {
  const { spec } = claim;
  const request = textOf(spec?.resources?.requests?.storage ?? DEFAULT_REQUEST);
  return {
    storageClass: classOf(claim),
    accessMode: spec?.accessModes?.[0] ?? 'ReadWriteOnce',
    request,
    requestBytes: bytesOf(request),
  };
}

/** What others write into it as it lives. */
function stateOf(claim: Claim) {
  const annotation = (key: string): string | undefined => textAt(claim, 'metadata', 'annotations', key);
  return {
    uid: textAt(claim, 'metadata', 'uid') ?? '',
    createdAt: textAt(claim, 'metadata', 'creationTimestamp') ?? '',
    isDeleting: textAt(claim, 'metadata', 'deletionTimestamp') !== undefined,
    phase: textAt(claim, 'status', 'phase') ?? 'Pending',
    selectedNode: annotation(SELECTED_NODE),
    routedTo: textAt(claim, 'metadata', 'labels', OURS.node),
    volumeName: textAt(claim, 'spec', 'volumeName'),
    capacityBytes: bytesOf(valueAt(claim, ['status', 'capacity', 'storage'])),
    mayAdopt: annotation(OURS.adopt) === 'true',
  };
}

interface Surroundings {
  readonly namespace: string;
  readonly way: ClassWay;
  readonly settings: Settings;
  readonly scopeOf: (storageClass: string) => Scope | undefined;
}

function wantedOf(claim: Claim, { namespace, way, settings, scopeOf }: Surroundings): ClaimView['wanted'] {
  const [finding] = checkClaim(claim, [], settings);
  if (finding) return { fault: `${finding.code} ${formatPath(finding.path)}: ${finding.message}` };
  const { metadata } = claim;
  const { app, server, scope } = claimOwner(claim, scopeOf(classOf(claim)));
  const name = metadata?.name ?? '';
  const volume = textOf(metadata?.labels?.[LABEL.volume] ?? labelValueOf(name));
  const ordinal = scope === 'Pod' && way === 'on-demand' ? ordinalOf(name) : undefined;
  const address = { namespace, app, server, volume, ...(ordinal === undefined ? {} : { ordinal }) };
  const path = volumePathOf(address);
  return typeof path === 'string' ? { address, path, owner: ownerOf(metadata?.annotations) } : path;
}

/** Of a replica's claim, which the StatefulSet controller names TEMPLATE-SET-ORDINAL; any other claim stands alone. */
function ordinalOf(claimName: string): number | undefined {
  const [, digits] = /-(0|[1-9]\d{0,8})$/.exec(claimName) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** The annotations' values have been checked. */
function ownerOf(annotations: Record<string, unknown> | null | undefined): Owner {
  const given = isRecord(annotations) ? annotations : {};
  return {
    uid: Number(given[ANNOTATION.uid] ?? OWNER_DEFAULTS.uid),
    gid: Number(given[ANNOTATION.gid] ?? OWNER_DEFAULTS.gid),
    mode: Number.parseInt(textOf(given[ANNOTATION.mode] ?? OWNER_DEFAULTS.mode), 8),
  };
}
