import { expect } from 'chai';
import { DEFAULT_SETTINGS } from '../../src/tars/settings.ts';
import type { Claim, PodSpec, StatefulSet } from '../../src/tars/shapes.ts';
import type { TServer } from '../../src/tars/tserver.ts';
import { validateStatefulSet } from '../../src/validate/statefulset.ts';
import {
  applied,
  claim,
  create,
  LABELS,
  lines,
  localMount,
  mount,
  mountsOf,
  NAME,
  NAMESPACE,
  OUR_TERM,
  podOf,
  replaced,
  requiredTerms,
  statefulSet,
  stored,
  templateMount,
  templateNames,
  templatesOf,
  tserver,
  update,
  withRequired,
} from './builders.ts';

const FIELD = 'spec.volumeClaimTemplates';
const REMEDY = `to get the new list: kubectl -n default delete sts tars-tarslog --cascade=orphan, apply this manifest again, then delete the old pods one by one, waiting for Ready each time (until all are replaced the StatefulSet neither scales nor rolls; claims and data stay)`;
const listKept = (difference: string) =>
  `TLV901 ${FIELD}: the list is immutable, so StatefulSet default/tars-tarslog keeps the one it has, ${difference}; ${REMEDY}`;
const sizeKept = (name: string, from: string, to: string) =>
  `TLV902 ${FIELD}: the list is immutable, so the template ${name} of StatefulSet default/tars-tarslog keeps its request of ${from}, not ${to}; expand the claims instead, where the class has allowVolumeExpansion: kubectl -n default patch pvc ${name}-tars-tarslog-0 -p '{"spec":{"resources":{"requests":{"storage":"${to}"}}}}', and so for each replica`;
const OWNER_FIELDS = [
  ['uid', 'tars.io/LocalVolumeUID'],
  ['gid', 'tars.io/LocalVolumeGID'],
  ['mode', 'tars.io/LocalVolumeMode'],
] as const;
const ownerKept = (name: string, from: string, to: readonly [string, string, string]) => {
  const old = from.split(' ');
  const changed = OWNER_FIELDS.map(([field, key], index) => ({
    field,
    key,
    old: old[index],
    now: to[index],
  })).filter((value) => value.old !== value.now);
  const before = changed.map((value) => `${value.field} ${value.old}`).join(', ');
  const after = changed.map((value) => `${value.field} ${value.now}`).join(', ');
  const annotations = changed.map((value) => `${value.key}=${value.now}`).join(' ');
  return `TLV903 ${FIELD}: the list is immutable, so the template ${name} of StatefulSet default/tars-tarslog keeps ${before}, not ${after}; change the claims instead: kubectl -n default annotate --overwrite pvc ${name}-tars-tarslog-0 ${annotations}, and so for each replica`;
};

/** The pod template and the list of `result` are those of `old`: no pod is rolled, nothing is refused. */
function expectKept(result: StatefulSet, old: StatefulSet): void {
  expect(result.spec?.template).to.deep.equal(old.spec?.template);
  expect(templatesOf(result)).to.deep.equal(templatesOf(old));
}

const mounts = [localMount('data', { uid: '1000' }), templateMount('net', '1Gi'), localMount('logs')];
const server = tserver({ hostIPC: true, mounts });
const own = { labelSelector: { matchLabels: { app: 'other' } }, topologyKey: 'zone' };

/** Manifests that are created with the TServer above. */
const MANIFESTS: Record<string, StatefulSet> = {
  'a bare one': statefulSet(),
  'one with mounts of its own': statefulSet({
    mounts: [mount('tmp'), mount('conf')],
    pod: { volumes: [{ name: 'tmp' }, { name: 'conf' }] },
  }),
  'one with templates of its own': statefulSet({
    templates: [claim('mine'), claim('disk', { storageClassName: 'ceph-rbd' })],
    mounts: [mount('mine'), mount('disk')],
  }),
  'one with a required anti-affinity of its own': statefulSet({ pod: withRequired([own]) }),
  'one with a side car': statefulSet({
    pod: {
      containers: [{ name: 'proxy', volumeMounts: [mount('tmp')] }, { name: NAME }],
      initContainers: [{ name: 'init' }],
    },
  }),
  'one whose container has another name': statefulSet({
    pod: { containers: [{ name: 'app' }, { name: 'proxy' }] },
  }),
};

