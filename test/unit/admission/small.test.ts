import { expect } from 'chai';
import fc from 'fast-check';
import { isDeeperThan } from '../../../src/admission/nesting.ts';
import { Readiness } from '../../../src/admission/readiness.ts';

describe('nesting', () => {
  const deep = (text: string, limit: number) => isDeeperThan(Buffer.from(text), limit);

  it('counts lists and maps, and not what stands in strings', () => {
    expect(deep('[{"a":[1]}]', 2)).to.equal(true);
    expect(deep('[{"a":[1]}]', 3)).to.equal(false);
    expect(deep('["[[[[\\"[[", [[]], {}]', 3)).to.equal(false);
    expect(deep('[[],[],[],[]]', 2)).to.equal(false);
    expect(deep('"[[[', 1)).to.equal(false);
    expect(deep('"\\', 1)).to.equal(false);
  });

  it('agrees with a count over the parsed value', () => {
    const depthOf = (value: unknown): number =>
      value !== null && typeof value === 'object' ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const depth = depthOf(value);
        const text = JSON.stringify(value);
        expect(deep(text, depth)).to.equal(false);
        if (depth > 0) expect(deep(text, depth - 1)).to.equal(true);
      }),
    );
  });
});

describe('readiness', () => {
  it('names what is missing, check by check, and ends with the process', () => {
    let why: string | undefined = 'not filled yet';
    const readiness = new Readiness([
      { name: 'certificate', missing: () => undefined },
      { name: 'cache', missing: () => why },
    ]);
    expect(readiness.report()).to.deep.equal({
      isReady: false,
      text: '[+] certificate\n[-] cache: not filled yet\n[+] shutdown\nnot ready\n',
    });
    why = undefined;
    expect(readiness.report()).to.deep.equal({
      isReady: true,
      text: '[+] certificate\n[+] cache\n[+] shutdown\nready\n',
    });
    readiness.shutDown();
    expect(readiness.report()).to.deep.equal({
      isReady: false,
      text: '[+] certificate\n[+] cache\n[-] shutdown: the process is shutting down\nnot ready\n',
    });
  });

  it('tells of what is optional, and does not hang on it', () => {
    let why: string | undefined = 'its disk is away';
    const readiness = new Readiness([
      { name: 'agent', missing: () => undefined },
      { name: 'root /fast', missing: () => why, isOptional: true },
    ]);
    expect(readiness.report()).to.deep.equal({
      isReady: true,
      text: '[+] agent\n[!] root /fast: its disk is away\n[+] shutdown\nready\n',
    });
    why = undefined;
    expect(readiness.report().text).to.equal('[+] agent\n[+] root /fast\n[+] shutdown\nready\n');
  });
});
