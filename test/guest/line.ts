import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const READY = 'ready';

interface Question {
  readonly answer: (exitCode: number) => void;
  readonly fail: (why: Error) => void;
}

/**
 * The line to a guest's first process, over which it is told to run commands: see guest-init.sh.
 * The host listens before the guest is there: with nobody at the other end, the guest would read the end of it at once.
 */
export class Line {
  readonly path: string;
  readonly #server: Server;
  readonly #questions = new Map<string, Question>();
  #socket: Socket | undefined;
  #isReady = false;

  static async listen(path: string): Promise<Line> {
    const line = new Line(path);
    line.#server.listen(path);
    await once(line.#server, 'listening');
    return line;
  }

  private constructor(path: string) {
    this.path = path;
    // A test that forgets to stop its guest still ends.
    this.#server = createServer((socket) => this.#connected(socket)).unref();
  }

  /** Whether the guest takes commands. */
  get isOpen(): boolean {
    return this.#socket !== undefined && this.#isReady;
  }

  /** Tells the guest to run a command, and returns its exit code. */
  async ask(id: string, timeoutMs: number): Promise<number> {
    if (!this.isOpen) throw new Error('it is off');
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#questions.set(id, { answer: resolve, fail: reject });
    const late = (): void => reject(new Error(`no end after ${timeoutMs / 1000} s`));
    const timer = Number.isFinite(timeoutMs) ? setTimeout(late, timeoutMs) : undefined;
    this.#socket?.write(`${id}\n`);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#questions.delete(id);
    }
  }

  /** The guest is gone: nothing that it was told before will be answered. */
  hangUp(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
    for (const { fail } of this.#questions.values()) fail(new Error('its power is off'));
  }

  close(): void {
    this.hangUp();
    this.#server.close();
  }

  #connected(socket: Socket): void {
    this.#socket = socket.unref();
    this.#isReady = false;
    socket.on('error', () => undefined);
    socket.once('close', () => {
      if (socket === this.#socket) this.hangUp();
    });
    createInterface(socket).on('line', (line) => {
      if (socket === this.#socket) this.#heard(line);
    });
  }

  #heard(line: string): void {
    if (line === READY) this.#isReady = true;
    const [id = '', exitCode] = line.split(' ');
    this.#questions.get(id)?.answer(Number(exitCode));
  }
}
