import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readConfig } from '../../../host/base/config.ts';
import type { Gpu } from '../../../host/gpu/dawn.ts';
import { createReplayFor } from '../../../host/play/launch.ts';
import { BUILD, createLaunch, DATA, open, readGame, SEATS } from '../game.ts';
import { SimulatedPlayer } from '../player.ts';
import type { Reporter } from '../report.ts';
import { openRoom } from '../room.ts';

const MIB = 2 ** 20;
const ROOMS = 8;
const ROOMS_IN_SOFTWARE = 2;
const CYCLES = 3;
const CYCLE_SECONDS = 8;
const PLAYED_MS = 1500;
/** Pause after rooms are closed, because the driver gives memory back a little after the objects are destroyed. */
const SETTLE_MS = 500;
/** Growth of the GPU memory in use, over all cycles of opening and closing rooms, above which it counts as a leak. */
const GROWTH_MIB_MAX = 64;

export async function run(report: Reporter): Promise<void> {
  const gpu = await open();
  for (const [name, wanted] of [
    ['fitting', undefined],
    ['greedy', 'GPU_BYTES_MAX'],
  ] as const)
    await checkBound(gpu, { name, wanted, report });
  await measureRooms(gpu, report);
}

/**
 * Checks one side of the limit GPU_BYTES_MAX: a module that takes all of its GPU memory must run, and one that takes more
 * must fail.
 */
async function checkBound(
  gpu: Gpu,
  { name, wanted, report }: { name: string; wanted: string | undefined; report: Reporter },
): Promise<void> {
  const { gpuBytesMax } = readConfig({});
  const launcher = createLaunch({ gpu, playable: readGame(join(DATA, name)) });
  const instance = await launcher.createInstance();
  const replay = createReplayFor(instance, launcher);
  replay.run(instance.initial);
  let error = '';
  try {
    replay.run(await instance.tick(0));
    await gpu.device.queue.onSubmittedWorkDone();
  } catch (thrown) {
    error = (thrown as Error).message;
  }
  const { bytes } = replay.stats();
  replay.destroy();
  await instance.close();
  // Both modules fill the limit, so a module that took less was not measured.
  const ok = bytes === gpuBytesMax && (wanted === undefined ? error === '' : error.includes(wanted));
  const title =
    wanted === undefined ? 'a module gets all of GPU_BYTES_MAX' : 'a module gets no more than GPU_BYTES_MAX';
  report.check(title, ok, `${bytes / MIB} of ${gpuBytesMax / MIB} MiB${error === '' ? '' : `, then ${error}`}`);
}

/** Opens rooms, plays in them and closes them, several times over, and measures the memory in use. */
async function measureRooms(gpu: Gpu, report: Reporter): Promise<void> {
  const before = deviceMib();
  if (before === undefined) report.note("nvidia-smi does not answer: the device's memory is not measured");
  else report.value('device memory before any room', 'MiB', before);
  const count = gpu.software ? ROOMS_IN_SOFTWARE : ROOMS;
  const left: number[] = [];
  for (let cycle = 1; cycle <= CYCLES; cycle++) {
    if (!report.fits(`cycle ${cycle} of ${count} rooms`, CYCLE_SECONDS)) break;
    const config = { ...readConfig({}), maxPlayers: SEATS };
    const playable = readGame(join(BUILD, 'arena'));
    const rooms = await Promise.all(Array.from({ length: count }, () => openRoom({ gpu, playable, config })));
    for (const room of rooms) new SimulatedPlayer().connect(room.accept({ width: 1280, height: 720, fps: 60 }));
    await sleep(PLAYED_MS);
    const during = deviceMib();
    if (during !== undefined) report.value(`cycle ${cycle}: device memory with ${count} rooms`, 'MiB', during);
    await Promise.all(rooms.map((room) => room.close()));
    await gpu.device.queue.onSubmittedWorkDone();
    await sleep(SETTLE_MS);
    const after = deviceMib();
    if (after !== undefined) {
      report.value(`cycle ${cycle}: device memory after closing them`, 'MiB', after);
      left.push(after);
    }
    report.value(`cycle ${cycle}: memory of this process after closing them`, 'MiB', residentMib());
  }
  const [first, last] = [left[0], left.at(-1)];
  if (first === undefined || last === undefined || left.length < CYCLES) return;
  const growth = last - first;
  report.check(
    'closed rooms leave no memory on the device',
    growth <= GROWTH_MIB_MAX,
    `${growth} MiB more after ${CYCLES} cycles`,
  );
}

/** Returns the MiB in use on the first NVIDIA GPU; undefined where nvidia-smi does not say. */
function deviceMib(): number | undefined {
  try {
    const query = ['--query-gpu=memory.used', '--format=csv,noheader,nounits'];
    const [line = ''] = execFileSync('nvidia-smi', query, { encoding: 'utf8', timeout: 5000, stdio: 'pipe' }).split(
      '\n',
    );
    const mib = Number.parseInt(line, 10);
    return Number.isNaN(mib) ? undefined : mib;
  } catch {
    return undefined;
  }
}

function residentMib(): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return Math.round(Number(kib) / 1024);
}
