import type { Settings } from '../tars/settings.ts';

/**
 * True when an object that cannot be read names something of ours anywhere: only then are its wrong
 * types for us to report, and otherwise for the API server.
 */
export function looksOptedIn(json: unknown, settings: Settings): boolean {
  const text = textOrNothing(json);
  // Nested too deep to be printed: no object that anybody could apply.
  if (text === undefined) return true;
  return (
    /"(?:local\.)?tars\.io\//.test(text) ||
    [...settings.classes.keys()].some((name) => text.includes(JSON.stringify(name)))
  );
}

function textOrNothing(json: unknown): string | undefined {
  try {
    return JSON.stringify(json) ?? '';
  } catch {
    return undefined;
  }
}