describe('an update that asks for nothing new', () => {
  for (const [name, manifest] of Object.entries(MANIFESTS)) {
    const live = stored(create(manifest, { server }));

    describe(`of ${name}`, () => {
      const WRITES: [string, StatefulSet][] = [
        ['apply of the manifest', applied(manifest, live)],
        ['replace by the manifest', replaced(manifest, live)],
        ['patch, which sends everything', structuredClone(live)],
      ];
      for (const [write, sent] of WRITES) {
        it(`gives the old object on ${write}`, () => {
          const { object, warnings } = update(sent, live, { server });
          expectKept(object, live);
          expect(object.spec).to.deep.equal(live.spec);
          expect(warnings).to.deep.equal([]);
        });

        it(`gives it again on a second ${write}`, () => {
          const { object } = update(sent, live, { server });
          expect(update(object, live, { server }).object).to.equal(object);
          expectKept(update(structuredClone(sent), stored(object), { server }).object, live);
        });

        it(`passes the rules on ${write}`, () => {
          const { object } = update(sent, live, { server });
          const context = { namespace: NAMESPACE, settings: DEFAULT_SETTINGS, server, old: live };
          expect(validateStatefulSet(object, context)).to.deep.equal({ violations: [], warnings: [] });
        });
      }

      it('changes the replicas and nothing else', () => {
        const scaled = { ...manifest, spec: { ...manifest.spec, replicas: 7 } };
        for (const sent of [applied(scaled, live), replaced(scaled, live)]) {
          const { object, warnings } = update(sent, live, { server });
          expect(object.spec).to.deep.equal({ ...live.spec, replicas: 7 });
          expect(warnings).to.deep.equal([]);
        }
      });

      it('is the same reference where the writer sent everything', () => {
        const sent = structuredClone(live);
        expect(update(sent, live, { server }).object).to.equal(sent);
      });
    });
  }

  it('lets a new image through with our mounts on it', () => {
    const live = stored(create(statefulSet(), { server }));
    const sent = statefulSet({ pod: { containers: [{ name: NAME, image: 'tarslog:2' }] } });
    const { object } = update(sent, live, { server });
    expect(podOf(object).containers).to.deep.equal([{ ...podOf(live).containers?.[0], image: 'tarslog:2' }]);
  });

  it('drops what the user dropped himself', () => {
    const manifest = statefulSet({ mounts: [mount('tmp'), mount('conf')], pod: withRequired([own]) });
    const live = stored(create(manifest, { server }));
    const { object } = update(replaced(statefulSet({ mounts: [mount('conf')] }), live), live, { server });
    expect(mountsOf(object)).to.have.members(
      ['conf', 'data', 'net', 'logs'].map((name) => `${NAME}: ${name}@/${name}`),
    );
    expect(requiredTerms(object)).to.deep.equal([OUR_TERM]);
  });
});

describe('our anti-affinity term', () => {
  const manifest = statefulSet({ pod: withRequired([own]) });
  const live = stored(create(manifest, { server }));

  it('comes back behind the terms of the user', () => {
    const second = { ...own, topologyKey: 'rack' };
    const sent = applied(statefulSet({ pod: withRequired([own, second]) }), live);
    expect(requiredTerms(update(sent, live, { server }).object)).to.have.deep.members([
      own,
      second,
      OUR_TERM,
    ]);
  });

  it('comes back where the user dropped all affinity', () => {
    const { object } = update(replaced(statefulSet(), live), live, { server });
    expect(requiredTerms(object)).to.deep.equal([OUR_TERM]);
  });

  it('comes back where the user wrote null', () => {
    const { object } = update(replaced(statefulSet({ pod: { affinity: null } }), live), live, { server });
    expect(requiredTerms(object)).to.deep.equal([OUR_TERM]);
  });

  it('comes back at its old place', () => {
    const moved = stored({
      ...live,
      spec: {
        ...live.spec,
        template: { ...live.spec?.template, spec: { ...podOf(live), ...withRequired([OUR_TERM, own]) } },
      },
    });
    expect(requiredTerms(update(applied(manifest, moved), moved, { server }).object)).to.deep.equal([
      OUR_TERM,
      own,
    ]);
  });

  it('is not added to an old StatefulSet that had none', () => {
    const bare = stored({ ...live, spec: { ...live.spec, template: statefulSet().spec?.template } });
    expect(requiredTerms(update(bare, bare, { server }).object)).to.deep.equal([]);
  });
});

