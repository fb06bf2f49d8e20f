import type { ApiWriter } from '../cluster/api-writer.ts';
import { type Clock, systemClock } from '../cluster/clock.ts';
import { ApiStatusError } from '../cluster/faults.ts';
import { claimPath, freeClaim } from '../cluster/free-claim.ts';
import { asKubeObject } from '../cluster/kube-object.ts';
import { isRecord, textAt } from '../tars/json.ts';
import { bytesOf } from '../tars/quantity.ts';
import type { Settings } from '../tars/settings.ts';
import { FINALIZER, OURS, SELECTED_NODE } from '../tars/vocabulary.ts';
import { type ClaimView, readClaimView } from './claim-view.ts';
import { type ClassView, scopeIn } from './class-view.ts';
import type { LiveClaim, LiveLook } from './state.ts';
import { type ClaimReference, readVolumeView, type VolumeView } from './volume-view.ts';

const VOLUMES = '/api/v1/persistentvolumes';
const volumePath = (name: string): string => `${VOLUMES}/${encodeURIComponent(name)}`;

/** A volume of the wanted name is there already, and it is not the one that was to be made. */
export class VolumeTaken extends Error {
  override readonly name = 'VolumeTaken';
}

/** What the object was when it was decided about is not what it is now: decide again. */
export class Outdated extends Error {
  override readonly name = 'Outdated';
}

/** What is told of a volume when it is made, as far as it is looked at here. */
export interface NewVolume {
  readonly metadata: { readonly name: string; readonly annotations: Readonly<Record<string, string>> };
  readonly spec: {
    readonly local: { readonly path: string };
    readonly claimRef?: { readonly uid: string };
  };
}

/** The few calls by which an agent changes the cluster; each may be made again after a crash. */
export class AgentApi {
  readonly #writer: ApiWriter;
  readonly #settings: Settings;
  readonly #clock: Clock;

  constructor(writer: ApiWriter, settings: Settings, clock: Clock = systemClock) {
    this.#writer = writer;
    this.#settings = settings;
    this.#clock = clock;
  }

  /**
   * @param classes - what they say of a claim that does not say it itself; none where nobody asks what the claim wants
   */
  async look(
    volume: string | undefined,
    claim: ClaimReference | undefined,
    classes: ReadonlyMap<string, ClassView> = new Map(),
  ): Promise<LiveLook> {
    return {
      volume: volume === undefined ? undefined : await this.#volume(volume),
      claim: claim === undefined || claim.name === '' ? undefined : await this.#claim(claim, classes),
    };
  }

  /** @throws {VolumeTaken | Outdated} where the name is not free */
  async createVolume(volume: NewVolume): Promise<void> {
    const { name } = volume.metadata;
    try {
      await this.#writer.create(VOLUMES, volume);
    } catch (error) {
      if (!(error instanceof ApiStatusError && error.status === 409)) throw error;
      const there = await this.#volume(name);
      if (!there || there.isDeleting) throw new Outdated(`volume ${name} is just going`, { cause: error });
      if (!isThatVolume(there, volume))
        throw new VolumeTaken(`there is another volume ${name}`, { cause: error });
    }
  }

  /** Finalizer and pool, on a volume that is as it was seen. */
  async takeOver({ name, resourceVersion }: VolumeView, pool: string): Promise<void> {
    const json = await this.#writer.get(volumePath(name));
    if (!json || textAt(json, 'metadata', 'resourceVersion') !== resourceVersion) {
      throw new Outdated(`volume ${name} has changed`);
    }
    const metadata = {
      resourceVersion,
      annotations: { [OURS.pool]: pool },
      finalizers: [...new Set([...finalizersOf(json), FINALIZER])],
    };
    await this.#writer.patch(volumePath(name), { metadata }, 'merge');
  }

