import { Command } from 'commander';
import { expect } from 'chai';
import fc from 'fast-check';
import { addComponent, applyOperation } from '../../scripts/generate/chart-components.ts';
import { spotsOf } from '../../scripts/generate/chart-field.ts';
import { ChartManifest } from '../../scripts/generate/chart-manifest.ts';
import { QUANTITY_PATTERN, RESERVE_PATTERN, ROOT_PATTERN } from '../../scripts/generate/chart-schema.ts';
import { Reserve } from '../../src/agent/reserve.ts';
import type { Roots } from '../../src/agent/roots.ts';
import { addRootOptions } from '../../src/commands/agent-options.ts';
import { nanosOf } from '../../src/tars/quantity.ts';

/** What the chart's generator relies on; what it makes is tested on a control plane. */

describe('the schema of the chart', () => {
  /** What the agent makes of a root, undefined where it refuses it. */
  function rootOf(text: string): string | undefined {
    const command = new Command('agent').exitOverride().configureOutput({ writeErr: () => undefined });
    addRootOptions(command);
    try {
      return command
        .parse([`--root=${text}`], { from: 'user' })
        .opts<{ root: Roots }>()
        .root.join(':');
    } catch {
      return undefined;
    }
  }

  it('allows quantities and reserves only that the agent reads', () => {
    fc.assert(
      fc.property(fc.stringMatching(new RegExp(QUANTITY_PATTERN)), (text) => nanosOf(text) !== undefined),
    );
    fc.assert(
      fc.property(
        fc.stringMatching(new RegExp(RESERVE_PATTERN)),
        (text) => Reserve.parse(text) !== undefined,
      ),
    );
  });

  it('allows roots only that the agent takes as they are', () => {
    fc.assert(fc.property(fc.stringMatching(new RegExp(ROOT_PATTERN)), (text) => rootOf(text) === text));
  });

  it('refuses roots that the agent refuses, or that are another path to it or to a container runtime', () => {
    const parts = fc.array(fc.constantFrom('/', '.', '..', '...', 'a', '.a', '..a', ':'), { maxLength: 6 });
    fc.assert(
      fc.property(parts, (all) => {
        const text = all.join('');
        return new RegExp(ROOT_PATTERN).test(text) === (rootOf(text) === text && !text.includes(':'));
      }),
    );
  });
});

const OBJECT = `
kind: Role
metadata:
  name: a
spec:
  size: 1
  items:
    - name: b
      size: 2
  # The one that counts.
  words: [c, d]
`;

describe('a manifest on its way to a template', () => {
  const read = (): ChartManifest => ChartManifest.readAll(OBJECT)[0]!;
  const component =
    (more: string, patch = '') =>
    (file: string) =>
      file === 'kustomization.yaml' ? `kind: Component\n${more}` : patch;
  const patches = 'patches:\n  - path: patch.yaml\n';
  const patched = (patch: string): string => {
    const manifest = read();
    addComponent([manifest], '.Values.x', component(patches, `kind: Role\nmetadata: { name: a }\n${patch}`));
    return manifest.toString();
  };

  it('has both ways where a component changes something, and keeps its comments', () => {
    expect(patched('spec: { size: 3 }')).to.contain(
      '  {{- if .Values.x }}\n  size: 3\n  {{- else }}\n  size: 1\n  {{- end }}\n',
    );
    expect(patched('spec: { words: [c, e] }')).to.contain('# The one that counts.\n');
    expect(patched('spec: { items: [{ name: f }] }')).to.contain(
      '  items:\n    {{- if .Values.x }}\n    - {name: f}\n    {{- end }}\n    - name: b\n',
    );
    expect(patched('spec: { color: red }')).to.contain('  {{- if .Values.x }}\n  color: red\n  {{- end }}\n');
    expect(patched('$patch: delete')).to.match(
      /^\{\{- if not \(\.Values\.x\) \}\}\n---\n[^]*\{\{- end \}\}\n$/,
    );
  });

  it('is not made where a component does what no template can say', () => {
    expect(() => addComponent([read()], 'x', component('images: []\n'))).to.throw(
      'a chart cannot do yet what images does',
    );
    expect(() =>
      addComponent([read()], 'x', component(patches, 'kind: Role\nmetadata: { name: b }')),
    ).to.throw('a patch is for Role/b, and there is none');
    expect(() => applyOperation(read(), { op: 'remove', path: '/spec/size' }, 'x')).to.throw(
      'a chart cannot do yet what remove /spec/size does',
    );
  });

  it('is not made where two settings want one place', () => {
    const manifest = read();
    const change = { op: 'replace', path: '/spec/size', value: '3' } as const;
    applyOperation(manifest, change, '.Values.x');
    expect(() => applyOperation(manifest, change, '.Values.y')).to.throw(
      'Role/a: size depends on two settings at once',
    );
  });

  it('is not made where a value is for a field that is not there', () => {
    const { root } = read();
    expect(spotsOf(root, 'spec.items[b].size')).to.have.length(1);
    for (const field of ['spec.items[c].size', 'spec.none.size', 'spec.words.size']) {
      expect(() => spotsOf(root, field), field).to.throw(`${field}: there is no such field`);
    }
  });
});
