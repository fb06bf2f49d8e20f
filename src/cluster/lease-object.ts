import { isRecord, textAt, valueAt } from '../tars/json.ts';

/** As much of a coordination.k8s.io/v1 Lease as is read here. */
export interface Lease {
  readonly resourceVersion: string;
  /** Undefined where it was let go. */
  readonly holder: string | undefined;
  readonly durationSeconds: number | undefined;
  readonly transitions: number;
}

export interface LeaseAddress {
  readonly namespace: string;
  readonly name: string;
}

export function leasesPath(namespace: string): string {
  return `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`;
}

export function leasePath({ namespace, name }: LeaseAddress): string {
  return `${leasesPath(namespace)}/${encodeURIComponent(name)}`;
}

/** MicroTime as the API server wants it: with six digits, no fewer. */
export function microTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}

export function asLease(json: unknown): Lease {
  const number = (...path: string[]): number | undefined => {
    const value = valueAt(json, path);
    return typeof value === 'number' ? value : undefined;
  };
  return {
    resourceVersion: textAt(json, 'metadata', 'resourceVersion') ?? '',
    holder: textAt(json, 'spec', 'holderIdentity'),
    durationSeconds: number('spec', 'leaseDurationSeconds'),
    transitions: number('spec', 'leaseTransitions') ?? 0,
  };
}

/** The object with another spec, everything else as it was read. */
export function withSpec(json: Record<string, unknown>, spec: object): Record<string, unknown> {
  return { ...json, spec: { ...(isRecord(json.spec) ? json.spec : {}), ...spec } };
}
