import { statefulSetText } from '../statefulset-text.ts';

interface Sent {
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: { readonly selector: object; readonly template: object };
}

/** The StatefulSets that clients create: as large as real ones, and only what people write. */
export const KINDS = {
  'of a TServer': (name: string): object => named(name, sample.metadata.labels),
  'that nobody opted in': (name: string): object => named(name, { app: name }),
} as const;

const sample = JSON.parse(statefulSetText(6000)) as Sent;

function named(name: string, labels: Readonly<Record<string, string>>): object {
  const { spec } = sample;
  const template = { ...spec.template, metadata: { labels } };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace: 'default', labels },
    spec: { ...spec, selector: { matchLabels: labels }, template },
  };
}
