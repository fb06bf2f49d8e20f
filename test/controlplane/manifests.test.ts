import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { ControlPlane } from './control-plane.ts';
import { crdsEstablished } from './crds.ts';
import { asNewestStores } from './older-words.ts';
import { ROOT, tlv } from '../offline/tlv.ts';

/** What is generated and rendered offline, put before the real API server. */

const EXAMPLES = ['tarslog', 'tarsconfig', 'gateway', 'redis-cluster'];

interface StoredSet {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly spec: { readonly volumeClaimTemplates: unknown[] };
}

describe('the CRD and rendered manifests on a real API server', function () {
  this.timeout(300_000);
  let plane: ControlPlane;

  before(async () => {
    plane = await ControlPlane.start();
    await kubectl('apply', '-f', `${ROOT}deploy/crd`);
    await crdsEstablished(plane);
    for (const namespace of ['shop', 'redis']) await kubectl('create', 'namespace', namespace);
  });
  after(async () => plane?.stop());

  async function kubectl(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await plane.kubectl(args);
    expect(code, stderr).to.equal(0);
    return stdout;
  }

  const apply = (object: object) => plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });

  const server = (spec: object, name = 'tars-test') => ({
    apiVersion: 'k8s.tars.io/v1beta3',
    kind: 'TServer',
    metadata: { name, namespace: 'default' },
    spec: { app: 'tars', server: 'test', subType: 'tars', ...spec },
  });

  const mount = (fields: object) => ({
    k8s: { mounts: [{ name: 'data', mountPath: '/data', source: { tLocalVolume: {} }, ...fields }] },
  });

  it('accepts the CRD: structural, and its CEL within the cost budget', async () => {
    const conditions = JSON.parse(await kubectl('get', 'crd', 'tservers.k8s.tars.io', '-o', 'json')) as {
      status: { conditions: { type: string; status: string }[] };
    };
    const byType = new Map(conditions.status.conditions.map(({ type, status }) => [type, status]));
    expect(byType.get('Established')).to.equal('True');
    expect(byType.get('NonStructuralSchema') ?? 'False').to.equal('False');
  });

  for (const name of EXAMPLES) {
    it(`stores examples/${name}.yaml as rendered, template by template`, async () => {
      const { stdout, exit } = await tlv(['render', '-f', `examples/${name}.yaml`]);
      expect(exit).to.equal(0);
      const applied = await plane.kubectl(['apply', '-f', '-'], { input: stdout });
      expect(applied.code, applied.stderr).to.equal(0);

      const json = await tlv(['render', '-f', `examples/${name}.yaml`, '-o', 'json']);
      const { items } = JSON.parse(json.stdout) as { items: (StoredSet & { kind: string })[] };
      const set = items.find(({ kind }) => kind === 'StatefulSet');
      const { metadata, spec } = set!;
      const stored = JSON.parse(
        await kubectl('get', 'sts', metadata.name, '-n', metadata.namespace, '-o', 'json'),
      ) as StoredSet;
      // Exactly as the API server defaults them, so that no diff ever shows them.
      expect(asNewestStores(stored.spec.volumeClaimTemplates)).to.deep.equal(spec.volumeClaimTemplates);

      // Read back and rendered again, nothing is left to change.
      const list = await kubectl('get', 'tservers,statefulsets', '-n', metadata.namespace, '-o', 'json');
      const again = await tlv(['render', '-o', 'patch'], list);
      expect(again).to.deep.include({ stdout: '', exit: 0 });
    });
  }

  it('completes uid, gid and mode by its defaults', async () => {
    expect((await apply(server(mount({})))).code).to.equal(0);
    const path = '{.spec.k8s.mounts[0].source.tLocalVolume}';
    const stored = await kubectl('get', 'tserver', 'tars-test', '-o', `jsonpath=${path}`);
    expect(JSON.parse(stored)).to.deep.equal({ uid: '0', gid: '0', mode: '755' });
  });

  it('lets server-side apply take over what kubectl applied, the defaults too', async () => {
    const object = server(mount({}), 'tars-over');
    expect((await apply(object)).code).to.equal(0);
    const get = (path: string) => kubectl('get', 'tserver', 'tars-over', '-o', `jsonpath={${path}}`);
    const before = await get('.spec');
    for (const manager of ['kubectl', 'kubectl', 'other', 'other']) {
      const args = ['apply', '--server-side', '--force-conflicts', `--field-manager=${manager}`, '-f', '-'];
      const { code, stderr } = await plane.kubectl(args, { input: JSON.stringify(object) });
      expect(code, stderr).to.equal(0);
      expect(await get('.spec')).to.equal(before);
    }
    expect(await get('.metadata.generation')).to.equal('1');
  });

  it('serves v1beta2 as well', async () => {
    const { code, stderr } = await apply({ ...server(mount({})), apiVersion: 'k8s.tars.io/v1beta2' });
    expect(code, stderr).to.equal(0);
  });

  const REFUSED: readonly (readonly [string, object, RegExp])[] = [
    ['a mode with 0', mount({ source: { tLocalVolume: { mode: '750' } } }), /mode: Invalid value: "750"/],
    [
      'a uid with a leading zero',
      mount({ source: { tLocalVolume: { uid: '01' } } }),
      /uid: Invalid value: "01"/,
    ],
    [
      'a gid as a number',
      mount({ source: { tLocalVolume: { gid: 1000 } } }),
      /gid: Invalid value: "integer"/,
    ],
    ['the reserved name', mount({ name: 'delay-bind' }), /mounts\[0\]\.name: .*delay-bind.*TLV201/],
    ['two sources', mount({ source: { emptyDir: {}, tLocalVolume: {} } }), /mounts\[0\]\.source: .*TLV204/],
    ['no source', mount({ source: {} }), /mounts\[0\]\.source: .*TLV204/],
    ['a relative path', mount({ mountPath: 'data' }), /mountPath: Invalid value: "data"/],
    ['a path with a colon', mount({ mountPath: '/a:b' }), /mountPath: Invalid value: "\/a:b"/],
    ['a mount name that is no DNS label', mount({ name: 'Data_1' }), /name: Invalid value: "Data_1"/],
    [
      'two mounts of one name',
      {
        k8s: {
          mounts: ['/a', '/b'].map((mountPath) => ({ name: 'a', mountPath, source: { emptyDir: {} } })),
        },
      },
      /mounts\[1\]: Duplicate value/,
    ],
    ['claims of a daemonSet', { k8s: { ...mount({}).k8s, daemonSet: true } }, /daemonSet: .*TLV105/],
    ['an app with a dot', { app: 'tars.eu' }, /spec\.app: Invalid value: "tars\.eu"/],
    ['an unknown subType', { subType: 'java' }, /subType: Unsupported value: "java"/],
    [
      'a host port out of range',
      { k8s: { hostPorts: [{ nameRef: 'a', port: 70000 }] } },
      /port: Invalid value: 70000/,
    ],
    [
      'more than 64 mounts',
      {
        k8s: {
          mounts: Array.from({ length: 65 }, (_, index) => ({
            name: `m${index}`,
            mountPath: `/m${index}`,
            source: { emptyDir: {} },
          })),
        },
      },
      /Too many: 65: must have at most 64 items/,
    ],
  ];

  for (const [what, spec, message] of REFUSED) {
    it(`refuses by itself ${what}`, async () => {
      const { code, stderr } = await apply(server(spec, 'tars-refused'));
      expect(code).to.equal(1);
      expect(stderr).to.match(message);
    });
  }

  for (const field of ['app', 'server', 'subType']) {
    it(`keeps spec.${field} as it was`, async () => {
      expect((await apply(server({}, 'tars-kept'))).code).to.equal(0);
      const value = field === 'subType' ? 'normal' : 'other';
      const { code, stderr } = await apply(server({ [field]: value }, 'tars-kept'));
      expect(code).to.equal(1);
      expect(stderr).to.match(new RegExp(`spec\\.${field}: .*TLV103`));
    });
  }

  it('refuses everything of examples/refused.yaml that a schema can see', async () => {
    const [first] = readFileSync(`${ROOT}examples/refused.yaml`, 'utf8').split('\n---\n');
    const { code, stderr } = await plane.kubectl(['create', '-f', '-'], { input: first! });
    expect(code).to.equal(1);
    expect(stderr).to.match(/TServer "log" is invalid/);
  });
});
