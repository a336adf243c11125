import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { milli } from '../../../host/base/time.ts';
import { MEANING } from '../../../host/edge/saga/states.ts';
import { Random } from '../../random.ts';
import type { Node } from './hosts.ts';
import { type Page, type PlayedSeats, PlayedWorld } from './played.ts';

const NAMES = ['east', 'west'];
const KILLS = 60;
/** Number of messages about decisions that are lost. */
const UNHEARD = 8;
/** Number of times that both hosts look after their moves after the last one. */
const ROUNDS = 6;
let world: PlayedWorld;

beforeEach(async () => {
  world = await PlayedWorld.begin();
});
afterEach(() => void vi.useRealTimers());

interface Way {
  /** Whether both hosts make checkpoints until the crash; otherwise the last one is from before the moves. */
  isFresh?: boolean;
  /** Whether the player is ordered to move on before the page has followed the first move. */
  isSlow?: boolean;
  /** Whether the target does not learn the first decision for a while. */
  isUnheard?: boolean;
}

const pause = () => world.clock.until(milli(world.clock.now() + 25));

/** Lets both hosts look after their moves. */
const tend = () =>
  Promise.all([world.east, world.west].flatMap(({ life: { source, target } }) => [source.tend(), target.tend()]));

/** Lets pages follow their players, and hosts look after their moves, unless one crashes meanwhile. */
async function look(crash: Promise<unknown> = new Promise(() => {})): Promise<void> {
  world.follow();
  await world.drive(Promise.race([tend(), crash]));
  await world.pass(250);
}

/** Moves a player from east to west, and back as soon as west allows. */
async function moveTwice(page: Page, { isSlow }: Way, isOver: () => boolean): Promise<void> {
  let outcome: unknown;
  const first = world.move(page).then((result) => {
    outcome = result.outcome;
  });
  for (;;) {
    await pause();
    if (isOver()) return;
    expect(outcome, 'the first move').not.toBe('compensated');
    world.follow();
    void tend();
    const [seat] = world.west.seats.counts.map(([number]) => number);
    if (seat === undefined || (!isSlow && page.at === 'east')) continue;
    const back = world.move(page, { at: 'west', seat });
    const isBegun = await back.then(
      () => true,
      () => false,
    );
    if (isBegun) break;
  }
  await first;
}

/**
 * Crashes a host at one point of two moves, starts it again, and waits until nothing is left to do.
 * @returns the point; undefined if the moves have fewer points
 */
async function walk(point: number, way: Way): Promise<string | undefined> {
  let reached: string | undefined;
  let count = 0;
  const crash = Promise.withResolvers<Node<PlayedSeats>>();
  const page = world.join('east');
  for (const { seats } of [world.east, world.west]) seats.checkpoint();
  world.areQuick = !way.isSlow;
  let unheard = way.isUnheard ? UNHEARD : 0;
  world.fate = ({ kind }, isAnswer) => {
    const isDecision = kind === 'commit' || kind === 'ask';
    return isDecision && !isAnswer && unheard-- > 0 ? 'is lost' : 'arrives';
  };
  world.onPoint = (life, label) => {
    if (way.isFresh) for (const { seats } of [world.east, world.west]) seats.checkpoint();
    // A crash before a call is the same as one after the host's call before it.
    if ((count > 0 && label.startsWith('before')) || count++ !== point) return;
    life.isOver = true;
    reached = label;
    crash.resolve(label.split(' ')[1] === 'east' ? world.east : world.west);
  };
  const moves = moveTwice(page, way, () => reached !== undefined);
  await world.drive(Promise.race([moves, crash.promise]));
  for (let round = 0; round < ROUNDS && reached === undefined; round++) await look(crash.promise);
  world.onPoint = () => {};
  if (reached === undefined) return undefined;
  const node = await crash.promise;
  await world.rest();
  world.areQuick = true;
  await world.crash(node.name);
  await settle(reached);
  return reached;
}

const settle = (context: string) =>
  world.settle().catch((error: Error) => Promise.reject(new Error(`${context}: ${error.message}`, { cause: error })));

/** Checks that the player is in one game, that of the host which the disks name, and that the page is in the same seat. */
function expectOneOwner(context: string): void {
  const { east, west } = world;
  const [out, back] = [east, west].map(({ written }) => written.at(-1));
  const isOut = out !== undefined && MEANING[out.state].owner === 'target';
  const isBack = back !== undefined && MEANING[back.state].owner === 'target';
  const owner = isOut && !isBack ? 'west' : 'east';
  const kept = [...east.written, ...west.written].flatMap(({ data }) => {
    const { player } = JSON.parse(data) as { player?: string };
    return player === undefined ? [] : [Buffer.from(player, 'base64')[1] ?? 0];
  });
  const [page] = world.pages;
  const states = [east, west].map(({ written }) => written.map(({ state }) => state).join(' '));
  const about = `${context} (${states.join('; ')})`;
  const [where = ''] = world.whereabouts();
  expect(where, about).toMatch(new RegExp(`^${owner} \\d+ \\d+$`));
  const [host, seat, departures] = where.split(' ');
  expect([page?.at, String(page?.seat), page?.isConnected], about).toEqual([host, seat, true]);
  expect(Number(departures), about).toBeGreaterThanOrEqual(Math.max(0, ...kept));
}

