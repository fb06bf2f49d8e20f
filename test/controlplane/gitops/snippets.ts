import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import { ROOT } from '../../offline/tlv.ts';

/** What people copy from deploy/gitops, as far as the tests read it. */

export interface Application extends Snippet {
  readonly spec: {
    readonly source: {
      readonly path: string;
      readonly kustomize?: { readonly images?: readonly string[]; readonly patches?: readonly object[] };
    };
  };
}

export interface Kustomization extends Snippet {
  readonly spec: {
    readonly path: string;
    readonly images?: readonly object[];
    readonly force?: boolean;
    readonly dependsOn?: readonly { readonly name: string }[];
  };
}

export interface HelmRelease extends Snippet {
  readonly spec: {
    readonly chart: { readonly spec: { readonly chart: string } };
    readonly values: Readonly<Record<string, unknown>>;
    readonly driftDetection: { readonly mode: string; readonly ignore?: readonly object[] };
  };
}

interface Snippet {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

/** An Application of deploy/gitops/argocd. */
export const application = (file: string, name: string): Application =>
  find(`argocd/${file}`, 'Application', name) as Application;

/** A Kustomization of deploy/gitops/flux. */
export const kustomization = (file: string, name: string): Kustomization =>
  find(`flux/${file}`, 'Kustomization', name) as Kustomization;

/** A HelmRelease of deploy/gitops/flux. */
export const helmRelease = (file: string, name: string): HelmRelease =>
  find(`flux/${file}`, 'HelmRelease', name) as HelmRelease;

function find(file: string, kind: string, name: string): Snippet {
  const documents = parseAllDocuments(readFileSync(join(ROOT, 'deploy/gitops', file), 'utf8'));
  const found = documents
    .map((document) => document.toJS() as Snippet)
    .find((object) => object.kind === kind && object.metadata.name === name);
  if (!found) throw new Error(`deploy/gitops/${file} has no ${kind} ${name}`);
  return found;
}

/** Argo CD writes images of kustomize as `NAME=NEW-NAME:TAG`. */
export function kustomizeImage(argument: string): object {
  const [, name, newName, newTag] = /^([^=]+)=(.+):([^:/]+)$/.exec(argument) ?? [];
  if (newTag === undefined) throw new Error(`${argument}: not NAME=NEW-NAME:TAG`);
  return { name, newName, newTag };
}

/** Objects as a stream of YAML documents. */
export const asYaml = (objects: readonly object[]): string =>
  objects.map((object) => stringify(object)).join('---\n');