describe('our mounts', () => {
  const manifest = statefulSet();
  const live = stored(create(manifest, { server }));
  const app = podOf(live).containers?.[0] ?? {};
  const withPod = (set: StatefulSet, pod: PodSpec): StatefulSet => ({
    ...set,
    spec: { ...set.spec, template: { ...set.spec?.template, spec: { ...podOf(set), ...pod } } },
  });

  it('come back at their old places, whatever the order of the list', () => {
    // The user once mounted `logs` himself and added x later: his mount, ours, his.
    const order = ['logs', 'data', 'x', 'net'].map((name) => mount(name));
    const old = stored(withPod(live, { containers: [{ ...app, volumeMounts: order }] }));
    const sent = withPod(old, { containers: [{ ...app, volumeMounts: [mount('x')] }] });
    expect(mountsOf(update(sent, old, { server }).object)).to.deep.equal(mountsOf(old));
  });

  it('come back one by one', () => {
    for (const lost of ['data', 'net', 'logs']) {
      const volumeMounts = (app.volumeMounts ?? []).filter(({ name }) => name !== lost);
      const sent = withPod(applied(manifest, live), { containers: [{ ...app, volumeMounts }] });
      expectKept(update(sent, live, { server }).object, live);
    }
  });

  it('stay with their container when another one comes before it', () => {
    const named = stored(create(statefulSet({ pod: { containers: [{ name: 'app' }] } }), { server }));
    const [first = {}] = podOf(named).containers ?? [];
    const sidecar = { name: 'sidecar' };
    const sent = withPod(applied(manifest, named), { containers: [sidecar, first] });
    expect(podOf(update(sent, named, { server }).object).containers).to.deep.equal([sidecar, first]);
  });

  it('come back in their container when another one comes before it', () => {
    const named = stored(create(statefulSet({ pod: { containers: [{ name: 'app' }] } }), { server }));
    const sent = replaced(
      statefulSet({ pod: { containers: [{ name: 'sidecar' }, { name: 'app' }] } }),
      named,
    );
    expect(mountsOf(update(sent, named, { server }).object)).to.deep.equal(
      ['data', 'net', 'logs'].map((name) => `app: ${name}@/${name}`),
    );
  });

  it('do not come back over something that the user now has at the same path', () => {
    const sent = statefulSet({ mounts: [mount('cache', '/data')], pod: { volumes: [{ name: 'cache' }] } });
    expect(mountsOf(update(replaced(sent, live), live, { server }).object)).to.deep.equal([
      `${NAME}: cache@/data`,
      `${NAME}: net@/net`,
      `${NAME}: logs@/logs`,
    ]);
  });

  it('are the user’s to change: a path, read only', () => {
    const mine = [{ name: 'data', mountPath: '/srv', readOnly: true }, mount('net'), mount('logs')];
    const sent = withPod(live, { containers: [{ ...app, volumeMounts: mine }] });
    expect(podOf(update(sent, live, { server }).object).containers?.[0]?.volumeMounts).to.deep.equal(mine);
  });

  /** As client-side apply notes it: the manifest that mounts the volume itself. */
  const noted = (set: StatefulSet, by: StatefulSet): StatefulSet => ({
    ...set,
    metadata: {
      ...set.metadata,
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(by) },
    },
  });

  it('stay where the user applied them, on the next update as well', () => {
    const mounting = statefulSet({ mounts: [mount('data', '/srv')] });
    const mine = [mount('data', '/srv'), mount('net'), mount('logs')];
    const changed = noted(stored(withPod(live, { containers: [{ ...app, volumeMounts: mine }] })), mounting);
    const scaled = { ...changed, spec: { ...changed.spec, replicas: 5 } };
    expect(mountsOf(update(scaled, changed, { server }).object)).to.deep.equal(mountsOf(changed));
  });

  it('stay where the user applied them when the StatefulSet was created', () => {
    const given = statefulSet({ mounts: [mount('data', '/srv')] });
    const old = noted(stored(create(given, { server })), given);
    expect(mountsOf(old)[0]).to.equal(`${NAME}: data@/srv`);
    for (const sent of [applied(given, old), structuredClone(old)]) {
      expectKept(update(noted(sent, given), old, { server }).object, old);
    }
  });

  it('follow the TServer where what was applied is no JSON, or mounts other volumes', () => {
    const old = stored(create(statefulSet({ mounts: [mount('data', '/srv')] }), { server }));
    for (const text of ['{', '[]', JSON.stringify(statefulSet({ mounts: [mount('conf')] }))]) {
      const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': text };
      const sent = { ...old, metadata: { ...old.metadata, annotations } };
      expect(mountsOf(update(sent, old, { server }).object)[0]).to.equal(`${NAME}: data@/data`);
    }
  });

  it('need a container', () => {
    const sent = withPod(live, { containers: [] });
    expect(podOf(update(sent, live, { server }).object).containers).to.deep.equal([]);
  });
});

