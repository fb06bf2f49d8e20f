/*
 * CEL (the expression language of the API server) as text. What stands here keeps to the libraries of
 * Kubernetes 1.30, where ValidatingAdmissionPolicy became stable.
 */

/** A CEL string. */
export function text(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

export function list(values: readonly string[]): string {
  return `[${values.map(text).join(', ')}]`;
}

/** `of.?a.?b`, or the default where one of them is missing. */
export function field(of: string, path: string, otherwise: string): string {
  const steps = path.split('.').map((step) => `.?${step}`);
  return `${of}${steps.join('')}.orValue(${otherwise})`;
}

/** A key of `of.metadata.labels` or `of.metadata.annotations`, optional. */
export function entry(of: string, map: 'labels' | 'annotations', key: string): string {
  return `${of}.?metadata.?${map}[?${text(key)}]`;
}

/** Whether a string is one of a pattern; the length comes first, because a regular expression is dear. */
export function fits(value: string, pattern: string, longest: number): string {
  return `${value}.size() <= ${longest} && ${value}.matches(${text(pattern)})`;
}

/** The same for a value that may be no string at all. */
export function isTextThatFits(value: string, pattern: string, longest: number): string {
  return `type(${value}) == string && ${fits(value, pattern, longest)}`;
}

/** A value as a message shows it: strings in quotes. */
export function shown(value: string): string {
  return `(type(${value}) == string ? '"' + ${value} + '"' : string(${value}))`;
}

/** The index of the first item of which `bad` is true, -1 where there is none. */
export function firstIndex(items: string, item: string, bad: string): string {
  return `${items}.map(${item}, ${bad}).indexOf(true)`;
}
