import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Component } from '../controlplane/component.ts';
import { succeed } from '../controlplane/run.ts';
import { makeInitramfs } from './initramfs.ts';
import { unpackKernel } from './kernel-image.ts';
import { Line } from './line.ts';
import { assembleMachine } from './machine.ts';

/** Where the host listens, as a guest sees it: what serves on 127.0.0.1 is reached there. */
export const HOST = '10.0.2.2';
const SERVE = join(import.meta.dirname, 'serve.sh');
/**
 * Programs at addresses that are not random: code is translated for the address that it is at, and a program starts in a
 * third of the time where that has been done before. For the same reason there is one processor: what concerns both of
 * two has to stop both.
 */
const COMMAND_LINE = 'console=ttyS0 quiet panic=-1 mitigations=off norandmaps';
const BOOT_TIMEOUT_MS = 180_000;
const RUN_TIMEOUT_MS = 120_000;
const LOOK_EVERY_MS = 100;

/** A guest ended where it should not, or did not end what it was told to do; the message has its last words. */
class GuestError extends Error {
  override readonly name = 'GuestError';
}

interface GuestOptions {
  /** Sizes of disks, such as `4G`, empty at first. They keep what is on them for as long as there is the guest. */
  readonly disks?: readonly string[];
  readonly memory?: string;
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The root directory unless told. */
  readonly cwd?: string;
  /** Two minutes unless told. */
  readonly timeoutMs?: number;
  /** Takes what the program prints on standard output while it runs. */
  readonly onOutput?: (text: string) => void;
}

interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A machine of its own, emulated, with a stock kernel of Debian: it can what this machine's kernel cannot, and its power
 * can be cut.
 *
 * - It sees the files of this machine, at their places, and cannot change them; what it writes elsewhere than on its
 *   disks and in `shared` is lost with the power. It runs this machine's programs, this repository and its Node.
 * - Its disks are /dev/vda, /dev/vdb, and so on.
 * - Neither its process nor its directory outlive the process that started it, however that one ends.
 */
export class Guest {
  readonly #folder: string;
  readonly #machine: Component;
  readonly #line: Line;
  #runs = 0;

