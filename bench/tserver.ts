/** The TServer that the StatefulSet of statefulset-text.ts belongs to: a local volume, and delay-bind for the host's IPC. */
export const TSERVER = {
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
};
