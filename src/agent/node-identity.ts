import type { ApiWriter } from '../cluster/api-writer.ts';
import { asError } from '../cluster/faults.ts';
import { type Clock, sleep } from '../cluster/clock.ts';
import type { Logger } from '../cluster/observer.ts';
import { textAt } from '../tars/json.ts';
import { HOSTNAME_LABEL } from '../tars/vocabulary.ts';

const RETRY_MS = 5_000;

export interface NodeIdentity {
  readonly name: string;
  /** What volumes and the scheduler know the node by. */
  readonly hostname: string;
}

/** The node's label is not its name, and the policies in the cluster know agents by the name. */
export class OtherHostname extends Error {
  override readonly name = 'OtherHostname';
}

export interface NodeIdentityOptions {
  readonly writer: Pick<ApiWriter, 'get'>;
  readonly node: string;
  readonly allowOtherHostname: boolean;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * The node as the API server has it; waits until it is there.
 * @throws {OtherHostname} where label and name differ, unless that is allowed
 */
export async function nodeIdentity(options: NodeIdentityOptions): Promise<NodeIdentity> {
  const { node, logger, clock, signal, allowOtherHostname } = options;
  for (;;) {
    const { identity, why } = await look(options);
    if (identity) {
      if (identity.hostname === node || allowOtherHostname) return identity;
      throw new OtherHostname(
        `node ${node} has the label ${HOSTNAME_LABEL}=${identity.hostname}, and an agent may only make volumes for the node that its token names, by that name; apply deploy/components/relaxed-hostname and start the agents with --allow-other-hostname`,
      );
    }
    logger.warn({ node }, `waiting for node ${node}: ${why}`);
    await sleep(clock, RETRY_MS, signal);
    signal.throwIfAborted();
  }
}

async function look({
  writer,
  node,
  signal,
}: NodeIdentityOptions): Promise<{ identity?: NodeIdentity; why: string }> {
  try {
    const json = await writer.get(`/api/v1/nodes/${encodeURIComponent(node)}`, { signal });
    if (!json) return { why: 'there is no such node' };
    const hostname = textAt(json, 'metadata', 'labels', HOSTNAME_LABEL);
    if (hostname === undefined) return { why: `it has no label ${HOSTNAME_LABEL}` };
    return { identity: { name: node, hostname }, why: '' };
  } catch (error) {
    signal.throwIfAborted();
    return { why: asError(error).message };
  }
}
