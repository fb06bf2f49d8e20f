import { expect } from 'chai';
import { parseMembership, parseReport } from '../../../src/agent/backends/project-quota.ts';
import { parseQgroups } from '../../../src/agent/backends/qgroups.ts';

describe('what quota tools print', () => {
  it('repquota: who has used how much of what', () => {
    // Of ext4 with quota 4.06; a project with a grace time as well.
    const printed = [
      'Project,BlockStatus,FileStatus,BlockUsed,BlockSoftLimit,BlockHardLimit,BlockGrace,FileUsed,FileSoftLimit,FileHardLimit,FileGrace',
      '#0,ok,ok,28,0,0,,4,0,0,',
      '#1073741830,hard,ok,10244,0,10240,,3,0,0,',
      '#7,soft,ok,64,32,128,6days,1,0,0,',
      '',
    ].join('\n');
    expect([...parseReport(printed)]).to.deep.equal([
      [0, { used: 28 * 1024, limit: 0, files: 4 }],
      [1_073_741_830, { used: 10_244 * 1024, limit: 10_240 * 1024, files: 3 }],
      [7, { used: 64 * 1024, limit: 128 * 1024, files: 1 }],
    ]);
    expect(parseReport('').size).to.equal(0);
  });

  it('lsattr: the project of a directory, and whether it is handed on', () => {
    const rows: [string, ReturnType<typeof parseMembership>][] = [
      ['1073741830 -------------------P-- /mnt/x/root/shop/v\n', { id: 1_073_741_830, isInherited: true }],
      ['    7 --------------e------- /mnt/e/root\n', { id: 7, isInherited: false }],
      ['    0 --------------e----P-- P\n', { id: 0, isInherited: true }],
    ];
    for (const [printed, membership] of rows) expect(parseMembership(printed)).to.deep.equal(membership);
    expect(() => parseMembership('nothing')).to.throw('`lsattr -d -p` failed: "nothing" names no project');
  });

  it('btrfs: what is in a subvolume, and where it ends', () => {
    const printed = [
      'Qgroupid    Referenced    Exclusive  Max referenced   Path ',
      '--------    ----------    ---------  --------------   ---- ',
      '0/5              16384        16384            none   <toplevel>',
      '0/256         10469376        16384        10485760   shop/T/v',
      '1/256         10469376        16384        10485760   <0 member qgroups>',
      '0/257            16384        16384            none   shop/T/with',
      '0/256 9 9 none feeds',
      '',
    ].join('\n');
    expect([...parseQgroups(printed)]).to.deep.equal([
      [5, { referenced: 16_384, limit: undefined }],
      [256, { referenced: 9, limit: undefined }],
      [257, { referenced: 16_384, limit: undefined }],
    ]);
    // Of btrfs-progs 5.
    expect([...parseQgroups('qgroupid rfer excl max_rfer\n0/256 16384 16384 10485760 \n')]).to.deep.equal([
      [256, { referenced: 16_384, limit: 10_485_760 }],
    ]);
  });
});
