import { expect } from 'chai';
import { ID_PATTERN, MODE_PATTERNS } from '../../src/tars/patterns.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../src/tars/settings.ts';
import { validateClaim } from '../../src/validate/claim.ts';
import { readClaim, readStatefulSet, readTServer, type Read } from '../../src/validate/read.ts';
import { validateStatefulSet } from '../../src/validate/statefulset.ts';
import { validateTServer } from '../../src/validate/tserver.ts';
import type { Verdict } from '../../src/validate/verdict.ts';
import {
  claim,
  create,
  lines,
  LABELS,
  localMount,
  NAMESPACE,
  POSIX,
  statefulSet,
  tserver,
} from './builders.ts';

const ID_RULE = `must be a whole number from 0 to 999999 as a string of ASCII digits without sign, space or leading zero (^(0|[1-9][0-9]{0,5})$)`;
const SEED_RULE = `must be three octal digits from 1 to 7, with at most one leading 0, as a string (^0?[1-7]{3,3}$)`;
const POSIX_RULE = `must be three octal digits from 0 to 7, with at most one leading 0, as a string (^0?[0-7]{3}$)`;

const ids = (field: 'uid' | 'gid') => {
  const forExample = `${ID_RULE}; write ${field}: "1000", for example`;
  const quote = (text: string) =>
    `${ID_RULE}; a number is no string: write it in quotes, ${field}: "${text}"`;
  return {
    code: field === 'uid' ? 'TLV301' : 'TLV302',
    accepted: ['0', '1', '1000', '999999'],
    refused: [
      ['', `Invalid value: "": ${forExample}`],
      ['01', `Invalid value: "01": ${forExample}`],
      ['00', `Invalid value: "00": ${forExample}`],
      ['-1', `Invalid value: "-1": ${forExample}`],
      ['+1', `Invalid value: "+1": ${forExample}`],
      ['1000000', `Invalid value: "1000000": ${forExample}`],
      ['1e3', `Invalid value: "1e3": ${forExample}`],
      ['0x1', `Invalid value: "0x1": ${forExample}`],
      ['1.0', `Invalid value: "1.0": ${forExample}`],
      [' 1', `Invalid value: " 1": ${forExample}`],
      ['1 ', `Invalid value: "1 ": ${forExample}`],
      ['1\n', `Invalid value: "1\\n": ${forExample}`],
      ['1\n2', `Invalid value: "1\\n2": ${forExample}`],
      ['١٠٠٠', `Invalid value: "١٠٠٠": ${forExample}`],
      ['１', `Invalid value: "１": ${forExample}`],
      ['root', `Invalid value: "root": ${forExample}`],
      [1000, `Invalid value: 1000: ${quote('1000')}`],
      [0, `Invalid value: 0: ${quote('0')}`],
      [-1, `Invalid value: -1: ${quote('1000')}`],
      [1.5, `Invalid value: 1.5: ${quote('1000')}`],
      [true, `Invalid value: true: ${forExample}`],
      [['1'], `Invalid value: a list of 1: ${forExample}`],
      [{ id: '1' }, `Invalid value: a map of 1: ${forExample}`],
      ['9'.repeat(200), `Invalid value: "${'9'.repeat(79)}…: ${forExample}`],
    ] satisfies [unknown, string][],
  };
};

const seedExample = `${SEED_RULE}; write mode: "755", for example`;
const zeroDigit = (value: string) =>
  `Invalid value: "${value}": ${SEED_RULE}; write a mode without the digit 0, such as "755", or start webhook and agent with --mode-pattern posix, which allows "${value}"`;
const modes = {
  code: 'TLV303',
  accepted: ['755', '0755', '777', '111', '0111'],
  refused: [
    ['750', zeroDigit('750')],
    ['0700', zeroDigit('0700')],
    ['700', zeroDigit('700')],
    ['000', zeroDigit('000')],
    ['', `Invalid value: "": ${seedExample}`],
    ['888', `Invalid value: "888": ${seedExample}`],
    ['77', `Invalid value: "77": ${seedExample}`],
    ['07', `Invalid value: "07": ${seedExample}`],
    ['07555', `Invalid value: "07555": ${seedExample}`],
    ['7555', `Invalid value: "7555": ${seedExample}`],
    ['00755', `Invalid value: "00755": ${seedExample}`],
    ['0o755', `Invalid value: "0o755": ${seedExample}`],
    ['u+x', `Invalid value: "u+x": ${seedExample}`],
    [' 755', `Invalid value: " 755": ${seedExample}`],
    ['755\n', `Invalid value: "755\\n": ${seedExample}`],
    ['٧٥٥', `Invalid value: "٧٥٥": ${seedExample}`],
    [755, `Invalid value: 755: ${SEED_RULE}; a number is no string: write it in quotes, mode: "755"`],
    [711, `Invalid value: 711: ${SEED_RULE}; a number is no string: write it in quotes, mode: "711"`],
    // What YAML 1.1 makes of an unquoted 0755.
    [493, `Invalid value: 493: ${SEED_RULE}; a number is no string: write it in quotes, mode: "755"`],
    [true, `Invalid value: true: ${seedExample}`],
  ] satisfies [unknown, string][],
};

const FIELDS: Record<string, { code: string; accepted: string[]; refused: [unknown, string][] }> = {
  uid: ids('uid'),
  gid: ids('gid'),
  mode: modes,
};
const ANNOTATION: Record<string, string> = {
  uid: 'tars.io/LocalVolumeUID',
  gid: 'tars.io/LocalVolumeGID',
  mode: 'tars.io/LocalVolumeMode',
};

function object<T>(read: Read<T>): T {
  if (!read.ok) throw new Error(lines(read.violations).join('\n'));
  return read.object;
}

