import type { Logger } from '../../cluster/observer.ts';
import { messageOf } from '../../tars/message-of.ts';
import type { ClassSetting } from '../../tars/settings.ts';
import { readKeyFiles } from '../os/key-files.ts';
import type { DiscoveryConfig } from './config.ts';
import { DiscoveryConfigInvalid } from './config-invalid.ts';

export interface DiscoverySurroundings {
  readonly roots: readonly string[];
  readonly classes: ReadonlyMap<string, ClassSetting>;
  readonly logger: Logger;
}

/**
 * The configuration in that directory, which fits what else the agent was told; undefined where there is no directory.
 * @throws {DiscoveryConfigInvalid}
 */
export async function loadDiscoveryConfig(
  directory: string | undefined,
  surroundings: DiscoverySurroundings,
): Promise<DiscoveryConfig | undefined> {
  const config = directory === undefined ? undefined : await read(directory);
  const faults = (config?.classes ?? []).flatMap((discovered) => faultsOf(discovered, surroundings));
  if (faults.length > 0) throw new DiscoveryConfigInvalid(faults.join('\n'));
  for (const [name, { way }] of surroundings.classes) {
    const isServed = config?.classes.some(({ storageClass }) => storageClass === name) ?? false;
    if (way !== 'discovery' || isServed) continue;
    const why = directory === undefined ? 'there is no --discovery-config' : `${directory} does not name it`;
    surroundings.logger.warn({}, `no disk of class ${name} is offered by this node, for ${why}`);
  }
  return config;
}

async function read(directory: string): Promise<DiscoveryConfig> {
  // Loaded here only: agents without discovery, which are most, do without what reads YAML.
  const { readDiscoveryConfig } = await import('./config.ts');
  try {
    return readDiscoveryConfig(await readKeyFiles(directory));
  } catch (error) {
    const lines = messageOf(error).replaceAll('\n', `\n  `);
    throw new DiscoveryConfigInvalid(
      `the discovery's configuration in ${directory} cannot be used:\n  ${lines}`,
      {
        cause: error,
      },
    );
  }
}

function faultsOf(
  { storageClass, hostDir, mountDir }: DiscoveryConfig['classes'][number],
  { roots, classes }: DiscoverySurroundings,
): string[] {
  const faults: string[] = [];
  const way = classes.get(storageClass)?.way;
  if (way !== 'discovery') {
    const is = way === undefined ? 'is not among --classes' : `is ${way} among --classes`;
    faults.push(
      `storageClassMap.${storageClass}: the class ${is}; give webhook and agents --classes with ${storageClass}=discovery in it`,
    );
  }
  for (const [key, path] of Object.entries({ hostDir, mountDir })) {
    const root = roots.find((each) => isWithin(path, each) || isWithin(each, path));
    if (root === undefined) continue;
    faults.push(
      `storageClassMap.${storageClass}.${key}: ${path} and the root ${root} are one within the other, and in the root all is the agent's own; mount disks elsewhere`,
    );
  }
  return faults;
}

const isWithin = (path: string, other: string): boolean => `${path}/`.startsWith(`${other}/`);
