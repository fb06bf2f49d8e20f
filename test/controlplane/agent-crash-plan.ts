/** What the test and the process of its agents tell each other. */

export interface AgentPlan {
  readonly node: string;
  readonly root: string;
  /** As `--classes` and `--reserve` take them. */
  readonly classes: string;
  readonly reserve: string;
  readonly offerTtlMs: number;
  /** Each effect is written here before it is done. */
  readonly log: string;
  /** It is stopped before this one of its effects; never where nothing is said. */
  readonly stopAt?: number | undefined;
  /** Else effects count from when it is told to. */
  readonly countsFromStart: boolean;
}

export interface ProcessPlan {
  readonly kubeconfig: string;
  readonly agents: readonly AgentPlan[];
}

/** Each names a node, but for the last one. */
export interface ToAgents {
  readonly arm?: string;
  /** Nothing more will happen there. */
  readonly done?: string;
  readonly end?: true;
}

export interface FromAgents {
  readonly ready?: true;
  readonly stopped?: string;
  readonly before?: string;
}
