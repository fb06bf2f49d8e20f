/**
 * `npm run test:matrix`: the tiers that need a control plane, on each version of Kubernetes that can be built here, and
 * docs/compatibility.md with what came out. Not part of `npm test`: it takes about an hour on two cores.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { knownMinors } from '../test/controlplane/binaries.ts';
import { withResults } from './matrix/results-page.ts';
import { MatrixError, runVersion } from './matrix/run-version.ts';
import type { TierResult } from './matrix/tier-result.ts';

const PAGE = join(import.meta.dirname, '..', 'docs', 'compatibility.md');
const TIERS = ['controlplane', 'demo'];
const KNOWN = knownMinors().toReversed();

const USAGE = `usage: npm run test:matrix -- [--tier TIER]... [VERSION]...

Builds each VERSION of Kubernetes and runs the tests on it, then writes docs/compatibility.md after each.
Rows of versions and tiers that were not run stay as they are.

VERSION      ${KNOWN.join(', ')}; all of them unless told
--tier TIER  ${TIERS.join(', ')}; both unless told
--help       this text

Exit status: 0 all passed, 1 tests failed or a version could not be tried, 2 wrong arguments.`;

const { versions, tiers } = readArguments();
let isGreen = true;
for (const [index, minor] of versions.entries()) {
  console.log(
    `\n## Kubernetes ${minor} (${index + 1} of ${versions.length}): the first build takes ten minutes, the tests twenty`,
  );
  try {
    const results = await runVersion(minor, tiers);
    // After each version: what was found is kept when the next one is interrupted.
    await writePage(results);
    isGreen &&= results.every(({ failed }) => failed === 0);
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error;
    console.error(error.message);
    isGreen = false;
  }
}
process.exitCode = isGreen ? 0 : 1;

async function writePage(results: readonly TierResult[]): Promise<void> {
  const page = withResults(readFileSync(PAGE, 'utf8'), results);
  writeFileSync(PAGE, await format(page, { ...(await resolveConfig(PAGE)), parser: 'markdown' }));
  console.log(`\n${PAGE}`);
  for (const { kubernetes, tier, passed, failed, skipped } of results) {
    console.log(`Kubernetes ${kubernetes}, ${tier}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
  }
}

function readArguments(): { versions: readonly string[]; tiers: readonly string[] } {
  const { positionals, values } = parse();
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const { tier: chosen = TIERS } = values;
  const unknown = [
    ...positionals.filter((version) => !KNOWN.includes(version)),
    ...chosen.filter((tier) => !TIERS.includes(tier)),
  ];
  if (unknown.length > 0) refuse(`unknown here: ${unknown.join(', ')}`);
  return { versions: positionals.length > 0 ? positionals : KNOWN, tiers: chosen };
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: { help: { type: 'boolean' }, tier: { type: 'string', multiple: true } },
    });
  } catch (error) {
    return refuse((error as Error).message);
  }
}

function refuse(why: string): never {
  console.error(`${why}\n\n${USAGE}`);
  process.exit(2);
}
