import { textOf } from './json.ts';

const SUFFIXES: Readonly<Record<string, bigint>> = {
  n: 1n,
  u: 10n ** 3n,
  m: 10n ** 6n,
  '': 10n ** 9n,
  k: 10n ** 12n,
  M: 10n ** 15n,
  G: 10n ** 18n,
  T: 10n ** 21n,
  P: 10n ** 24n,
  E: 10n ** 27n,
  Ki: (10n ** 9n) << 10n,
  Mi: (10n ** 9n) << 20n,
  Gi: (10n ** 9n) << 30n,
  Ti: (10n ** 9n) << 40n,
  Pi: (10n ** 9n) << 50n,
  Ei: (10n ** 9n) << 60n,
};
const BINARY_UNITS = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const QUANTITY = /^\+?(\d+)(?:\.(\d{0,9})\d*)?(?:[eE](\d{1,2}))?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/;

/**
 * A resource quantity as the number of nano-units that it stands for, so that 1Gi and 1024Mi are equal;
 * undefined for what is none. Source: resource.Quantity of the Kubernetes API.
 */
export function nanosOf(quantity: unknown): bigint | undefined {
  const [match, whole, fraction = '', exponent = '0', suffix = ''] = QUANTITY.exec(textOf(quantity)) ?? [];
  const unit = SUFFIXES[suffix];
  if (match === undefined || whole === undefined || unit === undefined) return undefined;
  const digits = BigInt(whole + fraction.padEnd(9, '0'));
  return (digits * unit * 10n ** BigInt(exponent)) / 10n ** 9n;
}

/** The whole bytes that a quantity stands for, rounded up as the API server does; 0 for what is none. */
export function bytesOf(quantity: unknown): number {
  const nanos = nanosOf(quantity);
  return nanos === undefined ? 0 : Number((nanos + 10n ** 9n - 1n) / 10n ** 9n);
}

/** So many bytes as a quantity, in the largest unit that keeps it whole. */
export function quantityOf(bytes: number): string {
  let [rest, unit] = [bytes, 0];
  while (rest > 0 && rest % 1024 === 0 && unit < BINARY_UNITS.length - 1)
    [rest, unit] = [rest / 1024, unit + 1];
  return `${rest}${BINARY_UNITS[unit] ?? ''}`;
}

/** True when both stand for the same amount, however they are written. */
export function isSameQuantity(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  const [left, right] = [nanosOf(a), nanosOf(b)];
  return left === undefined || right === undefined ? textOf(a) === textOf(b) : left === right;
}

/** True when the first stands for less than the second; what is no quantity is neither less nor more. */
export function isLess(a: unknown, b: unknown): boolean {
  const [left, right] = [nanosOf(a), nanosOf(b)];
  return left !== undefined && right !== undefined && left < right;
}
