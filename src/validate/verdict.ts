import type { Finding } from '../tars/finding.ts';

/** What is said of one object: violations refuse it, warnings do not. */
export interface Verdict {
  readonly violations: readonly Finding[];
  readonly warnings: readonly Finding[];
}

export const ACCEPTED: Verdict = { violations: [], warnings: [] };

/**
 * Ratcheting: what the stored object violated already, at the same value, becomes a warning, so that
 * what got in before a rule can still be scaled, mended and deleted.
 */
export function ratchet(violations: readonly Finding[], before: readonly Finding[]): Verdict {
  const known = new Set(before.map(identity));
  return {
    violations: violations.filter((finding) => !known.has(identity(finding))),
    warnings: violations.filter((finding) => known.has(identity(finding))),
  };
}

/** Code, field and value; list indexes do not count, because items move. */
function identity({ code, path, value }: Finding): string {
  const field = path.map((step) => (typeof step === 'number' ? '*' : step));
  return JSON.stringify([code, field, value ?? null]);
}
