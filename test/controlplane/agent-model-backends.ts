import type { BackendName } from '../../src/tars/class-parameters.ts';
import { PROVISIONER } from '../../src/tars/vocabulary.ts';
import { lacksCapability } from '../storage/mounted-world.ts';

/** Each server has volumes of a class of its own: every backend that a kernel without modules of its own can do. */

interface Class {
  readonly backend: BackendName;
  readonly name: string;
  /** What a replica asks for. */
  readonly request: string;
  /** Its volumes become larger while they are used. */
  readonly grows: boolean;
}

/** The kernel lets no other process make an ext4 larger that is mounted. */
const CAP_SYS_RESOURCE = 24;

const PLAIN: Class = { backend: 'directory', name: 't-storage-class', request: '1Mi', grows: false };

const CLASSES: Readonly<Record<string, Class>> = {
  cart: PLAIN,
  list: {
    backend: 'loop',
    name: 't-storage-loop',
    request: '8Mi',
    grows: !lacksCapability(CAP_SYS_RESOURCE),
  },
  mail: { backend: 'tmpfs', name: 't-storage-tmpfs', request: '8Mi', grows: true },
  news: { backend: 'btrfs', name: 't-storage-btrfs', request: '8Mi', grows: true },
};

/** Of StatefulSets, and of the servers that they are of. */
export const NAMES: readonly string[] = Object.keys(CLASSES);

export function classOf(name: string): Class {
  const found = CLASSES[name];
  if (!found) throw new Error(`there is no server ${name}`);
  return found;
}

/** Of volumes at a path, which is below the root: `namespace/app.server/volume`. What ties replicas to nodes is plain. */
export function classAt(path: string): Class {
  const [, , server = '', volume] = path.split(/[./]/);
  return volume === 'delay-bind' ? PLAIN : classOf(server);
}

/** Those volumes are mounted: something else, and nothing in it, is below. */
export const isMountedKind = (path: string): boolean => ['loop', 'tmpfs'].includes(classAt(path).backend);

/** What comes with no installation: an operator makes them as he needs them. */
export const classObjects = (): object[] =>
  Object.values(CLASSES)
    .filter(({ backend }) => backend !== 'directory')
    .map(({ name, backend }) => ({
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name },
      provisioner: PROVISIONER,
      parameters: { backend },
      allowVolumeExpansion: true,
      volumeBindingMode: 'WaitForFirstConsumer',
      reclaimPolicy: 'Delete',
    }));
