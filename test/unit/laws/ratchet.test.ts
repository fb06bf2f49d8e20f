import fc from 'fast-check';
import { expect } from 'chai';
import { mutateStatefulSet } from '../../../src/mutate/statefulset.ts';
import { validateClaim } from '../../../src/validate/claim.ts';
import { validateStatefulSet } from '../../../src/validate/statefulset.ts';
import { validateTServer } from '../../../src/validate/tserver.ts';
import { anyClaimScene, anyScene, json, settings, tserver } from './arbitraries.ts';
import { law, PATIENCE, same } from './law.ts';

describe('laws of ratcheting', function () {
  this.timeout(PATIENCE);

  it('a StatefulSet that stays as it is has no violations', () => {
    law(anyScene, ({ set, ...context }) => {
      same(validateStatefulSet(set, { ...context, old: json(set) }).violations, [], 'violations');
    });
  });

  it('a StatefulSet that was mutated, and its mutated update, have no violations', () => {
    law(anyScene, ({ set, ...context }) => {
      const old = json(mutateStatefulSet(set, context).object);
      const { object } = mutateStatefulSet(json(old), { ...context, old });
      same(validateStatefulSet(object, { ...context, old }).violations, [], 'violations');
    });
  });

  it('a StatefulSet that is only scaled has no violations, whatever its TServer has become', () => {
    law(
      fc.tuple(anyScene, fc.option(tserver('odd'), { nil: undefined })),
      ([{ set, ...context }, server]) => {
        const old = json(mutateStatefulSet(set, context).object);
        fc.pre(Boolean(old.spec));
        const scaled = { ...json(old), spec: { ...json(old).spec, replicas: 9 } };
        same(validateStatefulSet(scaled, { ...context, server, old }).violations, [], 'violations');
      },
    );
  });

  it('a claim that stays as it is has no violations', () => {
    law(anyClaimScene, ({ claim, ...context }) => {
      same(validateClaim(claim, { ...context, old: json(claim) }).violations, [], 'violations');
    });
  });

  it('a TServer that stays as it is has no violations, and what it has is warned of', () => {
    law(fc.tuple(fc.oneof(tserver('tidy'), tserver('odd')), settings), ([server, chosen]) => {
      const context = { namespace: 'default', settings: chosen };
      const { violations } = validateTServer(server, context);
      const again = validateTServer(server, { ...context, old: json(server) });
      same(again.violations, [], 'violations');
      expect(again.warnings).to.have.length(violations.length);
    });
  });
});
