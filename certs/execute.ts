import { issueAuthority, issueLeaf } from './issue.ts';
import type { Lifetimes } from './lifetime.ts';
import { bundleText } from './pem.ts';
import type { Step } from './plan.ts';
import { secretData, type Pair, type SecretState } from './state.ts';
import {
  ConflictError,
  type BundleStore,
  type Configuration,
  type SecretChange,
  type SecretStore,
  type StoredSecret,
} from './stores.ts';

/** What a plan was made from: its steps are carried out over exactly this, or not at all. */
export interface Sight {
  readonly configurations: readonly Configuration[];
  readonly secret: StoredSecret | undefined;
  readonly state: SecretState | undefined;
}

export interface Tools {
  readonly secrets: SecretStore;
  readonly bundles: BundleStore;
  readonly lifetimes: Lifetimes;
}

type Kind = Step['kind'];

/** Makes what a step needs, then writes it in one go. */
type Executor<K extends Kind> = (step: Step<K>, sight: Sight, now: Date, tools: Tools) => Promise<void>;

const EXECUTORS: { readonly [K in Kind]: Executor<K> } = {
  create: async ({ names, keep }, _sight, now, { secrets, lifetimes }) => {
    const authority = await issueAuthority(now, lifetimes);
    const leaf = await issueLeaf(authority, names, now, lifetimes);
    await secrets.create(secretData(authority, leaf, keep));
  },
  replace: async ({ names, keep }, sight, now, tools) => {
    const authority = await issueAuthority(now, tools.lifetimes);
    const leaf = await issueLeaf(authority, names, now, tools.lifetimes);
    await update(sight, tools, secretData(authority, leaf, keep));
  },
  renew: async ({ names }, sight, now, tools) => {
    const { authority, next, trusted = [] } = sight.state ?? {};
    const leaf = await issueLeaf(there(authority), names, now, tools.lifetimes);
    await update(sight, tools, secretData(there(authority), leaf, trusted, next));
  },
  announce: async (_step, sight, now, tools) => {
    const { authority, leaf, trusted = [] } = sight.state ?? {};
    const next = await issueAuthority(now, tools.lifetimes);
    await update(sight, tools, secretData(there(authority), there(leaf), trusted, next));
  },
  switch: async ({ names }, sight, now, tools) => {
    const { next, trusted = [] } = sight.state ?? {};
    const leaf = await issueLeaf(there(next), names, now, tools.lifetimes);
    await update(sight, tools, secretData(there(next), leaf, trusted));
  },
  trust: async ({ keep }, sight, _now, tools) => {
    const { authority, leaf, next } = sight.state ?? {};
    await update(sight, tools, secretData(there(authority), there(leaf), keep, next));
  },
  publish: async ({ bundle }, { configurations }, _now, { bundles }) => {
    const text = bundleText(bundle);
    for (const configuration of configurations) {
      if (configuration.entries?.some(({ caBundle }) => caBundle !== text)) {
        await bundles.write(configuration, text);
      }
    }
  },
};

/** @throws {ConflictError} where somebody else was faster */
export async function execute<K extends Kind>(
  step: Step<K>,
  sight: Sight,
  now: Date,
  tools: Tools,
): Promise<void> {
  const executor: Executor<K> = EXECUTORS[step.kind];
  await executor(step, sight, now, tools);
}

async function update({ secret }: Sight, { secrets }: Tools, change: SecretChange): Promise<void> {
  if (!secret) throw new ConflictError('the Secret is gone');
  await secrets.update(change, secret.resourceVersion);
}

/** What a step builds on is there: the plan has seen it. */
function there(pair: Pair | undefined): Pair {
  if (!pair) throw new Error('a plan built on a certificate that cannot be read');
  return pair;
}
