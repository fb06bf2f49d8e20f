import type { GeneratedFile } from './generated-file.ts';
import { crd } from './crd.ts';
import { deployFiles } from './policies-files.ts';
import { rulesDoc } from './rules-doc.ts';

/** Every generated file with the text that it should have; a test compares them with what is committed. */
export function generatedFiles(): GeneratedFile[] {
  return [
    { path: 'deploy/crd/tservers.k8s.tars.io.yaml', text: crd() },
    ...deployFiles(),
    { path: 'docs/rules.md', text: rulesDoc() },
  ];
}
