import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import jsonPatch from 'fast-json-patch';
import { stringify } from 'yaml';
import type { StatefulSet } from '../../src/tars/shapes.ts';
import type { TServer } from '../../src/tars/tserver.ts';
import { ROOT } from '../offline/tlv.ts';
import { localMount, tserver } from '../unit/builders.ts';
import type { ApiAnswer, KubeObject } from './api.ts';
import { Installed } from './installed.ts';
import {
  ITS_CRD,
  itsAnnotations,
  itsLabels,
  type ItsOptions,
  itsStatefulSet,
  itsTServer,
} from './tarsk8s-objects.ts';
import { waitFor } from './wait.ts';

/**
 * Beside TarsK8S: its CRD is there first, and its controller makes StatefulSets with templates of its own, by plain
 * creates and updates. The same objects in a namespace that our configurations exclude show what the API server alone
 * makes of them.
 */

const OURS = 'default';
const EXCLUDED = 'kube-system';

const HOSTNAME = 'kubernetes.io/hostname';
const NO_FINALIZERS = '{"metadata":{"finalizers":null}}';

const BAD_MOUNTS = [
  localMount('delay-bind'),
  localMount('numbers', { uid: 1000 }),
  localMount('mode', { mode: '750' }),
];

const oldServer = (server: string, metadata: object = {}) =>
  tserver(
    { mounts: BAD_MOUNTS, replicas: 3 },
    { app: 'old', server },
    { name: `old-${server}`, ...metadata },
  );

const STORED = [
  oldServer('bad'),
  oldServer('held', { finalizers: ['example.com/held'] }),
  oldServer('replaced'),
  itsStatefulSet(oldServer('replaced'), 'f0c4'),
];

const KINDS = {
  TServer: 'apis/k8s.tars.io/VERSION',
  StatefulSet: 'apis/apps/v1',
  PersistentVolumeClaim: 'api/v1',
} as const;

function pathOf(kind: keyof typeof KINDS, namespace: string, name = '', version = 'v1beta3'): string {
  const root = KINDS[kind].replace('VERSION', version);
  return `/${root}/namespaces/${namespace}/${kind.toLowerCase()}s${name && `/${name}`}`;
}

/** The object without what differs between any two of them. */
function bare({ metadata, spec }: StatefulSet): object {
  const { annotations, labels, name, ownerReferences } = metadata!;
  return {
    metadata: { annotations, labels, name, ownerReferences, generation: metadata!['generation'] },
    spec,
  };
}

function withImage(set: StatefulSet, image: string): StatefulSet {
  const { template } = set.spec!;
  const containers = template!.spec!.containers!.map((container) => ({ ...container, image }));
  return {
    ...set,
    spec: { ...set.spec, template: { ...template, spec: { ...template!.spec, containers } } },
  };
}

const pathsOf = (set: StatefulSet) =>
  set.spec!.template!.spec!.containers![0]!.volumeMounts!.map(({ mountPath }) => mountPath);

/** Each code that is named, once. */
const codesIn = (text: string) => [...new Set(text.match(/TLV\d{3}/g) ?? [])].sort();

const commandsOf = (page: string) =>
  [...readFileSync(`${ROOT}${page}`, 'utf8').matchAll(/^kubectl (.*)$/gm)].map(([, line]) => line!);

