/** `npm run bench -- NAME`: one benchmark, a table on standard output. */
const BENCHMARKS = { core: () => import('./core.ts') } as const;

const name = process.argv[2] ?? '';
if (!Object.hasOwn(BENCHMARKS, name)) {
  console.error(`usage: npm run bench -- NAME, with NAME one of ${Object.keys(BENCHMARKS).join(', ')}`);
  process.exit(2);
}
const { run } = await BENCHMARKS[name as keyof typeof BENCHMARKS]();
run();
