// A module of pepr that changes a StatefulSet as ours does. What comes out is given to it ready-made: what is measured
// is what pepr needs to get there, and no reasoning about TServers. Plain JavaScript, for it runs beside pepr's packages.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [port, folder, outcomeFile] = process.argv.slice(2);
const { Capability, PeprModule, a } = createRequire(`${folder}/`)('pepr');
const { labels, spec } = JSON.parse(readFileSync(outcomeFile, 'utf8'));

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

const pepr = {
  name: 'bench',
  uuid: 'bench',
  onError: 'reject',
  alwaysIgnore: { namespaces: [], labels: [] },
  includedFiles: [],
};
const module = new PeprModule({ description: 'bench', pepr }, [local], { deferStart: true });
module.start(Number(port));
