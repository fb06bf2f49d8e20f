import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { sideBySide, type Tier } from '../../scripts/test/side-by-side.ts';

describe('tiers side by side', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tlv-tiers-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Notes when it begins and ends, between which the others have time to do so. */
  const tier = (name: string, more: Partial<Tier> = {}): Tier => ({
    name,
    argv: ['sh', '-c', `echo ${name} begins | tee -a log; sleep 0.3; echo ${name} ends >>log; exit 3`],
    ...more,
  });
  async function play(tiers: readonly Tier[]): Promise<string[]> {
    const inFolder = tiers.map((each) => ({ ...each, argv: ['env', '-C', folder, ...each.argv] as const }));
    const runs = sideBySide(inFolder);
    const outcomes = await Promise.all([...runs.values()].map(async (run) => (await run).ended));
    expect(outcomes.map(({ status, output }) => [status, output])).to.deep.equal(
      tiers.map(({ name }) => [3, `${name} begins\n`]),
    );
    return readFileSync(join(folder, 'log'), 'utf8').trimEnd().split('\n');
  }

  it('are two, where each keeps one processor busy', async () => {
    const log = await play([tier('a'), tier('b'), tier('c')]);
    expect(log.slice(0, 2)).to.have.members(['a begins', 'b begins']);
    expect(log.indexOf('c begins')).to.be.greaterThan(2);
  });

  it('leave one alone that keeps both busy, and nobody overtakes it', async () => {
    const log = await play([tier('a'), tier('both', { processors: 2 }), tier('c')]);
    expect(log).to.deep.equal(['a begins', 'a ends', 'both begins', 'both ends', 'c begins', 'c ends']);
  });
});
