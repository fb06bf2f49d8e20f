import { nodeLabelValue } from '../tars/label-value.ts';
import type { AgentObject, LeaseView, NodeView, VolumeView, WaitingClaim } from './views.ts';

/** What the cluster looks like, as far as the sweeper is concerned. */
export interface World {
  readonly nodes: readonly NodeView[];
  readonly claims: readonly WaitingClaim[];
  readonly volumes: readonly VolumeView[];
  readonly leases: readonly LeaseView[];
  readonly capacities: readonly AgentObject[];
}

/** Of whom it has been long enough. Nodes go by the value of their routing label. */
export interface Verdicts {
  /** There is no such node. */
  isGone(nodeKey: string): boolean;
  /** No node has this hostname, neither as label nor as name. */
  isHostGone(hostname: string): boolean;
  /** The Lease of its agent is not there, or has not been renewed for longer than it says that it lasts, too. */
  isSilent(nodeKey: string): boolean;
}

interface Pulse {
  readonly renewTime: string;
  readonly durationMs: number;
  readonly since: number;
}

/**
 * For how long nodes have been gone and agents silent, by our own clock from the moment when that was first seen: clocks
 * of nodes may be wrong, and whoever begins to look waits anew.
 */
export class Patience implements Verdicts {
  readonly #delayMs: number;
  #goneSince: ReadonlyMap<string, number> = new Map();
  #hostGoneSince: ReadonlyMap<string, number> = new Map();
  #pulses: ReadonlyMap<string, Pulse> = new Map();
  #now = 0;

  constructor(delayMs: number) {
    this.#delayMs = delayMs;
  }

  /** Nothing is judged but by the last of these. */
  observe({ nodes, claims, volumes, leases, capacities }: World, now: number): void {
    this.#now = now;
    const keys = new Set([
      ...claims.map(({ selectedNode }) => nodeLabelValue(selectedNode)),
      ...[...leases, ...capacities].map(({ nodeKey }) => nodeKey),
    ]);
    const present = new Set(nodes.map(({ name }) => nodeLabelValue(name)));
    this.#goneSince = since(keys, present, this.#goneSince, now);
    const hosts = new Set(nodes.flatMap(({ name, hostname }) => [name, hostname ?? name]));
    const wanted = new Set(volumes.map(({ hostname }) => hostname));
    this.#hostGoneSince = since(wanted, hosts, this.#hostGoneSince, now);
    const byNode = new Map(leases.map((lease) => [lease.nodeKey, lease]));
    this.#pulses = new Map([...keys].map((key) => [key, this.#pulse(key, byNode.get(key))]));
  }

  isGone(nodeKey: string): boolean {
    return this.#isLongAgo(this.#goneSince.get(nodeKey));
  }

  isHostGone(hostname: string): boolean {
    return this.#isLongAgo(this.#hostGoneSince.get(hostname));
  }

  isSilent(nodeKey: string): boolean {
    const pulse = this.#pulses.get(nodeKey);
    // A delay shorter than the time between two beats must not make a dead agent of a live one.
    return pulse !== undefined && this.#isLongAgo(pulse.since, Math.max(this.#delayMs, pulse.durationMs));
  }

  #pulse(key: string, lease: LeaseView | undefined): Pulse {
    const { renewTime = '', durationMs = 0 } = lease ?? {};
    const old = this.#pulses.get(key);
    return { renewTime, durationMs, since: old?.renewTime === renewTime ? old.since : this.#now };
  }

  #isLongAgo(moment: number | undefined, delayMs = this.#delayMs): boolean {
    return moment !== undefined && this.#now - moment > delayMs;
  }
}

function since(
  wanted: ReadonlySet<string>,
  present: ReadonlySet<string>,
  before: ReadonlyMap<string, number>,
  now: number,
): ReadonlyMap<string, number> {
  const absent = [...wanted].filter((key) => !present.has(key));
  return new Map(absent.map((key) => [key, before.get(key) ?? now]));
}
