import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import fc, { type Arbitrary } from 'fast-check';
import { parseAllDocuments, stringify, type ToStringOptions } from 'yaml';
import {
  KUBECTL_YAML,
  parseSource,
  type Segment,
  type SourceDocument,
} from '../../../src/offline/documents.ts';
import { editYaml } from '../../../src/offline/edit-yaml.ts';
import { expand, type Item } from '../../../src/offline/expand.ts';
import { RENDER_FORMATS } from '../../../src/offline/render-formats.ts';
import { REPORT_FORMATS } from '../../../src/offline/report-formats.ts';
import { reportsOf } from '../../../src/offline/reports.ts';
import { UnusableInput } from '../../../src/offline/unusable-input.ts';
import type { Settings } from '../../../src/tars/settings.ts';
import { anyJson, claim, json, settings, statefulSet, tserver, type Json } from './arbitraries.ts';
import { law, PATIENCE, same } from './law.ts';

describe('laws of the offline commands', function () {
  this.timeout(PATIENCE);

  it('any text is cut into segments that are the text again, or is unusable input', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), soup);
    law(text, checkSegments, 1000);
  });

  it('any text that is usable can be expanded, reported and printed', () => {
    law(fc.tuple(soup, settings), ([text, chosen]) => {
      const segments = segmentsOf(text);
      if (!segments) return;
      const items = itemsOf(segments, chosen);
      const reports = reportsOf(items);
      for (const format of Object.values(REPORT_FORMATS)) expect(format(reports)).to.be.a('string');
      for (const format of Object.values(RENDER_FORMATS)) {
        expect(format({ sources: [segments], items, behind: ({ added }) => added })).to.be.a('string');
      }
    });
  });

  for (const kind of ['yaml', 'json'] as const) {
    it(`a generated ${kind} stream is cut into segments that are the text again`, () => {
      law(streams[kind], ({ text }) => checkSegments(text), 60);
    });

    it(`a generated ${kind} stream is read as what it was printed from`, () => {
      law(
        streams[kind],
        ({ text, objects }) => {
          const segments = parseSource({ name: 'x', text });
          same(
            documentsOf(segments).map((document) => document.json),
            objects,
            'documents',
          );
        },
        60,
      );
    });

    it(`documents of a ${kind} stream that nothing was done to are printed byte for byte`, () => {
      law(
        streams[kind],
        ({ text, settings: chosen }) => {
          const segments = parseSource({ name: 'x', text });
          const items = itemsOf(segments, chosen);
          const changed = new Set(items.filter(({ before, after }) => before !== after).map(documentOf));
          let rest = print(segments, items, false);
          for (const segment of segments) {
            const own = segment.kind === 'text' ? segment.text : segment.document.text;
            if (segment.kind === 'document' && changed.has(segment.document)) {
              rest = rest.slice(rest.indexOf(editedText(segment.document, items)) + 1);
            } else {
              expect(rest, JSON.stringify(rest)).to.contain(own);
              rest = rest.slice(rest.indexOf(own) + own.length);
            }
          }
        },
        60,
      );
    });

    it(`what is printed of a ${kind} stream says what was meant`, () => {
      law(
        streams[kind],
        ({ text, settings: chosen }) => {
          const segments = parseSource({ name: 'x', text });
          const items = itemsOf(segments, chosen);
          const again = parseSource({ name: 'x', text: print(segments, items, true) });
          const meant = documentsOf(segments).flatMap((document) => {
            const own = items.filter((item) => item.document === document);
            return [wholeAfter(document, own), ...own.flatMap(({ added }) => added)];
          });
          same(
            documentsOf(again).map((document) => document.json),
            json(meant),
            'documents',
          );
        },
        60,
      );
    });

    it(`what is printed of a ${kind} stream is printed again as the same text`, () => {
      law(
        streams[kind],
        ({ text, settings: chosen }) => {
          const once = rendered(text, chosen);
          expect(rendered(once, chosen)).to.equal(once);
        },
        60,
      );
    });
  }

  it('every comment of a YAML stream is in what is printed of it, once', () => {
    law(
      streams.yaml,
      ({ text, settings: chosen, comments }) => {
        const output = rendered(text, chosen);
        for (const comment of comments) {
          expect(output).to.contain(comment);
          // What an alias stood for is written out where one of its copies changes, comments and all.
          if (!text.includes('&')) expect(output.split(comment)).to.have.length(2);
        }
      },
      60,
    );
  });

  it('line ends of a YAML stream stay as they were', () => {
    law(
      streams.yaml.filter(({ text }) => text.includes('\r\n')),
      ({ text, settings: chosen }) => {
        const segments = parseSource({ name: 'x', text });
        expect(print(segments, itemsOf(segments, chosen), false)).not.to.match(/[^\r]\n/);
      },
      40,
    );
  });

  it('edited YAML says what was meant, whatever was changed', () => {
    law(
      fc.record({ before: anyMap, after: anyMap, options: printOptions, seed: fc.nat() }),
      ({ before, after, options, seed }) => {
        const { text } = commented(printed(before, options), seed);
        const next = { ...before, ...after };
        same(valueOf(editYaml(text, before, next)), next, 'edited');
      },
    );
  });

  it('edited YAML keeps every comment where nothing is taken away', () => {
    law(fc.record({ before: anyMap, options: printOptions, seed: fc.nat() }), ({ before, options, seed }) => {
      const { text, comments } = commented(printed(before, options), seed);
      const next = grown(before) as Json;
      const result = editYaml(text, before, next);
      same(valueOf(result), next, 'edited');
      for (const comment of comments) expect(result).to.contain(comment);
    });
  });
});

