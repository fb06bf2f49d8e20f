import { Command } from 'commander';
import { expect } from 'chai';
import type { Roots } from '../../src/agent/roots.ts';
import { addRootOptions } from '../../src/commands/agent-options.ts';
import { tlv } from './tlv.ts';

describe('the roots on the command line', function () {
  this.slow(2000);
  const before = process.env['TLV_ROOT'];

  afterEach(() => {
    if (before === undefined) delete process.env['TLV_ROOT'];
    else process.env['TLV_ROOT'] = before;
  });

  function rootsOf(argv: readonly string[], environment?: string): Roots {
    if (environment === undefined) delete process.env['TLV_ROOT'];
    else process.env['TLV_ROOT'] = environment;
    const command = new Command('agent');
    addRootOptions(command);
    return command.parse(argv, { from: 'user' }).opts<{ root: Roots }>().root;
  }

  it('are one by default, and only those that are named where any is', () => {
    expect(rootsOf([])).to.deep.equal(['/usr/local/app/tars/host-mount']);
    expect(rootsOf(['--root', '/a/'])).to.deep.equal(['/a']);
    expect(rootsOf(['--root=/b', '--root', '/a'])).to.deep.equal(['/b', '/a']);
    expect(rootsOf([], '/x:/y/')).to.deep.equal(['/x', '/y']);
    expect(rootsOf(['--root', '/a'], '/x:/y')).to.deep.equal(['/a']);
  });

  it('must not hold one another', async () => {
    const { stderr, exit } = await tlv(['agent', '--root', '/a', '--root', '/b', '--root', '/a/b/']);
    expect({ stderr, exit }).to.deep.equal({
      stderr:
        "error: option '--root <dir>' argument '/a/b/' is invalid. /a/b is below /a: each root needs a directory of its own.\n(--help shows the options)\n",
      exit: 2,
    });
  });

  it('are named one by one where a command is about one', async () => {
    const several = 'there are several roots, /a, /b: name the one that is meant with --root\n';
    const roots = ['--root', '/a', '--root', '/b'];
    expect(await tlv(['orphans', 'list', ...roots])).to.include({
      stderr: `tlv: orphans: ${several}`,
      exit: 2,
    });
    const purge = await tlv(['orphans', 'purge', 'default/tars.tarslog/data', ...roots]);
    expect(purge).to.include({ stderr: `tlv: orphans: ${several}`, exit: 2 });
    const init = ['agent', '--init-pool', '--node-name', 'n1', ...roots];
    expect(await tlv(init)).to.include({ stderr: `tlv agent: ${several}`, exit: 2 });
  });
});
