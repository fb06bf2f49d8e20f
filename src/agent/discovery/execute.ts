import type { EventRecorder } from '../../cluster/event-recorder.ts';
import type { Logger } from '../../cluster/observer.ts';
import type { AgentApi } from '../agent-api.ts';
import { typeOf } from '../reasons.ts';
import { claimText } from '../state.ts';
import type { Cleanings } from './cleanings.ts';
import type { Place } from './place.ts';
import type { Records } from './records.ts';
import type { Saying, Step } from './step.ts';

/** What steps are carried out with. */
export interface Hands {
  readonly node: string;
  readonly api: Pick<AgentApi, 'createVolume' | 'release'>;
  readonly records: Records;
  readonly cleanings: Cleanings;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly logger: Logger;
  /** Says it unless it was said at the last look already. */
  readonly say: (saying: Saying) => void;
}

type Executor<S extends Step['do']> = (
  step: Extract<Step, { do: S }>,
  place: Place,
  hands: Hands,
) => Promise<void> | void;

/** One executor a kind of step. All of them may be called again for a step that was done already. */
const EXECUTORS: { readonly [S in Step['do']]: Executor<S> } = {
  record: ({ record }, { hash }, { records }) => records.write(hash, record),
  forget: async (_step, place, { records, cleanings }) => {
    await records.remove(place.hash);
    await cleanings.stop(place);
  },
  'create-volume': ({ volume }, _place, { api }) => api.createVolume(volume),
  clean: ({ record }, place, { cleanings }) => cleanings.begin(place, record),
  'stop-cleaning': (_step, place, { cleanings }) => cleanings.stop(place),
  release: ({ volume, as }, _place, { api }) => api.release(volume, as),
  say: (step, _place, hands) => hands.say(step),
};

export async function execute(step: Step, place: Place, hands: Hands): Promise<void> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table has each kind's own executor
  const executor = EXECUTORS[step.do] as Executor<Step['do']>;
  await executor(step, place, hands);
}

/** Says it to people twice: as an Event on the object, and in the log of this node. */
export function tell(
  { about, reason, message }: Saying,
  { events, logger, node }: Pick<Hands, 'events' | 'logger' | 'node'>,
): void {
  const type = typeOf(reason);
  if (about !== 'log') events.record(referenceOf(about, node), type, reason, message);
  const fields = { ...fieldsOf(about), reason };
  if (type === 'Normal') logger.info(fields, message);
  else logger.warn(fields, message);
}

function referenceOf(about: Exclude<Saying['about'], 'log'>, node: string) {
  // As the kubelet's Events do, it names the node in place of its uid, which is another when the node registers again.
  if (about === 'node') return { apiVersion: 'v1', kind: 'Node', name: node, uid: node };
  if ('claim' in about && !('phase' in about)) {
    return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...about.claim };
  }
  const { name, uid } = about;
  return { apiVersion: 'v1', kind: 'PersistentVolume', name, uid };
}

function fieldsOf(about: Saying['about']): object {
  if (typeof about === 'string') return {};
  return 'phase' in about ? { volume: about.name } : { claim: claimText(about.claim) };
}
