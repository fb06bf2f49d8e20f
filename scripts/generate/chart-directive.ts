import { type Document, type Node, stringify } from 'yaml';

/*
 * What stands in a chart's template where the manifest has a value: lines with actions of Helm. YAML knows no such
 * lines, so while a manifest is still YAML each of them is held open by a mark.
 */

/** Where a directive stands: at a key of a map, or, without one, among the items of a list. */
interface Place {
  readonly indent: string;
  readonly key?: string;
}

/** The lines for one place. */
export type Directive = (place: Place) => readonly string[];

/** YAML as kubectl and Helm read it: 0440 is an octal number. */
export const AS_KUBECTL = {
  version: '1.1',
  lineWidth: 0,
  flowCollectionPadding: false,
  aliasDuplicateObjects: false,
} as const;

/** What an expression of Helm says. */
export function expression(text: string): Directive {
  return ({ indent, key }) => [`${indent}${key === undefined ? '-' : `${key}:`} {{ ${text} }}`];
}

/** A value of the chart that is a map or a list. */
export function tree(value: string): Directive {
  return ({ indent, key }) => [
    `${indent}${key}:`,
    `${indent}  {{- toYaml ${value} | nindent ${indent.length + 2} }}`,
  ];
}

/** The same, for a key that is not there at all where the value is empty. */
export function optionalTree(value: string): Directive {
  return (place) => [`${place.indent}{{- with ${value} }}`, ...tree('.')(place), `${place.indent}{{- end }}`];
}

/** The texts of a list of the chart, as more items. */
export function items(value: string): Directive {
  return ({ indent }) => [
    `${indent}{{- range ${value} }}`,
    `${indent}- {{ . | quote }}`,
    `${indent}{{- end }}`,
  ];
}

type Branch = Node | string | number | readonly Node[];

/** One of two, of which one may be nothing. Among items each is a list of them. */
export function choice(condition: string, chosen: Branch | undefined, otherwise?: Branch): Directive {
  return (place) => [
    `${place.indent}{{- if ${chosen === undefined ? `not (${condition})` : condition} }}`,
    ...(chosen === undefined ? [] : yamlLines(chosen, place)),
    ...(chosen === undefined || otherwise === undefined ? [] : [`${place.indent}{{- else }}`]),
    ...(otherwise === undefined ? [] : yamlLines(otherwise, place)),
    `${place.indent}{{- end }}`,
  ];
}

function yamlLines(branch: Branch, { indent, key }: Place): string[] {
  const text = stringify(key === undefined ? branch : { [key]: branch }, AS_KUBECTL);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => indent + line);
}

/** `key: MARK`, `- MARK`, or `- key: MARK`. */
const MARK = /^( *)(- )?(?:([^ #-].*): )?helm-directive-(\d+)$/;

/** Marks, and at the end the directives in their stead. */
export class Marks {
  readonly #directives: Directive[] = [];

  /** A scalar that holds the place of a directive. */
  mark(document: Document, directive: Directive): Node {
    this.#directives.push(directive);
    return document.createNode(`helm-directive-${this.#directives.length - 1}`);
  }

  /** The text with every mark replaced, those too that a directive brought along. */
  expand(text: string): string {
    const lines = text.split('\n').flatMap((line) => this.#expandLine(line));
    return lines.join('\n');
  }

  #expandLine(line: string): string[] {
    const [, indent = '', dash = '', key, index] = MARK.exec(line) ?? [];
    if (index === undefined) return [line];
    const place = key === undefined ? { indent } : { indent: indent + dash.replace('-', ' '), key };
    const [first = '', ...more] = this.#directives[Number(index)]!(place);
    // An action takes away the blanks before it, and would take the dash's line too.
    if (key !== undefined && dash && first.trimStart().startsWith('{{-')) {
      throw new Error(`${key}: the first key of an item is always there`);
    }
    const lines = key === undefined ? [first] : [indent + dash + first.slice(place.indent.length)];
    return [...lines, ...more].flatMap((each) => this.#expandLine(each));
  }
}
