/** A realistic StatefulSet as an API server sends it, filled up with containers' environment. */
export function statefulSetText(bytes: number): string {
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
        spec: {
          containers,
          volumes: [{ name: 'tmp', emptyDir: {} }],
          dnsPolicy: 'ClusterFirst',
          restartPolicy: 'Always',
        },
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
