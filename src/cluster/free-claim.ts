import { OURS, SELECTED_NODE } from '../tars/vocabulary.ts';
import type { ApiWriter } from './api-writer.ts';
import { type Clock, sleep } from './clock.ts';
import { ApiStatusError, ConnectionError } from './faults.ts';

export interface ChosenClaim {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly selectedNode?: string | undefined;
}

export interface FreeOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/** For the scheduler to see the first write; it is not to wait for its backoff, which begins at a second. */
const AGAIN_MS = 500;
/** What is left undone mends itself. */
const AGAIN_DEADLINE_MS = 2000;
const NEVER = new AbortController().signal;

export function claimPath({ namespace, name }: Pick<ChosenClaim, 'namespace' | 'name'>): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/persistentvolumeclaims/${encodeURIComponent(name)}`;
}

/**
 * Takes back the scheduler's choice of a node, and with it the label by which the claim was sent there; on condition
 * that the claim is as it was seen.
 *
 * It is written twice. The scheduler tries the pod again as soon as it hears of a claim, and before 1.36 it may do so
 * while its own cache still has the old one: then the pod waits for five minutes, or until the claim is written once
 * more (kubernetes/kubernetes#93552). The mark that the second write takes off is there to make it one.
 */
export async function freeClaim(
  writer: Pick<ApiWriter, 'patch'>,
  claim: ChosenClaim,
  { clock, signal = NEVER }: FreeOptions,
): Promise<void> {
  const path = claimPath(claim);
  await writer.patch(path, { metadata: freed(claim) }, 'merge', { signal });
  await sleep(clock, AGAIN_MS, signal);
  try {
    // Without the signal: who is told to end has this to end first.
    await writer.patch(path, { metadata: unmarked(claim) }, 'merge', { deadlineMs: AGAIN_DEADLINE_MS });
  } catch (error) {
    // The claim is free all the same, or it is gone.
    if (!(error instanceof ApiStatusError || error instanceof ConnectionError)) throw error;
  }
}

/** A resourceVersion in a merge patch is a condition; null takes a key away. */
function freed({ resourceVersion, selectedNode = '' }: ChosenClaim): object {
  return {
    resourceVersion,
    annotations: { [SELECTED_NODE]: null, [OURS.freedFrom]: selectedNode },
    labels: { [OURS.node]: null },
  };
}

/** Whatever the scheduler has made of it meanwhile; but another claim of that name is none of ours. */
function unmarked({ uid }: ChosenClaim): object {
  return { uid, annotations: { [OURS.freedFrom]: null } };
}
