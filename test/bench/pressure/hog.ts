/** A room whose game burns a processor in each tick, beside ordinary rooms: the steps that it costs them. */
import { systemClock } from '../../../host/base/clock.ts';
import type { Room } from '../../../host/room/room.ts';
import { compile } from '../../session/compile.ts';
import { sleep } from '../../wait.ts';
import type { Bench } from '../harness.ts';
import { openRooms, seatPlayers, stepsOf } from './rooms.ts';

const ROOMS = 4;
const TURNS = 4;
const SETTLE_MS = 1000;
const LOSS_PERCENT_MAX = 0.7;
const TICK_RATE = 120;

/** Source of a game with 120 ticks per second, each of which turns for a while if the game is the hog. */
const source = (turns: number) => `
import { Game, play, State } from '@nearlight/sdk';
export { export_player, import_player, init, join, leave, render, tick, version } from '@nearlight/sdk/game';

class Work extends Game {
  sum: u32 = 1;
  tick(_n: u32): void {
    for (let n: u32 = 0; n < ${turns}; n++) this.sum = this.sum * 1664525 + n;
  }
  player(_seat: i32, state: State): bool {
    this.sum = state.u32(this.sum);
    return true;
  }
  render(_seat: i32, _width: u32, _height: u32): void {}
}

play(new Work());
`;

/** Turns of an ordinary game's tick, about half a millisecond, and of the hog's, which take longer than a tick may. */
const ORDINARY = 400_000;
const ENDLESS = 40_000_000;

export async function hogProcessor(bench: Bench, seconds: number): Promise<void> {
  const [ordinary, greedy] = [await compile('ordinary', source(ORDINARY)), await compile('hog', source(ENDLESS))];
  const rooms = await openRooms();
  const open = async (name: string, module: Uint8Array) => {
    const room = await rooms.open(name, module, { tickRate: TICK_RATE, maxPlayers: 1 });
    await seatPlayers(room, 1);
    return room;
  };
  const others: Room[] = [];
  for (let n = 0; n < ROOMS; n++) others.push(await open(`ordinary-${n}`, ordinary));
  const steps = () =>
    others
      .map(stepsOf)
      .reduce((sum, { made, skipped }) => ({ made: sum.made + made, skipped: sum.skipped + skipped }), {
        made: 0,
        skipped: 0,
      });
  const counted = { calm: { made: 0, skipped: 0 }, hog: { made: 0, skipped: 0 } };
  const measure = async (when: 'calm' | 'hog') => {
    await sleep(SETTLE_MS);
    const before = steps();
    await systemClock.until((systemClock.now() + (seconds * 1000) / TURNS) as ReturnType<typeof systemClock.now>);
    const after = steps();
    counted[when].made += after.made - before.made;
    counted[when].skipped += after.skipped - before.skipped;
  };
  let hogSteps = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    await measure('calm');
    const hog = await open('hog', greedy);
    await measure('hog');
    hogSteps += stepsOf(hog).made;
    await hog.close();
  }
  const success = ({ made, skipped }: { made: number; skipped: number }) => (100 * made) / (made + skipped);
  bench.value('hog: its own steps', '', hogSteps);
  bench.value('others: steps made in time, without the hog', '%', success(counted.calm));
  bench.value('others: steps made in time, beside the hog', '%', success(counted.hog));
  bench.goal('successes that a hog costs the others', {
    direction: 'at most',
    limit: LOSS_PERCENT_MAX,
    value: success(counted.calm) - success(counted.hog),
    unit: '%',
  });
  await rooms.close();
}
