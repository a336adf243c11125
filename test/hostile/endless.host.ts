/** Runs a host on which a shader never ends. It is a process, because the test also checks that it exits. Prints JSON. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import { readConfig } from '../../host/base/config.ts';
import { startHost } from '../../host/play/host.ts';
import type { Room } from '../../host/room/room.ts';
import { good } from '../engine/modules.ts';
import { fakeConnection } from '../room/fake.ts';
import { cleared, counting, endless, streams } from './modules.ts';

const TICK_RATE = 60;
/** Tick in which the game `culprit` dispatches the endless shader. */
const BAD_TICK = 90;

function plain(): Uint8Array {
  const { fields, memory, call } = streams({ picture: cleared(1, 0, 0) });
  return good({ fields, memory, render: call.picture });
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const folder = mkdtempSync(join(tmpdir(), 'nearlight-endless-'));
const modules = Object.entries({ culprit: endless(BAD_TICK), saver: counting({ builds: true }), plain: plain() }).map(
  ([name, bytes]) => {
    const path = join(folder, `${name}.wasm`);
    writeFileSync(path, bytes);
    return path;
  },
);
const begun = performance.now();
const lines: string[] = [];
const log = (level: string, message: string) => {
  lines.push(message.replace(/x{50,}/, (letters) => `${letters.length} letters`));
  process.stderr.write(`${Math.round(performance.now() - begun)} ms ${level}: ${lines.at(-1)}\n`);
};
// The host usually ends such a shader soon. Here it must recover from one that does not end.
const shaderTurnsMax = Number.POSITIVE_INFINITY;
const config = { ...readConfig({}), port: 0, gpuMsMax: 1000, shaderTurnsMax, tickRate: TICK_RATE };
const host = await startHost({ modules, config, log });
const notices: Record<string, string[]> = {};
const rooms: Record<string, Room> = {};
const pictures: Record<string, number> = {};
let savedAt = performance.now();
let gapMs = 0;
function sent(game: string): boolean {
  pictures[game] = (pictures[game] ?? 0) + 1;
  if (game !== 'saver') return true;
  const now = performance.now();
  if (pictures[game] > 1) gapMs = Math.max(gapMs, now - savedAt);
  savedAt = now;
  return true;
}
async function play(game: string): Promise<void> {
  const player = await host.lobby.accept(game, { width: 64, height: 64, fps: 30 });
  const connection = { ...fakeConnection(), sendFrame: () => sent(game) };
  notices[game] = connection.notices;
  rooms[game] = must(
    host.lobby.rooms.find(({ name }) => name === game),
    'find',
  );
  player.onConnected(connection);
}
for (const game of ['saver', 'plain', 'culprit']) await play(game);
const { culprit, saver, plain: other } = rooms as { culprit: Room; saver: Room; plain: Room };
const culpritError = (await culprit.ended)?.message;
const otherError = (await other.ended)?.message;
const ticksBefore = saver.stats.ticks;
while (!lines.some((line) => line.includes('has recovered from')) && !saver.isClosed) await pause(20);
const after = { ticks: saver.stats.ticks, pictures: pictures.saver ?? 0 };
while (!saver.isClosed && (saver.stats.ticks <= after.ticks + 60 || (pictures.saver ?? 0) <= after.pictures + 10))
  await pause(20);
const later = { ticks: saver.stats.ticks, pictures: pictures.saver, players: saver.players, closed: saver.isClosed };
const first = pictures.plain ?? 0;
await play('plain');
while ((pictures.plain ?? 0) === first) await pause(20);
const again = (pictures.plain ?? 0) - first;
const saverNotices = [...must(notices.saver, 'notices of the saver')];
const lost = host.gpu.lost;
await host.close();
rmSync(folder, { recursive: true });
const letters = lines
  .map((line) => /saver: (\d+) letters/.exec(line)?.[1] ?? /saver: (x+)$/.exec(line)?.[1]?.length)
  .find(Boolean);
const seen = {
  culpritError,
  otherError,
  ticksBefore,
  gapMs,
  after,
  later,
  again,
  saverNotices,
  lost,
  letters: Number(letters),
};
process.stdout.write(`${JSON.stringify(seen)}\n`, () => process.exit());
