import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { MetricsServer } from '../admission/metrics-server.ts';
import { Readiness } from '../admission/readiness.ts';
import { KubeConfigError, loadKubeConfig } from '../cluster/kube-config.ts';
import { SweepMetrics } from '../sweep/metrics.ts';
import { Sweeper } from '../sweep/sweeper.ts';
import manifest from '../../package.json' with { type: 'json' };
import { EXIT, type ExitCode, type Io } from './io.ts';
import { createLog } from './log.ts';
import { listen, nextSignal, StartFault } from './serving.ts';
import type { SweepOptions } from './sweep.ts';

/** Runs until a signal comes. Whatever keeps it from starting is said in one line. */
export async function serveSweep(options: SweepOptions, io: Io): Promise<ExitCode> {
  const log = await createLog(options, io);
  try {
    await run(options, log);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof StartFault || error instanceof KubeConfigError)) throw error;
    io.stderr.write(`tlv sweep: ${error.message}\n`);
    return EXIT.unusable;
  }
}

async function run(options: SweepOptions, log: Logger): Promise<void> {
  const { namespace, classes } = options;
  const metrics = new SweepMetrics(manifest.version);
  const sweeper = new Sweeper({
    config: loadKubeConfig(options.kubeconfig),
    namespace,
    settings: { classes },
    host: hostname(),
    delayMs: options.delay * 1000,
    logger: log,
    observer: metrics,
    watches: metrics.watches,
    onLeader: metrics.changed,
  });
  // That another one leads is no fault: there is nothing to wait for.
  const readiness = new Readiness([]);
  const server = new MetricsServer(metrics.registry, readiness);
  const metricsPort = await listen(server, options.metricsPort, options.bindAddress);
  // Whoever reads that it listens may end it at once.
  const ended = nextSignal();
  log.info({ metricsPort, namespace, delaySeconds: options.delay, version: manifest.version }, 'listening');
  try {
    sweeper.start();
    log.info({ signal: await ended }, 'shutting down');
  } finally {
    readiness.shutDown();
    await sweeper.stop();
    await server.close();
  }
  log.info({}, 'stopped');
}
