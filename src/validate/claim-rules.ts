import { selectorKeys } from '../tars/claim-template.ts';
import type { Finding, Path } from '../tars/finding.ts';
import { APP_LABEL_PATTERN, LABEL_VALUE_MAX, LABEL_VALUE_PATTERN } from '../tars/patterns.ts';
import { servedClass, type ClassWay, type Settings } from '../tars/settings.ts';
import { textOf } from '../tars/json.ts';
import type { Claim } from '../tars/shapes.ts';
import { DEFAULT_REQUEST, LABEL } from '../tars/vocabulary.ts';
import { checkOwnerAnnotations } from './owner-and-mode.ts';
import { checkPodScope, checkScope } from './scope.ts';
import { violation } from './violation.ts';

const LABEL_VALUE = new RegExp(LABEL_VALUE_PATTERN);
const APP_LABEL = new RegExp(APP_LABEL_PATTERN);
const ACCESS_MODES = ['ReadWriteOnce', 'ReadWriteOncePod'];

type ClaimRule = (claim: Claim, path: Path, way: ClassWay) => Finding[];

/** What holds for every claim and claim template of a served class, in this order. */
export function checkClaim(claim: Claim, path: Path, settings: Settings): Finding[] {
  const way = servedClass(claim.spec?.storageClassName, settings)?.way;
  if (!way) return [];
  const annotationsPath = [...path, 'metadata', 'annotations'];
  const { annotations } = claim.metadata ?? {};
  return [
    ...CLAIM_RULES.flatMap((rule) => rule(claim, path, way)),
    ...checkOwnerAnnotations(annotations, annotationsPath, settings),
    ...checkScope(annotations, annotationsPath),
    ...checkPodScope(annotations, annotationsPath, [claim], settings),
  ];
}

/** A claim that is made may not name its volume; the binder does that later. */
export function checkVolumeName(claim: Claim, path: Path, settings: Settings): Finding[] {
  const name = claim.spec?.volumeName;
  if (!name || !servedClass(claim.spec?.storageClassName, settings)) return [];
  const detail = 'a claim of a local class waits for the scheduler, which then binds it; drop volumeName';
  return [violation('TLV406', [...path, 'spec', 'volumeName'], name, detail)];
}

/** Labels, selector and directory are made of a claim's name, and a generated one comes after they are. */
export function checkGeneratedName(claim: Claim, path: Path, settings: Settings): Finding[] {
  const way = servedClass(claim.spec?.storageClassName, settings)?.way;
  const { generateName, labels } = claim.metadata ?? {};
  if (!way || !generateName) return [];
  const terms = way === 'discovery' ? labels : claim.spec?.selector?.matchLabels;
  if (selectorKeys({ way }).every((key) => labels?.[key] && terms?.[key])) return [];
  const detail =
    'labels, selector and directory are made of the name, and a generated one comes too late for that; write metadata.name in its place';
  return [violation('TLV405', [...path, 'metadata', 'generateName'], generateName, detail)];
}

/** One of the labels that become components of a path on the host. */
export function checkLabelValue(key: string, value: unknown, path: Path): Finding[] {
  if (value === undefined) return [];
  const pattern = key === LABEL.app ? APP_LABEL : LABEL_VALUE;
  if (typeof value === 'string' && value.length <= LABEL_VALUE_MAX && pattern.test(value)) return [];
  const marks = key === LABEL.app ? '- _' : '- _ .';
  const detail = `it is a component of the path on the host and must be a string of letters, digits and inner ${marks}, ${LABEL_VALUE_MAX} characters at most (${pattern.source}); set the label ${key} to such a value`;
  return [violation('TLV405', [...path, key], value, detail)];
}

/** Warning: the size is a wish where the class's backend stops no writer. */
export function warnSize(claim: Claim, path: Path, settings: Settings): Finding[] {
  const setting = servedClass(claim.spec?.storageClassName, settings);
  const storage = claim.spec?.resources?.requests?.storage;
  if (!setting || setting.sizeEnforced || storage === undefined || storage === DEFAULT_REQUEST) return [];
  const message = `${textOf(storage)} of class ${String(claim.spec?.storageClassName)} is not enforced: its volumes are directories, and the disk below is shared; use a class whose backend enforces sizes where that matters`;
  return [
    { code: 'TLV905', path: [...path, 'spec', 'resources', 'requests', 'storage'], value: storage, message },
  ];
}

const checkLabels: ClaimRule = ({ metadata }, path) =>
  Object.values(LABEL).flatMap((key) =>
    checkLabelValue(key, metadata?.labels?.[key], [...path, 'metadata', 'labels']),
  );

const checkAccessModes: ClaimRule = ({ spec }, path) =>
  (spec?.accessModes ?? []).flatMap((mode, index) =>
    ACCESS_MODES.includes(mode)
      ? []
      : [
          violation(
            'TLV401',
            [...path, 'spec', 'accessModes', index],
            mode,
            `supported values: ${ACCESS_MODES.map((name) => `"${name}"`).join(', ')}; a local volume is on one node, so write one of them, or a class of network volumes`,
          ),
        ],
  );

const checkVolumeMode: ClaimRule = ({ spec }, path, way) => {
  const mode = spec?.volumeMode ?? 'Filesystem';
  if (mode === 'Filesystem' || (mode === 'Block' && way === 'discovery')) return [];
  const detail =
    'supported values: "Filesystem"; a directory is no block device, so write Filesystem, or use a class of discovered block devices';
  return [violation('TLV402', [...path, 'spec', 'volumeMode'], mode, detail)];
};

const checkDataSource: ClaimRule = ({ spec }, path) =>
  (['dataSource', 'dataSourceRef'] as const).flatMap((field) =>
    spec?.[field]
      ? [
          violation(
            'TLV403',
            [...path, 'spec', field],
            undefined,
            'nothing fills a local volume from a snapshot or another claim, it would start empty; drop the field and restore the data into the running server',
          ),
        ]
      : [],
  );

const checkSelector: ClaimRule = ({ metadata, spec }, path, way) =>
  selectorKeys({ way }).flatMap((key) => {
    const term = spec?.selector?.matchLabels?.[key];
    const label = metadata?.labels?.[key];
    if (term === undefined || term === label) return [];
    // A label that is missing is filled in, and then has to agree.
    if (label === undefined && typeof term === 'string') return [];
    const detail = `the label ${key} is ${JSON.stringify(label)}, so this selector asks for a volume of something else; drop the selector (it is filled in) or write the label's value`;
    return [violation('TLV404', [...path, 'spec', 'selector', 'matchLabels', key], term, detail)];
  });

const CLAIM_RULES: readonly ClaimRule[] = [
  checkLabels,
  checkAccessModes,
  checkVolumeMode,
  checkDataSource,
  checkSelector,
];
