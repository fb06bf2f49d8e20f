import { expect } from 'chai';
import { rememberedPool, toRemember } from '../../../src/agent/remembered-pool.ts';
import type { VolumeView } from '../../../src/agent/volume-view.ts';
import { poolAnnotation } from '../../../src/tars/agent-lease.ts';
import { volume } from './plan-states.ts';

const PLAIN = 'local.tars.io/pool';
const [OF_A, OF_B] = [poolAnnotation('/a'), poolAnnotation('/b')];

describe('what the Lease remembers of pools', () => {
  it('is the one that there is, as long as there is one root', () => {
    expect(toRemember([{ root: '/a', id: 'pool-a' }])).to.deep.equal({ [PLAIN]: 'pool-a' });
    expect(toRemember([{ root: '/a', id: undefined }])).to.deep.equal({});
  });

  it('is each by its root where there are more, and nothing new of those that are away', () => {
    const [a, b] = [
      { root: '/a', id: 'pool-a' },
      { root: '/b', id: 'pool-b' },
    ];
    expect(toRemember([a, b])).to.deep.equal({ [PLAIN]: 'pool-a', [OF_A]: 'pool-a', [OF_B]: 'pool-b' });
    expect(toRemember([{ ...a, id: undefined }, b])).to.deep.equal({ [OF_B]: 'pool-b' });
    expect(toRemember([a, { ...b, id: undefined }])).to.deep.equal({ [PLAIN]: 'pool-a', [OF_A]: 'pool-a' });
  });
});

describe('the pool that the cluster remembers of a root', () => {
  function remembered(
    root: string,
    isFirst: boolean,
    annotations: Readonly<Record<string, string>> | undefined,
    volumes: readonly VolumeView[] = [],
  ): Promise<string | undefined> {
    const lease = annotations && { metadata: { annotations } };
    const writer = {
      get: async (path: string) => {
        expect(path).to.equal('/apis/coordination.k8s.io/v1/namespaces/ours/leases/t-local-volume-agent-n1');
        return lease;
      },
    };
    return rememberedPool({ writer, namespace: 'ours', node: 'n1', root, isFirst, volumes });
  }

  it('is none where there is neither a Lease nor a volume that tells', async () => {
    expect(await remembered('/a', true, undefined)).to.equal(undefined);
    expect(await remembered('/a', true, {}, [volume({ pool: undefined })])).to.equal(undefined);
  });

  it('is what its volumes say where the Lease says nothing', async () => {
    expect(await remembered('/b', false, { [PLAIN]: 'pool-a' }, [volume()])).to.equal('pool-1');
    expect(await remembered('/b', false, { [OF_B]: 'pool-b' }, [volume()])).to.equal('pool-b');
  });

  it('is that of the node for the first root, and for no other', async () => {
    expect(await remembered('/a', true, { [PLAIN]: 'pool-a' })).to.equal('pool-a');
    expect(await remembered('/b', false, { [PLAIN]: 'pool-a' })).to.equal(undefined);
  });

  it('stays with the root when the order of roots changes', async () => {
    const lease = toRemember([
      { root: '/a', id: 'pool-a' },
      { root: '/b', id: 'pool-b' },
    ]);
    expect(await remembered('/b', true, lease)).to.equal('pool-b');
    expect(await remembered('/a', false, lease)).to.equal('pool-a');
  });

  it('is what a person has said of that root since, whatever the Lease had of the node', async () => {
    expect(await remembered('/a', true, { [PLAIN]: 'old', [OF_A]: 'new' })).to.equal('new');
  });
});
