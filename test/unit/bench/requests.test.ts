import { expect } from 'chai';
import { samplesOf } from '../../../bench/cluster/metrics.ts';
import { perClaimText, requestsBetween, requestsIn, total } from '../../../bench/cluster/requests.ts';
import { watchEventsIn } from '../../../bench/cluster/watch-events.ts';

/** What benches read out of the API server's metrics. */

const request = (verb: string, resource: string, value: number | string, subresource = '', code = '200') =>
  `apiserver_request_total{code="${code}",component="apiserver",dry_run="",group="",resource="${resource}",scope="namespace",subresource="${subresource}",verb="${verb}",version="v1"} ${value}`;

const METRICS = [
  '# HELP apiserver_request_total [STABLE] Counter of apiserver requests broken out for each verb',
  '# TYPE apiserver_request_total counter',
  request('POST', 'pods', 50, '', '201'),
  request('POST', 'pods', 2, '', '409'),
  request('POST', 'pods', 50, 'binding', '201'),
  request('APPLY', 'persistentvolumes', '1e+02'),
  request('GET', 'persistentvolumes', 7),
  request('LIST', 'pods', 3),
  request('WATCH', 'pods', 90),
  request('PUT', 'leases', 400),
  'apiserver_request_total_of_something_else{verb="POST",resource="pods"} 1',
  'apiserver_request_duration_seconds_bucket{verb="POST",resource="pods",le="0.005"} 12',
  'process_cpu_seconds_total 12.5',
].join('\n');

describe('requests in the metrics of an API server', () => {
  it('are those that a claim causes, whatever they were answered', () => {
    expect([...requestsIn(METRICS)]).to.deep.equal([
      ['POST pods', 52],
      ['POST pods/binding', 50],
      ['APPLY persistentvolumes', 100],
      ['GET persistentvolumes', 7],
      ['LIST pods', 3],
    ]);
  });

  it('are counted between two looks, and writes for themselves', () => {
    const before = requestsIn(request('POST', 'pods', 2));
    const between = requestsBetween(before, requestsIn(METRICS));
    expect(between.get('POST pods')).to.equal(50);
    expect([...requestsBetween(between, between)]).to.deep.equal([]);
    expect(total(between)).to.equal(210);
    expect(total(between, 'writes')).to.equal(200);
    expect(perClaimText(between, 50)).to.equal(
      'APPLY persistentvolumes 2.00, POST pods 1.00, POST pods/binding 1.00, GET persistentvolumes 0.14',
    );
  });

  it('are samples of the format, labels and all', () => {
    const text = 'a{x="1",y="quoted \\"word\\", and a\\nline"} 2.5\na 1\na{} 7 1700000000000\nab 3';
    expect(samplesOf(text, 'a')).to.deep.equal([
      { name: 'a', labels: { x: '1', y: 'quoted "word", and a\nline' }, value: 2.5 },
      { name: 'a', labels: {}, value: 1 },
      { name: 'a', labels: {}, value: 7 },
    ]);
    expect(samplesOf(METRICS, 'process_cpu_seconds_total').map(({ value }) => value)).to.deep.equal([12.5]);
  });
});

describe('watch events in the metrics of an API server', () => {
  it('are those of claims and volumes', () => {
    const metrics = [
      'apiserver_watch_events_total{group="",resource="persistentvolumeclaims",version="v1"} 30',
      'apiserver_watch_events_total{group="",resource="persistentvolumes",version="v1"} 12',
      'apiserver_watch_events_total{group="",resource="pods",version="v1"} 1000',
    ];
    expect(watchEventsIn(metrics.join('\n'))).to.equal(42);
  });

  it('are not none where they are not told', () => {
    expect(() => watchEventsIn('up 1')).to.throw('does not tell what it has sent');
  });
});
