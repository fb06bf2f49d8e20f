import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storagePrograms } from './programs.ts';

const CONFIG =
  'activation{udev_sync=0 udev_rules=0 verify_udev_operations=0} devices{obtain_device_list_from_udev=0}';

/** A volume group on a disk of its own. */
export class VolumeGroup {
  readonly name: string;
  readonly #folder: string;
  readonly #device: string;
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(name: string, folder: string, device: string, environment: NodeJS.ProcessEnv) {
    this.name = name;
    this.#folder = folder;
    this.#device = device;
    this.#environment = environment;
  }

  static async make(name: string, bytes: number): Promise<VolumeGroup> {
    const { path, environment } = await storagePrograms();
    const folder = mkdtempSync(join(tmpdir(), 'disks-'));
    const disk = join(folder, 'disk.img');
    writeFileSync(disk, '');
    truncateSync(disk, bytes);
    const device = execFileSync('losetup', ['--find', '--show', disk], { encoding: 'utf8' }).trim();
    const group = new VolumeGroup(name, folder, device, {
      ...process.env,
      ...environment,
      PATH: path,
      LC_ALL: 'C',
    });
    group.#lvm('pvcreate', device);
    group.#lvm('vgcreate', group.name, device);
    return group;
  }

  /** The names of its logical volumes. */
  volumes(): string[] {
    return this.#lvm('lvs', '--noheadings', '--options', 'lv_name', this.name).split(/\s+/).filter(Boolean);
  }

  /** Makes a logical volume that is not the product's. */
  addForeign(name: string): void {
    this.#lvm('lvcreate', '--yes', '--name', name, '--size', '4m', this.name);
  }

  /** As it is after a reboot that nobody has activated it after. */
  deactivate(): void {
    this.#lvm('vgchange', '--activate', 'n', this.name);
  }

  clear(): void {
    if (this.volumes().length > 0) this.#lvm('lvremove', '--yes', this.name);
  }

  remove(): void {
    this.clear();
    this.#lvm('vgremove', '--yes', this.name);
    execFileSync('losetup', ['--detach', this.#device]);
    rmSync(this.#folder, { recursive: true });
  }

  #lvm(command: string, ...argv: readonly string[]): string {
    const options = { env: this.#environment, encoding: 'utf8', stdio: 'pipe' } as const;
    return execFileSync('lvm', [command, '--config', CONFIG, ...argv], options);
  }
}
