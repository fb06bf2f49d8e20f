import { copyFileSync, existsSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Outcome } from '../controlplane/run.ts';
import type { Cluster } from './cluster.ts';
import { busyboxProgram } from './images.ts';
import type { WorkerNode } from './node.ts';
import { NAMESPACE } from './product.ts';

/* What the product's pods cannot do, tried from inside their containers. */

const POOL = '/usr/local/app/tars/host-mount';

/** The container's own Node.js: the image has no shell. */
const NODE = '/proc/1/exe';

/** Calls the API server with the pod's own token. Prints the status of each answer. */
const CALLS = `
const fs = require('node:fs');
const folder = '/var/run/secrets/kubernetes.io/serviceaccount/';
const token = fs.readFileSync(folder + 'token', 'utf8');
process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
(async () => {
  for (const call of JSON.parse(process.argv[1])) {
    const [method, path] = call.split(' ');
    const headers = { authorization: 'Bearer ' + token, 'content-type': 'application/json' };
    const body = method === 'POST' ? '{}' : undefined;
    const { status } = await fetch('https://' + host + ':' + port + path, { method, headers, body });
    console.log(call, status);
  }
})();`;
/** fetch needs WebAssembly, which the agent's own Node is told to do without. */
const CALLING = [NODE, '--no-jitless', '-e', CALLS] as const;

