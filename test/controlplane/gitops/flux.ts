import type { KubeObject } from '../api.ts';
import type { GitopsCluster } from './cluster.ts';
import { ensureGitopsProgram } from './programs.ts';
import type { Kustomization } from './snippets.ts';

interface Change {
  /** Such as `StatefulSet/default/shop-cart`. */
  readonly subject: string;
  /** The last two are helm-controller's. */
  readonly action: 'created' | 'configured' | 'unchanged' | 'none' | 'update';
  /** A JSON patch from the live object to the wanted one. */
  readonly patch?: readonly { readonly path: string }[] | null;
}

export interface FluxReport {
  readonly changes: readonly Change[];
  /** Why the Kustomization is not ready; empty when it is. */
  readonly message: string;
}

interface ApplyOptions {
  readonly force?: boolean;
  /** The flag of kustomize-controller of that name. */
  readonly customApplyStageKinds?: string;
}

/** Flux's own code on a cluster. */
export class Flux {
  readonly #program: string;
  readonly #cluster: GitopsCluster;

  static async on(cluster: GitopsCluster): Promise<Flux> {
    return new Flux(await ensureGitopsProgram('flux'), cluster);
  }

  private constructor(program: string, cluster: GitopsCluster) {
    this.#program = program;
    this.#cluster = cluster;
  }

  /** One reconciliation by kustomize-controller. */
  async apply(
    { metadata, spec }: Kustomization,
    objects: readonly KubeObject[],
    { force = spec.force ?? false, customApplyStageKinds = '' }: ApplyOptions = {},
  ): Promise<FluxReport> {
    const flags = [
      `--name=${metadata.name}`,
      `--force=${force}`,
      `--custom-apply-stage-kinds=${customApplyStageKinds}`,
    ];
    return this.#run('apply', flags, objects);
  }

  /** What kustomize-controller would find to do. */
  async diff({ metadata }: Kustomization, objects: readonly KubeObject[]): Promise<FluxReport> {
    return this.#run('diff', [`--name=${metadata.name}`], objects);
  }

  /** What helm-controller calls drift. */
  async helmDiff(objects: readonly KubeObject[]): Promise<FluxReport> {
    return this.#run('helm-diff', [], objects);
  }

  /** Has Flux's own types read files of its objects; what they do not like, or nothing. */
  async check(files: readonly string[]): Promise<string> {
    return (await this.#cluster.runTool(this.#program, ['check', ...files], [])).stderr;
  }

  async #run(command: string, flags: readonly string[], objects: readonly KubeObject[]): Promise<FluxReport> {
    const args = [command, `--kubeconfig=${this.#cluster.plane.kubeconfig()}`, ...flags];
    const { code, stdout, stderr } = await this.#cluster.runTool(this.#program, args, objects);
    if (code !== 0 && stdout === '') throw new Error(`flux ${command}: ${stderr}`);
    return {
      changes: (JSON.parse(stdout) as Change[] | null) ?? [],
      message: code === 0 ? '' : stderr.trim(),
    };
  }
}
