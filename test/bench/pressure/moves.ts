/** Players who move between rooms, without media: 1,200 per second, and bursts of 3.2 times that, of 780 ms each. */
import { readFileSync } from 'node:fs';
import { must } from '../../../host/base/assert.ts';
import { readConfig } from '../../../host/base/config.ts';
import { Meters } from '../../../host/observe/meters.ts';
import { buildModules } from '../../../host/play/modules.ts';
import { movePlayer } from '../../../host/play/move.ts';
import { openResilience } from '../../../host/play/resilience.ts';
import type { Bench } from '../harness.ts';
import { loggedAfter } from './joins.ts';
import { now, offer, type Phase, report } from './load.ts';
import { openRooms, seatPlayers } from './rooms.ts';

const PER_SECOND = 1200;
const BURST = 3.2;
const BURST_MS = 780;
const CALM_PER_SECOND = 100;
const CALM_MS = 2000;
const PAIRS = 4;
const SEATS = 8;
/** Time that a move may take: the mission's limit of one step of a saga. */
const MOVE_MS = 300;

export async function pressMoves(bench: Bench, seconds: number): Promise<void> {
  const [built] = await buildModules(['relay']);
  const module = new Uint8Array(readFileSync(must(built, 'relay').path));
  const rooms = await openRooms();
  const lines: string[] = [];
  const meters = new Meters();
  const config = readConfig({});
  const log = (_: string, line: string) => lines.push(`${now().toFixed(0)} ${line}`);
  const resilience = openResilience({ config, log, meters });
  const open = async (name: string) => {
    const room = await rooms.open(name, module, { tickRate: 60, maxPlayers: SEATS });
    await seatPlayers(room, SEATS);
    return room;
  };
  const pairs: { here: Awaited<ReturnType<typeof open>>; there: Awaited<ReturnType<typeof open>> }[] = [];
  for (let pair = 0; pair < PAIRS; pair++)
    pairs.push({ here: await open(`here-${pair}`), there: await open(`there-${pair}`) });
  const move = async (index: number) => {
    const { here, there } = must(pairs[index % PAIRS], 'pair of rooms');
    const seat = Math.floor(index / PAIRS) % SEATS;
    const from = { room: here, seat };
    const to = { room: there, seat };
    const moved = await movePlayer({ from, to, limit: resilience.moves });
    if (!moved) throw new Error('the other room refused the player');
  };
  const steady: Phase = { perSecond: PER_SECOND, ms: 1000 - BURST_MS / 2, isPressure: true };
  const burst: Phase = { perSecond: PER_SECOND * BURST, ms: BURST_MS, isPressure: true };
  const offered = await offer(
    [
      { perSecond: CALM_PER_SECOND, ms: CALM_MS },
      ...Array.from({ length: Math.max(1, Math.round(seconds / 2)) }, () => [steady, burst, steady]).flat(),
      { perSecond: CALM_PER_SECOND, ms: CALM_MS },
    ],
    move,
  );
  const { errors } = report(bench, 'moves', offered, MOVE_MS);
  const recognised = loggedAfter(lines, offered.pressedAt, 'is recognised');
  if (recognised !== undefined) bench.value('moves: recognised after', 'ms', recognised);
  bench.goal('moves that failed', { direction: 'at most', limit: 0, value: errors, unit: '' });
  resilience.close();
  await rooms.close();
}
