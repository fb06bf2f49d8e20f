import { expect } from 'chai';
import { Readiness } from '../../../src/admission/readiness.ts';

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