/** Every place where the three values are written, and the field that a finding names there. */
const PLACES: {
  name: string;
  field: (key: string) => string;
  verdict: (key: string, value: unknown, settings?: Settings) => Verdict;
}[] = [
  {
    name: 'a TServer',
    field: (key) => `spec.k8s.mounts[0].source.tLocalVolume.${key}`,
    verdict: (key, value, settings = DEFAULT_SETTINGS) => {
      const server = object(readTServer(tserver({ mounts: [localMount('data', { [key]: value })] })));
      return validateTServer(server, { namespace: NAMESPACE, settings });
    },
  },
  {
    name: 'a claim template',
    field: (key) => `spec.volumeClaimTemplates[0].metadata.annotations[${ANNOTATION[key] ?? ''}]`,
    verdict: (key, value, settings = DEFAULT_SETTINGS) => {
      const annotations = { [ANNOTATION[key] ?? '']: value };
      const set = object(
        readStatefulSet(
          statefulSet({ metadata: { labels: LABELS }, templates: [claim('data', {}, { annotations })] }),
        ),
      );
      return validateStatefulSet(create(set, { settings }), { namespace: NAMESPACE, settings });
    },
  },
  {
    name: 'a claim',
    field: (key) => `metadata.annotations[${ANNOTATION[key] ?? ''}]`,
    verdict: (key, value, settings = DEFAULT_SETTINGS) => {
      const bare = object(readClaim(claim('data', {}, { annotations: { [ANNOTATION[key] ?? '']: value } })));
      return validateClaim(bare, { namespace: NAMESPACE, settings });
    },
  },
];

for (const place of PLACES) {
  for (const [key, { code, accepted, refused }] of Object.entries(FIELDS)) {
    describe(`${key} of ${place.name}`, () => {
      for (const value of accepted) {
        it(`accepts ${JSON.stringify(value)}`, () => {
          expect(place.verdict(key, value)).to.deep.equal({ violations: [], warnings: [] });
        });
      }
      for (const [value, message] of refused) {
        it(`refuses ${JSON.stringify(value)}`, () => {
          const { violations } = place.verdict(key, value);
          expect(lines(violations)).to.deep.equal([`${code} ${place.field(key)}: ${message}`]);
          // A list or a map is named in the message, and not carried along.
          expect(violations[0]?.value).to.deep.equal(typeof value === 'object' ? undefined : value);
        });
      }
    });
  }

  describe(`mode of ${place.name} with the posix pattern`, () => {
    for (const value of ['750', '0700', '700', '000', '0755', '755']) {
      it(`accepts ${value}`, () => {
        expect(place.verdict('mode', value, POSIX).violations).to.deep.equal([]);
      });
    }
    for (const value of ['888', '77', '07555', '7000', 'u+x', '']) {
      it(`refuses ${JSON.stringify(value)}`, () => {
        expect(lines(place.verdict('mode', value, POSIX).violations)).to.deep.equal([
          `TLV303 ${place.field('mode')}: Invalid value: ${JSON.stringify(value)}: ${POSIX_RULE}; write mode: "755", for example`,
        ]);
      });
    }
  });
}

describe('absent uid, gid and mode', () => {
  it('mean the defaults, and so does null in a TServer, as the CRD says', () => {
    const mounts = [
      localMount('a'),
      localMount('b', { uid: null, gid: null, mode: null }),
      { ...localMount('c'), source: { tLocalVolume: { uid: '7' } } },
    ];
    const { violations } = validateTServer(object(readTServer(tserver({ mounts }))), {
      namespace: NAMESPACE,
      settings: DEFAULT_SETTINGS,
    });
    expect(violations).to.deep.equal([]);
  });

  it('all three wrong come at once, in their order', () => {
    const mounts = [localMount('a', { mode: '1', gid: 'x', uid: '' })];
    const { violations } = validateTServer(tserver({ mounts }), {
      namespace: NAMESPACE,
      settings: DEFAULT_SETTINGS,
    });
    expect(violations.map(({ code }) => code)).to.deep.equal(['TLV301', 'TLV302', 'TLV303']);
  });
});

describe('the patterns', () => {
  const digitStrings = function* (length: number): Generator<string> {
    for (let number = 0; number < 10 ** length; number++) yield String(number).padStart(length, '0');
  };
  const seed = new RegExp(MODE_PATTERNS.seed);
  const posix = new RegExp(MODE_PATTERNS.posix);

  it('are those of the seeds', () => {
    expect(ID_PATTERN).to.equal('^(0|[1-9][0-9]{0,5})$');
    expect(MODE_PATTERNS.seed).to.equal('^0?[1-7]{3,3}$');
  });

  it('posix opens exactly the digit 0: every string of one to five digits', () => {
    const surprises: string[] = [];
    for (let length = 1; length <= 5; length++) {
      for (const text of digitStrings(length)) {
        // The last three digits with 1 for 0 are what the seeds would have had to see.
        const withoutZero = text.slice(0, -3) + text.slice(-3).replaceAll('0', '1');
        const isOpened = posix.test(text) && !seed.test(text);
        if (posix.test(text) !== seed.test(withoutZero)) surprises.push(text);
        if (isOpened && !text.slice(-3).includes('0')) surprises.push(text);
        if (seed.test(text) && !posix.test(text)) surprises.push(text);
      }
    }
    expect(surprises).to.deep.equal([]);
  });

  it('write each id in one way only: every number up to three digits once', () => {
    const id = new RegExp(ID_PATTERN);
    const accepted = [...digitStrings(1), ...digitStrings(2), ...digitStrings(3)].filter((text) =>
      id.test(text),
    );
    expect(accepted).to.deep.equal(Array.from({ length: 1000 }, (_, number) => String(number)));
  });
});
