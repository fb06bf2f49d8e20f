import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { RUNTIME_CONFIG } from '../../scripts/image/image-config.ts';

const DAEMON_SET = join(import.meta.dirname, '../../deploy/base/daemonset.yaml');

interface DaemonSet {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly Container[] } } };
}
interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
}

describe('what Node is told', () => {
  it('is told the agent too, whose DaemonSet has its own say on each option of the image', () => {
    const { spec } = parse(readFileSync(DAEMON_SET, 'utf8')) as DaemonSet;
    const env = spec.template.spec.containers[0]?.env.find(({ name }) => name === 'NODE_OPTIONS');
    const inImage = RUNTIME_CONFIG.Env.find((entry) => entry.startsWith('NODE_OPTIONS='));
    const namesIn = (text = '') => Array.from(text.matchAll(/--[a-z0-9-]+/g), ([name]) => name);
    expect(namesIn(inImage)).not.to.deep.equal([]);
    expect(namesIn(env?.value)).to.include.members(namesIn(inImage));
  });
});
