import { mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ROOT } from '../offline/tlv.ts';
import type { ApiAnswer, KubeObject } from './api.ts';
import { ensureBinaries } from './binaries.ts';
import type { Component } from './component.ts';
import { ControlPlane, EVERYTHING } from './control-plane.ts';
import { type GuideStep, isTold, readGuide } from './migrate-guide.ts';
import { Hosts } from './migrate-hosts.ts';
import { Session } from './migrate-session.ts';
import { startWebhook, writeOverlay } from './migrate-webhook.ts';
import { waitFor } from './wait.ts';

export interface MigrationOptions {
  /** Below docs/migrate, without `.md`. */
  readonly page: string;
  /** Pages that it sends its reader to: their steps are called `page:step`. */
  readonly others?: readonly string[];
  readonly overlay: string;
  readonly classes: string;
  readonly nodes: readonly string[];
  /** TarsK8S's, where it was there first. */
  readonly crd?: object;
  /** What a person would set before the page's first step. */
  readonly variables?: Readonly<Record<string, string>>;
}

/** A cluster before the product comes to it, and a person in front of it who has a guide. */
export class Migration {
  readonly plane: ControlPlane;
  readonly #folder: string;
  readonly #steps: ReadonlyMap<string, GuideStep>;
  readonly #done = new Set<string>();
  #hosts: Hosts | undefined;
  #webhook: Component | undefined;
  #session: Session | undefined;

  static async start(options: MigrationOptions): Promise<Migration> {
    const steps = stepsOf(options);
    const migration = new Migration(await ControlPlane.start({ components: EVERYTHING }), steps);
    try {
      await migration.#begin(options);
      return migration;
    } catch (error) {
      await migration.stop();
      throw error;
    }
  }

  private constructor(plane: ControlPlane, steps: ReadonlyMap<string, GuideStep>) {
    this.plane = plane;
    this.#steps = steps;
    this.#folder = checkout(plane.directory);
  }

  async stop(): Promise<void> {
    await this.#session?.stop();
    await this.#hosts?.stop();
    await this.#webhook?.kill();
    await this.plane.stop();
  }

  get hosts(): Hosts {
    if (!this.#hosts) throw new Error('the nodes have not been started');
    return this.#hosts;
  }

  async #begin({ overlay, classes, nodes, crd, variables }: MigrationOptions): Promise<void> {
    const folder = this.#folder;
    const { plane } = this;
    await plane.addNodes(nodes);
    const { kubectl } = await ensureBinaries(['kubectl']);
    this.#hosts = await Hosts.start({ plane, kubectl, folder, nodes, classes });
    const { process: webhook, url } = await startWebhook(plane, folder, classes);
    this.#webhook = webhook;
    await writeOverlay(plane, { folder: join(folder, 'overlay'), overlay, url });
    this.#session = new Session(folder, {
      PATH: `${this.hosts.bin}:${process.env['PATH'] ?? ''}`,
      HOME: folder,
      KUBECONFIG: plane.kubeconfig(),
      ROOT: this.hosts.root,
      OVERLAY: 'overlay',
      ...variables,
    });
    await this.#defineTServers(crd);
  }

  async #defineTServers(crd: object | undefined): Promise<void> {
    if (crd) await this.apply(crd);
    else await this.kubectl('apply', '-f', `${ROOT}deploy/crd`);
    await waitFor('TServers to be served', async () => {
      const { status } = await this.plane.api('GET', '/apis/k8s.tars.io/v1beta3/tservers');
      return status === 200;
    });
  }

  #run(step: Pick<GuideStep, 'name' | 'commands'>): Promise<string> {
    if (!this.#session) throw new Error('nobody is there who could do it');
    return this.#session.run(step);
  }

  /** Does steps of the guide, as they stand there; what is printed has to be what the page shows. */
  async follow(...names: string[]): Promise<string> {
    let printed = '';
    for (const name of names) {
      const step = this.#step(name);
      printed = (await this.#run(step)).replaceAll(this.hosts.disk, '');
      // Done again, it has other things to say.
      const told = this.#done.has(name) ? undefined : step.output;
      if (told !== undefined && !isTold(told, printed)) expect(printed, `step ${name}`).to.equal(told);
      this.#done.add(name);
    }
    return printed;
  }

  /** Does a step that has to fail as things are; what it prints. */
  async fail(name: string): Promise<string> {
    if (!this.#session) throw new Error('nobody is there who could do it');
    return this.#session.fail(this.#step(name));
  }

  /** What happens on a node meanwhile. */
  async onNode(node: string, command: string): Promise<void> {
    await this.#run({ name: 'on-node', commands: `ssh -n 'root@${node}' "${command}"\n` });
  }

  #step(name: string): GuideStep {
    const step = this.#steps.get(name);
    if (step) return step;
    throw new Error(`no page has a step ${name}; there are ${[...this.#steps.keys()].join(', ')}`);
  }

  /** Sets variables as a person does who goes on with the next one. */
  async set(variables: Readonly<Record<string, string>>): Promise<void> {
    const commands = Object.entries(variables).map(([name, value]) => `${name}='${value}'\n`);
    await this.#run({ name: 'set', commands: commands.join('') });
  }

  /** Steps of the page that nobody has done. */
  undone(): string[] {
    return [...this.#steps.keys()].filter((name) => !this.#done.has(name) && !name.includes(':'));
  }

  async kubectl(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.plane.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  }

  async apply(...items: object[]): Promise<void> {
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    const { code, stderr } = await this.plane.kubectl(['apply', '-f', '-'], { input });
    if (code !== 0) throw new Error(`kubectl apply: ${stderr}`);
  }

  async create<T = KubeObject>(path: string, object: object): Promise<T> {
    const { status, body } = await this.plane.api<T>('POST', path, object);
    expect(status, JSON.stringify(body)).to.equal(201);
    return body;
  }

  async get<T = KubeObject>(path: string): Promise<T> {
    const { status, body }: ApiAnswer<T> = await this.plane.api<T>('GET', path);
    expect(status, `${path}: ${JSON.stringify(body)}`).to.equal(200);
    return body;
  }
}

/** What other pages print is for other names than the page's own. */
function stepsOf({ page, others = [] }: MigrationOptions): ReadonlyMap<string, GuideStep> {
  const borrowed = others.flatMap((other) =>
    [...readGuide(other)].map(
      ([name, step]) => [`${other}:${name}`, { ...step, output: undefined }] as const,
    ),
  );
  return new Map([...readGuide(page), ...borrowed]);
}

/** A folder that looks like a checkout as far as guides refer to it, and takes what they write. */
function checkout(directory: string): string {
  const folder = join(realpathSync(directory), 'checkout');
  mkdirSync(folder);
  for (const name of ['deploy', 'docs']) symlinkSync(join(ROOT, name), join(folder, name));
  return folder;
}