interface Stream {
  readonly text: string;
  readonly objects: readonly unknown[];
  readonly comments: readonly string[];
  readonly settings: Settings;
}

/** Every piece of YAML that a manifest, or a broken one, may be made of. */
const PIECES = [
  '---\n',
  '---',
  '...\n',
  '%YAML 1.1\n',
  '%TAG ! tag:x,2000:\n',
  '\uFEFF',
  '\r\n',
  '\n',
  '\n\n',
  ' ',
  '# c\n',
  '#',
  'a: 1\n',
  'a:\n',
  '  b: 2\n',
  '- x\n',
  '- ',
  '? k\n: v\n',
  '{',
  '}',
  '[',
  ']',
  ',',
  '"',
  "'",
  '|\n',
  '>-\n',
  '  text\n',
  '\t',
  '&a ',
  '*a\n',
  '<<: *a\n',
  '!!binary x\n',
  '!!set {a}\n',
  '~\n',
  'null\n',
  'yes: no\n',
  '1: 2\n',
  '0644\n',
  '2001-01-01\n',
  '1:30\n',
  '.nan\n',
  '.inf\n',
  'apiVersion: v1\n',
  'apiVersion: apps/v1\n',
  'kind: StatefulSet\n',
  'kind: List\nitems:\n',
  'kind: x\n',
  'metadata: {name: x, labels: {tars.io/ServerApp: a, tars.io/ServerName: b}}\n',
  '__proto__: 1\n',
  'spec: {volumeClaimTemplates: [{metadata: {name: d}, spec: {storageClassName: t-storage-class}}]}\n',
  'apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s}\n',
  '{"kind":"List","items":[]}',
  '{}',
  'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: c}\n',
  '数据: é\n',
  '\u2028',
  '\u0000',
  'spec: {storageClassName: t-storage-class, accessModes: [] # none\n}\n',
  'spec:\n',
  '{"a":1}\n',
];

const soup = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join(''));

const foreign = fc.oneof(
  fc.constantFrom<Json>({ apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'yes', b: '0644', c: '1e3' } }),
  anyJson.map((data) => ({ apiVersion: 'v1', kind: 'Secret', data })),
);

const manifest: Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: statefulSet('tidy') },
  { weight: 2, arbitrary: statefulSet('odd') },
  { weight: 2, arbitrary: tserver('tidy') },
  { weight: 1, arbitrary: tserver('odd') },
  { weight: 1, arbitrary: claim('tidy') },
  { weight: 1, arbitrary: claim('odd') },
  { weight: 2, arbitrary: foreign },
);

