import { readFileSync } from 'node:fs';
import { ROOT } from '../offline/tlv.ts';

/** One block of commands, and what the page says that it prints. */
export interface GuideStep {
  readonly name: string;
  readonly commands: string;
  /** Of the `text` block that follows; undefined where the page shows none. */
  readonly output: string | undefined;
}

const FENCE = /^```(.*)\n([\s\S]*?)^```$/gm;
const STEP = /^sh step=([a-z][a-z-]*)$/;

/**
 * The commands of one guide, as its page has them: every block is a step with a name of its own, or what one printed.
 * @param page below docs/migrate, without `.md`
 */
export function readGuide(page: string): ReadonlyMap<string, GuideStep> {
  const text = readFileSync(`${ROOT}docs/migrate/${page}.md`, 'utf8');
  const blocks = [...text.matchAll(FENCE)].map(([, info = '', body = '']) => ({ info, body }));
  const steps = new Map<string, GuideStep>();
  if (/^[ >]+```/m.test(text))
    throw new Error(`${page}.md: a block that does not begin its line is not tried`);
  for (const [index, { info, body: commands }] of blocks.entries()) {
    if (info === 'text') continue;
    const [, name] = STEP.exec(info) ?? [];
    if (name === undefined || steps.has(name))
      throw new Error(
        `${page}.md: \`\`\`${info}: each block of commands needs a name of its own (sh step=NAME)`,
      );
    const next = blocks[index + 1];
    steps.set(name, { name, commands, output: next?.info === 'text' ? next.body : undefined });
  }
  return steps;
}

/**
 * Whether a page tells what was printed. A line of three dots stands for any lines. The width of columns is no matter,
 * nor which random name an object got.
 */
export const isTold = (told: string, printed: string): boolean => fits(comparable(told), comparable(printed));

function fits([line, ...more]: readonly string[], printed: readonly string[]): boolean {
  if (line === undefined) return printed.length === 0;
  if (line !== '...') return line === printed[0] && fits(more, printed.slice(1));
  return [...printed, ''].some((_, index) => fits(more, printed.slice(index)));
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
/** At the end of the names of our volumes. */
const HASH = /-[0-9a-f]{20}\b/g;
/** Only newer kubectl says it. */
const NAMESPACE = / from \S+ namespace$/;

function comparable(text: string): string[] {
  const lines = text.trimEnd().replaceAll(UUID, 'UUID').replaceAll(HASH, '-HASH').split('\n');
  return lines.map((line) => line.replaceAll(/ +/g, ' ').trimEnd().replace(NAMESPACE, ''));
}
