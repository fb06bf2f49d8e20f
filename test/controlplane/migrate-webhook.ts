import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ROOT } from '../offline/tlv.ts';
import { isServing } from './api.ts';
import { Component } from './component.ts';
import type { ControlPlane } from './control-plane.ts';
import { freePorts } from './ports.ts';

/** The webhook runs beside the cluster that a guide installs it in; no pod of its Deployment is more than played. */

/** Returns when it serves, at that address. */
export async function startWebhook(plane: ControlPlane, folder: string, classes: string) {
  const directory = join(folder, 'webhook');
  mkdirSync(directory);
  const [tls, key] = ['tls.crt', 'tls.key'].map((name) => join(directory, name)) as [string, string];
  writeFileSync(tls, plane.tls.cert);
  writeFileSync(key, plane.tls.key);
  const [port = 0] = await freePorts(1);
  const url = `https://127.0.0.1:${port}`;
  const process = new Component({
    name: 'webhook',
    file: `${ROOT}bin/tlv`,
    args: [
      'webhook',
      `--port=${port}`,
      '--metrics-port=0',
      '--bind-address=127.0.0.1',
      `--tls-cert-file=${tls}`,
      `--tls-private-key-file=${key}`,
      '--shutdown-delay=0',
      `--kubeconfig=${plane.kubeconfig()}`,
      `--classes=${classes}`,
    ],
    directory,
    ready: () => isServing(`${url}/readyz`),
  });
  await process.start();
  return { process, url };
}

interface Configuration {
  readonly kind: string;
  readonly webhooks?: readonly { readonly clientConfig: { readonly service: { readonly path: string } } }[];
}

/** Writes an overlay of the product, in that folder, whose webhook is reached by its address. */
export async function writeOverlay(
  plane: ControlPlane,
  { folder, overlay, url }: { folder: string; overlay: string; url: string },
): Promise<void> {
  const base = `${ROOT}deploy/overlays/${overlay}`;
  const { code, stdout, stderr } = await plane.kubectl(['kustomize', base]);
  if (code !== 0) throw new Error(`kubectl kustomize: ${stderr}`);
  const { caBundle } = plane.tls;
  const objects = parseAllDocuments(stdout).map((document) => document.toJS() as Configuration);
  const patches = objects.flatMap(({ kind, webhooks }) => {
    if (!webhooks) return [];
    const operations = webhooks.map(({ clientConfig }, index) => ({
      op: 'replace',
      path: `/webhooks/${index}/clientConfig`,
      value: { url: `${url}${clientConfig.service.path}`, caBundle },
    }));
    return [{ target: { kind }, patch: JSON.stringify(operations) }];
  });
  mkdirSync(folder);
  const kustomization = { resources: [relative(folder, base)], patches };
  writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
}
