import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { stringify } from 'yaml';
import type { ClaimSpec, Metadata } from '../../src/tars/shapes.ts';
import { RULES } from '../../src/validate/catalogue.ts';
import { ROOT, tlv } from '../offline/tlv.ts';
import { claim, LABELS, localMount, statefulSet, tserver } from '../unit/builders.ts';
import { GoldenTexts } from './golden-texts.ts';
import { Installed } from './installed.ts';
import { laxCrd } from './policies-lax-crd.ts';
import { crdsEstablished } from './crds.ts';
import { waitFor } from './wait.ts';

/**
 * Every rule, refused by the webhook alone: no policies are installed here, and the CRD knows no patterns. What
 * kubectl prints is compared whole, and then with what `tlv check` says of the same document.
 */

/** What is said of one field. */
type Said = readonly [code: string, field: string, message: string];

interface Finding {
  readonly severity: string;
  readonly code: string;
  readonly field: string;
  readonly message: string;
}

const PER_NODE = '--classes=t-storage-class=per-node';

/** Seen by the API server itself, which knows the types of its own kinds. */
const NOT_OURS = ['TLV001 StatefulSet', 'TLV001 PersistentVolumeClaim'];

const golden = new GoldenTexts('webhook-rules');

describe('the webhook alone, in the words of tlv check', function () {
  this.timeout(300_000);
  this.slow(5000);
  let cluster: Installed;
  /** `CODE Kind` of all that was refused. */
  const seen = new Set<string>();

  before(async () => {
    cluster = await Installed.start({
      without: ['ValidatingAdmissionPolicy', 'ValidatingAdmissionPolicyBinding'],
      crd: laxCrd(),
      plane: { components: [] },
    });
    await crdsEstablished(cluster.plane);
  });
  after(async () => cluster?.stop());

  const kubectl = (args: readonly string[], input = '') => cluster.plane.kubectl(args, { input });

  async function refused(args: readonly string[], input: string, name: string): Promise<string> {
    const { code, stdout, stderr } = await kubectl(args, input);
    golden.expect(name, stderr);
    expect([code, stdout]).to.deep.equal([1, '']);
    return stderr;
  }

  async function accepted(args: readonly string[], input: string): Promise<string> {
    const { code, stderr } = await kubectl(args, input);
    expect(code, stderr).to.equal(0);
    return stderr;
  }

  async function offline(text: string, settings: readonly string[]): Promise<readonly Finding[]> {
    const { stdout } = await tlv(['check', '-o', 'json', ...settings, '-f', '-'], text);
    return JSON.parse(stdout) as Finding[];
  }

  /** The document is refused for exactly what `tlv check` finds in it, and for nothing else. */
  async function refusedAsOffline(text: string, name: string, settings: readonly string[] = []) {
    const { kind, causes } = causesIn(await refused(['create', '-f', '-'], text, name));
    // Offline in the order of lines, which only a file has; online in the order of rules.
    const found = (await offline(text, settings)).filter(({ severity }) => severity === 'error');
    expect(inOrder(causes)).to.deep.equal(
      inOrder(found.map(({ code, field, message }): Said => [code, field, message])),
    );
    for (const [code] of causes) seen.add(`${code} ${kind}`);
  }

  const DOCUMENTS = documentsOf(readFileSync(`${ROOT}examples/refused.yaml`, 'utf8'));

  describe('examples/refused.yaml', () => {
    it('holds the documents that are tried here', () => {
      const names = ['log', 'dots', 'tars-shape', 'plain', 'labelled', 'bare'];
      expect([...DOCUMENTS.keys()]).to.deep.equal(names);
    });

    for (const [name, text] of DOCUMENTS) {
      if (name === 'plain') continue;
      it(name, () => refusedAsOffline(text, name));
    }

    it('plain, whose annotations are numbers: that is for the API server to say', () =>
      refused(['create', '-f', '-'], DOCUMENTS.get('plain')!, 'plain-as-it-is'));

    it('plain, with the annotations in quotes', () =>
      refusedAsOffline(
        DOCUMENTS.get('plain')!.replace('GID: +1 ', 'GID: "+1" ').replace('Mode: 0755 ', 'Mode: "0780" '),
        'plain-in-quotes',
      ));
  });

  describe('on kinds that examples/refused.yaml does not show them on', () => {
    const wrong = {
      accessModes: ['ReadWriteMany'],
      volumeMode: 'Block',
      dataSource: { kind: 'PersistentVolumeClaim', name: 'yesterday' },
      selector: { matchLabels: { 'tars.io/ServerName': 'b' } },
      volumeName: 'pv-1',
    };
    const labels = { 'tars.io/ServerApp': 'my.shop', 'tars.io/ServerName': 'a' };
    const annotations = {
      'tars.io/LocalVolumeUID': '01',
      'tars.io/LocalVolumeGID': 'staff',
      'tars.io/LocalVolumeMode': 'rwx',
      'local.tars.io/scope': 'pod',
    };

    it('a claim', () => refusedAsOffline(asClaim('wrong', wrong, { labels, annotations }), 'claim'));

    it('a claim template of a TServer', () => {
      const template = claim('data', wrong, { labels, annotations });
      const mounts = [
        { name: 'data', mountPath: '/data', source: { persistentVolumeClaimTemplate: template } },
      ];
      return refusedAsOffline(stringify(tserver({ mounts })), 'tserver-template');
    });
  });

  describe('with classes per node', () => {
    const scope = { annotations: { 'local.tars.io/scope': 'Pod' } };

    before(async () => {
      await cluster.stopWebhook();
      await cluster.startWebhook(undefined, [PER_NODE]);
    });
    after(async () => {
      await cluster.stopWebhook();
      await cluster.startWebhook();
    });

    it('bare', () => refusedAsOffline(DOCUMENTS.get('bare')!, 'per-node-bare', [PER_NODE]));

    it('a TServer', () =>
      refusedAsOffline(stringify(tserver({ hostIPC: true }, {}, scope)), 'per-node-tserver', [PER_NODE]));

    it('a StatefulSet', () => {
      const set = statefulSet({ metadata: { labels: LABELS, ...scope }, templates: [claim('data')] });
      return refusedAsOffline(stringify(set), 'per-node-statefulset', [PER_NODE]);
    });
  });

  describe('by an update', () => {
    before(() => accepted(['create', '-f', '-'], stringify(tserver({ mounts: [localMount('data')] }))));

    const PATCHES: Readonly<Record<string, object>> = {
      'app-and-server': { spec: { app: 'Tars', server: 'newlog' } },
      'sub-type': { spec: { subType: 'normal' } },
    };
    for (const [name, patch] of Object.entries(PATCHES)) {
      it(`of what is immutable: ${name}`, async () => {
        const args = ['patch', 'tserver/tars-tarslog', '--type=merge', '-p', JSON.stringify(patch)];
        const { kind, causes } = causesIn(await refused(args, '', `immutable-${name}`));
        expect(causes[0]?.[0]).to.equal('TLV103');
        seen.add(`TLV103 ${kind}`);
      });
    }
  });

  describe('warns', () => {
    const warned = new Set<string>();

    /** The command succeeds, and what it prints besides is that warning. */
    async function warns(code: string, args: readonly string[], input: string): Promise<readonly string[]> {
      const stderr = await accepted(args, input);
      golden.expect(`warning-${code}`, stderr);
      const texts = warningsIn(stderr);
      for (const text of texts) warned.add(text.slice(0, 'TLV901'.length));
      return texts;
    }

    async function warnsAsOffline(code: string, text: string): Promise<void> {
      expect(await warns(code, ['create', '-f', '-'], text)).to.deep.equal(
        (await offline(text, [])).map((finding) => `${finding.code} ${finding.field}: ${finding.message}`),
      );
    }

    const named = (name: string, spec: ClaimSpec = {}, metadata: Metadata = {}) =>
      stringify(
        statefulSet({
          metadata: { name },
          templates: [claim('data', spec, metadata), claim('logs', spec, metadata)],
        }),
      );

    it('TLV901: a TServer that grew', async () => {
      const server = (...mounts: string[]) =>
        stringify(
          tserver({ mounts: mounts.map((name) => localMount(name)) }, { server: 'grown' }, { name: GROWN }),
        );
      await accepted(['apply', '-f', '-'], server('data'));
      await accepted(['apply', '-f', '-'], stringify(statefulSet({ metadata: { name: GROWN } })));
      await accepted(['apply', '-f', '-'], server('data', 'logs', 'cache'));
      // The webhook knows the TServer from its watch, which comes a moment later.
      await waitFor('the grown TServer to be known', async () => {
        const { stderr } = await kubectl([...patchOf(GROWN), '--dry-run=server']);
        return stderr.includes('without logs, cache');
      });
      const [text, ...more] = await warns('TLV901', patchOf(GROWN), '');
      expect(more).to.deep.equal([]);
      expect(text).to.contain(`keeps the one it has, without logs, cache; to get the new list: kubectl`);
    });

    it('TLV902: another size', async () => {
      await accepted(['apply', '-f', '-'], named('resized'));
      const larger = named('resized', { resources: { requests: { storage: '2Gi' } } });
      expect(await warns('TLV902', ['apply', '-f', '-'], larger)).to.have.length(2);
    });

    it('TLV903: another owner', async () => {
      await accepted(['apply', '-f', '-'], named('reowned'));
      const other = named('reowned', {}, { annotations: { 'tars.io/LocalVolumeUID': '1000' } });
      expect(await warns('TLV903', ['apply', '-f', '-'], other)).to.have.length(2);
    });

    it('TLV904: a node by its name', () =>
      warnsAsOffline(
        'TLV904',
        stringify(
          statefulSet({
            metadata: { name: 'bound' },
            pod: { nodeName: 'node-1' },
            templates: [claim('data')],
          }),
        ),
      ));

    it('TLV905: a size that nobody enforces', () =>
      warnsAsOffline('TLV905', named('sized', { resources: { requests: { storage: '10Gi' } } })));

    it('TLV905: of a claim', () =>
      warnsAsOffline('TLV905-claim', asClaim('sized', { resources: { requests: { storage: '10Gi' } } })));

    it('TLV906: a TServer that comes after its StatefulSet', async () => {
      const name = 'tars-late';
      await accepted(['create', '-f', '-'], stringify(statefulSet({ metadata: { name } })));
      const late = tserver({ hostNetwork: true, mounts: [localMount('data')] }, { server: 'late' }, { name });
      expect(await warns('TLV906', ['create', '-f', '-'], stringify(late))).to.have.length(1);
    });

    it('of every kind there is', () => {
      const codes = RULES.map(({ code }) => code).filter((code) => code > 'TLV9');
      expect([...warned].sort()).to.deep.equal(codes.sort());
    });
  });

  // Nested, because a suite runs its own tests before those of the suites in it.
  describe('all in all', () => {
    it('no rule is left out', () => {
      const rules = RULES.filter(({ code }) => code < 'TLV9').flatMap(({ code, on }) =>
        on.map((kind) => `${code} ${kind}`),
      );
      expect([...seen, ...NOT_OURS].sort()).to.deep.equal(rules.sort());
    });

    it('has no golden text that nothing prints', () => golden.expectNoneUnused());
  });
});

