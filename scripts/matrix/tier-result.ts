/** What one tier of tests said on one version of Kubernetes. */
export interface TierResult {
  /** Such as `1.34.4`. */
  readonly kubernetes: string;
  readonly tier: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Titles from the outermost suite to the test, joined by ` › `. */
  readonly failing: readonly string[];
  /** Such as `2026-11-21`. */
  readonly date: string;
}

/** `1.34` of `1.34.4`: the results of one patch version take the place of another's. */
export function minorOf(kubernetes: string): string {
  return kubernetes.split('.').slice(0, 2).join('.');
}
