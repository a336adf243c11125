import { join } from 'node:path';
import { systemClock } from '../../../host/base/clock.ts';
import { readConfig } from '../../../host/base/config.ts';
import { Lobby } from '../../../host/room/lobby.ts';
import type { Room } from '../../../host/room/room.ts';
import { sleep } from '../../wait.ts';
import { BUILD, DATA, open, readGame, SEATS } from '../game.ts';
import { gaps, SimulatedPlayer } from '../player.ts';
import type { Reporter } from '../report.ts';
import { openRoom } from '../room.ts';

const REQUEST = { width: 1280, height: 720, fps: 60 };
const PLAYED_MS = 2000;
/** Number of pictures, drawn after the shader began, with which the room without a fault counts as going on. */
const LATER_PICTURES = 30;
/** Number of ticks of the room with the shader by which it has long begun (ENDLESS_TICK of pack.ts). */
const LATER_TICKS = 300;
const STEP_MS = 20;

export async function run(report: Reporter): Promise<void> {
  const gpu = await open();
  const config = { ...readConfig({}), maxPlayers: SEATS };
  const lobby = new Lobby(systemClock);
  const lines: string[] = [];
  const log = (level: string, message: string) => {
    lines.push(message);
    process.stderr.write(`${level}: ${message}\n`);
  };
  const players: Record<string, SimulatedPlayer> = {};
  const join = async (name: string, file: string): Promise<Room> => {
    const room = await lobby.add(name, () => openRoom({ gpu, playable: readGame(file), config, log }));
    const player = new SimulatedPlayer();
    players[name] = player;
    player.recording = true;
    player.connect(await lobby.accept(name, REQUEST));
    return room;
  };
  const { device } = gpu;
  const good = await join('arena', arenaFile);
  await sleep(PLAYED_MS);
  const culprit = await join('culprit', culpritFile);
  while (culprit.stats.ticks < LATER_TICKS && !culprit.isClosed && report.secondsLeft > 2) await sleep(STEP_MS);
  const ticked = !culprit.isClosed && culprit.stats.ticks >= LATER_TICKS;
  report.check('the room whose shader would not end goes on', ticked, lines.at(-1) ?? `${culprit.stats.ticks} ticks`);
  const player = players.arena;
  const before = player?.pictures ?? 0;
  while (!good.isClosed && (player?.pictures ?? 0) < before + LATER_PICTURES && report.secondsLeft > 1)
    await sleep(STEP_MS);
  const shown = (player?.pictures ?? 0) - before;
  const goesOn = !good.isClosed && shown >= LATER_PICTURES;
  report.check('so does the room beside it', goesOn, good.isClosed ? `${player?.endedBy}` : `${shown} pictures`);
  report.check('the GPU was not lost', gpu.device === device && !gpu.lost, lines.at(-1) ?? 'no line');
  report.value("longest gap in the other room's pictures", 'ms', Math.max(0, ...gaps(player?.arrivals ?? [])));
}

const arenaFile = join(BUILD, 'arena');
const culpritFile = join(DATA, 'culprit');
