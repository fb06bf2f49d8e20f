import { crd } from './crd.ts';
import { deployFiles } from './policies-files.ts';
import { rulesDoc } from './rules-doc.ts';

export interface GeneratedFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

/** Every generated file with the text that it should have; a test compares them with what is committed. */
export function generatedFiles(): GeneratedFile[] {
  return [
    { path: 'deploy/crd/tservers.k8s.tars.io.yaml', text: crd() },
    ...deployFiles(),
    { path: 'docs/rules.md', text: rulesDoc() },
  ];
}