/** Writes of the same manifest while its TServer changed from the one above to another. */
function afterServerChange(changed: TServer | undefined, manifest = statefulSet(), old = server) {
  const live = stored(create(manifest, { server: old }));
  return {
    live,
    apply: update(applied(manifest, live), live, { server: changed }),
    replace: update(replaced(manifest, live), live, { server: changed }),
    patch: update(structuredClone(live), live, { server: changed }),
  };
}

describe('a TServer that grew a volume', () => {
  const grown = tserver({ hostIPC: true, mounts: [...mounts, localMount('more')] });
  const { live, ...writes } = afterServerChange(grown);

  for (const [name, { object, warnings }] of Object.entries(writes)) {
    it(`adds nothing on ${name} and says how to get it`, () => {
      expectKept(object, live);
      expect(lines(warnings)).to.deep.equal([listKept('without more')]);
    });
  }

  it('has its mount taken out where somebody wrote it: it would dangle', () => {
    const sent = statefulSet({
      mounts: [mount('more')],
      pod: { initContainers: [{ name: 'init', volumeMounts: [mount('more')] }] },
    });
    const { object } = update(replaced(sent, live), live, { server: grown });
    expect(mountsOf(object)).to.deep.equal(mountsOf(live));
    expect(podOf(object).initContainers).to.deep.equal([{ name: 'init', volumeMounts: [] }]);
  });

  it('leaves a mount whose volume the pod has itself', () => {
    const sent = statefulSet({ mounts: [mount('more')], pod: { volumes: [{ name: 'more', emptyDir: {} }] } });
    const { object } = update(replaced(sent, live), live, { server: grown });
    expect(mountsOf(object)).to.include(`${NAME}: more@/more`);
  });
});

describe('a TServer that lost a volume', () => {
  const smaller = tserver({ hostIPC: true, mounts: mounts.slice(0, 2) });
  const { live, apply, replace, patch } = afterServerChange(smaller);

  for (const [name, { object, warnings }] of Object.entries({ apply, replace })) {
    it(`keeps it on ${name} and says how to lose it`, () => {
      expectKept(object, live);
      expect(lines(warnings)).to.deep.equal([listKept('with logs')]);
    });
  }

  it('keeps it on patch, where it looks like a template of the user', () => {
    expectKept(patch.object, live);
    expect(patch.warnings).to.deep.equal([]);
  });
});

describe('a TServer that gave up the host', () => {
  const free = tserver({ mounts });
  const { live, ...writes } = afterServerChange(free);

  for (const [name, { object, warnings }] of Object.entries(writes)) {
    it(`keeps delay-bind on ${name} and says how to lose it`, () => {
      expectKept(object, live);
      expect(lines(warnings)).to.deep.equal([listKept('with delay-bind')]);
    });
  }
});

describe('a TServer that uses the host from now on', () => {
  const free = tserver({ mounts: [localMount('data')] });
  const { live, ...writes } = afterServerChange(
    tserver({ mounts: [localMount('data')], hostNetwork: true }),
    statefulSet(),
    free,
  );

  for (const [name, { object, warnings }] of Object.entries(writes)) {
    it(`gets no delay-bind on ${name}, and is told`, () => {
      expectKept(object, live);
      expect(lines(warnings)).to.deep.equal([listKept('without delay-bind')]);
    });
  }
});

describe('a TServer that swapped one volume for another', () => {
  it('is told both in one warning', () => {
    const swapped = tserver({
      hostIPC: true,
      mounts: [...mounts.slice(0, 2), localMount('other', {}, '/logs')],
    });
    const { live, apply } = afterServerChange(swapped);
    expectKept(apply.object, live);
    expect(lines(apply.warnings)).to.deep.equal([listKept('without other and with logs')]);
  });
});

