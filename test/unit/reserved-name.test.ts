import { expect } from 'chai';
import { DEFAULT_SETTINGS, type Settings } from '../../src/tars/settings.ts';
import type { Claim, PodSpec, StatefulSet } from '../../src/tars/shapes.ts';
import type { TServer } from '../../src/tars/tserver.ts';
import { validateStatefulSet } from '../../src/validate/statefulset.ts';
import { validateTServer } from '../../src/validate/tserver.ts';
import {
  claim,
  create,
  LABELS,
  lines,
  localMount,
  mount,
  NAMESPACE,
  PER_NODE,
  statefulSet,
  stored,
  templatesOf,
  tserver,
} from './builders.ts';

const REFUSAL = `Forbidden: "delay-bind": the name is reserved for the claim that ties each replica to its node and is added by itself where it is needed; choose another name`;
const TEMPLATE_REFUSAL = `${REFUSAL}, or drop this template`;

/** As the webhook sees a StatefulSet that is created: expanded, then checked. */
function refusals(set: StatefulSet, server?: TServer, settings: Settings = DEFAULT_SETTINGS): string[] {
  const created = create(set, { server, settings });
  return lines(validateStatefulSet(created, { namespace: NAMESPACE, settings, server }).violations);
}

describe('delay-bind as a mount of a TServer', () => {
  const sources = {
    configMap: { name: 'conf' },
    downwardAPI: { items: [] },
    emptyDir: {},
    hostPath: { path: '/tmp' },
    persistentVolumeClaim: { claimName: 'mine' },
    persistentVolumeClaimTemplate: { spec: {} },
    secret: { secretName: 'key' },
    tLocalVolume: {},
  };
  for (const [kind, source] of Object.entries(sources)) {
    it(`is refused with a ${kind}`, () => {
      const server = tserver({
        mounts: [localMount('data'), { name: 'delay-bind', mountPath: '/x', source: { [kind]: source } }],
      });
      const { violations } = validateTServer(server, { namespace: NAMESPACE, settings: DEFAULT_SETTINGS });
      expect(lines(violations)).to.deep.equal([`TLV201 spec.k8s.mounts[1].name: ${REFUSAL}`]);
    });
  }

  it('is a matter of the exact name', () => {
    const mounts = ['delay-bind-2', 'delaybind', 'my-delay-bind'].map((name) => localMount(name));
    const { violations } = validateTServer(tserver({ mounts }), {
      namespace: NAMESPACE,
      settings: DEFAULT_SETTINGS,
    });
    expect(violations).to.deep.equal([]);
  });
});

describe('delay-bind in a pod template', () => {
  const CASES: [string, PodSpec, string][] = [
    [
      'a volume',
      { volumes: [{ name: 'x' }, { name: 'delay-bind', emptyDir: {} }] },
      'spec.template.spec.volumes[1].name',
    ],
    [
      'a volumeMount of a container',
      { containers: [{ name: 'a' }, { name: 'b', volumeMounts: [mount('x'), mount('delay-bind')] }] },
      'spec.template.spec.containers[1].volumeMounts[1].name',
    ],
    [
      'a volumeMount of an init container',
      { initContainers: [{ name: 'init', volumeMounts: [mount('delay-bind')] }] },
      'spec.template.spec.initContainers[0].volumeMounts[0].name',
    ],
  ];
  for (const [name, pod, path] of CASES) {
    it(`is refused as ${name}`, () => {
      expect(refusals(statefulSet({ metadata: { labels: LABELS }, pod }))).to.deep.equal([
        `TLV201 ${path}: ${REFUSAL}`,
      ]);
    });
    it(`is nobody's business as ${name} of a StatefulSet that is not ours`, () => {
      expect(refusals(statefulSet({ pod }))).to.deep.equal([]);
    });
  }

  it('is refused although the StatefulSet has the claim itself', () => {
    const pod = { hostIPC: true, volumes: [{ name: 'delay-bind', emptyDir: {} }] };
    expect(refusals(statefulSet({ metadata: { labels: LABELS }, pod }))).to.deep.equal([
      `TLV201 spec.template.spec.volumes[0].name: ${REFUSAL}`,
    ]);
  });
});

const server = tserver({ hostIPC: true });
const exact = (): Claim => structuredClone(templatesOf(create(statefulSet(), { server }))[0] ?? {});

/** The exact reserved claim with one field of its spec, labels or annotations changed. */
function inexact(change: (template: Required<Pick<Claim, 'metadata' | 'spec'>>) => void): Claim {
  const { metadata, spec, ...rest } = exact();
  const template = { metadata, spec };
  change(template);
  return { ...rest, ...template };
}

