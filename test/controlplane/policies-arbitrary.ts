import * as fc from 'fast-check';
import type { Claim } from '../../src/tars/shapes.ts';
import type { TServerMount } from '../../src/tars/tserver.ts';
import { claim, statefulSet, tserver } from '../unit/builders.ts';

/*
 * Objects that the API server itself would take, right and wrong in the ways of our rules. Each field is right more
 * often than not, because one wrong one is enough.
 */

const mostly = <T>(right: T, ...wrong: T[]): fc.Arbitrary<T> =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(right) },
    { weight: 1, arbitrary: fc.constantFrom(...wrong) },
  );

const entries = (
  values: Record<string, fc.Arbitrary<string | undefined>>,
): fc.Arbitrary<Record<string, string>> =>
  fc.record(values).map((all) => JSON.parse(JSON.stringify(all)) as Record<string, string>);

const scope = mostly<string | undefined>(undefined, 'Node', 'Pod', 'pod', '');
const label = (...wrong: string[]) => mostly<string | undefined>(undefined, 'cart', ...wrong);

const LABEL_ENTRIES = {
  'tars.io/LocalVolume': label('a.b'),
  'tars.io/ServerApp': label('a.b'),
  'tars.io/ServerName': label('a.b'),
};

const claimMetadata = fc.record({
  labels: entries(LABEL_ENTRIES),
  annotations: entries({
    'local.tars.io/scope': scope,
    'tars.io/LocalVolumeUID': mostly<string | undefined>('0', '999999', undefined, '1000000', '01', '-1', ''),
    'tars.io/LocalVolumeGID': mostly<string | undefined>('1000', '0', '0x1', ' 1', '1e3'),
    'tars.io/LocalVolumeMode': mostly<string | undefined>(
      '755',
      '0711',
      '750',
      '0700',
      '00755',
      '888',
      'rwx',
      '',
    ),
  }),
});

const claimSpec = fc.record({
  accessModes: mostly(
    ['ReadWriteOnce'],
    ['ReadWriteOncePod'],
    ['ReadWriteMany'],
    ['ReadWriteOnce', 'ReadOnlyMany'],
  ),
  volumeMode: mostly('Filesystem', 'Block'),
  volumeName: mostly('', 'pv-1'),
  storageClassName: mostly('t-storage-class', 'nfs'),
  dataSource: mostly<object | null>(null, { kind: 'PersistentVolumeClaim', name: 'x' }),
  selector: entries(LABEL_ENTRIES).map((matchLabels) => ({ matchLabels })),
});

const claimNamed = (name: fc.Arbitrary<string>): fc.Arbitrary<Claim> =>
  fc
    .tuple(name, claimSpec, claimMetadata)
    .map(([each, spec, metadata]) => claim(each, spec as never, metadata));

const set = fc
  .record({
    labels: entries({
      'tars.io/ServerApp': mostly<string | undefined>('shop', 'a.b', undefined),
      'tars.io/ServerName': mostly<string | undefined>('cart', 'a.b', undefined),
    }),
    annotations: entries({ 'local.tars.io/scope': scope }),
    templates: fc.uniqueArray(claimNamed(mostly('a', 'b', 'c', 'delay-bind')), {
      maxLength: 3,
      selector: ({ metadata }) => metadata?.name,
    }),
    hostIPC: fc.boolean(),
    volumes: mostly([], [{ name: 'a' }, { name: 'delay-bind' }]),
  })
  .map(({ labels, annotations, templates, hostIPC, volumes }) =>
    statefulSet({ metadata: { labels, annotations }, templates, pod: { hostIPC, volumes } }),
  );

const volume = fc.record({
  uid: mostly('0', '1000', '01', ''),
  gid: mostly('0', '999999', '1000000'),
  mode: mostly('755', '711', '750', '9'),
});

const source = fc.oneof(
  { weight: 8, arbitrary: volume.map((tLocalVolume) => ({ tLocalVolume })) },
  { weight: 3, arbitrary: fc.constant({ emptyDir: {} }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom({}, { nfs: {} }, { emptyDir: {}, secret: {}, tLocalVolume: null }),
  },
);

const mounts = fc
  .array(
    fc.record({
      name: mostly('', 'data', 'delay-bind', 'Data_1'),
      path: mostly('', '/data', 'x', '/a:b'),
      source,
    }),
    {
      maxLength: 4,
    },
  )
  .map((list): TServerMount[] =>
    list.map(({ name, path, source: given }, index) => ({
      name: name || `m${index}`,
      mountPath: path || `/m${index}`,
      source: given as never,
    })),
  );

type HostPorts = { nameRef: string; port: number }[];

const hostPorts: fc.Arbitrary<HostPorts> = fc.array(
  fc.record({ nameRef: fc.constantFrom('http', 'LogObj', 'dns'), port: fc.integer({ min: 80, max: 90 }) }),
  { maxLength: 3 },
);

const server = fc
  .record({
    app: mostly('tars', 'Tars', 'tars.eu'),
    server: mostly('tarslog', '../log'),
    subType: mostly('tars', 'normal', 'java'),
    name: mostly('tars-tarslog', 'log'),
    annotations: entries({ 'local.tars.io/scope': scope }),
    daemonSet: mostly(false, true),
    hostPorts: fc.oneof(
      fc.constantFrom<HostPorts>([], [{ nameRef: 'nosuch', port: 1 }], [{ nameRef: 'http', port: 0 }]),
      hostPorts,
    ),
    mounts,
  })
  .map(({ app, server: name, subType, name: own, annotations, ...k8s }) =>
    tserver(
      k8s,
      {
        app,
        server: name,
        subType,
        tars: {
          servants: [{ name: 'LogObj', port: 1 }],
          ports: [
            { name: 'http', port: 2 },
            { name: 'dns', port: 3, isTcp: false },
          ],
        },
      },
      { name: own, annotations },
    ),
  );

export const ARBITRARY = {
  TServer: server,
  StatefulSet: set,
  PersistentVolumeClaim: claimNamed(fc.constant('data')),
} satisfies Record<string, fc.Arbitrary<object>>;
