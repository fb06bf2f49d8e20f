import { expect } from 'chai';
import { DocumentLookup } from '../../src/offline/lookup.ts';
import { ownerOf, tserverOf } from '../../src/tars/ownership.ts';
import { DEFAULT_SETTINGS } from '../../src/tars/settings.ts';
import type { Metadata } from '../../src/tars/shapes.ts';
import { isTServerKind } from '../../src/tars/tserver.ts';
import { claim, create, LABELS, NAMESPACE, settingsWith, statefulSet, tserver, update } from './builders.ts';

const byReference = tserver({}, { app: 'a', server: 'reference' }, { name: 'a-reference' });
const byName = tserver({}, { app: 'tars', server: 'tarslog' });
const byLabels = tserver({}, { app: 'shop', server: 'cart' }, { name: 'shop-cart' });
const elsewhere = tserver({}, {}, { namespace: 'other' });

function lookup(...servers: (typeof byName)[]): DocumentLookup {
  const found = new DocumentLookup();
  for (const server of servers) found.add(String(server.metadata?.namespace), server);
  return found;
}

const reference = (kind = 'TServer', apiVersion = 'k8s.tars.io/v1beta3', name = 'a-reference') => ({
  ownerReferences: [{ apiVersion, kind, name }],
});

describe('the TServer of a StatefulSet', () => {
  const all = lookup(byReference, byName, byLabels);
  const CASES: [string, Metadata, typeof byName | undefined][] = [
    ['an owner reference comes first', { ...reference(), labels: LABELS }, byReference],
    ['the older version counts as well', reference('TServer', 'k8s.tars.io/v1beta2'), byReference],
    ['then its own name', { labels: LABELS }, byName],
    ['then its two labels', { name: 'renamed', labels: LABELS }, byLabels],
    ['one label is not enough', { name: 'renamed', labels: { 'tars.io/ServerApp': 'shop' } }, undefined],
    [
      'an owner of another kind is none',
      { name: 'renamed', ...reference('Deployment', 'apps/v1') },
      undefined,
    ],
    [
      'an owner of another group is none',
      { name: 'renamed', ...reference('TServer', 'x.io/v1beta3') },
      undefined,
    ],
    [
      'a reference that leads nowhere is passed over',
      reference('TServer', 'k8s.tars.io/v1beta3', 'gone'),
      byName,
    ],
    [
      'labels that are no strings find nothing',
      { name: 'renamed', labels: { 'tars.io/ServerApp': 1 } },
      undefined,
    ],
  ];
  for (const [name, metadata, expected] of CASES) {
    it(name, () => {
      expect(tserverOf(statefulSet({ metadata }), NAMESPACE, all)).to.equal(expected);
    });
  }

  it('is never one of another namespace, however it is named', () => {
    const others = lookup(elsewhere, tserver({}, { app: 'shop', server: 'cart' }, { namespace: 'other' }));
    const set = statefulSet({
      metadata: { ...reference('TServer', 'k8s.tars.io/v1beta3', 'tars-tarslog'), labels: LABELS },
    });
    expect(tserverOf(set, NAMESPACE, others)).to.equal(undefined);
    expect(tserverOf(set, 'other', others)).to.not.equal(undefined);
  });

  it('knows both versions and no third', () => {
    expect(
      ['v1beta3', 'v1beta2', 'v1beta1', 'v1'].map((v) => isTServerKind(`k8s.tars.io/${v}`, 'TServer')),
    ).to.deep.equal([true, true, false, false]);
  });
});

