import { isRecord } from '../tars/json.ts';
import { MalformedError } from './faults.ts';

/** Any object of the API, as far as a list-watch has to know it; the rest is for whoever it is delivered to. */
export interface KubeObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion: string;
  };
}

export function asKubeObject(json: unknown): KubeObject {
  if (isKubeObject(json)) return json;
  throw new MalformedError(
    `not an object with a name and a resourceVersion: ${excerpt(JSON.stringify(json))}`,
  );
}

/** `namespace/name`, or just the name where there is no namespace. */
export function objectKey(namespace: string | undefined, name: string): string {
  return namespace ? `${namespace}/${name}` : name;
}

export function keyOf({ metadata }: KubeObject): string {
  return objectKey(metadata.namespace, metadata.name);
}

/** The resourceVersion of a list, a bookmark or an object. */
export function resourceVersionOf(json: unknown): string {
  const version = isRecord(json) && isRecord(json.metadata) ? json.metadata.resourceVersion : undefined;
  if (typeof version === 'string' && version !== '') return version;
  throw new MalformedError(`no resourceVersion in ${excerpt(JSON.stringify(json))}`);
}

/** As much of a text as a log line bears. */
export function excerpt(text: string | undefined): string {
  return text !== undefined && text.length > 200 ? `${text.slice(0, 200)}…` : String(text);
}

function isKubeObject(json: unknown): json is KubeObject {
  if (!isRecord(json) || !isRecord(json.metadata)) return false;
  const { name, namespace, resourceVersion } = json.metadata;
  return (
    typeof name === 'string' &&
    typeof resourceVersion === 'string' &&
    (namespace === undefined || typeof namespace === 'string')
  );
}
