import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Who somebody is to the API server: a user name and the groups it belongs to. */
export interface Identity {
  readonly name: string;
  readonly groups?: readonly string[];
}

export const ADMIN = 'admin';
export const CONTROLLER_MANAGER = 'system:kube-controller-manager';
export const SCHEDULER = 'system:kube-scheduler';
export const KWOK = 'kwok';

/** The controllers go by their real names, so that RBAC and admission meet them as in production. */
const BUILT_IN: readonly Identity[] = [
  { name: ADMIN, groups: ['system:masters'] },
  { name: CONTROLLER_MANAGER },
  { name: SCHEDULER },
  { name: KWOK, groups: ['system:masters'] },
];

/** Static tokens and the service accounts' key, made anew for every control plane. */
export class Credentials {
  readonly tokenFile: string;
  readonly serviceAccountKeyFile: string;
  readonly #directory: string;
  readonly #tokens: ReadonlyMap<string, string>;

  constructor(directory: string, identities: readonly Identity[]) {
    this.#directory = directory;
    const everyone = [...BUILT_IN, ...identities];
    this.#tokens = new Map(everyone.map(({ name }) => [name, randomBytes(16).toString('hex')]));
    this.tokenFile = this.#write(
      'tokens.csv',
      everyone.map(({ name, groups = [] }) => csvLine([this.token(name), name, name, groups.join(',')])),
    );
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    // Holds both halves: the controller-manager signs with it, the API server takes the public one from it.
    this.serviceAccountKeyFile = this.#write('service-accounts.key', [
      privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
    ]);
  }

  token(identity: string): string {
    const token = this.#tokens.get(identity);
    if (token !== undefined) return token;
    throw new Error(`unknown identity ${identity}; known are ${[...this.#tokens.keys()].join(', ')}`);
  }

  /** Writes (again) the kubeconfig of one identity. JSON is YAML, and needs no quoting of ours. */
  kubeconfig(identity: string, server: string, ca: string): string {
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'test',
          cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
        },
      ],
      users: [{ name: identity, user: { token: this.token(identity) } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: identity, namespace: 'default' } }],
      'current-context': 'test',
    };
    // A user's name may hold slashes.
    return this.#write(`${encodeURIComponent(identity)}.kubeconfig`, [JSON.stringify(config, undefined, 2)]);
  }

  /** At once: a kubectl that is just starting must not read half of it. */
  #write(name: string, lines: readonly string[]): string {
    const path = join(this.#directory, name);
    const unfinished = `${path}.new`;
    writeFileSync(unfinished, `${lines.join('\n')}\n`, { mode: 0o600 });
    renameSync(unfinished, path);
    return path;
  }
}

function csvLine(fields: readonly string[]): string {
  return fields.map((field) => `"${field.replaceAll('"', '""')}"`).join(',');
}
