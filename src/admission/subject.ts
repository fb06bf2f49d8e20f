import { isTServerKind } from '../tars/tserver.ts';
import { valueAt } from '../tars/json.ts';
import type { AdmissionRequest } from './review.ts';

/** The kinds that the webhook has a word on. */
export type Subject = 'StatefulSet' | 'PersistentVolumeClaim' | 'TServer' | 'other';

/** What a request is about, judged by the kind that the API server says it converted the object to. */
export function subjectOf({ kind: { group, version, kind } }: AdmissionRequest): Subject {
  const apiVersion = group ? `${group}/${version}` : version;
  if (isTServerKind(apiVersion, kind)) return 'TServer';
  if (apiVersion === 'apps/v1' && kind === 'StatefulSet') return kind;
  return apiVersion === 'v1' && kind === 'PersistentVolumeClaim' ? kind : 'other';
}

/**
 * True for what is looked at: whole objects that are created or updated. Deletions, subresources such as
 * status and scale, and objects on their way out are let through, so that nothing of ours ever holds them.
 */
export function isExamined({ operation, subResource, object }: AdmissionRequest): boolean {
  if (operation !== 'CREATE' && operation !== 'UPDATE') return false;
  return !subResource && !valueAt(object, ['metadata', 'deletionTimestamp']);
}
