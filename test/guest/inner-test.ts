/** What mocha.ts says of a test. */
export interface InnerTest {
  /** With those of its suites before it. */
  readonly title: string;
  readonly state: 'passed' | 'failed' | 'pending';
  readonly ms: number;
  readonly error?: string;
}

/** Begins the lines that are not the tests' own. */
export const MARK = '\u0001';
