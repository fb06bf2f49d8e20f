/** Input that cannot be worked on at all: no such file, not YAML. Turned into words and exit code 2 at the rim. */
export class UnusableInput extends Error {
  override readonly name = 'UnusableInput';

  /** @param where FILE, or FILE:LINE:COL */
  constructor(where: string, what: string, options?: ErrorOptions) {
    super(`${where}: ${what}`, options);
  }
}