  /** Starts one; returns when it takes commands. */
  static async boot(options: GuestOptions = {}): Promise<Guest> {
    const folder = mkdtempSync(join(tmpdir(), 'guest-'));
    try {
      const guest = await Guest.#assemble(folder, options);
      await guest.powerOn();
      return guest;
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  static async #assemble(folder: string, { disks = [], memory = '2G' }: GuestOptions): Promise<Guest> {
    const machine = await assembleMachine();
    const kernel = await unpackKernel(machine, folder);
    const initramfs = await makeInitramfs(machine, folder);
    const shared = join(folder, 'shared');
    mkdirSync(shared);
    copyFileSync(SERVE, join(shared, 'serve.sh'));
    const images = disks.map((_, index) => join(folder, `disk-${index}.img`));
    // Sparse: they take what is written to them.
    for (const [index, image] of images.entries()) await succeed('truncate', '-s', disks[index] ?? '', image);
    const line = await Line.listen(join(folder, 'line'));
    const argv = [
      ...machine.emulator,
      ...words(`-accel tcg,thread=multi -machine pc -cpu max -smp 1 -m ${memory}`),
      ...words('-nodefaults -no-user-config -no-reboot -display none -serial stdio'),
      '-kernel',
      kernel,
      '-initrd',
      initramfs,
      '-append',
      COMMAND_LINE,
      ...share('host', '/', ',readonly=on'),
      ...share('guest', shared),
      ...words('-device virtio-serial-pci -device virtserialport,nr=1,chardev=line -chardev'),
      `socket,id=line,path=${line.path}`,
      // A ROM would be to boot from the network.
      ...words('-netdev user,id=network -device virtio-net-pci,netdev=network,romfile='),
      ...words('-device virtio-rng-pci'),
      ...images.flatMap((image) => ['-drive', `file=${image},format=raw,if=virtio`]),
    ];
    return new Guest(folder, argv, line);
  }

  private constructor(folder: string, [file = '', ...args]: readonly string[], line: Line) {
    this.#folder = folder;
    this.#line = line;
    const ready = async (): Promise<boolean> => line.isOpen;
    this.#machine = new Component({
      name: 'guest',
      file,
      args,
      directory: folder,
      ready,
      timeoutMs: BOOT_TIMEOUT_MS,
    });
  }

  /** A folder of this machine that the guest has as /guest, and can write to. */
  get shared(): string {
    return join(this.#folder, 'shared');
  }

  /** Where the guest sees a file of the shared folder. */
  pathOf(path: string): string {
    return join('/guest', relative(this.shared, path));
  }

  async powerOn(): Promise<void> {
    await this.#machine.start();
  }

  /** As a power failure: all is gone at once but what has reached the disks. */
  async powerOff(): Promise<void> {
    await this.#machine.kill();
    this.#line.hangUp();
  }

  /** Cuts the power and boots again, with the same disks. */
  async reset(): Promise<void> {
    await this.powerOff();
    await this.powerOn();
  }

  /** Ends it for good and throws its disks away. May be called twice. */
  async stop(): Promise<void> {
    await this.powerOff();
    this.#line.close();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Runs a program to its end, as root. */
  async run(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const { env = {}, cwd = '/', timeoutMs = RUN_TIMEOUT_MS, onOutput } = options;
    const id = String(++this.#runs);
    const folder = join(this.shared, id);
    mkdirSync(folder);
    const variables = { PATH: process.env['PATH'] ?? '', HOME: '/root', ...env };
    const command = [
      'env',
      '-i',
      ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
      ...argv,
    ];
    writeFileSync(join(folder, 'command'), `cd ${quoted(cwd)} && exec ${command.map(quoted).join(' ')}\n`);
    const ended = new AbortController();
    const followed = onOutput && follow(join(folder, 'stdout'), onOutput, ended.signal);
    try {
      const exitCode = await this.#line.ask(id, timeoutMs);
      const [stdout, stderr] = await Promise.all(
        ['stdout', 'stderr'].map((name) => readFile(join(folder, name), 'utf8')),
      );
      return { exitCode, stdout: stdout ?? '', stderr: stderr ?? '' };
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new GuestError(`guest: ${argv.join(' ')}: ${why}\n${this.#machine.lastLines()}`, { cause });
    } finally {
      ended.abort();
      await followed;
    }
  }

  /** Runs a program that has to succeed, and returns what it prints. */
  async succeed(...argv: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(argv);
    if (exitCode === 0) return stdout;
    throw new GuestError(`guest: ${argv.join(' ')}: exit code ${exitCode}\n${stderr}`);
  }
}

const words = (text: string): string[] => text.split(' ');

/** A folder of this machine, by 9p. */
function share(name: string, path: string, more = ''): string[] {
  const files = `local,id=${name},path=${path},security_model=none,multidevs=remap${more}`;
  return ['-fsdev', files, '-device', `virtio-9p-pci,fsdev=${name},mount_tag=${name}`];
}

const quoted = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** Hands on what is appended to a file, until the end of it. */
async function follow(path: string, onText: (text: string) => void, ended: AbortSignal): Promise<void> {
  writeFileSync(path, '');
  const file = await open(path);
  const decoder = new TextDecoder();
  for (;;) {
    // Asked before the last look: what was written until then is there.
    const isLast = ended.aborted;
    const { bytesRead, buffer } = await file.read();
    if (bytesRead > 0) onText(decoder.decode(buffer.subarray(0, bytesRead), { stream: true }));
    else if (isLast) break;
    else await sleep(LOOK_EVERY_MS);
  }
  await file.close();
}
