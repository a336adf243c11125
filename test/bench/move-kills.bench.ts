// Two hosts that move players between them and are killed at random moments: whether each player has one owner, and the state.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../random.ts';
import { compile } from '../session/compile.ts';
import { eventually, sleep } from '../wait.ts';
import { benchmark } from './harness.ts';
import { numberFrom } from './switches.ts';
import { GAME, SOURCE } from './wander/game.ts';
import { type MortalHost, NAMES, type Name, startPair } from './wander/hosts.ts';
import { Wanderer } from './wander/page.ts';

const KILLS = numberFrom('MOVE_KILLS', 100, 1);
const PLAYERS = numberFrom('MOVE_PLAYERS', 4, 1);
const SEED = numberFrom('MOVE_SEED', 1, 0);
/** Half of the kills come this soon after the orders to move, while the moves are under way. The others also come after them. */
const SOON_MS = 150;
const LATE_MS = 2000;
/** A fault that lasts longer than this counts. A seat waits longer than that for a page that does not come. */
const SETTLE_MS_MAX = 20_000;
/** A decision that a host has not heard is repeated every 10 s in the end. */
const END_MS_MAX = 60_000;
/** The players are in a checkpoint of their hosts after this time. */
const KEPT_MS = 3000;

const build = join(import.meta.dirname, '../../build');
mkdirSync(build, { recursive: true });
const folder = mkdtempSync(join(build, 'move-kills-'));
const random = new Random(SEED);

/** Says what is wrong with where the players are; undefined if each is in one game, and its page in the same seat. */
function faultsOf(hosts: Record<Name, MortalHost>, pages: readonly Wanderer[]): string[] {
  const found = NAMES.flatMap((name) => [...hosts[name].numbers].map(([seat, number]) => ({ name, seat, number })));
  return pages.flatMap(({ number, at, seat, isSettled }) => {
    const places = found.filter((place) => place.number === number);
    if (!isSettled) return [`apart ${number}`];
    if (places.length === 0) return [`lost ${number}`];
    if (places.length > 1) return [`doubled ${number}`];
    const [place] = places;
    return place?.name === at && place.seat === seat ? [] : [`apart ${number}`];
  });
}

/** Keeps what the hosts have said since the beginning. */
function keepHistory(hosts: Record<Name, MortalHost>, when: string): void {
  for (const name of NAMES) writeFileSync(join(build, `move-kills-${SEED}-${when}-${name}.log`), hosts[name].history);
}

await benchmark('move-kills', async (bench) => {
  bench.machine({ players: PLAYERS, seed: SEED });
  const module = join(folder, `${GAME}.wasm`);
  writeFileSync(module, await compile(GAME, SOURCE));
  const hosts = await startPair(folder, module);
  const pages = Array.from({ length: PLAYERS }, (_, n) => new Wanderer(hosts, NAMES[n % 2] ?? 'east', n));
  const counts = { committed: 0, compensated: 0, refused: 0, unknown: 0 };
  const faults = { lost: 0, doubled: 0, apart: 0, open: 0 };
  const startsMs: number[] = [];
  const settledMs: number[] = [];

  /** Takes the players as they are now. */
  const learn = async () => {
    await eventually(() => {
      for (const page of pages) page.number = hosts[page.at].numbers.get(page.seat) ?? '';
      if (pages.some(({ number }) => number === '')) throw new Error('a player has no number');
    });
    await sleep(KEPT_MS);
  };

  try {
    await Promise.all(pages.map((page) => page.connect()));
    await learn();
    for (let kill = 0; kill < KILLS; kill++) {
      const moves = pages
        .filter((_, n) => n === kill % PLAYERS || random.percent(60))
        .map(async (page) => {
          await sleep(random.below(SOON_MS / 2));
          counts[await hosts[page.at].move(page.seat, GAME)]++;
        });
      const victim = random.pick(NAMES);
      const afterMs = random.below(random.percent(50) ? SOON_MS : LATE_MS);
      await sleep(afterMs);
      await hosts[victim].kill();
      const killedAt = performance.now();
      const returns = pages.filter(({ at }) => at === victim).map((page) => page.lose());
      await hosts[victim].start();
      const startMs = performance.now() - killedAt;
      await Promise.all([...moves, ...returns]);
      let wrong: string[] = [];
      await eventually(() => {
        wrong = faultsOf(hosts, pages);
        if (wrong.length > 0) throw new Error(wrong.join(', '));
      }, SETTLE_MS_MAX).catch(() => {});
      if (wrong.length === 0) {
        startsMs.push(startMs);
        settledMs.push(performance.now() - killedAt - startMs);
        continue;
      }
      for (const fault of wrong) faults[/^\w+/.exec(fault)?.[0] as keyof typeof faults]++;
      bench.note(`kill ${kill} of ${victim} after ${afterMs} ms: ${wrong.join(', ')}`);
      for (const page of pages) bench.note(`  ${page.number} plays at ${page.at} ${page.seat}`);
      keepHistory(hosts, `kill-${kill}`);
      await learn();
    }
    await eventually(async () => {
      for (const name of NAMES) if ((await hosts[name].openMoves()) > 0) throw new Error(`${name} has open moves`);
    }, END_MS_MAX).catch(({ message }: Error) => {
      bench.note(message);
      keepHistory(hosts, 'end');
      faults.open++;
    });
    bench.value('kills of a host', '', KILLS);
    for (const [outcome, count] of Object.entries(counts)) bench.value(`moves: ${outcome}`, '', count);
    if (settledMs.length > 0) {
      bench.figure('from the kill until the host has started again', 'ms', startsMs);
      bench.figure('from then until every player is in one game, and the page with it', 'ms', settledMs);
    }
    const none = { direction: 'at most', limit: 0, unit: '' } as const;
    bench.goal('players without an owner, or without their state', { ...none, value: faults.lost });
    bench.goal('players with two owners', { ...none, value: faults.doubled });
    bench.goal('pages that are not where their players are', { ...none, value: faults.apart });
    bench.goal('hosts with moves that do not end', { ...none, value: faults.open });
  } finally {
    for (const page of pages) page.close();
    await Promise.all(NAMES.map((name) => hosts[name].stop()));
    rmSync(folder, { recursive: true, force: true });
  }
});