const listOf = fc
  .array(manifest, { maxLength: 3 })
  .map((items) => ({ apiVersion: 'v1', kind: 'List', items }));

/**
 * No two TServers of one name: which of them a StatefulSet belongs to would be anybody's guess. No key
 * `<<`: the printer does not quote it, and YAML 1.1 merges there.
 */
const objects = fc
  .array(fc.oneof({ weight: 5, arbitrary: manifest }, { weight: 1, arbitrary: listOf }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((list) => json(list) as Json[])
  .filter((list) => (JSON.stringify(list).match(/"TServer"/g) ?? []).length <= 1)
  .filter((list) => !JSON.stringify(list).includes('"<<"'));

const printOptions: Arbitrary<ToStringOptions & { aliasDuplicateObjects: boolean }> = fc.record({
  indent: fc.constantFrom(2, 4),
  indentSeq: fc.boolean(),
  collectionStyle: fc.constantFrom('any' as const, 'block' as const),
  defaultStringType: fc.constantFrom('PLAIN' as const, 'QUOTE_SINGLE' as const, 'QUOTE_DOUBLE' as const),
  aliasDuplicateObjects: fc.boolean(),
  // One line a scalar, so that a comment can stand behind every line; and what kubectl reads.
  lineWidth: fc.constant(0),
  blockQuote: fc.constant(false),
  version: fc.constant('1.1' as const),
});

const yamlStream: Arbitrary<Stream> = fc
  .record({
    list: objects,
    options: printOptions,
    settings,
    seed: fc.nat(),
    crlf: fc.boolean(),
    head: fc.constantFrom('', '---\n', '# head\n---\n', '\n', '# only a comment\n\n'),
    between: fc.constantFrom('---\n', '---\n\n', '--- # next\n', '...\n---\n', '---\n# empty\n---\n'),
    foot: fc.constantFrom('', '---\n', '...\n', '# foot\n', '\n\n'),
    shared: fc.boolean(),
  })
  .map(({ list, options, settings: chosen, seed, crlf, head, between, foot, shared }) => {
    const parts = list.map((object, index) => {
      // The same node twice makes the printer write an anchor and an alias.
      const twice = shared ? { ...object, copy: object.spec } : object;
      return { object: json(twice), ...commented(printed(twice, options), seed + index, `d${index}c`) };
    });
    const text = `${head}${parts.map((each) => each.text).join(between)}${foot}`;
    return {
      text: crlf ? text.replaceAll('\n', '\r\n') : text,
      objects: parts.map(({ object }) => object),
      comments: parts.flatMap(({ comments }) => comments),
      settings: chosen,
    };
  });

const jsonStream: Arbitrary<Stream> = fc
  .record({
    list: objects,
    settings,
    indent: fc.constantFrom<string | number>('', 2, 4, '\t', 12),
    between: fc.constantFrom('\n', '', '\n\n', ' ', '\r\n', '\t'),
    head: fc.constantFrom('', '\n', '\uFEFF', '  '),
    foot: fc.constantFrom('', '\n', '\r\n', ' '),
  })
  .map(({ list, settings: chosen, indent, between, head, foot }) => ({
    text: `${head}${list.map((object) => JSON.stringify(object, undefined, indent)).join(between)}${foot}`,
    objects: list,
    comments: [],
    settings: chosen,
  }));

const streams = { yaml: yamlStream, json: jsonStream };

const anyMap = fc
  .dictionary(fc.string({ maxLength: 6 }), anyJson, { maxKeys: 5, noNullPrototype: true })
  .map((map) => json(map) as Json);

/** The printer's own faults (`[]` under a list that is not indented) are not what is looked for. */
function printed(object: unknown, options: ToStringOptions): string {
  const text = stringify(object, options);
  return isDeepStrictEqual(valueOf(text), json(object))
    ? text
    : stringify(object, { version: '1.1', lineWidth: 0, blockQuote: false });
}

/** The value with something more in every map and list, and with something where nothing was. */
function grown(value: unknown): unknown {
  if (value === null) return { filled: 'x' };
  if (Array.isArray(value)) return [...value.map(grown), 'more'];
  if (typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([key, item]) => [key, grown(item)] as const);
  return Object.fromEntries([...entries, ['tars.io/added', ['a', { b: 'yes' }]]]);
}

/** The text with comments of their own lines and at the ends of lines, by a rule and not by chance. */
function commented(text: string, seed: number, mark = 'c'): { text: string; comments: string[] } {
  const comments: string[] = [];
  const lines = text.split('\n').slice(0, -1);
  const out = lines.flatMap((line, index) => {
    const choice = (seed + index * 7) % 5;
    const comment = `# ${mark}${index}.`;
    const indent = /^ */.exec(line)?.[0] ?? '';
    if (choice === 0) comments.push(comment);
    if (choice === 0) return [`${indent}${comment}`, line];
    if (choice === 1) comments.push(comment);
    return choice === 1 ? [`${line} ${comment}`] : [line];
  });
  const result = `${out.join('\n')}\n`;
  // A scalar of several lines has no room for comments.
  const isSame = isDeepStrictEqual(valueOf(result), valueOf(text));
  return isSame ? { text: result, comments } : { text, comments: [] };
}

function valueOf(text: string): unknown {
  const [document, ...more] = parseAllDocuments(text, { ...KUBECTL_YAML, logLevel: 'error' });
  if (!document || document.errors.length > 0 || more.length > 0) return undefined;
  try {
    return document.toJS();
  } catch {
    // A key `<<` of something that is no map.
    return undefined;
  }
}

function checkSegments(text: string): void {
  const segments = segmentsOf(text);
  if (!segments) return;
  expect(
    segments.map((segment) => (segment.kind === 'text' ? segment.text : segment.document.text)).join(''),
  ).to.equal(text);
  for (const document of documentsOf(segments)) {
    const { line, column } = document.position(['metadata', 'name']);
    expect(line).to.be.within(1, text.split('\n').length);
    expect(column).to.be.at.least(1);
  }
}

/** Undefined for unusable input; whatever else is thrown is a fault. */
function segmentsOf(text: string): Segment[] | undefined {
  try {
    return parseSource({ name: 'x', text });
  } catch (error) {
    if (error instanceof UnusableInput) return undefined;
    throw error;
  }
}

function documentsOf(segments: readonly Segment[]): SourceDocument[] {
  return segments.flatMap((segment) =>
    segment.kind === 'document' && segment.document.json !== undefined ? [segment.document] : [],
  );
}

function itemsOf(segments: readonly Segment[], chosen: Settings): Item[] {
  return expand(documentsOf(segments), { settings: chosen, namespace: 'default' });
}

function print(segments: readonly Segment[], items: readonly Item[], behind: boolean): string {
  return RENDER_FORMATS.yaml({ sources: [segments], items, behind: ({ added }) => (behind ? added : []) });
}

function rendered(text: string, chosen: Settings): string {
  const segments = parseSource({ name: 'x', text });
  return print(segments, itemsOf(segments, chosen), true);
}

const documentOf = ({ document }: Item): SourceDocument => document;

function editedText(document: SourceDocument, items: readonly Item[]): string {
  const own = items.filter((item) => item.document === document);
  return document.format === 'json'
    ? ''
    : editYaml(document.text, document.json as object, wholeAfter(document, own) as object);
}

/** The document as its items are after the expansion. */
function wholeAfter(document: SourceDocument, items: readonly Item[]): unknown {
  const whole = document.json as Json;
  const [only] = items;
  if (items.length === 1 && only?.path.length === 0) return only.after;
  if (!Array.isArray(whole?.items)) return whole;
  const after = new Map(items.map((item) => [item.path[1], item.after]));
  return { ...whole, items: (whole.items as unknown[]).map((item, index) => after.get(index) ?? item) };
}
