import {
  type Document,
  isMap,
  isScalar,
  type Node,
  Pair,
  parseAllDocuments,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { AS_KUBECTL, type Directive, Marks } from './chart-directive.ts';

/** One object of a manifest on its way to a template: its comments stay, and places of it become Helm's. */
export class ChartManifest {
  /** `Kind/name`. */
  readonly id: string;
  readonly root: YAMLMap;
  readonly #document: Document;
  readonly #marks = new Marks();
  readonly #conditions: string[] = [];

  /** The objects of a file. */
  static readAll(text: string): ChartManifest[] {
    return readYaml(text).map((document) => new ChartManifest(document));
  }

  private constructor(document: Document) {
    const { contents } = document;
    if (!isMap(contents)) throw new Error('a manifest has to be an object');
    this.root = contents;
    this.#document = document;
    this.id = `${String(contents.get('kind'))}/${String(document.getIn(['metadata', 'name']))}`;
  }

  /** What is written there, anchors resolved; the whole object unless told. */
  read(node: Node = this.root): unknown {
    return node.toJS(this.#document);
  }

  /** The object is there only where this holds too. */
  onlyIf(condition: string): void {
    this.#conditions.push(condition);
  }

  /** Puts a directive at a key, whether it is there already or not. */
  set(map: YAMLMap, key: string, directive: Directive): void {
    const mark = this.#mark(directive);
    const pair = map.items.find((each) => isScalar(each.key) && each.key.value === key);
    if (!pair) {
      map.items.push(new Pair(this.#document.createNode(key), mark));
      return;
    }
    this.#notMarked(pair.value, key);
    pair.value = mark;
  }

  /** Puts a directive in place of some items. */
  splice(list: YAMLSeq, start: number, count: number, directive: Directive): void {
    const mark = this.#mark(directive);
    for (const item of list.items.slice(start, start + count)) this.#notMarked(item, `item ${start}`);
    const [first] = list.items.slice(start, start + count) as Node[];
    if (first?.commentBefore) mark.commentBefore = first.commentBefore;
    list.items.splice(start, count, mark);
  }

  /** The template. */
  toString(): string {
    const text = this.#marks.expand(this.#document.toString(AS_KUBECTL));
    if (this.#conditions.length === 0) return `---\n${text}`;
    const [first, ...more] = this.#conditions;
    const condition =
      more.length === 0 ? first! : `and ${this.#conditions.map((each) => `(${each})`).join(' ')}`;
    return `{{- if ${condition} }}\n---\n${text}{{- end }}\n`;
  }

  #mark(directive: Directive): Node {
    return this.#marks.mark(this.#document, directive);
  }

  /** Two that want the same place would need a rule for both of them together. */
  #notMarked(node: unknown, where: string): void {
    if (isScalar(node) && String(node.value).startsWith('helm-directive-')) {
      throw new Error(`${this.id}: ${where} depends on two settings at once`);
    }
  }
}

/** The documents of a file as kubectl reads them, so that they begin without `---`. */
export function readYaml(text: string): Document.Parsed[] {
  const documents = parseAllDocuments(text, { version: '1.1' });
  if (!Array.isArray(documents)) return [];
  for (const document of documents) document.directives.docStart = null;
  return documents;
}

/** The item of a list that is called so. */
export function itemNamed(list: YAMLSeq, name: unknown): YAMLMap | undefined {
  return list.items.filter((item) => isMap(item)).find((item) => item.get('name') === name);
}
