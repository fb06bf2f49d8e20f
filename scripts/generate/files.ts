import type { GeneratedFile } from './generated-file.ts';
import { chartFiles } from './chart.ts';
import { crd } from './crd.ts';
import { deployFiles } from './policies-files.ts';
import { rulesDoc } from './rules-doc.ts';

/** Every generated file with the text that it should have; a test compares them with what is committed. */
export function generatedFiles(): GeneratedFile[] {
  const manifests = [{ path: 'deploy/crd/tservers.k8s.tars.io.yaml', text: crd() }, ...deployFiles()];
  return [...manifests, ...chartFiles(manifests), { path: 'docs/rules.md', text: rulesDoc() }];
}