const GROWN = 'tars-grown';

const patchOf = (name: string) => [
  'patch',
  `sts/${name}`,
  '-p',
  '{"spec":{"template":{"metadata":{"annotations":{"a":"b"}}}}}',
];

const inOrder = (said: readonly Said[]) => said.toSorted((a, b) => (a.join(' ') < b.join(' ') ? -1 : 1));

const asClaim = (...parts: Parameters<typeof claim>) =>
  stringify({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim(...parts) });

/** The documents as they are written, by name. */
function documentsOf(text: string): Map<string, string> {
  const documents = text.split(/^---\n/m);
  return new Map(documents.map((document) => [/^ {2}name: (\S+)/m.exec(document)![1]!, document]));
}

/** What kubectl prints of a Status with causes: one on the first line, several as a list. */
function causesIn(stderr: string): { kind: string; causes: Said[] } {
  const [head = '', ...list] = stderr.trimEnd().split('\n');
  const [, kind = '', only = ''] = /^The (\w+) "[^"]*" is invalid: ?(.*)$/.exec(head) ?? [];
  const lines = only === '' ? list.map((line) => line.replace(/^\* /, '')) : [only];
  const causes = lines.map((line): Said => {
    const [, field = line, message = '', code = ''] = /^(\S+?): (.*) \((TLV\d{3})\)$/.exec(line) ?? [];
    return [code, field, message];
  });
  expect(causes, stderr).to.not.deep.equal([]);
  return { kind, causes };
}

/** Warnings of more than 256 characters come in parts, and each part but the first says whose it is. */
function warningsIn(stderr: string): string[] {
  const texts: string[] = [];
  for (const line of stderr.trimEnd().split('\n')) {
    const [, code = '', goesOn, rest = ''] = /^Warning: (TLV\d{3})( \.\.\.)? (.*)$/.exec(line) ?? [];
    expect(code, line).to.not.equal('');
    if (goesOn) texts.push(`${texts.pop()} ${rest}`);
    else texts.push(`${code} ${rest}`);
  }
  return texts;
}
