import { join } from 'node:path';
import { freePorts } from '../../test/controlplane/ports.ts';
import { OURS } from '../frame/chart.ts';
import { installPeer } from '../peers.ts';
import { MeasuredProcess } from '../processes/measured-process.ts';
import type { Shipped } from '../processes/shipped.ts';
import { EXPRESS, type Floor, floorArgv, HTTPS, type ServerFiles } from './server-files.ts';

/** What a server is started from. */
export interface Site {
  readonly shipped: Shipped;
  readonly kubeconfig: string;
  readonly files: ServerFiles;
  /** The processor that servers run on. */
  readonly processor: number;
  readonly say: (line: string) => void;
}

type Paths = Readonly<Record<Deed, string>>;
/** What a webhook is asked to do. */
export type Deed = 'mutate' | 'validate';

/** A server that answers AdmissionReviews. */
export interface Contender {
  readonly name: string;
  /** Below its address, where it changes and where it validates. */
  readonly paths: Paths;
  readonly readyPath: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Of others: where it cannot be had, the run goes on without. */
  readonly isPeer?: true;
  /** As in the image, environment and all. */
  readonly isOurs?: true;
  /** How many processes of it take part; one unless said. Of the same code, one may be half as fast again as the next. */
  readonly processes?: number;
  argv(site: Site, port: number): Promise<readonly string[]>;
}

export interface Serving {
  readonly process: MeasuredProcess;
  readonly urls: Paths;
}

const PATHS: Paths = { mutate: '/mutate', validate: '/validate' };

/** Of those whose ratio is what counts. */
const COMPARED = { processes: 3 } as const;

const floor = (name: Floor): Contender => ({
  name,
  paths: PATHS,
  readyPath: '/readyz',
  argv: async ({ files }, port) => floorArgv(name, port, files),
});

const webhook = (name: string, ...flags: readonly string[]): Contender => ({
  name,
  isOurs: true,
  paths: PATHS,
  readyPath: '/readyz',
  argv: async ({ shipped, files, kubeconfig }, port) => {
    const [node, ...args] = shipped.argv(
      'webhook',
      `--port=${port}`,
      '--metrics-port=0',
      '--bind-address=127.0.0.1',
      `--tls-cert-file=${files.cert}`,
      `--tls-private-key-file=${files.key}`,
      `--kubeconfig=${kubeconfig}`,
      '--shutdown-delay=0',
    );
    return [node, ...flags, ...args];
  },
});

const PEPR_PATH = 'bench';

const pepr = (version: string): Contender => ({
  name: `pepr ${version}`,
  paths: { mutate: `/mutate/${PEPR_PATH}`, validate: `/validate/${PEPR_PATH}` },
  readyPath: '/healthz',
  isPeer: true,
  // What a path is called since, was called a token before.
  env: { PEPR_API_PATH: PEPR_PATH, PEPR_API_TOKEN: PEPR_PATH, LOG_LEVEL: 'error' },
  argv: async ({ files, say }, port) => [
    process.execPath,
    join(import.meta.dirname, 'pepr-module.mjs'),
    String(port),
    await installPeer({ name: 'pepr', version }, say),
    files.outcome,
  ],
});

export const CONTENDERS: readonly Contender[] = [
  floor(HTTPS),
  { ...floor(EXPRESS), ...COMPARED },
  { ...webhook(OURS), ...COMPARED },
  // Unless the image says otherwise, Node lets its young generation grow under load, and the memory of the process with it.
  webhook(`${OURS}, semi-space of 16 MB`, '--max-semi-space-size=16'),
  pepr('20.0.0'),
  pepr('1.1.4'),
];

export async function serve(contender: Contender, site: Site): Promise<Serving> {
  const [port = 0] = await freePorts(1);
  const argv = await contender.argv(site, port);
  const process = await MeasuredProcess.start({
    name: contender.name,
    argv: ['taskset', '--cpu-list', String(site.processor), ...argv],
    readyUrl: `https://127.0.0.1:${port}${contender.readyPath}`,
    env: {
      ...(contender.isOurs ? site.shipped.env : {}),
      KUBECONFIG: site.kubeconfig,
      SSL_CERT_PATH: site.files.cert,
      SSL_KEY_PATH: site.files.key,
      ...contender.env,
    },
  });
  const { mutate, validate } = contender.paths;
  const address = `https://127.0.0.1:${port}`;
  return { process, urls: { mutate: address + mutate, validate: address + validate } };
}
