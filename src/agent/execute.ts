import type { EventRecorder } from '../cluster/event-recorder.ts';
import type { Logger } from '../cluster/observer.ts';
import type { AgentApi } from './agent-api.ts';
import type { Backend } from './backends/backend.ts';
import type { Backends } from './backends/backends.ts';
import type { Ledger } from './ledger.ts';
import { typeOf } from './reasons.ts';
import type { Room } from './room.ts';
import { claimText, type PathState } from './state.ts';
import type { Step, Subject } from './step.ts';

/** What steps are carried out with. */
export interface Hands {
  readonly api: AgentApi;
  readonly backends: Pick<Backends, 'get'>;
  readonly ledger: Pick<Ledger, 'remove'>;
  readonly room: Pick<Room, 'write'>;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly logger: Logger;
  /** The scheduler has been told what there is now of a class. */
  readonly published: (storageClass: string) => Promise<void>;
  /** There is something in the trash. */
  readonly retired: () => void;
}

type Executor<S extends Step['do']> = (
  step: Extract<Step, { do: S }>,
  state: PathState,
  hands: Hands,
) => Promise<void> | void;

/** One executor a kind of step. All of them may be called again for a step that was done already. */
const EXECUTORS: { readonly [S in Step['do']]: Executor<S> } = {
  record: ({ entry }, _state, { room }) => room.write(entry),
  forget: (_step, { path }, { ledger }) => ledger.remove(path),
  make: ({ wanted }, state, hands) => backendOf(state, hands).make(state.path, wanted),
  attach: ({ wanted }, state, hands) => backendOf(state, hands).attach(state.path, wanted),
  own: ({ owner }, state, hands) => backendOf(state, hands).own(state.path, owner),
  grow: ({ size }, state, hands) => backendOf(state, hands).grow(state.path, size),
  resize: ({ volume, claim, capacity }, _state, { api }) => api.resize(volume, claim, capacity),
  'create-volume': ({ volume }, _state, { api }) => api.createVolume(volume),
  'take-over': ({ volume }, { site }, { api }) => api.takeOver(volume, site.pool),
  retire: async ({ trashName }, state, hands) => {
    await backendOf(state, hands).retire(state.path, trashName);
    hands.retired();
  },
  discard: async (_step, state, hands) => {
    await backendOf(state, hands).discard(state.path);
    // Some backends can only throw away what was never used.
    hands.retired();
  },
  release: ({ volume, as }, _state, { api }) => api.release(volume, as),
  'hand-back': async ({ claim }, _state, { api, published }) => {
    // The scheduler must not choose this node again at once.
    await published(claim.storageClass);
    await api.handBack(claim);
  },
  say: ({ about, reason, message }, state, hands) => tell(hands, about, reason, message, namesIn(state)),
};

const backendOf = ({ kept }: PathState, { backends }: Hands): Backend => backends.get(kept.storage.backend);

export async function execute(step: Step, state: PathState, hands: Hands): Promise<void> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table has each kind's own executor
  const executor = EXECUTORS[step.do] as Executor<Step['do']>;
  await executor(step, state, hands);
}

/** Says it to people twice: as an Event on the object, and in the log of this node. */
export function tell(
  { events, logger }: Pick<Hands, 'events' | 'logger'>,
  about: Subject,
  reason: Extract<Step, { do: 'say' }>['reason'],
  message: string,
  names: LogNames = {},
): void {
  const type = typeOf(reason);
  events.record(referenceOf(about), type, reason, message);
  const fields = { ...names, ...fieldsOf(about), reason };
  if (type === 'Normal') logger.info(fields, message);
  else logger.warn(fields, message);
}

/** What a line of the log is found by. */
interface LogNames {
  readonly path?: string;
  readonly claim?: string | undefined;
  readonly volume?: string | undefined;
}

/** Claim and volume of a path, as far as they are known. */
function namesIn({ path, entry, claims, volumes }: PathState): LogNames {
  const claim = entry?.claim ?? claims[0];
  return { path, claim: claim && claimText(claim), volume: entry?.volume ?? volumes[0]?.name };
}

function referenceOf(about: Subject) {
  return about.kind === 'PersistentVolume'
    ? { apiVersion: 'v1', kind: about.kind, name: about.name, uid: about.uid }
    : { apiVersion: 'v1', kind: about.kind, ...about.claim };
}

function fieldsOf(about: Subject): object {
  return about.kind === 'PersistentVolume' ? { volume: about.name } : { claim: claimText(about.claim) };
}
