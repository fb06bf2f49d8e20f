import { DEFAULT_SETTINGS } from '../../src/tars/settings.ts';
import { MODE_PATTERNS } from '../../src/tars/patterns.ts';
import { agentPolicies, relaxedPatches } from './agent-policies.ts';
import { bindingPolicy } from './binding-policy.ts';
import { crd } from './crd.ts';
import type { GeneratedFile } from './generated-file.ts';
import { PER_NODE, policies, policyPatch, POSIX, SUBJECT_NAMES } from './policies.ts';
import { optedInOnlyPatch, webhooks } from './webhooks.ts';

/** What is generated under deploy, besides the CRD: webhooks, policies, and what other settings change in them. */
export function deployFiles(): GeneratedFile[] {
  const components = [
    ['per-node', PER_NODE],
    ['posix', POSIX],
  ] as const;
  return [
    { path: 'deploy/base/webhooks.yaml', text: webhooks(DEFAULT_SETTINGS) },
    { path: 'deploy/base/policies.yaml', text: policies(DEFAULT_SETTINGS) },
    { path: 'deploy/base/agent-policies.yaml', text: agentPolicies() },
    { path: 'deploy/base/binding-policy.yaml', text: bindingPolicy() },
    { path: 'deploy/components/opted-in-only/webhooks.yaml', text: optedInOnlyPatch(DEFAULT_SETTINGS) },
    ...relaxedPatches().map(({ name, text }) => ({
      path: `deploy/components/relaxed-hostname/policy-${name}.yaml`,
      text,
    })),
    ...components.flatMap(([component, settings]) =>
      SUBJECT_NAMES.map((name) => ({
        path: `deploy/components/${component}/policy-${name}.yaml`,
        text: policyPatch(name, settings),
      })),
    ),
    {
      path: 'deploy/crd-posix/tservers.k8s.tars.io.yaml',
      text: crd().replaceAll(MODE_PATTERNS.seed, MODE_PATTERNS.posix),
    },
  ];
}
