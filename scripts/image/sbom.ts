import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { Enums, Models, Serialize, Spec, SPDX } from '@cyclonedx/cyclonedx-library';
import type { DebianPackage } from './debian.ts';
import { type Release, sourceOf } from './debian-control.ts';
import type { NodeRuntime } from './node-runtime.ts';
import type { NpmPackage, NpmPackages } from './npm-packages.ts';

/** All that an image is made of. */
export interface Parts {
  readonly product: { readonly name: string; readonly version: string; readonly license: string };
  readonly npm: NpmPackages;
  readonly node: NodeRuntime;
  /** What Node is linked with. */
  readonly debian: readonly DebianPackage[];
  /** What the agent runs, with what that is linked with. */
  readonly tools: readonly DebianPackage[];
  readonly release: Release;
}

/** Versions of interfaces and of data are no software. */
const NO_SOFTWARE = new Set(['node', 'modules', 'napi', 'unicode', 'cldr', 'tz']);

/**
 * The software bill of materials, CycloneDX as JSON. What scanners compare with lists of known faults are the package
 * URLs, and for Node and its OpenSSL the CPEs.
 */
export async function sbom(parts: Parts): Promise<string> {
  const product = application(parts.product);
  const node = await nodeComponent(parts.node);
  const system = operatingSystem(parts.release);
  const componentsOf = (packages: readonly DebianPackage[]) =>
    Promise.all(packages.map((one) => debianComponent(one, parts.release)));
  const [debian, tools] = [await componentsOf(parts.debian), await componentsOf(parts.tools)];
  const npm = new Map(parts.npm.all.map((one) => [one, npmComponent(one)] as const));

  const refs = (packages: Iterable<NpmPackage>) =>
    Array.from(packages, (one) => npm.get(one)?.bomRef ?? []).flat();
  for (const [one, component] of npm) component.dependencies = new Models.BomRefRepository(refs(one.imports));
  product.dependencies = new Models.BomRefRepository([
    ...refs(parts.npm.direct),
    ...[node, ...tools, system].map(({ bomRef }) => bomRef),
  ]);
  for (const above of [node, ...tools, system]) {
    above.dependencies = new Models.BomRefRepository(debian.map(({ bomRef }) => bomRef));
  }

  const bom = new Models.Bom({
    metadata: new Models.Metadata({ component: product }),
    components: new Models.ComponentRepository([...npm.values(), node, ...debian, ...tools, system]),
  });
  const format = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  const text = new Serialize.JsonSerializer(format).serialize(bom, { sortLists: true, space: 1 });
  return `${text}\n`;
}

function application({ name, version, license }: Parts['product']): Models.Component {
  const purl = `pkg:generic/${name}@${version}`;
  const licenses = licensed(license);
  return new Models.Component(Enums.ComponentType.Application, name, {
    version,
    purl,
    bomRef: purl,
    licenses,
  });
}

function npmComponent({ name, version, license }: NpmPackage): Models.Component {
  const [scope, bare] = name.startsWith('@') ? name.split('/') : [undefined, name];
  const purl = `pkg:npm/${scope ? `${encodeURIComponent(scope)}/` : ''}${bare}@${encodeURIComponent(version)}`;
  return new Models.Component(Enums.ComponentType.Library, bare ?? name, {
    ...(scope && { group: scope }),
    version,
    purl,
    bomRef: purl,
    licenses: licensed(license),
  });
}

async function nodeComponent({ version, binary, parts }: NodeRuntime): Promise<Models.Component> {
  const purl = `pkg:generic/node@${version}`;
  const digest = createHash('sha256');
  await pipeline(createReadStream(binary), digest);
  // Node names some libraries that it is built without, too, with an empty version.
  const linked = Object.entries(parts).filter(([name, its]) => its !== '' && !NO_SOFTWARE.has(name));
  return new Models.Component(Enums.ComponentType.Platform, 'node', {
    version,
    purl,
    bomRef: purl,
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    licenses: licensed('MIT'),
    hashes: new Models.HashDictionary([[Enums.HashAlgorithm['SHA-256'], digest.digest('hex')]]),
    components: new Models.ComponentRepository(
      linked.map(([name, linkedVersion]) => part(name, linkedVersion)),
    ),
  });
}

/** What is linked into Node. */
function part(name: string, version: string): Models.Component {
  const purl = `pkg:generic/${name}@${encodeURIComponent(version)}`;
  return new Models.Component(Enums.ComponentType.Library, name, {
    version,
    purl,
    bomRef: `node/${purl}`,
    ...(name === 'openssl' && { cpe: `cpe:2.3:a:openssl:openssl:${version}:*:*:*:*:*:*:*` }),
  });
}

/** By this scanners choose the list of faults for Debian's packages. */
function operatingSystem({ id, version }: Release): Models.Component {
  return new Models.Component(Enums.ComponentType.OperatingSystem, id, {
    version,
    bomRef: `${id}@${version}`,
  });
}

async function debianComponent(one: DebianPackage, release: Release): Promise<Models.Component> {
  const { name, version, architecture } = one;
  const { id, version: number } = release;
  const qualifiers = { arch: architecture, distro: `${id}-${number}`, upstream: await sourceOf(one) };
  const query = Object.entries(qualifiers)
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    .join('&');
  const purl = `pkg:deb/${id}/${encodeURIComponent(name)}@${encodeURIComponent(version)}?${query}`;
  // The licences of a package of Debian are many, in a text without a fixed form; it is in the image.
  return new Models.Component(Enums.ComponentType.Library, name, { version, purl, bomRef: purl });
}

function licensed(license: string): Models.LicenseRepository {
  return new Models.LicenseRepository([
    SPDX.isSupportedSpdxId(license)
      ? new Models.SpdxLicense(license, { acknowledgement: Enums.LicenseAcknowledgement.Declared })
      : new Models.LicenseExpression(license),
  ]);
}
