import type { ApiWriter, CallOptions } from '../cluster/api-writer.ts';
import type { Clock } from '../cluster/clock.ts';
import type { EventRecorder } from '../cluster/event-recorder.ts';
import { ApiStatusError } from '../cluster/faults.ts';
import { freeClaim } from '../cluster/free-claim.ts';
import { leasePath } from '../cluster/lease-object.ts';
import type { Reason, Step } from './plan.ts';
import { stillHolds } from './second-look.ts';
import type { VolumeView } from './views.ts';

export interface Tools {
  readonly writer: Pick<ApiWriter, 'get' | 'patch' | 'remove'>;
  readonly events: Pick<EventRecorder, 'record'>;
  /** The product's own. */
  readonly namespace: string;
  /** For words: how long was waited. */
  readonly delaySeconds: number;
  readonly clock: Clock;
}

/** True when it is done, false when there was no reason for it any more. Every change is on condition of what was seen. */
export async function execute(step: Step, tools: Tools, signal: AbortSignal): Promise<boolean> {
  for (const reason of step.because) {
    if (!(await stillHolds(reason, tools.namespace, tools.writer, signal))) return false;
  }
  try {
    await change(step, tools, { signal });
  } catch (error) {
    // What is gone needs nothing more.
    if (error instanceof ApiStatusError && error.status === 404) return false;
    throw error;
  }
  tell(step, tools);
  return true;
}

function change(step: Step, { writer, clock }: Tools, options: CallOptions): Promise<unknown> {
  switch (step.kind) {
    case 'free-claim':
      return freeClaim(writer, step.object, { ...options, clock });
    case 'remove-capacity': {
      const { namespace, name, uid } = step.object;
      return writer.remove(capacityPath(namespace, name), { uid }, options);
    }
    case 'remove-lease': {
      const { uid, resourceVersion } = step.object;
      return writer.remove(leasePath(step.object), { uid, resourceVersion }, options);
    }
    case 'delete-volume': {
      const { uid, resourceVersion } = step.object;
      return writer.remove(volumePath(step.object), { uid, resourceVersion }, options);
    }
    case 'let-go-volume':
      return writer.patch(volumePath(step.object), withoutFinalizer(step.object), 'json', options);
    case 'tell-claim':
      return Promise.resolve();
  }
}

/** Other finalizers stay: each is somebody's. */
function withoutFinalizer({ resourceVersion, finalizerIndex }: VolumeView): object[] {
  return [
    { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
    { op: 'remove', path: `/metadata/finalizers/${finalizerIndex}` },
  ];
}

function tell(step: Step, { events, delaySeconds }: Tools): void {
  if (step.kind === 'free-claim') {
    const reference = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...identity(step.object) };
    const why = step.because
      .map((reason) => wordsFor(reason, step.object.selectedNode, delaySeconds))
      .join('; ');
    const message = `${why}. The claim has no volume yet: the choice of that node is dropped, so that the scheduler chooses again.`;
    events.record(reference, 'Warning', 'SelectedNodeDropped', message);
  } else if (step.kind === 'let-go-volume') {
    const { hostname, path } = step.object;
    const reference = { apiVersion: 'v1', kind: 'PersistentVolume', ...identity(step.object) };
    const message = `There has been no node ${hostname} for more than ${delaySeconds} s: the volume is let go. Its data was not removed: it is still on the disk of that node, at ${path}.`;
    events.record(reference, 'Warning', 'VolumeLetGo', message);
  } else if (step.kind === 'tell-claim') {
    const { hostname, name, path } = step.object;
    const reference = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...step.claim };
    const message = `There has been no node ${hostname} for more than ${delaySeconds} s, and this claim's volume ${name} is on its disk, at ${path}. Pods with this claim wait for that node: bring it back under its name, or delete claim and pod to begin anew elsewhere, without that data.`;
    events.record(reference, 'Warning', 'VolumeNodeGone', message);
  }
}

function identity({ namespace, name, uid }: Step['object']) {
  return { name, uid, ...(namespace === undefined ? {} : { namespace }) };
}

/** Why, for people. */
export function wordsFor(reason: Reason, node: string, delaySeconds: number): string {
  if (reason.kind !== 'agent-silent') return `There has been no node ${node} for more than ${delaySeconds} s`;
  const since = reason.renewTime === '' ? '' : ` since ${reason.renewTime}`;
  return `Nothing has been heard of the agent of node ${node}${since}, for more than ${delaySeconds} s`;
}

const volumePath = ({ name }: VolumeView): string => `/api/v1/persistentvolumes/${encodeURIComponent(name)}`;

const capacityPath = (namespace: string, name: string): string =>
  `/apis/storage.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/csistoragecapacities/${encodeURIComponent(name)}`;
