/** One line of what a server says of itself in Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/** The samples of that name. */
export function samplesOf(text: string, name: string): Sample[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith(name)) return [];
    const [, found, labels = '', value] = LINE.exec(line) ?? [];
    return found === name ? [{ name, labels: labelsOf(labels), value: Number(value) }] : [];
  });
}

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(LABEL)].map(([, label = '', value = '']) => [label, unescaped(value)]),
  );
}

const unescaped = (value: string): string =>
  value.replaceAll(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