describe('a TServer that changed a size', () => {
  const bigger = tserver({ hostIPC: true, mounts: [mounts[0]!, templateMount('net', '2Gi'), mounts[2]!] });
  const { live, apply, replace, patch } = afterServerChange(bigger);

  for (const [name, { object, warnings }] of Object.entries({ apply, replace })) {
    it(`keeps the list on ${name} and names the claims`, () => {
      expectKept(object, live);
      expect(lines(warnings)).to.deep.equal([sizeKept('net', '1Gi', '2Gi')]);
    });
  }

  it('keeps the list on patch, where it looks like a template of the user', () => {
    expectKept(patch.object, live);
    expect(patch.warnings).to.deep.equal([]);
  });

  it('has not changed it by writing the same quantity in another way', () => {
    // The API server stores quantities of a StatefulSet canonically, and a custom resource as it came.
    for (const [written, canonical] of [
      ['1024Mi', '1Gi'],
      ['1000M', '1G'],
      [1073741824, '1Gi'],
      ['0.5Gi', '512Mi'],
    ]) {
      const same = tserver({ mounts: [templateMount('net', written)] });
      const manifest = statefulSet();
      const old = stored(
        create(manifest, { server: tserver({ mounts: [templateMount('net', canonical)] }) }),
      );
      expect(
        lines(update(applied(manifest, old), old, { server: same }).warnings),
        String(written),
      ).to.deep.equal([]);
    }
  });
});

describe('a TServer that writes null for what it leaves out', () => {
  it('asks for nothing else than the stored list, where null is dropped', () => {
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    const asking = (given: Record<string, unknown>) =>
      tserver({
        mounts: [
          { name: 'net', mountPath: '/net', source: { persistentVolumeClaimTemplate: { spec: given } } },
        ],
      });
    const old = stored(create(statefulSet(), { server: asking(spec) }));
    const nulls = asking({ ...spec, storageClassName: null, volumeMode: null });
    expect(lines(update(applied(statefulSet(), old), old, { server: nulls }).warnings)).to.deep.equal([]);
  });
});

describe('a TServer that changed a class', () => {
  const other = tserver({
    hostIPC: true,
    mounts: [mounts[0]!, templateMount('net', '1Gi', 'nfs'), mounts[2]!],
  });
  const { live, apply } = afterServerChange(other);

  it('keeps the list on apply and says how to get the new one', () => {
    expectKept(apply.object, live);
    expect(lines(apply.warnings)).to.deep.equal([listKept('with net unchanged')]);
  });
});

describe('a TServer that changed an owner or mode', () => {
  const CASES: [string, Record<string, string>, [string, string, string]][] = [
    ['uid', { uid: '2000' }, ['2000', '0', '755']],
    ['gid', { uid: '1000', gid: '7' }, ['1000', '7', '755']],
    ['mode', { uid: '1000', mode: '711' }, ['1000', '0', '711']],
    ['all', { uid: '1', gid: '2', mode: '777' }, ['1', '2', '777']],
  ];
  for (const [what, volume, to] of CASES) {
    const changed = tserver({ hostIPC: true, mounts: [localMount('data', volume), ...mounts.slice(1)] });
    const { live, ...writes } = afterServerChange(changed);
    for (const [name, { object, warnings }] of Object.entries(writes)) {
      it(`keeps the list on ${name} and says how to annotate the claims: ${what}`, () => {
        expectKept(object, live);
        expect(lines(warnings)).to.deep.equal([ownerKept('data', '1000 0 755', to)]);
      });
    }
  }
});

