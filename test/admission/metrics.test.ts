import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Registry } from 'prom-client';
import { MetricsServer } from '../../src/admission/metrics-server.ts';
import { claim, localMount, statefulSet, stored, tserver } from '../unit/builders.ts';
import { review } from '../unit/admission/requests.ts';
import { SERVER } from './load.ts';
import { call, closeAtEnd, HOST, startWebhook } from './webhook.ts';

const post = (port: number, path: string, body: object) =>
  call(port, `POST ${path}`, { body: JSON.stringify(body) });

describe('the metrics', () => {
  it('tell what was asked, how it ended and how long it took', async () => {
    let ageSeconds: number | undefined = 1.5;
    const webhook = await startWebhook({
      cached: [SERVER],
      cache: () => ({ isSynced: true, size: 7, ageSeconds }),
    });
    const { port, metrics } = webhook;
    const set = statefulSet();
    await post(port, '/mutate', review('StatefulSet', 'CREATE', set));
    await post(port, '/mutate', review('StatefulSet', 'UPDATE', set, { oldObject: stored(set) }));
    await post(
      port,
      '/mutate',
      review('StatefulSet', 'CREATE', statefulSet({ metadata: { name: 'other' } })),
    );
    await post(port, '/mutate', review('Pod', 'DELETE', null));
    await post(
      port,
      '/validate',
      review(
        'TServer',
        'CREATE',
        tserver({ mounts: [localMount('delay-bind', { uid: 1 }), localMount('delay-bind', {}, '/other')] }),
      ),
    );
    await post(port, '/validate', review('PersistentVolumeClaim', 'CREATE', claim('x')));
    await post(port, '/validate', {});
    await call(port, 'GET /nothing');
    metrics.watchRestarted('expired');

    const server = new MetricsServer(metrics.registry);
    const at = await server.listen(0, HOST);
    closeAtEnd(() => server.close());
    const scrape = async () => {
      const response = await fetch(`http://${HOST}:${at}/metrics`);
      expect(response.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/);
      return (await response.text()).split('\n');
    };
    const lines = await scrape();
    const named = (name: string) => lines.filter((line) => line.startsWith(name)).sort();
    expect(named('tlv_admission_requests_total')).to.deep.equal([
      'tlv_admission_requests_total{webhook="mutate",kind="StatefulSet",operation="CREATE",outcome="allowed"} 1',
      'tlv_admission_requests_total{webhook="mutate",kind="StatefulSet",operation="CREATE",outcome="patched"} 1',
      'tlv_admission_requests_total{webhook="mutate",kind="StatefulSet",operation="UPDATE",outcome="allowed"} 1',
      'tlv_admission_requests_total{webhook="mutate",kind="other",operation="DELETE",outcome="allowed"} 1',
      'tlv_admission_requests_total{webhook="validate",kind="PersistentVolumeClaim",operation="CREATE",outcome="allowed"} 1',
      'tlv_admission_requests_total{webhook="validate",kind="TServer",operation="CREATE",outcome="denied"} 1',
      'tlv_admission_requests_total{webhook="validate",kind="unknown",operation="unknown",outcome="error"} 1',
    ]);
    expect(named('tlv_admission_duration_seconds_count')).to.deep.equal([
      'tlv_admission_duration_seconds_count{webhook="mutate"} 4',
      'tlv_admission_duration_seconds_count{webhook="validate"} 3',
    ]);
    expect(named('tlv_admission_duration_seconds_bucket{le="0.0005"')).to.have.length(2);
    expect(named('tlv_admission_duration_seconds_bucket{le="5"')).to.have.length(2);
    expect(named('tlv_admission_violations_total')).to.deep.equal([
      'tlv_admission_violations_total{code="TLV201"} 2',
      'tlv_admission_violations_total{code="TLV203"} 1',
      'tlv_admission_violations_total{code="TLV301"} 1',
    ]);
    expect(named('tlv_http_rejections_total')).to.deep.equal([
      'tlv_http_rejections_total{status="400"} 1',
      'tlv_http_rejections_total{status="404"} 1',
    ]);
    expect(named('tlv_tserver')).to.deep.equal([
      'tlv_tserver_cache_age_seconds 1.5',
      'tlv_tserver_cache_size 7',
      'tlv_tserver_cache_synced 1',
      'tlv_tserver_live_gets_total{outcome="error"} 0',
      'tlv_tserver_live_gets_total{outcome="found"} 0',
      'tlv_tserver_live_gets_total{outcome="missing"} 1',
      'tlv_tserver_watch_restarts_total{reason="expired"} 1',
    ]);
    const end = webhook.certificate.notAfter.getTime() / 1000;
    expect(named('tlv_certificate')).to.deep.equal([`tlv_certificate_expiry_timestamp_seconds ${end}`]);
    expect(named('tlv_build_info')).to.deep.equal([
      `tlv_build_info{version="0.0.0-test",node="${process.versions.node}"} 1`,
    ]);
    expect(named('process_resident_memory_bytes')).to.have.length(1);

    ageSeconds = undefined;
    expect(await scrape()).not.to.include.members(['tlv_tserver_cache_age_seconds 1.5']);
    expect((await fetch(`http://${HOST}:${at}/`)).status).to.equal(404);
    expect((await fetch(`http://${HOST}:${at}/metrics`, { method: 'POST' })).status).to.equal(405);
    await webhook.stop();
  });

  it('do not wake a process that has nothing to do', async () => {
    const server = new MetricsServer(new Registry());
    const at = await server.listen(0, HOST);
    closeAtEnd(() => server.close());
    const text = await (await fetch(`http://${HOST}:${at}/metrics`)).text();
    expect(text).to.match(/^process_cpu_seconds_total /m);
    expect(text.match(/^nodejs_eventloop_lag\w*/gm)).to.deep.equal(['nodejs_eventloop_lag_seconds']);
    const before = pauses();
    await sleep(1000);
    expect(pauses() - before).to.be.lessThan(50);
  });
});

/** How often this thread has gone to sleep; see proc_pid_status(5). */
const pauses = (): number =>
  Number(/^voluntary_ctxt_switches:\s*(\d+)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))?.[1]);