export function itIsConfined(cluster: () => Cluster): void {
  const execIn = (pod: string, ...command: string[]): Promise<Outcome> =>
    cluster().plane.kubectl(['exec', `--namespace=${NAMESPACE}`, pod, '--', ...command]);
  const podsOf = async (component: string): Promise<{ name: string; node: WorkerNode }[]> => {
    const selector = `--selector=app.kubernetes.io/component=${component}`;
    const output = '--output=jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}{"\\n"}{end}';
    const text = await cluster().kubectl('get', 'pods', `--namespace=${NAMESPACE}`, selector, output);
    return text.split('\n').flatMap((line) => {
      const [name, nodeName] = line.split(' ');
      const node = cluster().nodes.find((known) => known.name === nodeName);
      return name && node ? [{ name, node }] : [];
    });
  };
  const statusOf = async (pod: string): Promise<Record<string, string>> => {
    const { stdout } = await execIn(
      pod,
      NODE,
      '-p',
      'require("fs").readFileSync("/proc/self/status", "utf8")',
    );
    return Object.fromEntries(stdout.split('\n').map((line) => line.split(/:\s*/, 2) as [string, string]));
  };

  it('has an agent with three capabilities, a seccomp filter, and no way to more', async () => {
    for (const { name } of await podsOf('agent')) {
      const status = await statusOf(name);
      // CHOWN is 1, DAC_OVERRIDE 2, FOWNER 8; Seccomp 2 is a filter.
      expect(status).to.include({
        CapEff: '000000000000000b',
        CapBnd: '000000000000000b',
        Seccomp: '2',
        NoNewPrivs: '1',
      });
    }
  });

  it('has a webhook that is nobody, with no capability at all', async () => {
    for (const { name } of await podsOf('webhook')) {
      const status = await statusOf(name);
      expect(status).to.include({
        CapEff: '0000000000000000',
        CapBnd: '0000000000000000',
        Seccomp: '2',
        NoNewPrivs: '1',
      });
      expect(status['Uid']).to.match(/^65532\s/);
    }
  });

  it('has no shell in its image', async () => {
    const [agent] = await podsOf('agent');
    for (const shell of ['sh', '/bin/sh', '/bin/bash', 'busybox']) {
      const { code, stderr } = await execIn(agent!.name, shell, '-c', 'true');
      expect(code, shell).not.to.equal(0);
      expect(stderr, shell).to.match(/not found|no such file/);
    }
  });

  it('does not let the agent write anywhere but in its root', async () => {
    const [agent] = await podsOf('agent');
    const write = (path: string): Promise<Outcome> =>
      execIn(agent!.name, NODE, '-e', `require('fs').writeFileSync(${JSON.stringify(path)}, 'x')`);
    for (const path of [
      '/x',
      '/etc/passwd',
      '/tmp/x',
      '/usr/x',
      '/usr/local/x',
      '/usr/local/app/x',
      `${POOL}/../x`,
    ]) {
      const { code, stderr } = await write(path);
      expect(code, path).not.to.equal(0);
      expect(stderr, path).to.match(/EROFS|EACCES|ENOENT/);
    }
    // A link in the pool that leads out of it leads into the container, not into the host.
    const link = join(agent!.node.pool, 'out');
    const target = '/etc/written-by-the-agent';
    symlinkSync(target, link);
    expect((await write(`${POOL}/out`)).code).not.to.equal(0);
    expect((await agent!.node.run('ls', target)).code).not.to.equal(0);
    rmSync(link);
    // So that it is not for want of trying.
    expect((await write(`${POOL}/within`)).stderr).to.equal('');
    expect(existsSync(join(agent!.node.pool, 'within'))).to.equal(true);
    rmSync(join(agent!.node.pool, 'within'));
  });

  it('does not let the agent mount, make devices, change its root or look into the host, with tools brought along', async () => {
    const [agent] = await podsOf('agent');
    const busybox = join(agent!.node.pool, 'busybox');
    copyFileSync(await busyboxProgram(), busybox);
    const attempts = [
      ['mount', '-t', 'tmpfs', 'tmpfs', POOL],
      ['mount', '-o', 'remount,rw', '/'],
      ['mount', '--bind', '/', `${POOL}/.tlv`],
      ['umount', POOL],
      ['mknod', `${POOL}/disk`, 'b', '7', '0'],
      ['chroot', POOL, '/busybox', 'true'],
      ['unshare', '-m', `${POOL}/busybox`, 'true'],
      ['nsenter', '-t', '1', '-m', `${POOL}/busybox`, 'true'],
      ['hostname', 'mine'],
      ['insmod', `${POOL}/busybox`],
    ];
    try {
      expect((await execIn(agent!.name, `${POOL}/busybox`, 'true')).code).to.equal(0);
      for (const attempt of attempts) {
        const { code, stderr } = await execIn(agent!.name, `${POOL}/busybox`, ...attempt);
        expect(code, attempt.join(' ')).not.to.equal(0);
        expect(stderr, attempt.join(' ')).to.match(/[Pp]ermission denied|not permitted/);
      }
      // Processes of the host and of other pods are not there to be seen.
      const seen = await execIn(agent!.name, `${POOL}/busybox`, 'ls', '/proc');
      expect(seen.stdout.split('\n').filter((name) => /^\d+$/.test(name)).length).to.be.lessThan(4);
    } finally {
      rmSync(busybox);
    }
    expect(readdirSync(agent!.node.pool)).not.to.include('disk');
  });

  it('does not let agent and webhook reach secrets, pods or nodes with their tokens', async () => {
    const own = `/api/v1/namespaces/${NAMESPACE}`;
    const forbidden = [
      'GET /api/v1/secrets',
      `GET ${own}/secrets`,
      'GET /api/v1/namespaces/kube-system/secrets',
      'GET /api/v1/configmaps',
      `POST ${own}/pods`,
      'POST /api/v1/namespaces/default/pods',
      `POST ${own}/serviceaccounts/default/token`,
      'DELETE /api/v1/nodes/node-1',
      'DELETE /api/v1/namespaces/default',
      'DELETE /api/v1/namespaces/default/persistentvolumeclaims/any',
      'DELETE /apis/apps/v1/namespaces/default/statefulsets/any',
      'POST /apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
      'DELETE /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/t-local-volume',
    ];
    for (const component of ['agent', 'webhook']) {
      const [pod] = await podsOf(component);
      const { stdout, stderr } = await execIn(pod!.name, ...CALLING, JSON.stringify(forbidden));
      expect(stdout.trim().split('\n'), `${component}: ${stderr}`).to.deep.equal(
        forbidden.map((call) => `${call} 403`),
      );
    }
    // The agent's own secret is nobody's: it has none. The webhook's is its, and the agent's it is not.
    const [agent] = await podsOf('agent');
    const secret = `GET ${own}/secrets/t-local-volume-webhook-certs`;
    const { stdout } = await execIn(
      agent!.name,
      ...CALLING,
      JSON.stringify([secret, 'GET /api/v1/persistentvolumes']),
    );
    expect(stdout.trim().split('\n')).to.deep.equal([`${secret} 403`, 'GET /api/v1/persistentvolumes 200']);
  });
}