describe('a TServer that moved a mount', () => {
  const moved = tserver({
    hostIPC: true,
    mounts: [localMount('data', { uid: '1000' }, '/srv'), ...mounts.slice(1)],
  });
  const { live, ...writes } = afterServerChange(moved);

  for (const [name, { object, warnings }] of Object.entries(writes)) {
    it(`is followed on ${name}: the mount moves in its place, the list stays`, () => {
      expect(mountsOf(object)).to.deep.equal([
        `${NAME}: data@/srv`,
        `${NAME}: net@/net`,
        `${NAME}: logs@/logs`,
      ]);
      expect(templatesOf(object)).to.deep.equal(templatesOf(live));
      expect(warnings).to.deep.equal([]);
    });
  }

  it('is followed once', () => {
    const { object } = writes.apply;
    expect(update(object, live, { server: moved }).object).to.equal(object);
  });

  it('is not followed to a path that is taken', () => {
    const manifest = statefulSet({ mounts: [mount('tmp', '/srv')], pod: { volumes: [{ name: 'tmp' }] } });
    const taken = afterServerChange(moved, manifest);
    for (const { object } of [taken.apply, taken.patch]) expectKept(object, taken.live);
  });

  it('is followed where two mounts change places, and mutating again changes nothing', () => {
    const before = tserver({ mounts: [localMount('a', {}, '/x'), localMount('b', {}, '/y')] });
    const after = tserver({ mounts: [localMount('a', {}, '/y'), localMount('b', {}, '/z')] });
    const shifted = afterServerChange(after, statefulSet(), before);
    for (const { object } of [shifted.apply, shifted.replace, shifted.patch]) {
      expect(update(object, shifted.live, { server: after }).object, 'mutate twice').to.deep.equal(object);
      expect(mountsOf(object)).to.deep.equal([`${NAME}: a@/y`, `${NAME}: b@/z`]);
    }
  });
});

describe('a StatefulSet that its TServer controls', () => {
  it('has its mounts where its controller wrote them, also where that is behind', () => {
    const owner = {
      apiVersion: 'k8s.tars.io/v1beta3',
      kind: 'TServer',
      name: NAME,
      uid: 'u',
      controller: true,
    };
    const manifest = statefulSet({ metadata: { ownerReferences: [owner] } });
    const moved = tserver({ mounts: [localMount('data', {}, '/elsewhere')] });
    const old = tserver({ mounts: [localMount('data')] });
    const { live, patch } = afterServerChange(moved, manifest, old);
    expectKept(patch.object, live);
  });
});

describe('a TServer that is gone', () => {
  const { live, ...writes } = afterServerChange(undefined);

  for (const [name, { object }] of Object.entries(writes)) {
    it(`leaves its StatefulSet as it is on ${name}`, () => {
      expectKept(object, live);
    });
  }

  it('is missed by the list on apply', () => {
    expect(lines(writes.apply.warnings)).to.deep.equal([listKept('with data, net, logs, delay-bind')]);
  });
});

