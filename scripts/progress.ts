const EVERY_MS = 10_000;

/** Says on standard error which stage a long job is in, how long it has taken and how long it may take. */
export class Progress {
  readonly #job: string;
  readonly #expected: string;
  readonly #say: (line: string) => void;
  readonly #begin = performance.now();
  readonly #timer: NodeJS.Timeout;
  #stage = 'begins';
  #detail = '';

  constructor(
    job: string,
    expected: string,
    say: (line: string) => void = (line) => process.stderr.write(`${line}\n`),
  ) {
    this.#job = job;
    this.#expected = expected;
    this.#say = say;
    this.#timer = setInterval(() => this.#report(), EVERY_MS);
  }

  stage(name: string): void {
    this.#stage = name;
    this.#detail = '';
    this.#report();
  }

  /** What it does within the stage: shown with the next line. */
  detail(text: string): void {
    this.#detail = `, ${text}`;
  }

  end(): void {
    clearInterval(this.#timer);
  }

  #report(): void {
    const elapsed = duration((performance.now() - this.#begin) / 1000);
    this.#say(`${this.#job}: ${this.#stage}${this.#detail}; ${elapsed} so far, ${this.#expected}`);
  }
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
