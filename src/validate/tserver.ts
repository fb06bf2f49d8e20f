import type { TServerContext } from '../tars/context.ts';
import type { Finding } from '../tars/finding.ts';
import { SERVER_NAME_MAX, SERVER_NAME_PATTERN } from '../tars/patterns.ts';
import type { Settings } from '../tars/settings.ts';
import type { Claim } from '../tars/shapes.ts';
import { claimMounts, tserverName, usesHost, type TServer } from '../tars/tserver.ts';
import { STORAGE_CLASS } from '../tars/vocabulary.ts';
import { checkHostPorts } from './host-ports.ts';
import { checkPodScope, checkScope } from './scope.ts';
import { checkMounts } from './tserver-mounts.ts';
import { ACCEPTED, ratchet, type Verdict } from './verdict.ts';
import { violation } from './violation.ts';

const SERVER_NAME = new RegExp(SERVER_NAME_PATTERN);
const SUB_TYPES: ReadonlySet<unknown> = new Set(['tars', 'normal']);
const ANNOTATIONS = ['metadata', 'annotations'] as const;

/** The rules on a TServer; one that is being deleted is let through. */
export function validateTServer(server: TServer, { settings, old }: TServerContext): Verdict {
  if (server.metadata?.deletionTimestamp) return ACCEPTED;
  const found = checkTServer(server, settings);
  if (!old) return { violations: found, warnings: [] };
  const verdict = ratchet(found, checkTServer(old, settings));
  return { ...verdict, violations: [...checkImmutable(server, old), ...verdict.violations] };
}

function checkTServer(server: TServer, settings: Settings): Finding[] {
  return [
    ...checkServerNames(server),
    ...checkSubType(server),
    ...checkScope(server.metadata?.annotations, ANNOTATIONS),
    ...checkPodScope(server.metadata?.annotations, ANNOTATIONS, ownClaims(server), settings),
    ...checkDaemonSet(server),
    ...checkHostPorts(server),
    ...checkMounts(server, settings),
  ];
}

/** Claims whose class is ours to choose: those of local volumes, and the placeholder. */
function ownClaims(server: TServer): Claim[] {
  const isLocal = claimMounts(server).some(({ source }) => source?.tLocalVolume) || usesHost(server);
  return isLocal ? [{ spec: { storageClassName: STORAGE_CLASS } }] : [];
}

function checkServerNames({ metadata, spec }: TServer): Finding[] {
  const bad = (['app', 'server'] as const).flatMap((field) =>
    spec[field].length <= SERVER_NAME_MAX && SERVER_NAME.test(spec[field])
      ? []
      : [
          violation(
            'TLV102',
            ['spec', field],
            spec[field],
            `must be letters and digits, a letter first, ${SERVER_NAME_MAX} characters at most (${SERVER_NAME_PATTERN}), because labels, names and a directory are made of it; write "tarslog", for example`,
          ),
        ],
  );
  if (bad.length > 0 || !metadata?.name) return bad;
  const name = tserverName(spec.app, spec.server);
  if (metadata.name === name) return [];
  const detail = `a TServer is named lower(app)-lower(server), and app is "${spec.app}", server is "${spec.server}"; name it "${name}"`;
  return [violation('TLV101', ['metadata', 'name'], metadata.name, detail)];
}

function checkSubType({ spec }: TServer): Finding[] {
  if (SUB_TYPES.has(spec.subType)) return [];
  const detail = 'supported values: "tars", "normal"; write one of them';
  return [violation('TLV104', ['spec', 'subType'], spec.subType ?? undefined, detail)];
}

function checkDaemonSet(server: TServer): Finding[] {
  const claims = claimMounts(server);
  if (!server.spec.k8s?.daemonSet || claims.length === 0) return [];
  const names = claims.map(({ name }) => name).join(', ');
  const detail = `a DaemonSet has no claim templates, so its pods would start without ${names}; give these mounts a hostPath or emptyDir source, or drop daemonSet`;
  return [violation('TLV105', ['spec', 'k8s', 'daemonSet'], true, detail)];
}

function checkImmutable(server: TServer, old: TServer): Finding[] {
  return (['app', 'server', 'subType'] as const).flatMap((field) => {
    // What was missing or none of the words is mended by what is written now.
    const isMended = !old.spec[field] || (field === 'subType' && !SUB_TYPES.has(old.spec.subType));
    if (server.spec[field] === old.spec[field] || isMended) return [];
    const detail = `the field is immutable and was ${JSON.stringify(old.spec[field])}, because volumes are found by it; write that again, or create another TServer and move the data`;
    return [violation('TLV103', ['spec', field], server.spec[field], detail)];
  });
}
