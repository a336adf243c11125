import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { readConfig } from '../../../host/base/config.ts';
import type { Gpu } from '../../../host/gpu/dawn.ts';
import type { Room } from '../../../host/room/room.ts';
import { sleep } from '../../wait.ts';
import { BUILD, open, readGame, SEATS } from '../game.ts';
import { gaps, SimulatedPlayer } from '../player.ts';
import type { Reporter } from '../report.ts';
import { openRoom, RoomMeters } from '../room.ts';
import { SIZES, type Size } from '../sizes.ts';

const COUNTS = [1, 4, 16, 64];
/** Numbers of rooms to measure on a software adapter, which cannot draw more in time. */
const COUNTS_IN_SOFTWARE = [1, 2];
const FPS = 60;
const WARM_UP_MS = 1500;
const MEASURED_MS = 4000;
const WANDER_MS = 50;
/** Time that opening one room may take, in addition to the measured time. */
const OPEN_SECONDS = 0.2;

const config = { ...readConfig({}), maxPlayers: SEATS };

export async function run(report: Reporter): Promise<void> {
  const gpu = await open();
  const counts = gpu.software ? COUNTS_IN_SOFTWARE : COUNTS;
  for (const count of COUNTS.filter((count) => !counts.includes(count)))
    report.skip(`${count} rooms`, 'the adapter renders in software');
  for (const count of counts)
    for (const size of SIZES) {
      const name = `${count} ${count === 1 ? 'room' : 'rooms'} at ${size.name}`;
      const seconds = (WARM_UP_MS + MEASURED_MS) / 1000 + 2 + count * OPEN_SECONDS;
      if (report.fits(name, seconds)) await measure({ gpu, count, size, name, report });
    }
}

interface Load {
  gpu: Gpu;
  count: number;
  size: Size;
  name: string;
  report: Reporter;
}

async function measure({ gpu, count, size, name, report }: Load): Promise<void> {
  const meters = new RoomMeters();
  const playable = readGame(join(BUILD, 'arena'));
  const begun = performance.now();
  const rooms: Room[] = [];
  for (let n = 0; n < count; n++) rooms.push(await openRoom({ gpu, playable, config, meters }));
  report.value(`${name}: time to open`, 'ms', performance.now() - begun);
  const players = rooms.map((room) => {
    const player = new SimulatedPlayer();
    player.connect(room.accept({ width: size.width, height: size.height, fps: FPS }));
    return player;
  });
  const wandering = setInterval(() => {
    for (const player of players) player.wander();
  }, WANDER_MS);
  await sleep(WARM_UP_MS);
  const skipped = meters.meters.ticksSkipped;
  const utilization = performance.eventLoopUtilization();
  const cpu = process.cpuUsage();
  const start = performance.now();
  setRecording(true, { meters, players });
  await sleep(MEASURED_MS);
  setRecording(false, { meters, players });
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const busy = performance.eventLoopUtilization(utilization).utilization;
  clearInterval(wandering);
  report.figure(
    `${name}: pictures a second and room`,
    'fps',
    players.map(({ arrivals }) => arrivals.length / seconds),
  );
  report.figure(
    '  between two pictures of a room',
    'ms',
    players.flatMap(({ arrivals }) => gaps(arrivals)),
  );
  report.figure('  GPU time of a render (timestamps)', 'ms', meters.gpu.samples);
  report.figure('  convert and read back', 'ms', meters.readback.samples);
  report.figure('  tick in the module', 'ms', meters.tick.samples);
  report.figure('  render in the module', 'ms', meters.render.samples);
  report.figure('  replay on Dawn', 'ms', meters.replay.samples);
  report.value("  the thread's busy time", '%', 100 * busy);
  report.value('  processor time', 'cores', (user + system) / 1e6 / seconds);
  report.value('  ticks left out', 'ticks', meters.meters.ticksSkipped - skipped);
  const ended = rooms.filter((room) => room.isClosed).length;
  const pictures = players.filter(({ pictures }) => pictures > 0).length;
  report.check(`${name} all play`, ended === 0 && pictures === count, `${pictures} show pictures, ${ended} have ended`);
  await Promise.all(rooms.map((room) => room.close()));
}

function setRecording(on: boolean, { meters, players }: { meters: RoomMeters; players: SimulatedPlayer[] }): void {
  meters.recording = on;
  for (const player of players) player.recording = on;
}
