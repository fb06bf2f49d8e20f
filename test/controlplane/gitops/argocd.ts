import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '../api.ts';
import type { GitopsCluster } from './cluster.ts';
import { ensureGitopsProgram } from './programs.ts';
import type { Application } from './snippets.ts';

/** What the Application's status would say. */
export interface ArgoReport {
  readonly phase?: 'Succeeded' | 'Failed';
  readonly message?: string;
  readonly resources?: readonly { readonly kind: string; readonly name: string; readonly message: string }[];
  readonly outOfSync: readonly Difference[];
  readonly comparisonError?: string;
}

interface Difference {
  readonly kind: string;
  readonly name: string;
  /** A merge patch from the live object to the predicted one. */
  readonly patch: unknown;
}

/** Argo CD's own code on a cluster. */
export class ArgoCd {
  readonly #program: string;
  readonly #cluster: GitopsCluster;

  static async on(cluster: GitopsCluster): Promise<ArgoCd> {
    return new ArgoCd(await ensureGitopsProgram('argocd'), cluster);
  }

  private constructor(program: string, cluster: GitopsCluster) {
    this.#program = program;
    this.#cluster = cluster;
  }

  async diff(application: Application, objects: readonly KubeObject[]): Promise<ArgoReport> {
    return this.#run('diff', application, objects);
  }

  async sync(application: Application, objects: readonly KubeObject[]): Promise<ArgoReport> {
    return this.#run('sync', application, objects);
  }

  async #run(command: string, application: Application, objects: readonly KubeObject[]): Promise<ArgoReport> {
    const file = join(this.#cluster.plane.directory, `${application.metadata.name}.json`);
    writeFileSync(file, JSON.stringify(application));
    const args = [command, `--kubeconfig=${this.#cluster.plane.kubeconfig()}`, `--application=${file}`];
    const { code, stdout, stderr } = await this.#cluster.runTool(this.#program, args, objects);
    if (code !== 0) throw new Error(`argocd ${command} ${application.metadata.name}: ${stderr}`);
    return JSON.parse(stdout) as ArgoReport;
  }
}