describe('a player who moves on and back has one owner after a crash at each point', () => {
  test.each<[string, Way]>([
    ['with the last checkpoint before the moves', {}],
    ['with checkpoints during the moves', { isFresh: true }],
    ['when the page has not followed the first move', { isSlow: true }],
    ['when the target has not heard the first decision', { isUnheard: true }],
    ['when neither the target has heard nor the page followed', { isUnheard: true, isSlow: true, isFresh: true }],
  ])('%s', async (_, way) => {
    const reached: string[] = [];
    for (let point = 0; ; point++) {
      world.clear();
      const label = await walk(point, way);
      if (label === undefined) break;
      reached.push(label);
      expectOneOwner(label);
      // Nothing of the moves is left that would come back with a restart.
      for (const name of NAMES) await world.crash(name);
      await settle(`${label}, then both`);
      expectOneOwner(`${label}, then both`);
    }
    for (const name of NAMES)
      for (const call of ['putSaga', 'ask', 'reserve', 'depart', 'arrive', 'release'])
        expect(reached, call).toContain(`after ${name} ${call}`);
  });
});

describe('the move by which a player came', () => {
  /** Moves a player from east to west and back, without a checkpoint. */
  async function move(): Promise<Page> {
    const page = world.join('east');
    await world.drive(world.move(page));
    world.follow();
    world.west.refuses = ({ kind, state }) => kind === 'arrival' && state === 'cleanup';
    await world.drive(world.move(page));
    return page;
  }
  const open = () => world.west.meters.movesOpen;

  test('ends when the player has moved on, and before the second move', async () => {
    const page = await move();
    for (let round = 0; round < ROUNDS; round++) await look();
    // Both would seat the player if the second had ended alone.
    expect([page.at, open()]).toEqual(['east', { departures: 1, arrivals: 1 }]);
    world.west.refuses = () => false;
    for (let round = 0; round < ROUNDS; round++) await look();
    expect(open()).toEqual({ departures: 0, arrivals: 0 });
  });

  test('does not seat the player again after a restart, not even for a moment', async () => {
    const page = await move();
    for (let round = 0; round < ROUNDS; round++) await look();
    const labels: string[] = [];
    world.onPoint = (_, label) => void labels.push(label);
    world.west.refuses = () => false;
    await world.crash('west');
    expect(labels).toContain('after west release');
    expect(labels.filter((label) => label.includes('west arrive') || label.includes('west reserve'))).toEqual([]);
    await settle('the restart');
    expect([page.at, ...world.whereabouts()]).toEqual(['east', `east ${page.seat} 2`]);
  });

  test('must be decided before the player may move on', async () => {
    const page = world.join('east');
    world.fate = ({ kind }) => (kind === 'commit' ? 'is lost' : 'arrives');
    await world.drive(world.move(page));
    world.follow();
    await expect(world.drive(world.move(page))).rejects.toThrow('this host does not know the decision yet');
    world.fate = () => 'arrives';
    // The page has come, which proves the decision.
    await world.pass(1000);
    await look();
    expect(await world.drive(world.move(page))).toMatchObject({ outcome: 'committed' });
  });
});

test('players who move at random between hosts that crash at random are in one game each, and no move stays open', async () => {
  const random = new Random(12);
  for (const n of [0, 1, 2]) world.join(NAMES[n % 2] ?? '');
  for (const { seats } of [world.east, world.west]) seats.checkpoint();
  for (let kill = 0; kill < KILLS; kill++) {
    const crash = Promise.withResolvers<string>();
    let points = random.below(60);
    world.areQuick = random.percent(70);
    world.onPoint = (life, label) => {
      if (random.percent(10)) world.nodeOf(random.pick(NAMES)).seats.checkpoint();
      if (points-- !== 0) return;
      life.isOver = true;
      crash.resolve(label.split(' ')[1] ?? '');
    };
    const orders = world.pages.filter(() => random.percent(70)).map((page) => world.move(page).catch(() => {}));
    const done = Promise.all(orders).then(() => undefined);
    const crashed = (await world.drive(Promise.race([done, crash.promise]))) ?? random.pick(NAMES);
    world.onPoint = () => {};
    world.nodeOf(crashed).life.isOver = true;
    await world.rest();
    if (random.percent(50)) world.follow();
    world.areQuick = true;
    await world.crash(crashed);
    world.follow();
    // Another crash may come before all is done.
    if (kill < KILLS - 1 && random.percent(40)) continue;
    await settle(`kill ${kill} of ${crashed}`);
    const places = world.pages.map(({ at, seat }) => `${at} ${seat}`);
    expect(
      world.whereabouts().map((where) => where.replace(/ \d+$/, '')),
      `kill ${kill} of ${crashed}`,
    ).toEqual(places);
  }
});