  /**
   * Deletes a volume as it was seen, then lets go of it if a fresh look shows that it still is `as` it was: a bind that
   * came in between wins, and the volume stays until its claim goes.
   */
  async release(seen: VolumeView, as: 'released' | 'unbound' | 'deleted'): Promise<void> {
    const { name, uid, resourceVersion } = seen;
    if (!seen.isDeleting)
      await this.#ifThere(this.#writer.remove(volumePath(name), { uid, resourceVersion }));
    const json = await this.#writer.get(volumePath(name));
    if (!json) return;
    const fresh = readVolumeView(asKubeObject(json));
    if (fresh.uid !== uid || !fresh.hasFinalizer) return;
    if (!STILL[as](fresh)) throw new Outdated(`volume ${name} is ${fresh.phase} now`);
    const metadata = {
      resourceVersion: fresh.resourceVersion,
      finalizers: finalizersOf(json).filter((finalizer) => finalizer !== FINALIZER),
    };
    await this.#ifThere(this.#writer.patch(volumePath(name), { metadata }, 'merge'));
  }

  /**
   * Says how much a volume holds now, and its claim with it. Source: the last steps of an expansion, which
   * external-resizer does for CSI drivers.
   */
  async resize(volume: VolumeView, claim: ClaimView, storage: string): Promise<void> {
    const { name, resourceVersion } = volume;
    const ofVolume = { metadata: { resourceVersion }, spec: { capacity: { storage } } };
    if (volume.capacityBytes < bytesOf(storage)) {
      await this.#ifThere(this.#writer.patch(volumePath(name), ofVolume, 'merge'));
    }
    // Conditions of a resize that is over would stand for ever.
    const ofClaim = { status: { capacity: { storage }, conditions: null } };
    await this.#ifThere(this.#writer.patch(`${claimPath(claim)}/status`, ofClaim, 'merge'));
  }

  /** Takes back the scheduler's choice, and with it the label by which the claim came here. */
  async handBack(claim: ClaimView): Promise<void> {
    await this.#ifThere(freeClaim(this.#writer, claim, { clock: this.#clock }));
  }

  /** Writes the label that the webhook would have written, had it been there. */
  async route(claim: ClaimView, label: string): Promise<void> {
    const metadata = { resourceVersion: claim.resourceVersion, labels: { [OURS.node]: label } };
    await this.#ifThere(this.#writer.patch(claimPath(claim), { metadata }, 'merge'));
  }

  async #volume(name: string): Promise<VolumeView | undefined> {
    const json = await this.#writer.get(volumePath(name));
    return json && readVolumeView(asKubeObject(json));
  }

  async #claim(
    claim: ClaimReference,
    classes: ReadonlyMap<string, ClassView>,
  ): Promise<LiveClaim | undefined> {
    const json = await this.#writer.get(claimPath(claim));
    if (!json) return undefined;
    return {
      namespace: claim.namespace,
      name: claim.name,
      uid: textAt(json, 'metadata', 'uid') ?? '',
      phase: textAt(json, 'status', 'phase') ?? 'Pending',
      isDeleting: textAt(json, 'metadata', 'deletionTimestamp') !== undefined,
      volumeName: textAt(json, 'spec', 'volumeName'),
      selectedNode: textAt(json, 'metadata', 'annotations', SELECTED_NODE),
      view: readClaimView(asKubeObject(json), this.#settings, scopeIn(classes)),
    };
  }

  /** Gone already is as good; changed meanwhile means to decide again. */
  async #ifThere(call: Promise<unknown>): Promise<void> {
    try {
      await call;
    } catch (error) {
      if (!(error instanceof ApiStatusError)) throw error;
      if (error.status === 409) throw new Outdated(error.message, { cause: error });
      if (error.status !== 404) throw error;
    }
  }
}

const STILL: Readonly<Record<'released' | 'unbound' | 'deleted', (volume: VolumeView) => boolean>> = {
  released: ({ phase }) => phase === 'Released',
  unbound: ({ claim, phase }) => claim === undefined && phase !== 'Bound',
  deleted: ({ isDeleting, phase }) => isDeleting && phase !== 'Bound',
};

/** An answer that was lost: the volume is there, as it was to be made. */
function isThatVolume(there: VolumeView, { metadata, spec }: NewVolume): boolean {
  return (
    there.hasFinalizer &&
    there.pool === metadata.annotations[OURS.pool] &&
    there.path === spec.local.path &&
    there.claim?.uid === spec.claimRef?.uid
  );
}

function finalizersOf(json: Record<string, unknown>): string[] {
  const { metadata } = json;
  const list = isRecord(metadata) ? metadata.finalizers : undefined;
  return Array.isArray(list) ? list.filter((finalizer) => typeof finalizer === 'string') : [];
}