describe('whose StatefulSet', () => {
  const owner = (set = statefulSet(), server?: typeof byName, settings = DEFAULT_SETTINGS) =>
    ownerOf(set, server, settings);
  const local = [claim('data')];

  it('is its TServer’s before all else', () => {
    const set = statefulSet({ metadata: { labels: LABELS }, templates: local });
    expect(owner(set, byName)).to.deep.equal({
      by: 'tserver',
      app: 'tars',
      server: 'tarslog',
      scope: 'Node',
    });
  });

  it('is that of its labels next, the class aside', () => {
    const set = statefulSet({ metadata: { labels: LABELS }, templates: local });
    expect(owner(set)).to.deep.equal({ by: 'labels', app: 'shop', server: 'cart', scope: 'Pod' });
  });

  it('is its own by the class of a template', () => {
    const templates = [claim('cache', { storageClassName: 'ceph-rbd' }), ...local];
    expect(owner(statefulSet({ templates }))).to.deep.equal({
      by: 'class',
      app: 'statefulset',
      server: 'tars-tarslog',
      scope: 'Pod',
    });
  });

  it('is its own by the class when one of the labels is missing or empty', () => {
    for (const labels of [{ 'tars.io/ServerApp': 'shop' }, { ...LABELS, 'tars.io/ServerName': '' }]) {
      expect(owner(statefulSet({ metadata: { labels }, templates: local }))?.by).to.equal('class');
    }
  });

  it('is its own by another class that the setting lists', () => {
    const set = statefulSet({ templates: [claim('data', { storageClassName: 'fast' })] });
    expect(owner(set)).to.equal(undefined);
    expect(owner(set, undefined, settingsWith('t-storage-class=on-demand,fast=discovery'))?.by).to.equal(
      'class',
    );
  });

  it("is nobody's without any of these, with TarsK8S's own class as well", () => {
    for (const storageClassName of ['ceph-rbd', 'tars-storage-class', '', null]) {
      expect(owner(statefulSet({ templates: [claim('data', { storageClassName })] }))).to.equal(undefined);
    }
    expect(owner(statefulSet({ spec: { volumeClaimTemplates: null } }))).to.equal(undefined);
  });

  const SCOPES: [string, unknown, unknown, string][] = [
    ['a TServer says nothing', undefined, undefined, 'Node'],
    ['the TServer says Pod', undefined, 'Pod', 'Pod'],
    ['the StatefulSet overrules it', 'Node', 'Pod', 'Node'],
    ['the StatefulSet overrules the default', 'Pod', undefined, 'Pod'],
    ['a word that is none is no answer', 'pod', 'Pod', 'Pod'],
  ];
  for (const [name, own, servers, expected] of SCOPES) {
    it(`has scope ${expected} where ${name}`, () => {
      const annotate = (scope: unknown) => (scope ? { annotations: { 'local.tars.io/scope': scope } } : {});
      const server = tserver({}, {}, annotate(servers));
      expect(owner(statefulSet({ metadata: annotate(own) }), server)?.scope).to.equal(expected);
    });
  }

  it('has scope Node where a plain one asks for it', () => {
    const metadata = { labels: LABELS, annotations: { 'local.tars.io/scope': 'Node' } };
    expect(owner(statefulSet({ metadata }))?.scope).to.equal('Node');
  });
});

describe('a StatefulSet that is not ours', () => {
  const foreign = statefulSet({
    pod: { hostNetwork: true, hostIPC: true },
    templates: [claim('data', { storageClassName: 'ceph-rbd' })],
  });

  it('is created as the same reference', () => {
    expect(create(foreign)).to.equal(foreign);
  });

  it('is updated as the same reference, without a word', () => {
    const changed = { ...foreign, spec: { ...foreign.spec, volumeClaimTemplates: [] } };
    const { object, warnings } = update(changed, foreign);
    expect(object).to.equal(changed);
    expect(warnings).to.deep.equal([]);
  });

  it('stays itself without a spec, without a template, without containers', () => {
    for (const set of [{ metadata: { labels: LABELS } }, {}, { metadata: { labels: LABELS }, spec: null }]) {
      expect(create(set)).to.equal(set);
    }
    const server = tserver({});
    const bare = { metadata: { name: 'x' }, spec: { template: { spec: { containers: [] } } } };
    expect(create(bare, { server })).to.equal(bare);
  });
});
