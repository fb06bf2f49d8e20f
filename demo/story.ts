import type { Step } from './step.ts';

/** Needs no cluster. */
export const OFFLINE: readonly Step[] = [
  {
    heading: 'The log server of Tars asks for a local volume',
    commands: [
      {
        line: "sed -n '/mounts:/,/uid:/p' examples/tarslog.yaml",
        shows: ['tLocalVolume', 'uid: "1000"'],
      },
    ],
  },
  {
    heading: 'On files alone: what its StatefulSet gets, and how a mistake is refused',
    commands: [
      {
        line:
          'bin/tlv render -f examples/tarslog.yaml | ' +
          "sed -n '/volumeMounts:/,/mountPath:/p; /volumeClaimTemplates:/,/Mode:/p; /storageClassName:/p'",
        shows: ['remote_app_log', 'LocalVolumeUID: "1000"', 'storageClassName: t-storage-class'],
      },
      {
        line: `sed 's/mode: "755"/mode: "750"/' examples/tarslog.yaml | bin/tlv check`,
        shows: ['TLV303', '1 violation'],
        exit: 1,
      },
    ],
  },
];

const PLAIN = '-f examples/tarsconfig.yaml -f examples/redis-cluster.yaml';

/** On a real control plane, where the product is installed. */
export const ONLINE: readonly Step[] = [
  {
    heading: 'On a cluster: three TServers and a plain redis, and what was injected',
    commands: [
      {
        line: 'bin/tlv render -f examples/tarslog.yaml -f examples/gateway.yaml | kubectl apply -f -',
        shows: ['statefulset.apps/tars-tarslog created', 'statefulset.apps/shop-gateway created'],
      },
      {
        line: `kubectl apply ${PLAIN}`,
        shows: ['statefulset.apps/tars-tarsconfig created', 'statefulset.apps/redis-cluster created'],
      },
      {
        line: 'kubectl get sts -A -o custom-columns-file=demo/injected.columns',
        shows: [
          /tars-tarslog +remote-log-dir +remote-log-dir +kubernetes\.io\/hostname$/m,
          /tars-tarsconfig +delay-bind +<none> +kubernetes\.io\/hostname$/m,
          /shop-gateway +cache,archive,sessions,delay-bind +cache,archive,tmp,sessions +kubernetes\.io\/hostname$/m,
          /redis-cluster +redis-cluster-data +redis-cluster-data +<none>$/m,
        ],
      },
    ],
    note:
      "delay-bind ties a replica to its node where the host's IPC or ports are used. The replicas of redis may share a " +
      'node: each has a directory of its own.',
  },
  {
    heading: 'The agents of the nodes make the volumes, and the pods run',
    commands: [
      {
        line: 'kubectl get pvc -o custom-columns=CLAIM:.metadata.name,STATUS:.status.phase,CAPACITY:.status.capacity.storage',
        shows: [
          ...[0, 1].map((ordinal) => new RegExp(`^delay-bind-tars-tarsconfig-${ordinal} +Bound`, 'm')),
          ...[0, 1, 2].map((ordinal) => new RegExp(`^remote-log-dir-tars-tarslog-${ordinal} +Bound`, 'm')),
        ],
        waits: true,
      },
      {
        line: 'kubectl get pods -o custom-columns=POD:.metadata.name,STATUS:.status.phase',
        shows: [
          ...[0, 1].map((ordinal) => new RegExp(`^tars-tarsconfig-${ordinal} +Running`, 'm')),
          ...[0, 1, 2].map((ordinal) => new RegExp(`^tars-tarslog-${ordinal} +Running`, 'm')),
        ],
        waits: true,
      },
      {
        line: "(cd $NODES && stat -c '%u:%g %a %n' */default/tars.tarslog/*)",
        shows: [1, 2, 3].map((node) => `1000:0 755 node-${node}/default/tars.tarslog/remote-log-dir`),
      },
      {
        line: "(cd $NODES && find . -path '*/redis/*' -name '*.[0-9]' | cut -d/ -f3- | sort)",
        shows: [0, 1, 2, 3, 4, 5].map(
          (ordinal) => `redis/statefulset.redis-cluster/redis-cluster-data.${ordinal}`,
        ),
        waits: true,
      },
    ],
    note: 'The nodes are played, and share this machine: each has a directory of its own in place of its disk. The directories are real.',
  },
  {
    heading: 'Applying again changes nothing',
    commands: [
      { line: `kubectl diff ${PLAIN} && echo no difference`, shows: [/^no difference\n$/] },
      {
        line: `kubectl apply ${PLAIN}`,
        shows: ['tars-tarsconfig unchanged', 'service/redis-cluster unchanged'],
      },
    ],
    note: 'kubectl calls "configured" what it sent a patch for. Nothing was written: after the next change its generation is 2.',
  },
  {
    heading: 'Scale and rollout go on',
    commands: [
      {
        line: "sed 's/replicas: 6/replicas: 8/; s/redis:7.4/redis:7.6/' examples/redis-cluster.yaml | kubectl apply -f -",
        shows: ['statefulset.apps/redis-cluster configured'],
      },
      {
        line: 'kubectl scale sts tars-tarslog --replicas=2',
        shows: ['statefulset.apps/tars-tarslog scaled'],
      },
      {
        line: 'kubectl rollout restart sts tars-tarslog',
        shows: ['statefulset.apps/tars-tarslog restarted'],
      },
      {
        line: 'kubectl get sts -A -o custom-columns-file=demo/written.columns',
        shows: [
          /^tars-tarslog +2 +3 .* remote-log-dir$/m,
          /^redis-cluster +8 +2 +redis:7\.6 +redis-cluster-data$/m,
        ],
      },
    ],
  },
  {
    heading: 'What is refused, and how kubectl prints it',
    commands: [
      {
        line:
          `sed 's/"755"/"750"/; s/"1000"/"01"/; s/name: remote-log-dir/name: delay-bind/' examples/tarslog.yaml | ` +
          'kubectl apply -f -',
        shows: ['The TServer "tars-tarslog" is invalid', 'TLV201', 'TLV301', 'TLV303'],
        exit: 1,
      },
    ],
  },
  {
    heading: "Somebody else's StatefulSet on the host network passes untouched",
    commands: [
      { line: 'kubectl apply -f demo/foreign.yaml', shows: ['created'] },
      {
        line: 'kubectl get sts node-exporter -o custom-columns-file=demo/foreign.columns',
        shows: [/^node-exporter +true +<none> +<none> +1$/m],
        waits: true,
      },
    ],
  },
  {
    heading: 'What is deleted leaves nothing behind',
    commands: [
      {
        line: 'kubectl -n redis delete statefulset redis-cluster && kubectl -n redis delete pvc --all >/dev/null',
        shows: ['"redis-cluster" deleted'],
      },
      {
        line: 'kubectl get pv -l tars.io/ServerName=redis-cluster',
        shows: ['No resources found'],
        waits: true,
      },
      {
        line: "(cd $NODES && find . -path '*redis*' 2>/dev/null | wc -l)",
        shows: [/^0$/m],
        waits: true,
      },
    ],
    note: "With reclaim policy Retain the data would have stayed, and the volume's Events said where.",
  },
  {
    heading: 'The certificate that the webhook issued for itself: when it is renewed, and who trusts it',
    commands: [
      {
        line: "bin/tlv certs | grep -E 'due|Configuration|PROBLEMS'",
        shows: ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration', 'PROBLEMS none'],
      },
    ],
  },
];