describe("a user's own template", () => {
  const plain = { metadata: { labels: LABELS } };
  const disk = claim('disk', { storageClassName: 'ceph-rbd' });
  const manifest = statefulSet({
    ...plain,
    templates: [claim('mine'), disk],
    mounts: [mount('mine'), mount('disk')],
  });
  const live = stored(create(manifest));
  const write = (templates: Claim[], volumeMounts = [mount('mine'), mount('disk')], pod: PodSpec = {}) =>
    update(replaced(statefulSet({ ...plain, templates, mounts: volumeMounts, pod }), live), live);

  it('is kept when it is removed, mount and all: the pods have it still', () => {
    const { object, warnings } = write([disk], [mount('disk')]);
    expectKept(object, live);
    expect(lines(warnings)).to.deep.equal([listKept('with mine')]);
  });

  it('is not there when it is added, and its mounts would dangle', () => {
    const added = claim('more');
    const init = { initContainers: [{ name: 'init', volumeMounts: [mount('more'), mount('disk')] }] };
    const { object, warnings } = write(
      [claim('mine'), disk, added],
      ['mine', 'more', 'disk'].map((name) => mount(name)),
      init,
    );
    expect(templatesOf(object)).to.deep.equal(templatesOf(live));
    expect(mountsOf(object)).to.deep.equal(mountsOf(live));
    expect(podOf(object).initContainers?.[0]?.volumeMounts).to.deep.equal([mount('disk')]);
    expect(lines(warnings)).to.deep.equal([listKept('without more')]);
  });

  it('is not there when it is added as a block device, and its device would dangle', () => {
    const raw = claim('raw', { storageClassName: 'ceph-rbd', volumeMode: 'Block' });
    const devices = {
      containers: [{ name: NAME, volumeDevices: [{ name: 'raw', devicePath: '/dev/raw' }] }],
    };
    const { object } = write([claim('mine'), disk, raw], [], devices);
    expect(podOf(object).containers?.[0]?.['volumeDevices'] ?? []).to.deep.equal([]);
  });

  it('that is the first one is not there either', () => {
    const bare = statefulSet(plain);
    const { object, warnings } = update(
      statefulSet({ ...plain, templates: [claim('data')], mounts: [mount('data')] }),
      bare,
    );
    expect(templatesOf(object)).to.deep.equal([]);
    expect(mountsOf(object)).to.deep.equal([]);
    expect(lines(warnings)).to.deep.equal([listKept('without data')]);
  });

  const CHANGES: [string, Claim, string][] = [
    ['its class', claim('mine', { storageClassName: 'nfs' }), listKept('with mine unchanged')],
    [
      'its access mode',
      claim('mine', { accessModes: ['ReadWriteOncePod'] }),
      listKept('with mine unchanged'),
    ],
    ['its size', claim('mine', { resources: { requests: { storage: '2G' } } }), sizeKept('mine', '1G', '2G')],
    [
      'its size (a smaller one is wanted)',
      claim('mine', { resources: { requests: { storage: '500M' } } }),
      `TLV902 ${FIELD}: the list is immutable, so the template mine of StatefulSet default/tars-tarslog keeps its request of 1G, not 500M; a claim does not shrink: write 1G again, or have the data moved to smaller claims of another StatefulSet`,
    ],
    [
      'its owner',
      claim('mine', {}, { annotations: { 'tars.io/LocalVolumeUID': '5' } }),
      ownerKept('mine', '0 0 755', ['5', '0', '755']),
    ],
    [
      'its directory',
      claim('mine', {}, { labels: { 'tars.io/LocalVolume': 'other' } }),
      listKept('with mine unchanged'),
    ],
    [
      'its selector',
      claim('mine', { selector: { matchLabels: { disk: 'ssd' } } }),
      listKept('with mine unchanged'),
    ],
    [
      'its scope',
      claim('mine', {}, { annotations: { 'local.tars.io/scope': 'Node' } }),
      listKept('with mine unchanged'),
    ],
  ];
  for (const [what, template, warning] of CHANGES) {
    it(`is kept with ${what} when that is changed, and the user is told`, () => {
      const { object, warnings } = write([template, disk]);
      expectKept(object, live);
      expect(lines(warnings)).to.deep.equal([warning]);
    });
  }

  it('is kept with its source of data when it is of another class, and the user is told', () => {
    const source = { dataSource: { kind: 'VolumeSnapshot', name: 'yesterday' } };
    const { object, warnings } = write([claim('mine'), { ...disk, spec: { ...disk.spec, ...source } }]);
    expectKept(object, live);
    expect(lines(warnings)).to.deep.equal([listKept('with disk unchanged')]);
  });

  it('is told of by its first claim, whatever ordinal that has', () => {
    const counted = (templates: Claim[]) => {
      const { spec, ...set } = statefulSet({ ...plain, templates });
      return { ...set, spec: { ...spec, ordinals: { start: 3 } } };
    };
    const old = stored(create(counted([claim('mine')])));
    const larger = claim('mine', { resources: { requests: { storage: '2G' } } });
    const { warnings } = update(replaced(counted([larger]), old), old);
    expect(lines(warnings)).to.deep.equal([
      sizeKept('mine', '1G', '2G').replace('mine-tars-tarslog-0', 'mine-tars-tarslog-3'),
    ]);
  });

  it('may stand at another place, and nobody is bothered', () => {
    const { object, warnings } = write([disk, claim('mine')]);
    expectKept(object, live);
    expect(warnings).to.deep.equal([]);
  });

  it('may lose its mount, which does not come back', () => {
    const { object } = write([claim('mine'), disk], [mount('disk')]);
    expect(mountsOf(object)).to.deep.equal([`${NAME}: disk@/disk`]);
  });

  it('may lose its mount beside a TServer, which does not come back', () => {
    const old = stored(
      create(statefulSet({ templates: [claim('mine')], mounts: [mount('mine')] }), { server }),
    );
    const sent = replaced(statefulSet({ templates: [claim('mine')] }), old);
    expect(mountsOf(update(sent, old, { server }).object)).to.deep.equal(
      ['data', 'net', 'logs'].map((name) => `${NAME}: ${name}@/${name}`),
    );
  });

  it('tells of several changes at once, the list first', () => {
    const { warnings } = write([
      claim(
        'mine',
        { resources: { requests: { storage: '2G' } } },
        { annotations: { 'tars.io/LocalVolumeMode': '711' } },
      ),
      claim('more'),
    ]);
    expect(lines(warnings)).to.deep.equal([
      listKept('without more and with disk'),
      sizeKept('mine', '1G', '2G'),
      ownerKept('mine', '0 0 755', ['0', '0', '711']),
    ]);
  });
});

