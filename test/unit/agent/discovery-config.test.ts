import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { readDiscoveryConfig } from '../../../src/agent/discovery/config.ts';
import { durationMs } from '../../../src/agent/discovery/go-duration.ts';
import { loadDiscoveryConfig } from '../../../src/agent/discovery/load-config.ts';
import { namePattern } from '../../../src/agent/discovery/name-pattern.ts';
import { parseClasses } from '../../../src/tars/settings.ts';
import { rejection } from './disk-world.ts';

/** As the static provisioner's chart writes it. */
const EXAMPLE = `fast-disks:
   hostDir: /mnt/fast-disks
   mountDir:  /mnt/fast-disks/
   blockCleanerCommand:
     - "/scripts/shred.sh"
     - "2"
   volumeMode: Filesystem
   fsType: ext4
   namePattern: "*"
`;
const PLAIN = 'disks: {hostDir: /mnt/disks, mountDir: /disks}';

const read = (keys: Record<string, string>) => readDiscoveryConfig(new Map(Object.entries(keys)));

describe("the static provisioner's ConfigMap", () => {
  it('is read as its documentation says', () => {
    expect(
      read({
        storageClassMap: EXAMPLE,
        nodeLabelsForPV: '- rack\n- zone\n',
        labelsForPV: 'team: db\n',
        useAlphaAPI: 'false',
        useJobForCleaning: 'yes',
        jobTolerations: '- operator: Exists',
        minResyncPeriod: '"1h5m0s"',
        useNodeNameOnly: 'true',
        setPVOwnerRef: 'true',
      }),
    ).to.deep.equal({
      classes: [
        {
          storageClass: 'fast-disks',
          hostDir: '/mnt/fast-disks',
          mountDir: '/mnt/fast-disks',
          volumeMode: 'Filesystem',
          accessMode: 'ReadWriteOnce',
          fsType: 'ext4',
          names: /^.*$/su,
          cleaner: ['/scripts/shred.sh', '2'],
        },
      ],
      nodeLabels: ['rack', 'zone'],
      labels: { team: 'db' },
      useNodeNameOnly: true,
      setOwner: true,
      minResyncMs: 3_900_000,
      ignored: [
        'useJobForCleaning is not needed: the agent cleans by itself, for as long as it takes, and goes on after a restart',
        'jobTolerations is not needed: the agent makes no jobs',
      ],
    });
  });

  it('has the documented defaults, also for keys that are empty', () => {
    const { classes, ...rest } = read({ storageClassMap: PLAIN, nodeLabelsForPV: '', labelsForPV: '\n' });
    expect(rest).to.deep.equal({
      nodeLabels: [],
      labels: {},
      useNodeNameOnly: false,
      setOwner: false,
      minResyncMs: 300_000,
      ignored: [],
    });
    expect(classes).to.deep.equal([
      {
        storageClass: 'disks',
        hostDir: '/mnt/disks',
        mountDir: '/disks',
        volumeMode: 'Filesystem',
        accessMode: 'ReadWriteOnce',
        names: /^.*$/su,
        cleaner: undefined,
      },
    ]);
  });

  const KEYS =
    'storageClassMap, nodeLabelsForPV, labelsForPV, useNodeNameOnly, setPVOwnerRef, minResyncPeriod, useAlphaAPI, useJobForCleaning, jobTolerations';
  const OF_CLASS =
    'hostDir, mountDir, volumeMode, accessMode, fsType, namePattern, blockCleanerCommand, selector';
  const inClass = (text: string) => ({ storageClassMap: `a: {hostDir: /a, mountDir: /a, ${text}}` });
  const REFUSED: readonly [name: string, keys: Record<string, string>, words: string][] = [
    ['no classes', {}, 'storageClassMap: it is missing, and must map names of classes to their directories'],
    [
      'an empty map',
      { storageClassMap: '{}' },
      'storageClassMap: it is empty; name a class and its directory',
    ],
    [
      'a key that nobody knows',
      { storageClassMap: PLAIN, storageClass: 'x' },
      `storageClass: it is not known here; there are ${KEYS}`,
    ],
    [
      'a key of a class that nobody knows',
      inClass('hostPath: /a'),
      `storageClassMap.a.hostPath: it is not known here; there are ${OF_CLASS}`,
    ],
    [
      'a directory that is missing, and one that is relative',
      { storageClassMap: 'a: {hostDir: mnt/../a}' },
      'storageClassMap.a.hostDir: "mnt/../a" must be an absolute path without . or .. in it, and not / itself\nstorageClassMap.a.mountDir: it is missing, and must be a path',
    ],
    [
      'the root of everything',
      { storageClassMap: 'a: {hostDir: /, mountDir: /a}' },
      'storageClassMap.a.hostDir: "/" must be an absolute path without . or .. in it, and not / itself',
    ],
    [
      'another mode',
      inClass('volumeMode: File'),
      'storageClassMap.a.volumeMode: "File" must be one of Filesystem, Block',
    ],
    [
      'a command that is text',
      inClass('blockCleanerCommand: shred'),
      'storageClassMap.a.blockCleanerCommand: "shred" must be a list: the program and each of its arguments',
    ],
    [
      'a command with a number',
      inClass('blockCleanerCommand: [shred, 2]'),
      'storageClassMap.a.blockCleanerCommand.1: 2 must be text; put it in quotes',
    ],
    [
      'a command that is empty',
      inClass('blockCleanerCommand: []'),
      'storageClassMap.a.blockCleanerCommand: [] must name a program; leave it out to have devices overwritten by the agent',
    ],
    [
      'a pattern that is none',
      inClass('namePattern: "disk["'),
      'storageClassMap.a.namePattern: "disk[" must be a pattern of *, ?, [a-z] and plain characters',
    ],
    [
      'disks of several nodes',
      inClass('selector: []'),
      'storageClassMap.a.selector: [] is for disks that several nodes share, and volumes of this agent are of one node each; leave it out',
    ],
    [
      'the alpha API',
      { storageClassMap: PLAIN, useAlphaAPI: 'true' },
      'useAlphaAPI: true is for Kubernetes before 1.10, and not supported; leave it out',
    ],
    [
      'a period that is none',
      { storageClassMap: PLAIN, minResyncPeriod: 'often' },
      'minResyncPeriod: "often" must be a duration of 1s or more; write "5m0s"',
    ],
    [
      'a flag that is none',
      { storageClassMap: PLAIN, setPVOwnerRef: 'perhaps' },
      'setPVOwnerRef: "perhaps" must be true or false',
    ],
  ];
  for (const [name, keys, words] of REFUSED)
    it(`is refused with ${name}`, async () => {
      const error = await rejection((async () => read(keys))());
      expect((error as Error).message).to.equal(words);
    });

  it('is refused where it is no YAML', () => {
    expect(() => read({ storageClassMap: 'a: [' })).to.throw(/^storageClassMap: it is no YAML: /);
  });
});

