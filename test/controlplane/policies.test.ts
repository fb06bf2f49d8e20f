import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import * as fc from 'fast-check';
import { parseAllDocuments } from 'yaml';
import { PER_NODE, policies } from '../../scripts/generate/policies.ts';
import { mutateClaim } from '../../src/mutate/claim.ts';
import { formatPath, type Finding } from '../../src/tars/finding.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../src/tars/settings.ts';
import type { Claim, Container, PodSpec, StatefulSet } from '../../src/tars/shapes.ts';
import type { TServer } from '../../src/tars/tserver.ts';
import { validateClaim } from '../../src/validate/claim.ts';
import { validateStatefulSet } from '../../src/validate/statefulset.ts';
import { validateTServer } from '../../src/validate/tserver.ts';
import { ROOT, tlv } from '../offline/tlv.ts';
import { claim, create, LABELS, localMount, mount, statefulSet, tserver } from '../unit/builders.ts';
import { ControlPlane } from './control-plane.ts';
import { crdsEstablished } from './crds.ts';
import { CLAIMS, STATEFUL_SETS, TSERVERS } from './paths.ts';
import { ARBITRARY } from './policies-arbitrary.ts';
import { laxCrd } from './policies-lax-crd.ts';
import { ROWS, type PolicyRow } from './policies-rows.ts';
import { waitFor } from './wait.ts';

/*
 * The policies alone: no webhook is configured here at all. The CRD is one that knows no patterns, as TarsK8S may have
 * installed it, so that nothing is refused by a schema before a policy sees it.
 */

type Kind = 'TServer' | 'StatefulSet' | 'PersistentVolumeClaim';
type AnyObject = Record<string, unknown> & { metadata?: Record<string, unknown> | null };

const RESOURCE: Readonly<Record<Kind, string>> = {
  TServer: TSERVERS,
  StatefulSet: STATEFUL_SETS,
  PersistentVolumeClaim: CLAIMS,
};

const BOTH: Settings = { classes: PER_NODE.classes, modePattern: 'posix' };

