import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse } from 'yaml';
import { type BackendName, readClassParameters } from '../../src/tars/class-parameters.ts';
import { BACKEND_CLASSES, PROVISIONER } from '../../src/tars/vocabulary.ts';

/** The classes in deploy/classes, as the agent reads them. */

const FOLDER = new URL('../../deploy/classes/', import.meta.url);
/** The backend of each file, and with it of the class of its name. */
const BACKENDS: Readonly<Record<string, BackendName>> = {
  loop: 'loop',
  'loop-xfs': 'loop',
  tmpfs: 'tmpfs',
  btrfs: 'btrfs',
  quota: 'quota',
  lvm: 'lvm',
};

describe('the example classes', () => {
  const files = readdirSync(FOLDER).map((file) => file.replace('.yaml', ''));

  it('are one for each name that is served', () => {
    expect(files).to.have.members(Object.keys(BACKENDS));
    expect(files.map((file) => `t-storage-${file}`)).to.have.members([...BACKEND_CLASSES]);
  });

  for (const file of files) {
    it(`${file} is read without a fault, made on demand, and may grow`, () => {
      const { metadata, parameters, ...others } = parse(
        readFileSync(new URL(`${file}.yaml`, FOLDER), 'utf8'),
      );
      expect(metadata).to.deep.equal({ name: `t-storage-${file}` });
      expect(others).to.deep.equal({
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        provisioner: PROVISIONER,
        volumeBindingMode: 'WaitForFirstConsumer',
        reclaimPolicy: 'Delete',
        allowVolumeExpansion: true,
      });
      expect(readClassParameters(parameters)).to.include({ backend: BACKENDS[file] });
    });
  }
});
