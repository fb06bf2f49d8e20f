import type { NpmPackage } from './npm-packages.ts';

const RULE = '='.repeat(80);

/** The licences of bundled packages, as one text for people. */
export function licenses(packages: readonly NpmPackage[]): string {
  const sections = packages.map(
    ({ name, version, license, texts }) =>
      `${RULE}\n${name} ${version} (${license})\n${RULE}\n\n${texts.map((text) => text.trim()).join('\n\n')}\n`,
  );
  return `t-local-volume contains code of these packages.\n\n${sections.join('\n')}`;
}
