import { completeClaim } from '../tars/claim-template.ts';
import type { Finding, Path } from '../tars/finding.ts';
import { DNS_LABEL_MAX, DNS_LABEL_PATTERN, MOUNT_PATH_PATTERN } from '../tars/patterns.ts';
import { servedClass, type Settings } from '../tars/settings.ts';
import { MOUNT_SOURCES, type TServer, type TServerMount } from '../tars/tserver.ts';
import { checkClaim, checkVolumeName } from './claim-rules.ts';
import { checkId, checkMode } from './owner-and-mode.ts';
import { checkMountPathsUnique } from './pod-rules.ts';
import { checkReservedName } from './reserved.ts';
import { violation } from './violation.ts';

const MOUNTS = ['spec', 'k8s', 'mounts'] as const;
const DNS_LABEL = new RegExp(DNS_LABEL_PATTERN);
const MOUNT_PATH = new RegExp(MOUNT_PATH_PATTERN);

/** The mounts of a TServer: names, sources, paths, owner and mode. */
export function checkMounts(server: TServer, settings: Settings): Finding[] {
  const mounts = server.spec.k8s?.mounts ?? [];
  return [
    ...mounts.flatMap((mount, index) => {
      const path = [...MOUNTS, index];
      return [
        ...checkName(mount, path),
        ...checkSource(mount, path),
        ...checkPath(mount, path),
        ...checkOwner(mount, path, settings),
        ...checkGivenTemplate(mount, path, server, settings),
      ];
    }),
    ...checkNamesUnique(mounts),
    ...checkMountPathsUnique(mounts, MOUNTS),
  ];
}

function checkName({ name }: TServerMount, path: Path): Finding[] {
  const at = [...path, 'name'];
  if (name.length <= DNS_LABEL_MAX && DNS_LABEL.test(name)) return checkReservedName(at, name);
  const detail = `must be lower-case letters, digits and inner hyphens, ${DNS_LABEL_MAX} characters at most (${DNS_LABEL_PATTERN}), because a claim, a volume and a directory are named after it; write "remote-log-dir", for example`;
  return [violation('TLV202', at, name, detail)];
}

function checkSource({ source }: TServerMount, path: Path): Finding[] {
  const given = MOUNT_SOURCES.filter((kind) => source?.[kind] !== undefined && source[kind] !== null);
  if (given.length === 1) return [];
  const known = MOUNT_SOURCES.join(', ');
  const detail =
    given.length === 0
      ? `a mount needs exactly one source; give one of ${known}`
      : `a mount has exactly one source, not ${given.join(' and ')}; keep one and make a mount of its own for the other`;
  return [
    violation('TLV204', [...path, 'source'], given.length === 0 ? undefined : given.join(', '), detail),
  ];
}

function checkPath({ mountPath }: TServerMount, path: Path): Finding[] {
  if (MOUNT_PATH.test(mountPath)) return [];
  const detail = 'must be an absolute path in the container, without a colon; write "/data", for example';
  return [violation('TLV205', [...path, 'mountPath'], mountPath, detail)];
}

function checkOwner({ source }: TServerMount, path: Path, settings: Settings): Finding[] {
  const { uid, gid, mode } = source?.tLocalVolume ?? {};
  const at = [...path, 'source', 'tLocalVolume'];
  // Absent and null mean the default, as in the CRD schema.
  return [
    ...(uid === undefined || uid === null ? [] : checkId('uid', [...at, 'uid'], uid)),
    ...(gid === undefined || gid === null ? [] : checkId('gid', [...at, 'gid'], gid)),
    ...(mode === undefined || mode === null ? [] : checkMode([...at, 'mode'], mode, settings)),
  ];
}

/** A template of a served class obeys the rules of claims before any StatefulSet is made of it. */
function checkGivenTemplate(
  { name, source }: TServerMount,
  path: Path,
  { spec }: TServer,
  settings: Settings,
): Finding[] {
  const given = source?.persistentVolumeClaimTemplate;
  const way = servedClass(given?.spec?.storageClassName, settings)?.way;
  if (!given || !way) return [];
  // Completed first: a selector has to agree with the labels that it will meet.
  const { app, server } = spec;
  const template = completeClaim(given, name, { app, server, namespace: '', scope: 'Node', way });
  const at = [...path, 'source', 'persistentVolumeClaimTemplate'];
  return [...checkClaim(template, at, settings), ...checkVolumeName(template, at, settings)];
}

function checkNamesUnique(mounts: readonly TServerMount[]): Finding[] {
  const seen = new Set<string>();
  return mounts.flatMap(({ name }, index) => {
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    const detail =
      'another mount has this name, and both would be one volume; give each mount a name of its own';
    return [violation('TLV203', [...MOUNTS, index, 'name'], name, detail)];
  });
}
