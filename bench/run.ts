/** `npm run bench`: measures the product beside what can be had without it. */
import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { Progress } from '../scripts/progress.ts';
import type { Bench, BenchOptions, Result } from './frame/bench.ts';
import { machineText, thisMachine } from './frame/machine.ts';
import { readResult, RESULTS, writeResult } from './frame/results.ts';
import { tableText } from './frame/table.ts';

interface Entry {
  readonly about: string;
  readonly takes: string;
  /** It mounts, or gives files to others. */
  readonly needsRoot?: true;
  readonly load: () => Promise<Bench>;
}

const BENCHES: Readonly<Record<string, Entry>> = {
  core: {
    about: 'what the webhook computes for one StatefulSet, beside one JSON.parse of it',
    takes: '15 s',
    load: () => import('./core.ts'),
  },
  backends: {
    about: 'a volume made and deleted by each backend, beside mkfs, mount and the like by hand',
    takes: '1 to 3 min',
    needsRoot: true,
    load: () => import('./backends.ts'),
  },
  bound: {
    about: 'from a StatefulSet to all its claims Bound, beside volumes made by hand beforehand',
    takes: '5 to 10 min',
    needsRoot: true,
    load: () => import('./bound.ts'),
  },
  memory: {
    about:
      'what the shipped agent and webhook take of memory: idle, at work, after a day of coming and going',
    takes: '4 min a backend',
    needsRoot: true,
    load: () => import('./memory.ts'),
  },
  admission: {
    about: 'reviews answered by the shipped webhook, beside constant answers and pepr',
    takes: '30 min, and one more for the first time',
    load: () => import('./admission.ts'),
  },
  apiserver: {
    about: 'creates of StatefulSets through API servers with and without the product',
    takes: '10 min',
    load: () => import('./apiserver.ts'),
  },
  scale: {
    about: 'ten thousand claims on ever more nodes, each with an agent (--replicas: how many claims)',
    takes: '90 min',
    needsRoot: true,
    load: () => import('./scale.ts'),
  },
  room: {
    about: 'fewer of them, where the scheduler looks for room and where not, beside volumes made by hand',
    takes: '10 min',
    needsRoot: true,
    load: () => import('./room.ts'),
  },
};

interface CommandOptions extends BenchOptions {
  readonly again: boolean;
  readonly output: string;
}

const command = new Command('npm run bench --')
  .description(
    'Measure the product beside what can be had without it, in one run: only ratios are to be compared.',
  )
  .argument(
    '<name...>',
    `one or more of ${Object.keys(BENCHES).join(', ')}`,
    (name: string, before?: string[]) => {
      if (Object.hasOwn(BENCHES, name)) return [...(before ?? []), name];
      throw new InvalidArgumentError(`there are ${Object.keys(BENCHES).join(', ')}.`);
    },
  )
  .option(
    '--quick',
    'small sizes, few rounds, results in dist/bench: shows whether it works, and no more',
    false,
  )
  .option('--rounds <number>', 'how often each thing is measured', (text) => numbers(text)[0])
  .option('--replicas <numbers>', 'bound, scale, room: how many replicas, such as 50,200,1000', numbers)
  .option('--nodes <numbers>', 'bound, scale, room: how many nodes, such as 100,300', numbers)
  .option('--backends <names>', 'backends, bound, memory: which, such as directory,tmpfs', (text) =>
    text.split(','),
  )
  .option('--again', 'measure nothing: draw picture and page anew from the figures that are there', false)
  .option('--output <folder>', 'where JSON and pictures go; docs/performance.md shows those in bench/results')
  .addHelpText(
    'after',
    `
${Object.entries(BENCHES)
  .map(
    ([name, { about, takes, needsRoot }]) =>
      `  ${name.padEnd(10)}${about}; ${takes}${needsRoot ? ', as root' : ''}`,
  )
  .join('\n')}

Examples:
  npm run bench -- core
  npm run bench -- backends --backends directory,tmpfs --rounds 5 --output /tmp/mine

Nothing else should run meanwhile.`,
  )
  .parse();

const { output, again, ...options } = command.opts<CommandOptions>();
const folder = resolve(output ?? (options.quick ? 'dist/bench' : RESULTS));
for (const name of command.processedArgs[0] as string[]) {
  if (again) writeResult(readResult(name, folder), folder);
  else await runBench(name);
}

async function runBench(name: string): Promise<void> {
  const { takes, needsRoot, load } = BENCHES[name]!;
  if (needsRoot && process.getuid?.() !== 0) {
    console.error(`bench ${name}: it makes volumes, and needs root; run it as root`);
    process.exitCode = 2;
    return;
  }
  const progress = new Progress(`bench ${name}`, `expected ${takes}`);
  try {
    const { measure } = await load();
    const machine = thisMachine();
    if (machine.load > 1)
      console.error(`bench ${name}: load average ${machine.load}: something else runs here`);
    const measured = await measure(
      options,
      (line) => progress.stage(line),
      (text) => progress.detail(text),
    );
    const date = new Date().toISOString().slice(0, 10);
    const result: Result = { bench: name, command: commandText(name), date, machine, ...measured };
    const files = writeResult(result, folder);
    const texts = [...result.charts.map(tableText), ...(result.notes ?? []), machineText(machine)];
    console.log(`\n${texts.join('\n\n')}\nwritten: ${files.join(', ')}\n`);
  } finally {
    progress.end();
  }
}

/** As it would have to be typed for this bench alone. */
function commandText(name: string): string {
  const args = process.argv.slice(2).filter((arg) => !Object.hasOwn(BENCHES, arg));
  return ['npm run bench --', name, ...args].join(' ');
}

function numbers(text: string): number[] {
  const values = text.split(',').map(Number);
  if (values.every((value) => Number.isSafeInteger(value) && value > 0)) return values;
  throw new InvalidArgumentError('expected whole numbers above 0, separated by commas.');
}
