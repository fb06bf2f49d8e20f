/** The object that an Event is about. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
  readonly uid: string;
}

/** A message, and how often it was said. */
export interface Repeated {
  readonly object: ObjectReference;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly component: string;
  readonly host: string;
  /** Of the Event. */
  name: string;
  readonly firstAt: Date;
  lastAt: Date;
  count: number;
}

/** What the API server allows in the note of an Event of the newer kind; in bytes. */
const MESSAGE_MAX = 1024;

/** Of an object without a namespace, Events are in `default`: the API server takes them nowhere else. */
const namespaceOf = ({ namespace }: ObjectReference): string => namespace ?? 'default';

export function eventsPath({ object }: Repeated): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespaceOf(object))}/events`;
}

export function eventBody(event: Repeated) {
  const { object, type, reason, message, component, host, name, firstAt, lastAt, count } = event;
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace: namespaceOf(object) },
    involvedObject: object,
    type,
    reason,
    message,
    count,
    source: { component, host },
    reportingComponent: component,
    reportingInstance: host,
    firstTimestamp: seconds(firstAt),
    lastTimestamp: seconds(lastAt),
  };
}

/** The message, cut between two characters where it is too long. */
export function withinLimit(message: string): string {
  if (Buffer.byteLength(message) <= MESSAGE_MAX) return message;
  const end = '…';
  let text = Buffer.from(message)
    .subarray(0, MESSAGE_MAX - Buffer.byteLength(end))
    .toString('utf8');
  // Half a character at the end reads as this one.
  text = text.replace(/\uFFFD$/, '');
  return text + end;
}

const seconds = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, 'Z');
