import { join } from 'node:path';
import { systemClock } from '../../../host/base/clock.ts';
import { readConfig } from '../../../host/base/config.ts';
import { recoverFromLoss } from '../../../host/play/recovery.ts';
import { Lobby } from '../../../host/room/lobby.ts';
import type { Room } from '../../../host/room/room.ts';
import { sleep } from '../../wait.ts';
import { BUILD, DATA, open, readGame, SEATS } from '../game.ts';
import { gaps, SimulatedPlayer } from '../player.ts';
import type { Reporter } from '../report.ts';
import { openRoom } from '../room.ts';

const REQUEST = { width: 1280, height: 720, fps: 60 };
const PLAYED_MS = 2000;
/** Number of pictures, drawn after the GPU was lost, with which the room without a fault counts as recovered. */
const RECOVERED_PICTURES = 30;
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
  void recoverFromLoss(gpu, lobby, log);
  const { device } = gpu;
  const good = await join('arena', arenaFile);
  await sleep(PLAYED_MS);
  const begun = performance.now();
  const culprit = await join('culprit', culpritFile);
  const error = await Promise.race([culprit.ended, timeLeft(report)]);
  report.value('from its start to the end of the culprit', 'ms', performance.now() - begun);
  const message = error?.message ?? 'the room has not ended';
  // A driver with a time limit of its own may lose the device before GPU_MS_MAX has passed.
  report.check('the room of the endless shader ends', /^NL_GPU_(TIME|LOST)/.test(message), message);
  const player = players.arena;
  const before = player?.pictures ?? 0;
  while (!good.isClosed && (player?.pictures ?? 0) < before + RECOVERED_PICTURES && report.secondsLeft > 1)
    await sleep(STEP_MS);
  const shown = (player?.pictures ?? 0) - before;
  const recovered = !good.isClosed && shown >= RECOVERED_PICTURES;
  const state = good.isClosed ? `it ended: ${player?.endedBy}` : `${shown} pictures after the loss`;
  report.check('the room beside the culprit goes on with its player', recovered, state);
  report.check('the host has opened another device', gpu.device !== device && !gpu.lost, lines.at(-1) ?? 'no line');
  report.value("longest gap in the other room's pictures", 'ms', Math.max(0, ...gaps(player?.arrivals ?? [])));
}

const arenaFile = join(BUILD, 'arena');
const culpritFile = join(DATA, 'culprit');

async function timeLeft(report: Reporter): Promise<undefined> {
  await sleep(1000 * Math.max(0, report.secondsLeft - 2));
}
