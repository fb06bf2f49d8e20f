import { parseAllDocuments } from 'yaml';
import { ROOT } from '../offline/tlv.ts';
import type { KubeObject } from './api.ts';
import { ensureBinaries } from './binaries.ts';
import type { ControlPlane } from './control-plane.ts';
import { type Outcome, run } from './run.ts';

/** The real Helm on a control plane, with nothing of the machine's own settings. */
export class Helm {
  readonly #file: string;
  readonly #plane: ControlPlane;

  static async of(plane: ControlPlane): Promise<Helm> {
    return new Helm((await ensureBinaries(['helm'])).helm, plane);
  }

  private constructor(file: string, plane: ControlPlane) {
    this.#file = file;
    this.#plane = plane;
  }

  /** Runs it, whatever comes of it. */
  async try(...args: readonly string[]): Promise<Outcome> {
    const { directory } = this.#plane;
    const env = { PATH: process.env['PATH'], HOME: directory, KUBECONFIG: this.#plane.kubeconfig() };
    // It waits for pods.
    return run(this.#file, args, { env, timeoutMs: 300_000 });
  }

  /** Runs it and expects it to succeed. */
  async run(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.try(...args);
    if (code !== 0) throw new Error(`helm ${args.join(' ')}: ${stderr}`);
    return stdout;
  }
}

export const CHART = `${ROOT}deploy/chart`;

/** Values as Helm's command line takes them: strings, and anything else as JSON. */
export function valueFlags(values: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(values).map(([path, value]) => `--set-json=${path}=${JSON.stringify(value)}`);
}

export function objectsIn(text: string): KubeObject[] {
  return parseAllDocuments(text, { version: '1.1', merge: true })
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);
}

/** `Kind/name`, and its namespace where it has one. */
export function idOf({ kind = '', metadata = {} }: KubeObject): string {
  const { namespace, name = '' } = metadata;
  return namespace === undefined ? `${kind}/${name}` : `${kind}/${name} in ${namespace}`;
}
