import fc, { type Arbitrary, type AsyncCommand } from 'fast-check';
import { type Deed, DEEDS } from './agent-discovery-model-deeds.ts';
import type { DiscoveryModel } from './agent-discovery-model-state.ts';
import type { DiscoveryWorld } from './agent-discovery-model-world.ts';

/** One deed, done to what `at` stands for at that moment. */
class Command implements AsyncCommand<DiscoveryModel, DiscoveryWorld> {
  readonly #deed: Deed;
  readonly #at: readonly number[];
  /** Else the next command comes while this one is still being worked on. */
  readonly #settles: boolean;
  #said: string;

  constructor(deed: Deed, at: readonly number[], settles: boolean) {
    this.#deed = deed;
    this.#at = at;
    this.#settles = settles;
    this.#said = deed.name;
  }

  check(model: DiscoveryModel): boolean {
    return this.#deed.may(model);
  }

  async run(model: DiscoveryModel, world: DiscoveryWorld): Promise<void> {
    const rest = [...this.#at];
    const { what, act } = this.#deed.choose(model, (list) => list[(rest.shift() ?? 0) % list.length]!);
    this.#said = `${this.#deed.name} ${what}${this.#settles ? '' : ', and at once:'}`;
    world.say(`# ${this.#said}`);
    await act(world);
    if (this.#settles) await world.settle(model);
    else await world.see(model);
  }

  toString(): string {
    return this.#said;
  }
}

const command = (deed: Deed): Arbitrary<Command> =>
  fc
    .tuple(fc.array(fc.nat(11), { minLength: 2, maxLength: 2 }), fc.integer({ min: 0, max: 3 }))
    .map(([at, calm]) => new Command(deed, at, calm !== 3));

/** Each as often as its weight says; long sequences are as likely as short ones. */
export const commands = (
  maxCommands: number,
): Arbitrary<Iterable<AsyncCommand<DiscoveryModel, DiscoveryWorld>>> => {
  const all = DEEDS.flatMap((deed) => Array.from({ length: deed.weight }, () => command(deed)));
  return fc.noBias(fc.commands(all, { maxCommands, size: 'max' }));
};