describe('the configuration of the discovery', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tlv-config-'));
    // As the kubelet mounts a ConfigMap.
    mkdirSync(join(folder, '..2026'));
    writeFileSync(join(folder, '..2026/storageClassMap'), PLAIN);
    symlinkSync('..2026', join(folder, '..data'));
    symlinkSync('..data/storageClassMap', join(folder, 'storageClassMap'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const load = async (directory: string | undefined, classes: string, root = '/pool') => {
    const warned: string[] = [];
    const quiet = () => undefined;
    const logger = { info: quiet, warn: (_: object, words: string) => void warned.push(words), error: quiet };
    const config = await loadDiscoveryConfig(directory, {
      roots: ['/other', root],
      classes: parseClasses(classes),
      logger,
    });
    return { config, warned };
  };
  const wrong = async (...args: Parameters<typeof load>) =>
    ((await rejection(load(...args))) as Error).message;

  it('is one file a key', async () => {
    const { config, warned } = await load(folder, 't-storage-class=on-demand,disks=discovery');
    expect(config?.classes.map(({ storageClass }) => storageClass)).to.deep.equal(['disks']);
    expect(warned).to.deep.equal([]);
  });

  it('is nothing where nothing is asked for', async () => {
    expect(await load(undefined, 't-storage-class=on-demand')).to.deep.equal({
      config: undefined,
      warned: [],
    });
  });

  it('says which served classes it leaves out', async () => {
    const classes = 't-storage-class=on-demand,disks=discovery,more=discovery';
    expect((await load(folder, classes)).warned).to.deep.equal([
      `no disk of class more is offered by this node, for ${folder} does not name it`,
    ]);
    expect((await load(undefined, classes)).warned).to.deep.equal([
      'no disk of class disks is offered by this node, for there is no --discovery-config',
      'no disk of class more is offered by this node, for there is no --discovery-config',
    ]);
  });

  it('is refused where the class is not served as discovered', async () => {
    const remedy = 'give webhook and agents --classes with disks=discovery in it';
    expect(await wrong(folder, 't-storage-class=on-demand')).to.equal(
      `storageClassMap.disks: the class is not among --classes; ${remedy}`,
    );
    expect(await wrong(folder, 't-storage-class=on-demand,disks=per-node')).to.equal(
      `storageClassMap.disks: the class is per-node among --classes; ${remedy}`,
    );
  });

  it("is refused where disks would be in the agent's root, or the root among the disks", async () => {
    for (const root of ['/mnt', '/mnt/disks', '/mnt/disks/pool'])
      expect(await wrong(folder, 't-storage-class=on-demand,disks=discovery', root)).to.equal(
        `storageClassMap.disks.hostDir: /mnt/disks and the root ${root} are one within the other, and in the root all is the agent's own; mount disks elsewhere`,
      );
  });

  it('is refused in words where it is wrong, or not there', async () => {
    writeFileSync(join(folder, 'useAlphaAPI'), 'true');
    expect(await wrong(folder, 't-storage-class=on-demand')).to.equal(
      `the discovery's configuration in ${folder} cannot be used:\n  useAlphaAPI: true is for Kubernetes before 1.10, and not supported; leave it out`,
    );
    expect(await wrong(`${folder}/no`, 't-storage-class=on-demand')).to.match(/cannot be used:\n {2}ENOENT/);
  });
});

describe("Go's durations and patterns", () => {
  const DURATIONS: readonly [text: string, ms: number | undefined][] = [
    ['5m0s', 300_000],
    ['1.5h', 5_400_000],
    ['300ms', 300],
    ['2us3ns', 0.002003],
    ['0', 0],
    ['5', undefined],
    ['5 m', undefined],
    ['m', undefined],
    ['', undefined],
  ];
  for (const [text, ms] of DURATIONS)
    it(`${text === '' ? 'nothing' : text} is ${ms ?? 'none'}`, () =>
      ms === undefined
        ? expect(durationMs(text)).to.equal(undefined)
        : expect(durationMs(text)).to.be.closeTo(ms, 1e-9));

  const PATTERNS: readonly [pattern: string, fits: readonly string[], others: readonly string[]][] = [
    ['*', ['a', '.a', 'ä', 'a\nb'], []],
    ['disk?', ['disk1', 'disk😀'], ['disk', 'disk12']],
    ['disk[0-9a]', ['disk7', 'diska'], ['diskb', 'disk']],
    ['[^a-c]*', ['d', 'da'], ['a', 'abc', '']],
    [String.raw`\*`, ['*'], ['a']],
    [String.raw`[\-x]`, ['-', 'x'], ['a']],
    ['a.b', ['a.b'], ['axb']],
    ['a+(b)', ['a+(b)'], ['aab']],
  ];
  for (const [pattern, fits, others] of PATTERNS)
    it(`${pattern} fits what it should`, () => {
      const names = namePattern(pattern)!;
      expect([...fits, ...others].filter((name) => names.test(name))).to.deep.equal(fits);
    });

  for (const pattern of ['[', '[]', '[^]', 'a[b', '\\', '[z-a]', '[-a]'])
    it(`${pattern} is none`, () => expect(namePattern(pattern)).to.equal(undefined));
});
