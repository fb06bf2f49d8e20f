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
  const known = Map.groupBy(before, identity);
  const found: { violations: Finding[]; warnings: Finding[] } = { violations: [], warnings: [] };
  for (const finding of violations) {
    // Each old violation excuses one new one: a second field with the same bad value is new.
    const excused = known.get(identity(finding))?.pop() !== undefined;
    (excused ? found.warnings : found.violations).push(finding);
  }
  return found;
}

/** Code, field and value; list indexes do not count, because items move. */
function identity({ code, path, value }: Finding): string {
  const field = path.map((step) => (typeof step === 'number' ? '*' : step));
  return JSON.stringify([code, field, value ?? null]);
}
