import jsonPatch from 'fast-json-patch';
import { patchBetween } from '../mutate/patch.ts';

/**
 * The text of a JSON document after a change, in the source's indentation. Numbers that JavaScript would
 * round (JSON has no limit, a double has) are written again as they were found.
 */
export function editJson(source: string, before: object, after: object): string {
  const exact: unknown = JSON.parse(source, keepExact);
  const { newDocument } = jsonPatch.applyPatch(exact, patchBetween(before, after), false, true, false);
  const indent = /\n([ \t]+)/.exec(source)?.[1];
  return JSON.stringify(newDocument, undefined, indent);
}

declare global {
  interface JSON {
    /** ECMAScript's JSON.parse source text access, which TypeScript's library does not know yet. */
    rawJSON(text: string): unknown;
  }
}

function keepExact(this: unknown, _key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  return typeof value === 'number' && source !== undefined && String(value) !== source
    ? JSON.rawJSON(source)
    : value;
}
