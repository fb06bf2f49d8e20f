import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Answer } from './answer.ts';
import type { LiveGet } from './deps.ts';
import type { AdmissionObserver, Webhook } from './observer.ts';
import type { AdmissionRequest } from './review.ts';
import { subjectOf } from './subject.ts';

/** What the metrics say of the TServer cache, read at each scrape. */
export interface CacheState {
  readonly isSynced: boolean;
  /** TServers that it holds. */
  readonly size: number;
  /** Seconds since the watch last heard from the API server; undefined before the first time. */
  readonly ageSeconds: number | undefined;
}

export interface MetricsOptions {
  readonly version: string;
  readonly cache: () => CacheState;
  /** When the served certificate ends. */
  readonly certificateExpiry: () => Date | undefined;
}

const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const REVIEW_PATHS: ReadonlySet<string> = new Set(['/mutate', '/validate']);

/** Everything that the webhook tells Prometheus. Every label has few values, whatever clients send. */
export class Metrics implements AdmissionObserver {
  readonly registry = new Registry();
  private readonly requests: Counter<'webhook' | 'kind' | 'operation' | 'outcome'>;
  private readonly durations: Histogram<'webhook'>;
  private readonly violations: Counter<'code'>;
  private readonly rejections: Counter<'status'>;
  private readonly watchRestarts: Counter<'reason'>;
  private readonly liveGets: Counter<'outcome'>;

  constructor(options: MetricsOptions) {
    const registers = [this.registry];
    this.requests = new Counter({
      name: 'tlv_admission_requests_total',
      help: 'AdmissionReviews by webhook, kind, operation and outcome (allowed, patched, denied, error).',
      labelNames: ['webhook', 'kind', 'operation', 'outcome'],
      registers,
    });
    this.durations = new Histogram({
      name: 'tlv_admission_duration_seconds',
      help: 'Time from the first byte of an AdmissionReview to its answer.',
      labelNames: ['webhook'],
      buckets: BUCKETS,
      registers,
    });
    this.violations = new Counter({
      name: 'tlv_admission_violations_total',
      help: 'Violations in denied objects by the code of the rule (docs/rules.md).',
      labelNames: ['code'],
      registers,
    });
    this.rejections = new Counter({
      name: 'tlv_http_rejections_total',
      help: 'HTTP requests answered with an error by status code.',
      labelNames: ['status'],
      registers,
    });
    this.watchRestarts = new Counter({
      name: 'tlv_tserver_watch_restarts_total',
      help: 'Watches and lists of TServers that ended and were begun again, by what ended them.',
      labelNames: ['reason'],
      registers,
    });
    this.liveGets = new Counter({
      name: 'tlv_tserver_live_gets_total',
      help: 'Live look-ups of a TServer that the cache did not have, by outcome (found, missing, error).',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['found', 'missing', 'error'] as const) this.liveGets.inc({ outcome }, 0);
    addGauges(this.registry, options);
  }

  answered(webhook: Webhook, request: AdmissionRequest, answer: Answer, seconds: number): void {
    const { operation } = request;
    this.requests.inc({ webhook, kind: subjectOf(request), operation, outcome: answer.outcome });
    this.durations.observe({ webhook }, seconds);
    for (const code of answer.violations) this.violations.inc({ code });
  }

  rejected(path: string, status: number, seconds: number): void {
    this.rejections.inc({ status });
    if (!REVIEW_PATHS.has(path)) return;
    const webhook = path.slice(1);
    this.requests.inc({ webhook, kind: 'unknown', operation: 'unknown', outcome: 'error' });
    this.durations.observe({ webhook }, seconds);
  }

  readonly watchRestarted = (reason: string): void => this.watchRestarts.inc({ reason });
  readonly liveGet = (outcome: LiveGet): void => this.liveGets.inc({ outcome });
}

/** Values that are read when somebody asks for them. */
function addGauges(registry: Registry, { version, cache, certificateExpiry }: MetricsOptions): void {
  const read = (name: string, help: string, value: () => number | undefined): void => {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [registry],
      collect: () => {
        const now = value();
        if (now === undefined) gauge.remove();
        else gauge.set(now);
      },
    });
  };
  read('tlv_tserver_cache_size', 'TServers in the cache.', () => cache().size);
  read('tlv_tserver_cache_synced', '1 when the cache has been filled.', () => Number(cache().isSynced));
  read(
    'tlv_tserver_cache_age_seconds',
    'Time since the watch last heard from the API server.',
    () => cache().ageSeconds,
  );
  read('tlv_certificate_expiry_timestamp_seconds', 'When the served certificate ends.', () => {
    const end = certificateExpiry();
    return end && end.getTime() / 1000;
  });
  new Gauge({
    name: 'tlv_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version, node: process.versions.node }, 1);
}
