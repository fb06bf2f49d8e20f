// A module of pepr that changes a StatefulSet as ours does, and validates what came out: names, owners and modes. What
// comes out is given to it ready-made: what is measured is what pepr needs to get there, and no reasoning about TServers.
// Plain JavaScript, for it runs beside pepr's packages.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [port, folder, outcomeFile] = process.argv.slice(2);
const { Capability, PeprModule, a } = createRequire(`${folder}/`)('pepr');
const { labels, spec } = JSON.parse(readFileSync(outcomeFile, 'utf8'));

const NAME = /^(?!-)(?!.*-$)[a-z0-9-]{1,63}$/;
const ID = /^(?:0|[1-9]\d{0,9})$/;
const MODE = /^0?[0-7]{3}$/;
const ANNOTATIONS = {
  'tars.io/LocalVolumeUID': ID,
  'tars.io/LocalVolumeGID': ID,
  'tars.io/LocalVolumeMode': MODE,
};

const faultsOf = ({ metadata: { name, annotations = {} } }) => [
  ...(NAME.test(name) ? [] : [`claim template ${name}: the name must be a DNS label`]),
  ...Object.entries(ANNOTATIONS).flatMap(([key, pattern]) =>
    annotations[key] === undefined || pattern.test(annotations[key])
      ? []
      : [`claim template ${name}: ${key} is ${annotations[key]}`],
  ),
];

const local = new Capability({ name: 'local-volumes', description: 'as t-local-volume', namespaces: [] });
local
  .When(a.StatefulSet)
  .IsCreatedOrUpdated()
  .Mutate((request) => {
    const { Raw } = request;
    Raw.metadata.labels = { ...Raw.metadata.labels, ...labels };
    Raw.spec.volumeClaimTemplates = spec.volumeClaimTemplates;
    Raw.spec.template.spec.affinity = spec.template.spec.affinity;
    for (const [index, { volumeMounts }] of spec.template.spec.containers.entries())
      Raw.spec.template.spec.containers[index].volumeMounts = volumeMounts;
  });
local
  .When(a.StatefulSet)
  .IsCreatedOrUpdated()
  .Validate((request) => {
    const faults = (request.Raw.spec.volumeClaimTemplates ?? []).flatMap(faultsOf);
    return faults.length === 0 ? request.Approve() : request.Deny(faults.join('\n'));
  });

const pepr = {
  name: 'bench',
  uuid: 'bench',
  onError: 'reject',
  alwaysIgnore: { namespaces: [], labels: [] },
  includedFiles: [],
};
const module = new PeprModule({ description: 'bench', pepr }, [local], { deferStart: true });
module.start(Number(port));
