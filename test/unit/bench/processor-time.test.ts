import { expect } from 'chai';
import {
  processorSeconds,
  processorText,
  processorTimeBetween,
  processorTimeOf,
} from '../../../bench/cluster/processor-time.ts';

describe('processor time', () => {
  it('is what the kernel tells of a process, in user and in kernel mode', () => {
    const stat = '42 (a (b) c) S 1 42 42 0 -1 4194304 100 0 0 0 1234 66 7 8 20 0 11 0 5 6 7';
    expect(processorSeconds(stat)).to.equal(13);
  });

  it('is not nothing where it is not told', () => {
    expect(() => processorSeconds('')).to.throw('not the text of /proc/PID/stat: ""');
  });

  it('is that of all processes of a name', () => {
    const time = processorTimeOf(new Map([['tests', [process.pid, process.pid]]]));
    const { user, system } = process.cpuUsage();
    expect(time.get('tests')).to.be.closeTo((2 * (user + system)) / 1e6, 0.5);
  });

  it('is counted between two looks, and told a claim', () => {
    const between = processorTimeBetween(
      new Map([['etcd', 2]]),
      new Map([
        ['etcd', 3.5],
        ['kwok', 0.5],
      ]),
    );
    expect(processorText(between, 100)).to.equal('etcd 15.0, kwok 5.0');
  });
});
