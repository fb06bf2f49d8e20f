import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { ROOT } from '../offline/tlv.ts';
import { type ApiAnswer, isServing, type KubeObject } from './api.ts';
import { ensureBinaries } from './binaries.ts';
import { Component } from './component.ts';
import { ControlPlane, EVERYTHING } from './control-plane.ts';
import { type GuideStep, isTold, readGuide } from './migrate-guide.ts';
import { Hosts } from './migrate-hosts.ts';
import { Session } from './migrate-session.ts';
import { freePorts } from './ports.ts';

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
  readonly hosts: Hosts;
  readonly #folder: string;
  readonly #webhook: Component;
  readonly #session: Session;
  readonly #steps: ReadonlyMap<string, GuideStep>;
  readonly #done = new Set<string>();

  static async start(options: MigrationOptions): Promise<Migration> {
    const { overlay, classes, nodes, crd, variables } = options;
    const folder = checkout();
    const plane = await ControlPlane.start({ components: EVERYTHING });
    try {
      await plane.addNodes(nodes);
      const { kubectl } = await ensureBinaries(['kubectl']);
      const hosts = await Hosts.start({ plane, kubectl, folder, nodes, classes });
      const webhook = await startWebhook(plane, folder, classes);
      await writeOverlay(plane, { folder: join(folder, 'overlay'), overlay, url: webhook.url });
      const env = {
        PATH: `${hosts.bin}:${process.env['PATH'] ?? ''}`,
        HOME: folder,
        KUBECONFIG: plane.kubeconfig(),
        ROOT: hosts.root,
        OVERLAY: 'overlay',
        ...variables,
      };
      const session = new Session(folder, env);
      const steps = stepsOf(options);
      const migration = new Migration({ plane, hosts, folder, webhook: webhook.process, session, steps });
      await migration.#prepare(crd);
      return migration;
    } catch (error) {
      await plane.stop();
      throw error;
    }
  }

  private constructor(parts: {
    plane: ControlPlane;
    hosts: Hosts;
    folder: string;
    webhook: Component;
    session: Session;
    steps: ReadonlyMap<string, GuideStep>;
  }) {
    this.plane = parts.plane;
    this.hosts = parts.hosts;
    this.#folder = parts.folder;
    this.#webhook = parts.webhook;
    this.#session = parts.session;
    this.#steps = parts.steps;
  }

  async stop(): Promise<void> {
    await this.#session.stop();
    await this.hosts.stop();
    await this.#webhook.kill();
    await this.plane.stop();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #prepare(crd: object | undefined): Promise<void> {
    if (crd) await this.apply(crd);
    else await this.kubectl('apply', '-f', `${ROOT}deploy/crd`);
    await this.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s');
  }

  /** Does steps of the guide, as they stand there; what is printed has to be what the page shows. */
  async follow(...names: string[]): Promise<string> {
    let printed = '';
    for (const name of names) {
      const step = this.#steps.get(name);
      if (!step)
        throw new Error(`no page has a step ${name}; there are ${[...this.#steps.keys()].join(', ')}`);
      printed = (await this.#session.run(step)).replaceAll(this.hosts.disk, '');
      // Done again, it has other things to say.
      const told = this.#done.has(name) ? undefined : step.output;
      if (told !== undefined && !isTold(told, printed)) expect(printed, `step ${name}`).to.equal(told);
      this.#done.add(name);
    }
    return printed;
  }

  /** Does a step that has to fail as things are; what it prints. */
  async fail(name: string): Promise<string> {
    return this.#session.fail(this.#step(name));
  }

  /** What happens on a node meanwhile. */
  async onNode(node: string, command: string): Promise<void> {
    await this.#session.run({ name: 'on-node', commands: `ssh -n 'root@${node}' "${command}"\n` });
  }

  #step(name: string): GuideStep {
    const step = this.#steps.get(name);
    if (step) return step;
    throw new Error(`no page has a step ${name}; there are ${[...this.#steps.keys()].join(', ')}`);
  }

  /** Sets variables as a person does who goes on with the next one. */
  async set(variables: Readonly<Record<string, string>>): Promise<void> {
    const commands = Object.entries(variables).map(([name, value]) => `${name}='${value}'\n`);
    await this.#session.run({ name: 'set', commands: commands.join('') });
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
function checkout(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tlv-migrate-')));
  for (const name of ['deploy', 'docs']) symlinkSync(join(ROOT, name), join(folder, name));
  return folder;
}

async function startWebhook(plane: ControlPlane, folder: string, classes: string) {
  const directory = join(folder, 'webhook');
  mkdirSync(directory);
  const [tls, key] = ['tls.crt', 'tls.key'].map((name) => join(directory, name)) as [string, string];
  writeFileSync(tls, plane.tls.cert);
  writeFileSync(key, plane.tls.key);
  const [port = 0] = await freePorts(1);
  const url = `https://127.0.0.1:${port}`;
  const process = new Component({
    name: 'webhook',
    file: `${ROOT}bin/tlv`,
    args: [
      'webhook',
      `--port=${port}`,
      '--metrics-port=0',
      '--bind-address=127.0.0.1',
      `--tls-cert-file=${tls}`,
      `--tls-private-key-file=${key}`,
      '--shutdown-delay=0',
      `--kubeconfig=${plane.kubeconfig()}`,
      `--classes=${classes}`,
    ],
    directory,
    ready: () => isServing(`${url}/readyz`),
  });
  await process.start();
  return { process, url };
}

interface Configuration {
  readonly kind: string;
  readonly webhooks?: readonly { readonly clientConfig: { readonly service: { readonly path: string } } }[];
}

/** An overlay of the product whose webhook is reached by its address: it is no pod here. */
async function writeOverlay(
  plane: ControlPlane,
  { folder, overlay, url }: { folder: string; overlay: string; url: string },
): Promise<void> {
  const base = `${ROOT}deploy/overlays/${overlay}`;
  const { code, stdout, stderr } = await plane.kubectl(['kustomize', base]);
  if (code !== 0) throw new Error(`kubectl kustomize: ${stderr}`);
  const caBundle = Buffer.from(plane.tls.ca).toString('base64');
  const objects = parseAllDocuments(stdout).map((document) => document.toJS() as Configuration);
  const patches = objects.flatMap(({ kind, webhooks }) => {
    if (!webhooks) return [];
    const operations = webhooks.map(({ clientConfig }, index) => ({
      op: 'replace',
      path: `/webhooks/${index}/clientConfig`,
      value: { url: `${url}${clientConfig.service.path}`, caBundle },
    }));
    return [{ target: { kind }, patch: JSON.stringify(operations) }];
  });
  mkdirSync(folder);
  const kustomization = { resources: [relative(folder, base)], patches };
  writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
}
