import { expect } from 'chai';
import { LVM } from '../../../src/agent/backends/lvm.ts';
import type { Kit } from '../../../src/agent/backends/backend.ts';
import type { RetiredVolume } from '../../../src/agent/remover.ts';

/** Says what `lvs` says of these logical volumes of the pool, and counts how often it was run. */
class CountingTools {
  asked = 0;
  readonly changed: string[] = [];
  readonly names: readonly string[];

  constructor(names: readonly string[]) {
    this.names = names;
  }

  async ask(): Promise<string> {
    this.asked += 1;
    const lv = this.names.map((name) => ({
      vg_name: 'data',
      lv_name: name,
      lv_size: '1073741824',
      lv_dm_path: `/dev/mapper/data-${name}`,
      lv_kernel_major: '252',
      lv_kernel_minor: '1',
      lv_active: 'active',
      lv_device_open: '',
      lv_tags: 'local.tars.io=pool-1',
    }));
    return JSON.stringify({ report: [{ lv }] });
  }

  async change(_program: string, argv: readonly string[]): Promise<string> {
    this.changed.push(argv.filter((word) => !word.includes('{')).join(' '));
    return '';
  }
}

describe('the remover of logical volumes', () => {
  const retiredAs = (name: string): RetiredVolume => ({ name }) as RetiredVolume;
  const removerOf = (tools: CountingTools) =>
    LVM.open({ pool: { id: 'pool-1' }, tools } as unknown as Kit).remover!;

  it('asks LVM once in a round, however many directories are in the trash', async () => {
    const tools = new CountingTools(['tlv-trash-one', 'tlv-other']);
    const remover = removerOf(tools);
    expect(await remover.retired()).to.deep.equal(['one']);
    for (let index = 0; index < 100; index++)
      expect(await remover.destroy(retiredAs(`directory-${index}`))).to.equal(undefined);
    expect(tools.asked).to.equal(1);
  });

  it('asks for each where it could not list them yet', async () => {
    const tools = new CountingTools(['tlv-trash-one']);
    expect(await removerOf(tools).destroy(retiredAs('one'))).to.deep.equal({ kind: 'gone' });
    expect(await removerOf(tools).destroy(retiredAs('two'))).to.equal(undefined);
    expect(tools.asked).to.equal(2);
  });

  it('removes what it has listed, and looks at it once more first', async () => {
    const tools = new CountingTools(['tlv-trash-one']);
    const remover = removerOf(tools);
    await remover.retired();
    expect(await remover.destroy(retiredAs('one'))).to.deep.equal({ kind: 'gone' });
    expect(tools.asked).to.equal(2);
    expect(tools.changed).to.deep.equal(['lvremove --config --yes data/tlv-trash-one']);
  });
});
