import { TlvProcess } from './tlv-process.ts';

/** The real `tlv sweep`, and what it shows of itself. */
export class SweepProcess {
  readonly #process: TlvProcess;
  readonly #url: string;

  /**
   * Returns when it listens; whether it leads is another matter.
   * @param folder - goes with it when this process dies first
   */
  static async start(folder: string, args: readonly string[]): Promise<SweepProcess> {
    const process = new TlvProcess(folder, 'sweep', [
      '--metrics-port=0',
      '--bind-address=127.0.0.1',
      ...args,
    ]);
    const { metricsPort } = await process.listening();
    return new SweepProcess(process, `http://127.0.0.1:${metricsPort}`);
  }

  private constructor(process: TlvProcess, url: string) {
    this.#process = process;
    this.#url = url;
  }

  /** What it has said so far, line by line. */
  get said(): readonly string[] {
    return this.#process.stderr.trimEnd().split('\n');
  }

  stop(signal?: NodeJS.Signals): Promise<number | null> {
    return this.#process.stop(signal);
  }

  async get(path: string): Promise<{ status: number; text: string }> {
    const answer = await fetch(`${this.#url}${path}`);
    return { status: answer.status, text: await answer.text() };
  }

  /** The value of a metric, such as `tlv_sweep_leader`. */
  async metric(name: string): Promise<number> {
    const { text } = await this.get('/metrics');
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    return Number(line?.split(' ').at(-1));
  }
}