describe('the policies, without the webhook', function () {
  this.timeout(300_000);
  this.slow(1000);
  let plane: ControlPlane;

  before(async () => {
    plane = await ControlPlane.start();
    await kubectl(['apply', '-f', '-'], JSON.stringify(laxCrd()));
    await crdsEstablished(plane);
    for (const namespace of ['shop', 'redis', 't-local-volume-system']) {
      await kubectl(['create', 'namespace', namespace]);
    }
    // What is stored before the policies are there.
    for (const [kind, object] of [...OLD, ...ANYTHING_OLD]) await stored(kind, object);
    await kubectl(['apply', '-f', `${ROOT}deploy/base/policies.yaml`]);
    await isInForce('TServer', tserver({}, { subType: 'java' }), 'TLV104');
    await isInForce(
      'StatefulSet',
      statefulSet({ metadata: { labels: { ...LABELS, 'tars.io/ServerApp': 'a.b' } } }),
      'TLV405',
    );
    await isInForce('PersistentVolumeClaim', claim('probe', { volumeName: 'x' }), 'TLV406');
  });
  after(async () => plane?.stop());

  async function kubectl(args: string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await plane.kubectl(args, input === undefined ? {} : { input });
    expect(code, stderr).to.equal(0);
    return stdout;
  }

  const full = (kind: Kind, object: object) => ({
    apiVersion: { TServer: 'k8s.tars.io/v1beta3', StatefulSet: 'apps/v1', PersistentVolumeClaim: 'v1' }[kind],
    kind,
    ...object,
  });

  /** What the API server says to a dry run: nothing where it accepts. */
  async function saysTo(kind: Kind, object: object): Promise<string> {
    const { status, body } = await plane.api('POST', `${RESOURCE[kind]}?dryRun=All`, full(kind, object));
    if (status === 201) return '';
    expect(status, JSON.stringify(body)).to.equal(422);
    return String(body['message']);
  }

  async function isInForce(kind: Kind, object: object, code: string): Promise<void> {
    await waitFor(`${code} to be refused`, async () => (await saysTo(kind, object)).includes(code));
  }

  async function stored(kind: Kind, object: object): Promise<AnyObject> {
    const { status, body } = await plane.api<AnyObject>('POST', RESOURCE[kind], full(kind, object));
    expect(status, JSON.stringify(body)).to.equal(201);
    return body;
  }

  function violationsOf(kind: Kind, object: object, settings: Settings): readonly Finding[] {
    const context = { namespace: 'default', settings };
    if (kind === 'TServer') return validateTServer(object as TServer, context).violations;
    if (kind === 'StatefulSet') return validateStatefulSet(object as StatefulSet, context).violations;
    return validateClaim(object as Claim, context).violations;
  }

  const lineOf = ({ code, path, message }: Finding) => `${code} ${formatPath(path)}: ${message}`;

  /** The webhook's own words for the first violation of that code. */
  function wordsOf({ kind, code }: PolicyRow, object: object, settings: Settings): string {
    const finding = violationsOf(kind, object, settings).find((violation) => violation.code === code);
    expect(finding, `the webhook does not say ${code}`).to.not.equal(undefined);
    return lineOf(finding!);
  }

  /** As the webhook would have completed it, so that nothing is half-made. */
  function completed(kind: Kind, object: object, settings: Settings): object {
    if (kind === 'TServer') return object;
    if (kind === 'StatefulSet') return create(object as StatefulSet, { settings });
    return mutateClaim(object as Claim, { namespace: 'default', settings });
  }

  function rowTests(rows: readonly PolicyRow[], settings: Settings): void {
    for (const row of rows) {
      it(`${row.code}: ${row.name}`, async () => {
        const wrong = completed(row.kind, row.wrong, settings);
        const says = await saysTo(row.kind, wrong);
        expect(says).to.contain(`denied request: ${row.says ?? wordsOf(row, wrong, settings)}`);
        for (const right of row.right) {
          expect(await saysTo(row.kind, completed(row.kind, right, settings))).to.equal('');
        }
      });
    }
  }

  describe("refuse in the webhook's words, and let near misses pass", () => {
    rowTests(
      ROWS.filter(({ settings }) => settings === undefined),
      DEFAULT_SETTINGS,
    );

    it('all that examples/refused.yaml shows, but for what no policy can see', () => {
      const text = readFileSync(`${ROOT}examples/refused.yaml`, 'utf8');
      const shown = [...text.matchAll(/# (TLV\d{3})( per-node)?$/gm)].map(([, code]) => code!);
      const refused = new Set<string>(ROWS.map(({ code }) => code));
      // TLV001 is the schema's; TLV501 is said of what is half-made, and whether a TServer is there nobody can tell.
      expect(new Set(shown.filter((code) => !refused.has(code)))).to.deep.equal(
        new Set(['TLV501', 'TLV001'].toSorted()),
      );
    });

    it('every document of examples/refused.yaml that the API server can read', async () => {
      const documents = parseAllDocuments(readFileSync(`${ROOT}examples/refused.yaml`, 'utf8'), {
        version: '1.1',
      });
      for (const document of documents) {
        const object = document.toJS() as { kind: Kind; metadata: { name: string } };
        if (object.metadata.name === 'tars-shape') continue;
        const { code, stderr } = await plane.kubectl(['create', '-f', '-'], { input: document.toString() });
        expect(code, object.metadata.name).to.equal(1);
        if (object.metadata.name === 'plain') {
          // An annotation that is a number is refused by the type.
          expect(stderr).to.match(/cannot (be handled|unmarshal)/);
          continue;
        }
        expect(stderr).to.match(
          /ValidatingAdmissionPolicy 't-local-volume-\w+' .* denied request: TLV\d{3} /,
        );
      }
    });

    it('reads well in kubectl', async () => {
      const wrong = completed(
        'PersistentVolumeClaim',
        claim('data', {}, { annotations: { 'tars.io/LocalVolumeMode': '750' } }),
        DEFAULT_SETTINGS,
      );
      const input = JSON.stringify(full('PersistentVolumeClaim', wrong));
      const { code, stderr } = await plane.kubectl(['create', '-f', '-'], { input });
      expect(code).to.equal(1);
      expect(stderr.trim()).to.equal(
        `The persistentvolumeclaims "data" is invalid: : ValidatingAdmissionPolicy 't-local-volume-claims' with binding 't-local-volume-claims' denied request: ` +
          'TLV303 metadata.annotations[tars.io/LocalVolumeMode]: Invalid value: "750": must be three octal digits from 1 to 7, with at most one leading 0, as a string (^0?[1-7]{3,3}$); ' +
          'write a mode without the digit 0, such as "755", or start webhook and agent with --mode-pattern posix, which allows "750"',
      );
    });
  });

  describe('agree with the webhook on whatever comes, word for word', () => {
    for (const [kind, arbitrary] of Object.entries(ARBITRARY) as [Kind, fc.Arbitrary<object>][]) {
      it(kind, async () => {
        const counts = { refused: 0, accepted: 0 };
        for (const object of fc.sample(arbitrary, { seed: 4, numRuns: 200 })) {
          const whole = completed(kind, object, DEFAULT_SETTINGS);
          const webhook = violationsOf(kind, whole, DEFAULT_SETTINGS).map(lineOf);
          const says = await saysTo(kind, whole);
          const [, policy] = says.split(' denied request: ');
          expect(policy === undefined, says).to.equal(says === '');
          if (policy === undefined) expect(webhook, JSON.stringify(whole)).to.deep.equal([]);
          else expect(webhook, JSON.stringify(whole)).to.include(policy);
          counts[policy === undefined ? 'accepted' : 'refused']++;
        }
        expect(Math.min(...Object.values(counts)), JSON.stringify(counts)).to.be.greaterThan(20);
      });
    }
  });

  describe('accept', () => {
    for (const name of ['tarslog', 'tarsconfig', 'gateway', 'redis-cluster']) {
      it(`examples/${name}.yaml as rendered`, async () => {
        const { stdout, exit } = await tlv(['render', '--claims', '-f', `examples/${name}.yaml`]);
        expect(exit).to.equal(0);
        await kubectl(['create', '--dry-run=server', '-f', '-'], stdout);
      });
    }

    it('a StatefulSet that nobody opted in, whatever it does', async () => {
      const foreign = statefulSet({
        pod: { hostNetwork: true, volumes: [{ name: 'delay-bind' }] },
        mounts: [mount('delay-bind', '/a')],
        templates: [claim('data', { storageClassName: 'nfs', accessModes: ['ReadWriteMany'] })],
      });
      expect(await saysTo('StatefulSet', foreign)).to.equal('');
    });

    it("anything in the product's own namespace", async () => {
      const { status } = await plane.api(
        'POST',
        '/api/v1/namespaces/t-local-volume-system/persistentvolumeclaims?dryRun=All',
        full('PersistentVolumeClaim', claim('data', { volumeName: 'x' })),
      );
      expect(status).to.equal(201);
    });

    it('what TarsK8S makes itself: its class, its templates', async () => {
      const set = statefulSet({
        metadata: {
          ownerReferences: [
            { apiVersion: 'k8s.tars.io/v1beta3', kind: 'TServer', name: 'tars-tarslog', uid: 'x' },
          ],
        },
        pod: { hostIPC: true },
        templates: ['data', 'delay-bind'].map((name) =>
          claim(name, { storageClassName: 'tars-storage-class' }),
        ),
      });
      expect(await saysTo('StatefulSet', set)).to.equal('');
    });
  });

  describe('keep what is half-made out', () => {
    const asked =
      'the webhook fills it in, and it was not asked; apply again when its pods are Ready (kubectl -n t-local-volume-system get pods), or apply what `tlv render` makes of the manifest';
    const host = { hostNetwork: true };
    const complete = create(statefulSet({ templates: [claim('data')] })).spec!.volumeClaimTemplates![0]!;
    const withoutSelector = { ...complete, spec: { ...complete.spec, selector: null } };
    const owner = { apiVersion: 'k8s.tars.io/v1beta2', kind: 'TServer', name: 'tars-tarslog', uid: 'x' };
    const untied = `TLV501 spec.volumeClaimTemplates: Required value: the pods use the host's IPC, network or ports, and the template delay-bind, which ties each replica to its node, is missing: ${asked}`;
    const rows: readonly (readonly [string, Kind, object, string])[] = [
      [
        'a template as people write it',
        'StatefulSet',
        statefulSet({ templates: [claim('other', { storageClassName: 'nfs' }), claim('data')] }),
        `TLV405 spec.volumeClaimTemplates[1].metadata.labels: Required value: the label tars.io/LocalVolume is missing: ${asked}`,
      ],
      [
        'a template without its selector',
        'StatefulSet',
        statefulSet({ templates: [withoutSelector] }),
        `TLV404 spec.volumeClaimTemplates[0].spec.selector.matchLabels: Required value: tars.io/LocalVolume is missing: ${asked}`,
      ],
      [
        'a claim as people write it',
        'PersistentVolumeClaim',
        claim('data'),
        `TLV405 metadata.labels: Required value: the label tars.io/LocalVolume is missing: ${asked}`,
      ],
      [
        'a claim that leaves its name to the API server',
        'PersistentVolumeClaim',
        { ...claim('data'), metadata: { generateName: 'data-' } },
        'TLV405 metadata.generateName: Invalid value: "data-": labels, selector and directory are made of the name, and a generated one comes too late for that; write metadata.name in its place',
      ],
      [
        'on the host network, with a TServer required',
        'StatefulSet',
        statefulSet({ metadata: { labels: { 'local.tars.io/tserver': 'required' } }, pod: host }),
        untied,
      ],
      [
        'on the host network, owned by a TServer',
        'StatefulSet',
        statefulSet({ metadata: { ownerReferences: [owner] }, pod: host }),
        untied,
      ],
      [
        "on the host's IPC, a server by its labels",
        'StatefulSet',
        statefulSet({ metadata: { labels: LABELS }, pod: { hostIPC: true } }),
        untied,
      ],
      [
        'on a host port, a server by its labels',
        'StatefulSet',
        statefulSet({
          metadata: { labels: LABELS },
          pod: {
            initContainers: [{ name: 'a', image: 'a', ports: [{ containerPort: 80, hostPort: 80 }] }],
          },
        }),
        untied,
      ],
    ];
    for (const [name, kind, object, says] of rows) {
      it(name, async () => {
        expect(await saysTo(kind, object)).to.contain(`denied request: ${says}`);
        if (!/^a template without|required|owned|leaves its name/.test(name)) {
          expect(await saysTo(kind, completed(kind, object, DEFAULT_SETTINGS))).to.equal('');
        }
      });
    }
  });

  describe('let pass what was wrong before', () => {
    const patch = (kind: Kind, name: string, body: object) =>
      plane.api('PATCH', `${RESOURCE[kind]}/${name}`, body, 'application/merge-patch+json');
    const passes = async (kind: Kind, name: string, body: object) => {
      const { status, body: said } = await patch(kind, name, body);
      expect(status, JSON.stringify(said)).to.equal(200);
    };
    const refused = async (kind: Kind, name: string, body: object, code: string) => {
      const { status, body: said } = await patch(kind, name, body);
      expect(status, JSON.stringify(said)).to.equal(422);
      expect(said['message']).to.contain(`denied request: ${code} `);
    };
    const mounts = (...list: object[]) => ({ spec: { k8s: { mounts: list } } });

    it('whatever was wrong, where something else changes', async () => {
      for (const [kind, object] of ANYTHING_OLD) {
        await passes(kind, (object as AnyObject).metadata!['name'] as string, {
          metadata: { labels: { a: 'b' } },
        });
      }
    });

    it('a TServer: at the same value, at another place, but no other one', async () => {
      const name = 'old-wrong';
      await passes('TServer', name, { metadata: { labels: { a: 'b' } } });
      await passes('TServer', name, { spec: { release: { image: 'x' } } });
      await passes('TServer', name, mounts(localMount('first'), ...OLD_MOUNTS));
      await refused('TServer', name, mounts(...OLD_MOUNTS, localMount('b', { uid: '02' })), 'TLV301');
      await refused('TServer', name, { metadata: { annotations: { 'local.tars.io/scope': 'x' } } }, 'TLV304');
      await refused('TServer', name, { spec: { server: 'other' } }, 'TLV103');
      await passes('TServer', name, { spec: { subType: 'tars' } });
      await refused('TServer', name, { spec: { subType: 'normal' } }, 'TLV103');
      await refused('TServer', name, { spec: { subType: 'java' } }, 'TLV103');
      await passes('TServer', name, mounts(localMount('data')));
      await refused('TServer', name, mounts(...OLD_MOUNTS), 'TLV202');
    });

    it('a StatefulSet: it scales and rolls, and gets no worse', async () => {
      const name = 'old-wrong';
      const pod = (volumes: object[]) => ({ spec: { template: { spec: { volumes } } } });
      await passes('StatefulSet', name, { spec: { replicas: 5 } });
      await passes('StatefulSet', name, pod([{ name: 'a' }, ...OLD_VOLUMES]));
      await refused('StatefulSet', name, { metadata: { labels: { 'tars.io/ServerApp': 'c.d' } } }, 'TLV405');
      await refused(
        'StatefulSet',
        name,
        { metadata: { annotations: { 'local.tars.io/scope': 'x' } } },
        'TLV304',
      );
      await passes('StatefulSet', name, pod([]));
      await refused('StatefulSet', name, pod(OLD_VOLUMES), 'TLV201');
      // Labels that are taken off do not let go what they had made.
      const bare = { metadata: { labels: null }, ...pod(OLD_VOLUMES) };
      await refused('StatefulSet', name, bare, 'TLV201');
    });

    it('a claim: the scheduler and the binder write, and people mend', async () => {
      const name = 'old-wrong';
      const annotate = (annotations: object) => ({ metadata: { annotations } });
      await passes(
        'PersistentVolumeClaim',
        name,
        annotate({ 'volume.kubernetes.io/selected-node': 'node-1' }),
      );
      await passes('PersistentVolumeClaim', name, { spec: { volumeName: 'pv-1' } });
      await refused('PersistentVolumeClaim', name, annotate({ 'tars.io/LocalVolumeMode': '700' }), 'TLV303');
      await passes('PersistentVolumeClaim', name, annotate({ 'tars.io/LocalVolumeMode': '755' }));
      await refused('PersistentVolumeClaim', name, annotate({ 'tars.io/LocalVolumeMode': '750' }), 'TLV303');
    });

    it('but not a claim that is given one of our classes later, as a claim without one is', async () => {
      const { storageClassName: ours, ...spec } = claim('later', { accessModes: ['ReadWriteMany'] }).spec!;
      await stored('PersistentVolumeClaim', { metadata: { name: 'later' }, spec });
      const given = { spec: { storageClassName: ours } };
      await refused('PersistentVolumeClaim', 'later', given, 'TLV401');
      await passes('PersistentVolumeClaim', 'later', { spec: { storageClassName: 'nfs' } });
    });

    for (const kind of ['TServer', 'StatefulSet', 'PersistentVolumeClaim'] as const) {
      it(`a ${kind} on its way out: its finalizer comes off, and it is gone`, async () => {
        const path = `${RESOURCE[kind]}/old-held`;
        expect((await plane.api('DELETE', path)).status).to.equal(200);
        // Wrong in a new way, and yet nobody is in its way.
        await passes(kind, 'old-held', { metadata: { annotations: { 'local.tars.io/scope': 'worse' } } });
        await passes(kind, 'old-held', { metadata: { finalizers: null } });
        expect((await plane.api('GET', path)).status).to.equal(404);
      });
    }
  });

  describe('stay within their cost budget on 1 MB', () => {
    const MB = 1_000_000;
    const PADDING = 'a-long-name-'.repeat(12);
    const filled = (item: (index: number) => object) =>
      Array.from({ length: Math.floor(MB / JSON.stringify(item(1000)).length) }, (_, index) => item(index));
    const volumes = [{ name: 'a' }];
    const ofContainers = (...containers: object[]): PodSpec => ({
      volumes,
      containers: containers as Container[],
    });
    const mounts = filled((index) => mount('a', `/data/${index}/${PADDING}`));
    const pods: Readonly<Record<string, PodSpec>> = {
      'of environment': ofContainers({
        name: 'a',
        image: 'a',
        env: filled((index) => ({ name: `E${index}`, value: 'x'.repeat(90) })),
      }),
      'of mounts in one container': ofContainers({ name: 'a', image: 'a', volumeMounts: mounts }),
      'of containers with two mounts each': ofContainers(
        ...filled((index) => ({
          name: `c${index}`,
          image: `registry.example.com/${PADDING}:1`,
          volumeMounts: [mount('a', '/a'), mount('a', '/b')],
        })),
      ),
      'of volumes': {
        volumes: filled((index) => ({
          name: `v${index}`,
          configMap: { name: `${PADDING}-${index}` },
        })) as never,
      },
    };
    for (const [what, pod] of Object.entries(pods)) {
      it(`opted-in, ${what}`, async () => {
        expect(await saysTo('StatefulSet', statefulSet({ metadata: { labels: LABELS }, pod }))).to.equal('');
      });
    }

    it('foreign', async () => {
      expect(await saysTo('StatefulSet', statefulSet({ pod: pods['of mounts in one container']! }))).to.equal(
        '',
      );
    });

    it('opted-in, of complete claim templates, and foreign, of others', async () => {
      const ours = (index: number) =>
        create(statefulSet({ templates: [claim(`v${index}`)] })).spec!.volumeClaimTemplates![0]!;
      const theirs = (index: number) => claim(`v${index}`, { storageClassName: 'nfs' });
      for (const template of [ours, theirs]) {
        expect(await saysTo('StatefulSet', statefulSet({ templates: filled(template) as Claim[] }))).to.equal(
          '',
        );
      }
    });

    it('and still refuse what is wrong at its end', async () => {
      const containers = [{ name: 'a', image: 'a', volumeMounts: [...mounts, mount('delay-bind')] }];
      const set = statefulSet({
        metadata: { labels: LABELS },
        pod: { ...ofContainers(...containers), hostIPC: true },
      });
      const says = await saysTo('StatefulSet', completed('StatefulSet', set, DEFAULT_SETTINGS));
      expect(says).to.contain(`TLV201 spec.template.spec.containers[0].volumeMounts[${mounts.length}].name`);
    });

    it('a TServer as large as lists may be, and one that is larger still', async () => {
      const large = (count: number) => {
        const names = Array.from({ length: count }, (_, index) => `n${index}`.padEnd(60, 'x'));
        return tserver(
          {
            mounts: names.map((name) => localMount(name)),
            hostPorts: names.map((nameRef, index) => ({ nameRef, port: index + 1 })),
          },
          { tars: { servants: names.map((name) => ({ name, port: 80 })), ports: null } },
        );
      };
      expect(await saysTo('TServer', large(64))).to.equal('');
      expect(await saysTo('TServer', large(1000))).to.equal('');
    });
  });

  describe('generated for per-node classes and posix modes', () => {
    before(async () => {
      await kubectl(['apply', '-f', '-'], policies(BOTH));
      await waitFor('the modes to be posix', async () => {
        const posix = completed(
          'PersistentVolumeClaim',
          claim('probe', {}, { annotations: { 'tars.io/LocalVolumeMode': '750' } }),
          BOTH,
        );
        return (await saysTo('PersistentVolumeClaim', posix)) === '';
      });
      await isInForce(
        'StatefulSet',
        create(
          statefulSet({
            metadata: { labels: LABELS, annotations: { 'local.tars.io/scope': 'Pod' } },
            templates: [claim('a')],
          }),
          { settings: BOTH },
        ),
        'TLV305',
      );
      await isInForce(
        'TServer',
        tserver({ hostIPC: true }, {}, { annotations: { 'local.tars.io/scope': 'Pod' } }),
        'TLV305',
      );
    });

    rowTests(
      ROWS.filter(({ settings }) => settings === 'both'),
      BOTH,
    );

    it('ask for the label of the namespace', async () => {
      const withoutNamespace = mutateClaim(claim('data'), {
        namespace: 'default',
        settings: DEFAULT_SETTINGS,
      });
      expect(await saysTo('PersistentVolumeClaim', withoutNamespace)).to.contain(
        'TLV404 spec.selector.matchLabels: Required value: local.tars.io/namespace is missing here or in the labels',
      );
      expect(
        await saysTo('PersistentVolumeClaim', completed('PersistentVolumeClaim', claim('data'), BOTH)),
      ).to.equal('');
    });
  });
});

const OLD_MOUNTS = [
  localMount('Old_1', { uid: '01', mode: '750' }, 'relative'),
  localMount('b', {}, '/b:ro'),
];
const OLD_VOLUMES = [{ name: 'delay-bind' }];
const HELD = { name: 'old-held', finalizers: ['example.com/held'] };

/** Wrong in many ways, and stored before anybody looked. */
const OLD: readonly (readonly [Kind, object])[] = (['old-wrong', 'old-held'] as const).flatMap((name) => {
  const metadata = name === 'old-held' ? HELD : { name };
  return [
    ['TServer', tserver({ mounts: OLD_MOUNTS }, { app: 'Old', server: 'wr-ong', subType: 'java' }, metadata)],
    [
      'StatefulSet',
      statefulSet({
        metadata: { ...metadata, labels: { ...LABELS, 'tars.io/ServerApp': 'a.b' } },
        pod: { volumes: OLD_VOLUMES },
        templates: [claim('data', { accessModes: ['ReadWriteMany'] })],
      }),
    ],
    [
      'PersistentVolumeClaim',
      claim(name, {}, { ...metadata, annotations: { 'tars.io/LocalVolumeMode': '750' } }),
    ],
  ] as const;
});

const ANYTHING_OLD: readonly (readonly [Kind, object])[] = (Object.keys(RESOURCE) as Kind[]).flatMap((kind) =>
  fc.sample<object>(ARBITRARY[kind], { seed: 5, numRuns: 40 }).map((object, index) => {
    const named = { ...(object as AnyObject).metadata, name: `anything-${index}` };
    return [kind, { ...object, metadata: named }] as const;
  }),
);
