import { mutateStatefulSet } from '../src/mutate/statefulset.ts';
import { patchBetween } from '../src/mutate/patch.ts';
import type { StatefulSetContext } from '../src/tars/context.ts';
import { DEFAULT_SETTINGS } from '../src/tars/settings.ts';
import { readStatefulSet, readTServer } from '../src/validate/read.ts';
import { validateStatefulSet } from '../src/validate/statefulset.ts';

/**
 * What the webhook computes for one CREATE of a StatefulSet with a TServer, beside the floor: one
 * JSON.parse of the same text, which no webhook can do without. Both are timed in turn, in the same
 * process, and the ratio is of the medians of many rounds.
 */

const SIZES = [6, 100, 1000] as const;
const ROUNDS = 41;
const ROUND_MS = 25;

const server = readTServer({
  apiVersion: 'k8s.tars.io/v1beta3',
  kind: 'TServer',
  metadata: { name: 'tars-tarslog', namespace: 'default' },
  spec: {
    app: 'tars',
    server: 'tarslog',
    subType: 'tars',
    k8s: {
      hostIPC: true,
      mounts: [
        {
          name: 'remote-log-dir',
          mountPath: '/usr/local/app/tars/remote_app_log',
          source: { tLocalVolume: { uid: '1000' } },
        },
      ],
    },
  },
});
if (!server.ok) throw new Error('the TServer of the benchmark is not one');
const context: StatefulSetContext = {
  namespace: 'default',
  settings: DEFAULT_SETTINGS,
  server: server.object,
};

export function run(): void {
  console.log('size        JSON.parse   mutate+validate+compare    ratio   with the shape check');
  for (const kilobytes of SIZES) {
    const text = statefulSetText(kilobytes * 1000);
    const json: unknown = JSON.parse(text);
    const [floor, core, whole] = medians([
      () => JSON.parse(text),
      () => answer(json, false),
      () => answer(json, true),
    ]);
    const size = `${kilobytes} KB`.padEnd(9);
    console.log(
      `${size} ${micros(floor)} ${micros(core).padStart(23)}   ${ratio(core, floor)}   ${ratio(whole, floor).padStart(20)}`,
    );
  }
}

/** One admission: the patch and the verdict; the shape check is what zod does at the edge. */
function answer(json: unknown, checked: boolean): unknown {
  const read = checked ? readStatefulSet(json) : { ok: true as const, object: json as never };
  if (!read.ok) throw new Error('the StatefulSet of the benchmark is not one');
  const { object } = mutateStatefulSet(read.object, context);
  const verdict = validateStatefulSet(object, context);
  if (verdict.violations.length > 0) throw new Error('the StatefulSet of the benchmark is refused');
  return patchBetween(read.object, object);
}

/** A realistic StatefulSet as an API server sends it, filled up with containers' environment. */
function statefulSetText(bytes: number): string {
  const containers = [container('tars-tarslog', 6), container('sidecar', 3)];
  const set = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: 'tars-tarslog',
      namespace: 'default',
      uid: '7c0a3c0e-6a4b-4f0e-9d6e-2d0c0b1c7a11',
      labels: { 'tars.io/ServerApp': 'tars', 'tars.io/ServerName': 'tarslog' },
      managedFields: [
        { manager: 'kubectl', operation: 'Apply', fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
      ],
    },
    spec: {
      replicas: 3,
      serviceName: 'tars-tarslog',
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: { 'tars.io/ServerApp': 'tars', 'tars.io/ServerName': 'tarslog' } },
      template: {
        metadata: { labels: { 'tars.io/ServerApp': 'tars', 'tars.io/ServerName': 'tarslog' } },
        spec: { containers, dnsPolicy: 'ClusterFirst', restartPolicy: 'Always' },
      },
    },
  };
  const env = containers[0]?.env ?? [];
  while (JSON.stringify(withManagedFields(set)).length < bytes) {
    const missing = bytes - JSON.stringify(withManagedFields(set)).length;
    for (let filled = 0; filled < missing; filled += 200) env.push(variable(env.length));
  }
  return JSON.stringify(withManagedFields(set));
}

/** As it reaches a webhook: the API server has noted by then who set which field. */
function withManagedFields(set: { metadata: object; spec: object }): object {
  const entry = {
    manager: 'kubectl-client-side-apply',
    operation: 'Update',
    apiVersion: 'apps/v1',
    time: '2026-11-21T12:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:spec': fieldsOf(set.spec) },
  };
  return { ...set, metadata: { ...set.metadata, managedFields: [entry] } };
}

function fieldsOf(value: unknown): object {
  if (Array.isArray(value)) {
    return Object.fromEntries(
      value.map((item: { name?: string }) => [`k:{"name":"${item.name}"}`, { '.': {}, ...fieldsOf(item) }]),
    );
  }
  if (value === null || typeof value !== 'object') return {};
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [`f:${key}`, fieldsOf(item)]));
}

function container(name: string, variables: number) {
  return {
    name,
    image: `registry.example.com/tars/${name}:v1.4.0`,
    imagePullPolicy: 'IfNotPresent',
    ports: [{ name: 'tcp', containerPort: 12111, protocol: 'TCP' }],
    env: Array.from({ length: variables }, (_, index) => variable(index)),
    resources: { requests: { cpu: '500m', memory: '1Gi' }, limits: { cpu: '2', memory: '4Gi' } },
    volumeMounts: [{ name: 'tmp', mountPath: '/tmp' }],
    livenessProbe: { tcpSocket: { port: 12111 }, periodSeconds: 10, timeoutSeconds: 3, failureThreshold: 3 },
    terminationMessagePath: '/dev/termination-log',
  };
}

const variable = (index: number) => ({
  name: `SETTING_${index}`,
  value: `a value of the length that settings usually have, number ${index}`,
});

/** Median time of one call of each function, in nanoseconds; they take turns, so that drift hits all alike. */
function medians(functions: readonly (() => unknown)[]): number[] {
  const times = functions.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, call] of functions.entries()) times[index]?.push(timeOf(call));
  }
  // The first rounds warm up.
  return times.map(
    (all) => all.slice(ROUNDS / 4).sort((a, b) => a - b)[Math.floor((ROUNDS * 3) / 8)] ?? Number.NaN,
  );
}

function timeOf(call: () => unknown): number {
  const started = process.hrtime.bigint();
  let calls = 0;
  let elapsed = 0n;
  while (elapsed < ROUND_MS * 1e6) {
    for (let index = 0; index < 8; index += 1) call();
    calls += 8;
    elapsed = process.hrtime.bigint() - started;
  }
  return Number(elapsed) / calls;
}

const micros = (nanoseconds = Number.NaN): string => `${(nanoseconds / 1000).toFixed(1)} µs`.padStart(11);
const ratio = (a = Number.NaN, b = Number.NaN): string => (a / b).toFixed(2).padStart(6);