describe('delay-bind as a claim template of a user', () => {
  const CASES: [string, Claim][] = [
    ['bare', { metadata: { name: 'delay-bind' } }],
    [
      'of the class with nothing else',
      { metadata: { name: 'delay-bind' }, spec: { storageClassName: 't-storage-class' } },
    ],
    ['without labels and selector', claim('delay-bind')],
    ['of another class', inexact(({ spec }) => Object.assign(spec ?? {}, { storageClassName: 'ceph-rbd' }))],
    ['of no class', inexact(({ spec }) => Object.assign(spec ?? {}, { storageClassName: undefined }))],
    [
      'with another access mode',
      inexact(({ spec }) => Object.assign(spec ?? {}, { accessModes: ['ReadWriteOncePod'] })),
    ],
    [
      'with another size',
      inexact(({ spec }) => Object.assign(spec ?? {}, { resources: { requests: { storage: '2G' } } })),
    ],
    ['as a block device', inexact(({ spec }) => Object.assign(spec ?? {}, { volumeMode: 'Block' }))],
    ['without a selector', inexact(({ spec }) => Object.assign(spec ?? {}, { selector: undefined }))],
    [
      'with one more selector term',
      inexact(({ spec }) => Object.assign(spec?.selector?.matchLabels ?? {}, { disk: 'fast' })),
    ],
    [
      'with a selector expression',
      inexact(({ spec }) =>
        Object.assign(spec?.selector ?? {}, { matchExpressions: [{ key: 'a', operator: 'Exists' }] }),
      ),
    ],
    [
      'of another server',
      inexact(({ metadata }) => Object.assign(metadata?.labels ?? {}, { 'tars.io/ServerName': 'other' })),
    ],
    [
      'with a uid',
      inexact(({ metadata }) =>
        Object.assign(metadata ?? {}, { annotations: { 'tars.io/LocalVolumeUID': '0' } }),
      ),
    ],
  ];
  for (const [name, template] of CASES) {
    it(`is refused ${name}`, () => {
      const found = refusals(statefulSet({ templates: [claim('data'), template] }), server);
      expect(found).to.deep.equal([`TLV201 spec.volumeClaimTemplates[1].metadata.name: ${TEMPLATE_REFUSAL}`]);
    });
  }

  it('is not turned quietly into the reserved claim', () => {
    const template = claim('delay-bind', { accessModes: ['ReadWriteMany'] });
    const created = create(statefulSet({ templates: [template] }), { server });
    expect(templatesOf(created)).to.deep.equal([template]);
  });
});

describe('the reserved claim read back and applied again', () => {
  const READ_BACK: [string, (template: Claim) => Claim][] = [
    ['as it was sent', (template) => template],
    [
      'with the null of older API servers',
      (template) => ({ ...template, metadata: { ...template.metadata, creationTimestamp: null } }),
    ],
    ['with its status', (template) => ({ ...template, status: { phase: 'Pending' } })],
    ['without its status', ({ status: _status, ...template }) => template],
    ['without type', ({ apiVersion: _version, kind: _kind, ...template }) => template],
    [
      'with a label and an annotation more',
      (template) => ({
        ...template,
        metadata: {
          ...template.metadata,
          labels: { ...template.metadata?.labels, team: 'logs' },
          annotations: { note: 'kept' },
        },
      }),
    ],
  ];
  for (const [name, readBack] of READ_BACK) {
    it(`is accepted ${name}`, () => {
      const before = stored(create(statefulSet(), { server }));
      const set = {
        ...before,
        spec: { ...before.spec, volumeClaimTemplates: templatesOf(before).map(readBack) },
      };
      expect(refusals(set, server)).to.deep.equal([]);
      expect(templatesOf(create(set, { server }))).to.deep.equal(templatesOf(set));
    });
  }

  it('is accepted of a plain StatefulSet on the host network', () => {
    const plain = statefulSet({ metadata: { labels: LABELS }, pod: { hostNetwork: true } });
    const before = stored(create(plain));
    expect(templatesOf(before)[0]?.metadata?.name).to.equal('delay-bind');
    expect(refusals(before)).to.deep.equal([]);
  });

  it('is accepted with the fourth label of a per-node class', () => {
    const before = stored(create(statefulSet(), { server, settings: PER_NODE }));
    expect(refusals(before, server, PER_NODE)).to.deep.equal([]);
  });
});

describe("TarsK8S's own delay-bind", () => {
  const theirs = (): Claim => {
    const template = inexact(({ metadata, spec }) => {
      Object.assign(spec ?? {}, { storageClassName: 'tars-storage-class' });
      Object.assign(metadata ?? {}, {
        namespace: NAMESPACE,
        ownerReferences: [
          { apiVersion: 'k8s.tars.io/v1beta3', kind: 'TServer', name: 'tars-tarslog', uid: '1' },
        ],
      });
    });
    return template;
  };

  it('is accepted and left as it is', () => {
    const set = statefulSet({ templates: [theirs()], pod: { hostIPC: true } });
    expect(refusals(set, server)).to.deep.equal([]);
    expect(create(set, { server })).to.equal(set);
  });

  it('is accepted beside a volume of their class', () => {
    const set = statefulSet({
      templates: [claim('data', { storageClassName: 'tars-storage-class' }), theirs()],
    });
    expect(refusals(set, server)).to.deep.equal([]);
    expect(create(set, { server })).to.equal(set);
  });
});
