import { existsSync, mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { Projects } from '../../../src/agent/backends/projects.ts';
import { crashEverywhere, inWorld, rejection, type World } from './disk-world.ts';

const nothingInUse = async () => new Set<number>();

describe('project ids of a pool', () => {
  const given = (title: string, body: (world: World, projects: Projects) => Promise<void>) =>
    it(title, async () => {
      await inWorld(async (world) => {
        await body(world, new Projects(await world.pool()));
        expect(world.openFiles).to.deep.equal([]);
      });
    });
  const again = async (world: World) => new Projects(await world.pool());
  const folder = (world: World) => world.at('.tlv/projects');
  const fileOf = (world: World, id: number) => world.at('.tlv/projects', String(id));

  given('are asked for without anything being made', async (world, projects) => {
    expect([await projects.idOf('shop/a'), await projects.places()]).to.deep.equal([undefined, []]);
    expect(existsSync(folder(world))).to.equal(false);
  });

  given('stay the same for a place, and say whose they are', async (world, projects) => {
    const id = await projects.reserve('shop/a', nothingInUse);
    expect(id).to.be.within(2 ** 30, 2 ** 30 + 2 ** 20 - 1);
    expect(readFileSync(fileOf(world, id), 'utf8')).to.equal('shop/a\n');
    expect(await projects.reserve('shop/a', nothingInUse)).to.equal(id);
    expect(await (await again(world)).reserve('shop/a', nothingInUse)).to.equal(id);
    expect(await (await again(world)).idOf('shop/a')).to.equal(id);
  });

  given('differ for a hundred that ask at once, of two processes', async (world, projects) => {
    const others = await again(world);
    for (const each of [projects, others]) await each.reserve('shop/0', nothingInUse);
    const ids = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        (index % 2 === 0 ? projects : others).reserve(`shop/${index}`, nothingInUse),
      ),
    );
    expect(new Set(ids).size).to.equal(100);
    expect(readdirSync(folder(world))).to.have.members(ids.map(String));
  });

  given('leave out what somebody else uses', async (_world, projects) => {
    const first = await projects.reserve('shop/a', nothingInUse);
    await projects.release(first);
    const second = await projects.reserve('shop/a', async () => new Set([first, first + 1]));
    expect(second).to.equal(first + 2);
  });

  given('go with what is moved, and are free for another when they are let go', async (_world, projects) => {
    const id = await projects.reserve('shop/a', nothingInUse);
    await projects.move('shop/a', '.tlv/trash/one');
    expect(await projects.idOf('shop/a')).to.equal(undefined);
    expect(await projects.idOf('.tlv/trash/one')).to.equal(id);
    const other = await projects.reserve('shop/a', nothingInUse);
    expect(other).not.to.equal(id);
    expect(await projects.places()).to.have.members(['.tlv/trash/one', 'shop/a']);
    await projects.release(id);
    expect(await projects.places()).to.deep.equal(['shop/a']);
    expect(await projects.reserve('shop/b', nothingInUse)).to.equal(id);
  });

  given('are not remembered against what another process did', async (world, projects) => {
    const id = await projects.reserve('shop/a', nothingInUse);
    await (await again(world)).move('shop/a', '.tlv/trash/one');
    expect(await projects.idOf('shop/a')).to.equal(undefined);
    expect(await projects.reserve('shop/a', nothingInUse)).not.to.equal(id);
    unlinkSync(fileOf(world, id));
    expect(await projects.idOf('.tlv/trash/one')).to.equal(undefined);
  });

  given('that are noted in a file without sense are given to nobody', async (world, projects) => {
    const id = await projects.reserve('shop/a', nothingInUse);
    for (const half of ['', 'shop/a']) {
      writeFileSync(fileOf(world, id), half);
      expect(await projects.places()).to.deep.equal([]);
      const other = await projects.reserve('shop/b', nothingInUse);
      expect(other).to.equal(id + 1);
      await projects.release(other);
    }
  });

  given('are not moved where there are none', async (world, projects) => {
    await projects.move('shop/a', 'shop/b');
    expect(readdirSync(folder(world))).to.deep.equal([]);
  });

  given('are given out again after one attempt failed', async (world, projects) => {
    const failed = rejection(
      projects.reserve('shop/a', async () => {
        throw new Error('no report');
      }),
    );
    const next = projects.reserve('shop/b', nothingInUse);
    expect(await failed).to.have.property('message', 'no report');
    const id = await next;
    expect(await (await again(world)).idOf('shop/b')).to.equal(id);
  });

  it('are never lost and never doubled, wherever the agent dies', async () => {
    await crashEverywhere({
      prepare: async (world) => void (await (await again(world)).reserve('shop/a', nothingInUse)),
      run: async (world, before) => {
        const projects = new Projects(await world.pool(before));
        await projects.move('shop/a', '.tlv/trash/one');
        await projects.reserve('shop/b', nothingInUse);
      },
      async check(world, crashedAt) {
        const projects = await again(world);
        expect(await projects.places(), crashedAt).to.have.members(['.tlv/trash/one', 'shop/b']);
        // What a crash has left beside them goes when the next agent gives out its first.
        await projects.reserve('shop/c', nothingInUse);
        const places = await projects.places();
        const ids = await Promise.all(places.map((place) => projects.idOf(place)));
        expect(readdirSync(folder(world)), crashedAt).to.have.members(ids.map(String));
        expect(new Set(ids).size, crashedAt).to.equal(3);
      },
    });
  });

  given('are refused in words where something else stands in their folder', async (world, projects) => {
    const id = await projects.reserve('shop/a', nothingInUse);
    unlinkSync(fileOf(world, id));
    mkdirSync(fileOf(world, id));
    expect(await rejection(projects.reserve('shop/a', nothingInUse))).to.have.property(
      'message',
      `.tlv/projects/${id} is no plain file`,
    );
  });
});
