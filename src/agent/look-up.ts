import type { ApiReader } from '../cluster/api-reader.ts';
import { listAll } from '../cluster/list-pages.ts';
import { nodeLabelValue } from '../tars/label-value.ts';
import type { Settings } from '../tars/settings.ts';
import { OURS } from '../tars/vocabulary.ts';
import type { AgentApi } from './agent-api.ts';
import { Outdated } from './agent-api.ts';
import { type ClaimView, readClaimView } from './claim-view.ts';

const CLAIMS = '/api/v1/persistentvolumeclaims';

export interface LookUpOptions {
  readonly reader: ApiReader;
  readonly api: AgentApi;
  readonly settings: Settings;
  readonly node: string;
  readonly signal: AbortSignal;
}

/**
 * Claims that the scheduler sent here while no webhook wrote the label by which an agent hears of them: this node's
 * are found by a list of all that have none, and labelled, so that they come by the watch.
 * @returns how many there were
 */
export async function routeUnrouted(options: LookUpOptions): Promise<number> {
  const { reader, api, settings, node, signal } = options;
  const query = { labelSelector: `!${OURS.node}` };
  const { items } = await listAll(reader, CLAIMS, { query, signal }, (object) => {
    const claim = readClaimView(object, settings);
    return claim && isUnrouted(claim, node) ? claim : undefined;
  });
  const claims = items.filter((claim) => claim !== undefined);
  for (const claim of claims) await route(api, claim, nodeLabelValue(node));
  return claims.length;
}

function isUnrouted({ way, selectedNode, isDeleting }: ClaimView, node: string): boolean {
  return way === 'on-demand' && selectedNode === node && !isDeleting;
}

async function route(api: AgentApi, claim: ClaimView, label: string): Promise<void> {
  try {
    await api.route(claim, label);
  } catch (error) {
    // Somebody else has just written it, most likely the webhook.
    if (!(error instanceof Outdated)) throw error;
  }
}
