import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { residentMegabytes } from '../../../bench/processes/measured-process.ts';

describe('the memory of a process', () => {
  it('is read as the kernel tells it', () => {
    const status = 'Name:\tnode\nVmPeak:\t 1000 kB\nVmRSS:\t   50000 kB\nRssAnon:\t 7 kB\n';
    expect(residentMegabytes(status)).to.equal(51.2);
    const ours = residentMegabytes(readFileSync('/proc/self/status', 'utf8'));
    expect(ours).to.be.closeTo(process.memoryUsage.rss() / 1e6, 20);
  });

  it('is not that of one that has ended', () => {
    expect(() => residentMegabytes('Name:\tnode\nState:\tZ (zombie)\n')).to.throw(
      'no VmRSS: has the process ended?',
    );
  });
});
