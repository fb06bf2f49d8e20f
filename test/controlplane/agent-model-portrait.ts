import type { Model } from './agent-model-state.ts';

/** What was done, and all that there is, for people who look for the cause. */
export function portrait(
  log: readonly string[],
  { view, data, downAgents, absentNodes, lostDisks }: Model,
): string {
  const disks = [...view.disks].flatMap(([node, { directories, ledger, trash, mounted, images, loops }]) => [
    ...[...directories].map(([path, { lines, owner }]) => `${node}: ${path} ${owner} ${lines.join(', ')}`),
    ...ledger.map((entry) => `${node}: ledger ${JSON.stringify(entry)}`),
    ...trash.map((path) => `${node}: trash ${path}`),
    `${node}: mounted ${[...mounted.keys()].join(', ')}; images ${[...images.keys()].join(', ')}; ${loops} loop devices`,
  ]);
  return [
    ...log,
    `no node: ${[...absentNodes].join(', ')}; no agent: ${[...downAgents].join(', ')}; no disk: ${[...lostDisks].join(', ')}`,
    ...[...view.nodes, ...view.pods, ...view.claims, ...view.volumes].map((seen) => JSON.stringify(seen)),
    ...data.map((each) => `data ${JSON.stringify({ ...each, lines: each.lines.length })}`),
    ...disks,
  ].join('\n');
}
