import { totalmem } from 'node:os';
import type { Logger } from 'pino';
import { Readiness } from '../admission/readiness.ts';
import { MetricsServer } from '../admission/metrics-server.ts';
import { Agent, type AgentOptions } from '../agent/agent.ts';
import { DiscoveryConfigInvalid } from '../agent/discovery/config-invalid.ts';
import { loadDiscoveryConfig } from '../agent/discovery/load-config.ts';
import { initPool } from '../agent/init-pool.ts';
import { AgentMetrics } from '../agent/metrics.ts';
import { OtherHostname } from '../agent/node-identity.ts';
import { FileFault } from '../agent/os/errors.ts';
import { KubeConfigError, loadKubeConfig } from '../cluster/kube-config.ts';
import manifest from '../../package.json' with { type: 'json' };
import { type AgentCommandOptions, severalRoots } from './agent-options.ts';
import { EXIT, type ExitCode, type Io } from './io.ts';
import { createLog } from './log.ts';
import { listen, nextSignal, StartFault } from './serving.ts';

/** Runs until a signal comes. Whatever keeps it from starting for good is said in one line. */
export async function serveAgent(options: AgentCommandOptions, io: Io): Promise<ExitCode> {
  const log = await createLog(options, io);
  try {
    const { nodeName } = options;
    if (nodeName === undefined || nodeName === '') {
      throw new StartFault('no node: name the one that this runs on with --node-name');
    }
    // First of all, so that a person who writes it needs no cluster to have it read.
    const { root: roots, classes, discoveryConfig } = options;
    const discovery = await loadDiscoveryConfig(discoveryConfig, { roots, classes, logger: log });
    if (options.initPool) io.stdout.write(`${await init({ ...options, nodeName })}\n`);
    else await run({ ...options, nodeName, discovery }, loadKubeConfig(options.kubeconfig), log);
    return EXIT.ok;
  } catch (error) {
    if (!isStartFault(error)) throw error;
    io.stderr.write(`tlv agent: ${error.message}\n`);
    return EXIT.unusable;
  }
}

type OnNode = AgentCommandOptions & { readonly nodeName: string };

async function init(options: OnNode): Promise<string> {
  const [root, ...others] = options.root;
  if (others.length > 0) throw new StartFault(severalRoots(options.root));
  const { nodeName: node, kubeconfig } = options;
  return await initPool({ ...options, root, node, config: loadKubeConfig(kubeconfig) });
}

async function run(
  options: OnNode & Pick<AgentOptions, 'discovery'>,
  config: ReturnType<typeof loadKubeConfig>,
  log: Logger,
): Promise<void> {
  const metrics = new AgentMetrics(manifest.version);
  const {
    classes,
    modePattern,
    root: [root, ...otherRoots],
  } = options;
  const agent = new Agent({
    ...options,
    root,
    otherRoots,
    config,
    node: options.nodeName,
    settings: { classes, modePattern },
    tools: { path: options.toolsPath, environment: process.env },
    memoryBytes: options.memoryLimit.bytesOf(totalmem()),
    offerTtlMs: options.offerTtl * 1000,
    lookUpMs: options.lookUpInterval * 1000,
    logger: log,
    observer: metrics,
  });
  metrics.watch(agent);
  const readiness = new Readiness([
    { name: 'agent', missing: () => agent.missing() },
    ...otherRoots.map((other) => ({
      name: `root ${other}`,
      missing: () => agent.faultAt(other),
      isOptional: true,
    })),
  ]);
  const server = new MetricsServer(metrics.registry, readiness);
  const metricsPort = await listen(server, options.metricsPort, options.bindAddress);
  // Whoever reads that it listens may end it at once.
  const ended = nextSignal();
  log.info(
    { metricsPort, node: options.nodeName, root: options.root.join(':'), version: manifest.version },
    'listening',
  );
  try {
    // A signal must end it while it waits for its node, too.
    await Promise.race([agent.start().then(() => ended), ended]);
    log.info({ signal: await ended }, 'shutting down');
  } finally {
    readiness.shutDown();
    await agent.stop();
    await server.close();
  }
  log.info({}, 'stopped');
}

function isStartFault(error: unknown): error is Error {
  return (
    error instanceof StartFault ||
    error instanceof KubeConfigError ||
    error instanceof OtherHostname ||
    error instanceof DiscoveryConfigInvalid ||
    error instanceof FileFault
  );
}
