/**
 * One room with one player in a process of its own, as in a pod: pod WIDTH HEIGHT. It sends 'ready' to its parent after the
 * player's first picture, records from the message 'record' on, and answers the message 'stop' with a PodResult.
 */
import { join } from 'node:path';
import { readConfig } from '../../host/base/config.ts';
import { eventually } from '../wait.ts';
import { BUILD, open, readGame } from './game.ts';
import { gaps, SimulatedPlayer } from './player.ts';
import { openRoom, RoomMeters } from './room.ts';

/** The measurements of one pod between 'record' and 'stop'. All times are in milliseconds. */
export interface PodResult {
  pictures: number;
  gaps: number[];
  readback: number[];
  encode: number[];
  inputToSend: number[];
  gpu: number[];
  encodedBytes: number;
  cpuMs: number;
  residentBytes: number;
}

const FPS = 60;
const WANDER_MS = 50;
/** Capacity of the path to each player. */
const PATH_BITS_PER_SECOND = 20_000_000;

const [width, height] = process.argv.slice(2).map(Number);
if (!width || !height || !process.send) throw new Error('pod WIDTH HEIGHT needs a size and a parent to report to');
const gpu = await open();
const meters = new RoomMeters();
const log = (level: string, message: string) => process.stderr.write(`${level}: ${message}\n`);
const config = { ...readConfig({}), maxPlayers: 1 };
const room = await openRoom({ gpu, playable: readGame(join(BUILD, 'arena')), config, meters, encodes: true, log });
const player = new SimulatedPlayer();
player.connect(room.accept({ width, height, fps: FPS }));
setInterval(() => player.wander(), WANDER_MS);
await eventually(() => {
  if (player.pictures === 0) throw new Error(`there is no picture${player.endedBy ? `: ${player.endedBy}` : ''}`);
});
player.report(PATH_BITS_PER_SECOND);

let cpu = process.cpuUsage();
let bytes = 0;
process.on('message', (message) => {
  const recording = message === 'record';
  meters.recording = recording;
  player.recording = recording;
  if (recording) {
    cpu = process.cpuUsage();
    bytes = meters.meters.encodedBytes;
    return;
  }
  const { user, system } = process.cpuUsage(cpu);
  const result: PodResult = {
    pictures: player.arrivals.length,
    gaps: gaps(player.arrivals),
    readback: meters.readback.samples,
    encode: meters.encode.samples,
    inputToSend: meters.inputToSend.samples,
    gpu: meters.gpu.samples,
    encodedBytes: meters.meters.encodedBytes - bytes,
    cpuMs: (user + system) / 1000,
    residentBytes: process.memoryUsage.rss(),
  };
  // A GPU that still works must not keep the process alive.
  process.send?.(result, () => process.exit(0));
});
process.send('ready');
