import { expect } from 'chai';
import { commandsOf, type DeedOn } from '../../controlplane/model-commands.ts';
import { search } from '../../controlplane/model-search.ts';

interface Counter {
  count: number;
}

/** A world that is wrong after its third increment. */
class CountingWorld {
  readonly log: string[] = [];

  async reset(): Promise<Counter> {
    this.log.length = 0;
    return { count: 0 };
  }

  hurry(): void {}

  say(text: string): void {
    this.log.push(text);
  }

  async see(): Promise<void> {}

  async settle({ count }: Counter): Promise<void> {
    if (count >= 3) throw new Error(`${count} is too many`);
  }
}

const INCREMENT: DeedOn<Counter, CountingWorld> = {
  name: 'increment',
  weight: 1,
  may: () => true,
  choose: (model) => ({
    what: 'it',
    act: async () => {
      model.count += 1;
    },
  }),
};

describe('a search with a model', () => {
  const failureOf = async (limit: number): Promise<string> => {
    const world = new CountingWorld();
    const commands = commandsOf([INCREMENT], { picks: 0, maxCommands: limit });
    try {
      await search({
        world,
        commands,
        sequences: 50,
        shrinkingMs: 10_000,
        portrait: () => world.log.join('\n'),
      });
    } catch (error) {
      expect((error as Error).cause, 'lost where files run side by side').to.equal(undefined);
      return (error as Error).message;
    }
    return '';
  };

  it('says in one message what was wrong, by which deeds, and what was there', async () => {
    const message = await failureOf(12);
    expect(message).to.match(/Property failed after \d+ tests/);
    expect(message).to.include('What was wrong first:\n');
    expect(message).to.include('3 is too many');
    expect(message.match(/^# increment it/gm), 'the shortest').to.have.length(3);
  });

  it('says nothing of what is well', async () => {
    expect(await failureOf(2)).to.equal('');
  });
});
