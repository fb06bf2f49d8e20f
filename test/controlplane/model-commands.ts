import fc, { type Arbitrary, type AsyncCommand } from 'fast-check';

/** Something that people or faults do to what a model knows of. */
export interface DeedOn<Model, World> {
  readonly name: string;
  readonly weight: number;
  readonly may: (model: Model) => boolean;
  /** To whom, in words, and how. The model is told when it is done, not before. */
  readonly choose: (
    model: Model,
    pick: Pick,
  ) => { readonly what: string; readonly act: (world: World) => Promise<void> };
}

/** One of a list that is not empty. */
type Pick = <T>(list: readonly T[]) => T;

/** The real thing that deeds are done to. */
export interface WorldOf<Model> {
  say(text: string): void;
  see(model: Model): Promise<void>;
  settle(model: Model): Promise<void>;
}

/** One deed, done to what `at` stands for at that moment. */
class Command<Model extends object, World extends WorldOf<Model>> implements AsyncCommand<Model, World> {
  readonly #deed: DeedOn<Model, World>;
  readonly #at: readonly number[];
  /** Else the next command comes while this one is still being worked on. */
  readonly #settles: boolean;
  #said: string;

  constructor(deed: DeedOn<Model, World>, at: readonly number[], settles: boolean) {
    this.#deed = deed;
    this.#at = at;
    this.#settles = settles;
    this.#said = deed.name;
  }

  check(model: Model): boolean {
    return this.#deed.may(model);
  }

  async run(model: Model, world: World): Promise<void> {
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

/**
 * Sequences of deeds, each as often as its weight says; long ones are as likely as short ones.
 * @param picks - how many things a deed chooses at most
 */
export function commandsOf<Model extends object, World extends WorldOf<Model>>(
  deeds: readonly DeedOn<Model, World>[],
  { picks, maxCommands }: { readonly picks: number; readonly maxCommands: number },
): Arbitrary<Iterable<AsyncCommand<Model, World>>> {
  const command = (deed: DeedOn<Model, World>): Arbitrary<Command<Model, World>> =>
    fc
      .tuple(fc.array(fc.nat(11), { minLength: picks, maxLength: picks }), fc.integer({ min: 0, max: 3 }))
      .map(([at, calm]) => new Command(deed, at, calm !== 3));
  const all = deeds.flatMap((deed) => Array.from({ length: deed.weight }, () => command(deed)));
  return fc.noBias(fc.commands(all, { maxCommands, size: 'max' }));
}
