const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration as Go writes it, such as `5m0s` or `1.5h`, in milliseconds; undefined for what is none. */
export function durationMs(text: string): number | undefined {
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return text === '0' ? 0 : undefined;
  const parts = text.matchAll(/(?<number>\d+(?:\.\d+)?)(?<unit>[a-zµ]+)/g);
  return [...parts].reduce(
    (sum, { groups }) => sum + Number(groups?.['number']) * (UNIT_MS[groups?.['unit'] ?? ''] ?? 0),
    0,
  );
}