describe('beside TarsK8S', function () {
  this.timeout(300_000);
  this.slow(5000);
  let cluster: Installed;

  before(async () => {
    cluster = await Installed.start({ crd: ITS_CRD, stored: STORED, plane: { components: [] } });
  });
  after(async () => cluster?.stop());

  const api = <T = KubeObject>(method: string, path: string, body?: unknown, type?: string) =>
    cluster.plane.api<T>(method, path, body, type);
  const write = (verb: readonly string[], object: object) =>
    cluster.plane.kubectl([...verb, '-f', '-'], { input: stringify(object) });

  /** Accepted, and without a word. */
  function silently<T>({ status, body, warnings }: ApiAnswer<T>): T {
    expect(status, JSON.stringify(body)).to.be.oneOf([200, 201]);
    expect(warnings).to.deep.equal([]);
    return body;
  }

  describe('its CRD', () => {
    it('stays as it is when docs/install.md is followed', async () => {
      const [look, ...more] = commandsOf('docs/install.md');
      expect(look).to.equal('get crd tservers.k8s.tars.io');
      expect((await cluster.plane.kubectl(look!.split(' '))).code).to.equal(0);
      // There it is, so this one is left out.
      expect(more[0]).to.equal('apply -f deploy/crd');
      const crd = JSON.parse(await cluster.kubectl(...look!.split(' '), '-o', 'json')) as KubeObject;
      expect(crd.metadata!['generation']).to.equal(1);
      expect(crd.metadata!.labels).to.deep.equal(ITS_CRD.metadata.labels);
      expect(JSON.stringify(crd['spec'])).to.not.contain('pattern');
    });

    for (const overlay of readdirSync(`${ROOT}deploy/overlays`)) {
      it(`is in no way of overlays/${overlay}`, async () => {
        const built = await cluster.kubectl('kustomize', `${ROOT}deploy/overlays/${overlay}`);
        expect(built).to.contain('kind: ValidatingAdmissionPolicy\n');
        expect(built).to.not.contain('CustomResourceDefinition');
      });
    }
  });

  describe('what its schema lets through', () => {
    const bad = (app: string) =>
      tserver({ mounts: BAD_MOUNTS }, { app, server: 'bad' }, { name: `${app}-bad`, namespace: OURS });

    for (const version of ['v1beta3', 'v1beta2']) {
      it(`is refused by the webhook, in ${version}`, async () => {
        const { code, stderr } = await write(['create'], {
          ...bad(version),
          apiVersion: `k8s.tars.io/${version}`,
        });
        expect(code).to.equal(1);
        expect(stderr).to.match(new RegExp(`^The TServer "${version}-bad" is invalid: \n`));
        expect(codesIn(stderr)).to.deep.equal(['TLV201', 'TLV301', 'TLV303']);
      });
    }

    it('is kept as it was, scaled, labelled, mended, and then not made bad again', async () => {
      const patch = (body: object) =>
        cluster.plane.kubectl(['patch', 'tserver/old-bad', '--type=merge', '-p', JSON.stringify(body)]);
      const scaled = await patch({ spec: { k8s: { replicas: 5 } } });
      expect(scaled.code, scaled.stderr).to.equal(0);
      expect(codesIn(scaled.stderr)).to.deep.equal(['TLV201', 'TLV301', 'TLV303']);
      const labelled = await cluster.plane.kubectl(['label', 'tserver/old-bad', 'team=a']);
      expect([labelled.code, labelled.stderr]).to.deep.equal([0, '']);

      const mended = await patch({ spec: { k8s: { mounts: [localMount('data')] } } });
      expect([mended.code, mended.stderr]).to.deep.equal([0, '']);
      const again = await patch({ spec: { k8s: { mounts: BAD_MOUNTS } } });
      expect(again.code).to.equal(1);
      expect(codesIn(again.stderr)).to.deep.equal(['TLV201', 'TLV301', 'TLV303']);
    });

    it('is replaced whole by its own controller, in the other version too', async () => {
      for (const version of ['v1beta3', 'v1beta2']) {
        const path = pathOf('TServer', OURS, 'old-replaced', version);
        const { body } = await api<TServer>('GET', path);
        const { status, warnings } = await api('PUT', path, {
          ...body,
          spec: { ...body.spec, release: { id: version, image: `bad:${version}` } },
        });
        expect(status).to.equal(200);
        expect(codesIn(warnings.join('\n'))).to.deep.equal(['TLV201', 'TLV301', 'TLV303']);
      }
    });

    it('is deleted, also where a finalizer held it', async () => {
      await cluster.kubectl('delete', 'tserver', 'old-bad', 'old-held', '--wait=false');
      await cluster.kubectl('patch', 'tserver', 'old-held', '--type=merge', '-p', NO_FINALIZERS);
      expect(await cluster.kubectl('get', 'tserver', 'old-bad', 'old-held', '--ignore-not-found')).to.equal(
        '',
      );
    });

    it('goes on as a StatefulSet that mounts delay-bind', async () => {
      const path = pathOf('StatefulSet', OURS, 'old-replaced');
      const scale = (set: StatefulSet) => ({ ...set, spec: { ...set.spec, replicas: 4 } });
      for (const change of [scale, (set: StatefulSet) => withImage(set, 'server:2')]) {
        const { body } = await api<StatefulSet>('GET', path);
        const { status, warnings } = await api('PUT', path, change(body));
        expect(status).to.equal(200);
        expect(codesIn(warnings.join('\n'))).to.deep.equal(['TLV201']);
      }
      silently(await api('DELETE', path));
    });
  });

  /** A server in both namespaces: its TServer, and its StatefulSet as the controller writes it. */
  class Server {
    readonly #name: string;
    readonly #options: ItsOptions;
    readonly #uids = new Map<string, string>();

    constructor(name: string, options: ItsOptions = {}) {
      this.#name = name;
      this.#options = options;
    }

    async create(): Promise<void> {
      for (const namespace of [OURS, EXCLUDED]) {
        const server = itsTServer(this.#name, namespace);
        const { metadata } = silently(await api('POST', pathOf('TServer', namespace), server));
        this.#uids.set(namespace, metadata!.uid!);
        const set = itsStatefulSet(server, metadata!.uid!, this.#options);
        silently(await api('POST', pathOf('StatefulSet', namespace), set));
      }
    }

    /** Written as its controller does: read, changed, and put back whole. */
    async update(change: (set: StatefulSet) => StatefulSet): Promise<void> {
      for (const namespace of [OURS, EXCLUDED]) {
        const path = pathOf('StatefulSet', namespace, this.#name);
        const { body } = await api<StatefulSet>('GET', path);
        silently(await api('PUT', path, change(body)));
      }
    }

    /** As the controller syncs: the whole pod template is built afresh. */
    sync(root: string, options: ItsOptions = {}): Promise<void> {
      return this.update((set) => {
        const server = itsTServer(this.#name, set.metadata!.namespace!, root);
        const { template } = itsStatefulSet(server, '', { ...this.#options, ...options }).spec!;
        return { ...set, spec: { ...set.spec, template: template! } };
      });
    }

    async stored(namespace: string = OURS): Promise<StatefulSet> {
      return (await api<StatefulSet>('GET', pathOf('StatefulSet', namespace, this.#name))).body;
    }

    /** What our side differs in from the other one, as a patch. */
    async difference() {
      const sides = [EXCLUDED, OURS].map(async (namespace) => {
        const text = JSON.stringify(bare(await this.stored(namespace)));
        return JSON.parse(
          text
            .replaceAll(this.#uids.get(namespace)!, 'UID')
            .replaceAll(`"${namespace}"`, '"NAMESPACE"')
            .replaceAll(`tars.io/node.${namespace}`, 'tars.io/node.NAMESPACE'),
        ) as object;
      });
      const [theirs, ours] = await Promise.all(sides);
      return jsonPatch.compare(theirs!, ours!);
    }
  }

  /** Until the webhook has seen this path in the TServer, which another StatefulSet of the same server shows. */
  async function isKnown(name: string, mountPath: string): Promise<void> {
    const labels = itsLabels(itsTServer(name, OURS));
    const probe = {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'probe', labels },
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'probe', image: 'probe' }] } },
      },
    };
    await waitFor(`${mountPath} to be known`, async () => {
      const { body } = await api('POST', `${pathOf('StatefulSet', OURS)}?dryRun=All`, probe);
      return JSON.stringify(body).includes(`"mountPath":"${mountPath}"`);
    });
  }

  const VARIANTS: Readonly<Record<string, ItsOptions>> = {
    'as it is': {},
    'with the owner on its templates': { annotated: true },
    'of v1beta2': { version: 'v1beta2' },
  };
  for (const [index, [what, options]] of Object.entries(VARIANTS).entries()) {
    describe(`its StatefulSet, ${what}`, () => {
      const name = `its-server${index}`;
      const its = new Server(name, options);

      it('is stored as it was sent, with what the API server adds', async () => {
        await its.create();
        expect(await its.difference()).to.deep.equal([]);
        const names = (await its.stored()).spec!.volumeClaimTemplates!.map(({ metadata }) => metadata!.name);
        expect(names).to.deep.equal(['logs', 'data', 'ceph', 'delay-bind']);
      });

      it('gets another image, other replicas and annotations', async () => {
        await its.update((set) => ({ ...set, spec: { ...set.spec, replicas: 4 } }));
        await its.update((set) => withImage(set, 'server:2'));
        await its.update((set) => ({
          ...set,
          metadata: {
            ...set.metadata,
            annotations: { 'tars.io/MaxReplicas': '9' },
            labels: { ...set.metadata!.labels, a: 'b' },
          },
        }));
        expect(await its.difference()).to.deep.equal([]);
      });

      describe('whose TServer moves its mounts', () => {
        before(async () => {
          for (const namespace of [OURS, EXCLUDED]) {
            const path = pathOf('TServer', namespace, name);
            const { body } = await api<TServer>('GET', path);
            silently(await api('PUT', path, { ...body, spec: itsTServer(name, namespace, '/moved').spec }));
          }
          await isKnown(name, '/moved/data');
        });

        it('is stored as it was sent by a controller that is behind', async () => {
          await its.update((set) => ({ ...set, spec: { ...set.spec, replicas: 5 } }));
          expect(await its.difference()).to.deep.equal([]);
        });

        it('follows when its controller says so', async () => {
          await its.sync('/moved');
          expect(pathsOf(await its.stored())).to.include.members(['/moved/data', '/moved/ceph']);
          expect(await its.difference()).to.deep.equal([]);
        });
      });

      // Nested, because a suite runs its own tests before those of the suites in it.
      describe('to its end', () => {
        it('has claims that its controller annotates', async () => {
          const [template] = (await its.stored()).spec!.volumeClaimTemplates!;
          const made = { ...template, metadata: { ...template!.metadata, name: `logs-${name}-0` } };
          const first = silently(await api('POST', pathOf('PersistentVolumeClaim', OURS), made));
          expect(first.metadata!.labels).to.deep.equal(made.metadata.labels);
          const annotations = { ...first.metadata!.annotations, ...itsAnnotations({ mode: '750' }) };
          const path = pathOf('PersistentVolumeClaim', OURS, `logs-${name}-0`);
          const annotated = silently(
            await api('PUT', path, { ...first, metadata: { ...first.metadata, annotations } }),
          );
          expect(annotated.metadata!.annotations).to.deep.equal(annotations);
          expect(annotated['spec']).to.deep.equal(first['spec']);
        });

        it('is deleted', async () => {
          silently(await api('DELETE', pathOf('StatefulSet', OURS, name)));
          silently(await api('DELETE', pathOf('TServer', OURS, name)));
        });
      });
    });
  }

  describe('the StatefulSet of an older one, of our class', () => {
    const name = 'older-server';
    const its = new Server(name, { className: 't-storage-class' });
    const term = { labelSelector: { matchLabels: itsLabels(itsTServer(name, OURS)) }, topologyKey: HOSTNAME };
    const ownedBy = (index: number, id: string) => ({
      op: 'add',
      path: `/spec/volumeClaimTemplates/${index}/metadata/annotations`,
      value: {
        'tars.io/LocalVolumeUID': id,
        'tars.io/LocalVolumeGID': id,
        'tars.io/LocalVolumeMode': '755',
      },
    });
    const completed = [
      {
        op: 'add',
        path: '/spec/template/spec/affinity/podAntiAffinity',
        value: { requiredDuringSchedulingIgnoredDuringExecution: [term] },
      },
      ownedBy(0, '1000'),
      ownedBy(1, '0'),
    ];
    const inOrder = (operations: readonly { path: string }[]) =>
      operations.toSorted((a, b) => (a.path < b.path ? -1 : 1));

    it('gets owner and mode, and is spread over nodes; nothing else', async () => {
      await its.create();
      const operations = await its.difference();
      expect(operations.map(({ path }) => path).sort()).to.deep.equal(
        completed.map(({ path }) => path).sort(),
      );
    });

    it('gets owner and mode as its TServer says', async () => {
      expect(inOrder(await its.difference())).to.deep.equal(inOrder(completed));
    });

    it('keeps that, and nothing more, when its controller builds the pods afresh', async () => {
      await its.update((set) => ({ ...set, spec: { ...set.spec, replicas: 4 } }));
      await its.sync('', { image: 'server:2' });
      expect((await its.difference()).map(({ path }) => path).sort()).to.deep.equal(
        completed.map(({ path }) => path).sort(),
      );
    });
  });
});
