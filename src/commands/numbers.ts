import { InvalidArgumentError } from 'commander';

/** Reads an option's number. */
export function numberBetween(min: number, max: number, { whole = false } = {}): (text: string) => number {
  return (text) => {
    const number = text.trim() === '' ? Number.NaN : Number(text);
    if (number >= min && number <= max && (!whole || Number.isInteger(number))) return number;
    throw new InvalidArgumentError(`expected a ${whole ? 'whole ' : ''}number from ${min} to ${max}.`);
  };
}