describe('a StatefulSet that was there before us', () => {
  it('gets nothing of its TServer, and is told once what it lacks', () => {
    const old = stored(statefulSet());
    const { object, warnings } = update(statefulSet({ spec: { replicas: 5 } }), old, { server });
    expect(object.spec).to.deep.equal(statefulSet({ spec: { replicas: 5 } }).spec);
    expect(lines(warnings)).to.deep.equal([listKept('without data, net, logs, delay-bind')]);
  });

  it('gets nothing for its labels and its host network', () => {
    const manifest = statefulSet({ metadata: { labels: LABELS }, pod: { hostNetwork: true } });
    const { object, warnings } = update(manifest, stored(manifest));
    expect(object).to.equal(manifest);
    expect(lines(warnings)).to.deep.equal([listKept('without delay-bind')]);
  });

  const TEMPLATES: [string, Claim][] = [
    ['bare', claim('data')],
    [
      'with the annotations of the seeds',
      claim(
        'data',
        {},
        {
          annotations: {
            'tars.io/LocalVolumeUID': '0',
            'tars.io/LocalVolumeGID': '0',
            'tars.io/LocalVolumeMode': '755',
          },
        },
      ),
    ],
    ['with a uid and no more', claim('data', {}, { annotations: { 'tars.io/LocalVolumeUID': '1000' } })],
    ['of a pod scope', claim('data', {}, { annotations: { 'local.tars.io/scope': 'Pod' } })],
  ];
  for (const [name, template] of TEMPLATES) {
    it(`keeps a template of the class as it is, without a word: ${name}`, () => {
      const manifest = statefulSet({ templates: [template], mounts: [mount('data')] });
      const { object, warnings } = update(applied(manifest, stored(manifest)), stored(manifest));
      expect(object.spec).to.deep.equal(manifest.spec);
      expect(lines(warnings)).to.deep.equal([]);
    });
  }

  it('keeps a mount of its TServer that its pods have from elsewhere', () => {
    const manifest = statefulSet({
      mounts: [mount('data')],
      pod: { volumes: [{ name: 'data', hostPath: { path: '/d' } }] },
    });
    const { object } = update(structuredClone(manifest), stored(manifest), { server });
    expect(object.spec).to.deep.equal(manifest.spec);
  });
});

describe("a StatefulSet of TarsK8S's own class", () => {
  const theirs = (set: StatefulSet): StatefulSet => {
    const volumeClaimTemplates = templatesOf(set).map((template) =>
      template.spec?.storageClassName === 't-storage-class'
        ? { ...template, spec: { ...template.spec, storageClassName: 'tars-storage-class' } }
        : template,
    );
    return stored({ ...set, spec: { ...set.spec, volumeClaimTemplates } });
  };

  it('is updated by its controller without a change or a word', () => {
    const live = theirs(create(statefulSet(), { server }));
    const sent = structuredClone(live);
    const { object, warnings } = update(sent, live, { server });
    expect(object).to.equal(sent);
    expect(lines(warnings)).to.deep.equal([]);
  });

  it('is updated so without delay-bind as well', () => {
    const free = tserver({ mounts });
    const live = theirs(create(statefulSet(), { server: free }));
    const { object, warnings } = update(structuredClone(live), live, { server: free });
    expectKept(object, live);
    expect(lines(warnings)).to.deep.equal([]);
  });
});

describe('a StatefulSet that stops being ours', () => {
  it('keeps its list although labels and class are gone from the manifest', () => {
    const manifest = statefulSet({ metadata: { labels: LABELS }, pod: { hostNetwork: true } });
    const live = stored(create(manifest));
    const { object } = update(replaced(statefulSet(), { ...live, metadata: { name: NAME } }), live);
    expect(templateNames(object)).to.deep.equal(['delay-bind']);
  });

  it('is let alone without a spec', () => {
    const live = stored(create(statefulSet(), { server }));
    for (const sent of [{ metadata: live.metadata }, { metadata: live.metadata, spec: null }]) {
      expect(update(sent, live, { server }).object).to.equal(sent);
    }
  });
});
