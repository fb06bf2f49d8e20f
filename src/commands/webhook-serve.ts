import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { CertificateFileError, CertificateFiles } from '../../certs/files.ts';
import { serverNames } from '../../certs/names.ts';
import { Rotation } from '../../certs/rotation.ts';
import type { CertificateSource } from '../../certs/source.ts';
import { createApp } from '../admission/app.ts';
import { certificateCheck } from '../admission/certificate.ts';
import type { AdmissionDeps } from '../admission/deps.ts';
import { Metrics } from '../admission/metrics.ts';
import { MetricsServer } from '../admission/metrics-server.ts';
import { Readiness, type ReadyCheck } from '../admission/readiness.ts';
import { AdmissionServer } from '../admission/server.ts';
import { ApiWriter } from '../cluster/api-writer.ts';
import { CaBundle } from '../cluster/ca-bundle.ts';
import { CertificateSecret } from '../cluster/certificate-secret.ts';
import { KubeConfigError, loadKubeConfig } from '../cluster/kube-config.ts';
import { statefulSetFinder } from '../cluster/statefulset-finder.ts';
import { TServerCache } from '../cluster/tserver-cache.ts';
import manifest from '../../package.json' with { type: 'json' };
import { EXIT, type ExitCode, type Io } from './io.ts';
import { createLog } from './log.ts';
import { listen, nextSignal, StartFault } from './serving.ts';
import { SYSTEM_TIME } from './system-time.ts';
import type { WebhookOptions } from './webhook-options.ts';

function isStartFault(error: unknown): error is Error {
  return (
    error instanceof StartFault || error instanceof CertificateFileError || error instanceof KubeConfigError
  );
}

/** Runs until a signal comes. Whatever keeps it from starting is said in one line. */
export async function serveWebhook(options: WebhookOptions, io: Io): Promise<ExitCode> {
  const log = await createLog(options, io, 'in batches');
  try {
    const { stop, ...listening } = await start(options, log);
    // Whoever reads that it listens may end it at once.
    const ended = nextSignal();
    log.info({ ...listening, version: manifest.version }, 'listening');
    const signal = await ended;
    log.info({ signal, delaySeconds: options.shutdownDelay }, 'shutting down');
    await stop();
    log.info({}, 'stopped');
    return EXIT.ok;
  } catch (error) {
    if (!isStartFault(error)) throw error;
    io.stderr.write(`tlv webhook: ${error.message}\n`);
    return EXIT.unusable;
  }
}

/** What has been started, and how each of it ends. */
type Closer = () => void | Promise<void>;

interface Started {
  readonly stop: Closer;
  readonly port: number;
  readonly metricsPort: number;
}

async function start(options: WebhookOptions, log: Logger): Promise<Started> {
  const closers: Closer[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.toReversed()) await close();
  };
  try {
    const certificate = await openCertificate(options, log, closers);
    closers.push(() => certificate.stop());
    const { app, cache, metrics, readiness } = compose(options, certificate, log);
    const metricsServer = new MetricsServer(metrics.registry);
    const metricsPort = await listen(metricsServer, options.metricsPort, options.bindAddress);
    closers.push(() => metricsServer.close());
    cache.start();
    closers.push(() => cache.stop());
    const server = new AdmissionServer({ listener: app, certificate, readiness, log });
    const port = await listen(server, options.port, options.bindAddress);
    closers.push(() => server.drain(options.shutdownDelay * 1000));
    return { stop, port, metricsPort };
  } catch (error) {
    await stop();
    throw error;
  }
}

function compose(options: WebhookOptions, certificate: CertificateSource, log: Logger) {
  const config = loadKubeConfig(options.kubeconfig);
  const cache: TServerCache = new TServerCache({
    config,
    logger: log,
    observer: { watchEnded: (reason) => metrics.watchRestarted(reason) },
  });
  const metrics = new Metrics({
    version: manifest.version,
    cache: () => {
      const { isSynced, size } = cache;
      return { isSynced, size, ageSeconds: isSynced ? cache.lastEventAgeSeconds() : undefined };
    },
    certificateExpiry: () => certificate.notAfter,
  });
  const readiness = new Readiness([certificateCheck(certificate), cacheCheck(cache)]);
  const deps: AdmissionDeps = {
    settings: { classes: options.classes, modePattern: options.modePattern },
    lookup: cache,
    fetchTServer: (namespace, name) => cache.fetch(namespace, name),
    findStatefulSet: statefulSetFinder(config),
    onLiveGet: metrics.liveGet,
    log,
  };
  const app = createApp({ deps, readiness, observer: metrics });
  return { app, cache, metrics, readiness };
}

/** Given files, or the certificate that manages itself: two sources of one kind. */
async function openCertificate(
  options: WebhookOptions,
  log: Logger,
  closers: Closer[],
): Promise<CertificateSource> {
  const source = options.selfManagedCerts ? selfManaged(options, log, closers) : givenFiles(options, log);
  await source.start();
  return source;
}

function selfManaged(options: WebhookOptions, log: Logger, closers: Closer[]): CertificateSource {
  const writer = new ApiWriter(loadKubeConfig(options.kubeconfig));
  closers.push(() => writer.close());
  const { namespace, serviceName, secretName, configurationName, extraName } = options;
  return new Rotation({
    secrets: new CertificateSecret(writer, { namespace, name: secretName }),
    bundles: new CaBundle(writer, { mutating: configurationName, validating: configurationName }),
    names: serverNames({ name: serviceName, namespace, extra: extraName }),
    time: SYSTEM_TIME,
    log,
  });
}

function givenFiles(
  { tlsCertFile: certFile, tlsPrivateKeyFile: keyFile }: WebhookOptions,
  log: Logger,
): CertificateSource {
  if (certFile && keyFile)
    return new CertificateFiles({ certFile, keyFile, readFile, time: SYSTEM_TIME, log });
  throw new StartFault(
    'no certificate: name its files with --tls-cert-file and --tls-private-key-file, or have one with --self-managed-certs',
  );
}

function cacheCheck(cache: TServerCache): ReadyCheck {
  return {
    name: 'tserver-cache',
    missing: () => {
      if (cache.isSynced) return undefined;
      return `the first list of TServers is not there yet${cache.lastError ? `: ${cache.lastError.message}` : ''}`;
    },
  };
}
