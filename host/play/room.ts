import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import type { Gpu } from '../gpu/dawn.ts';
import type { Meters } from '../observe/meters.ts';
import type { RoomOptions } from '../room/options.ts';
import { Room } from '../room/room.ts';
import { VideoView } from '../room/video.ts';
import type { PlayerConnection, ViewRequest } from '../stream/player.ts';
import { RateControl } from '../stream/rate.ts';
import { createVideoEncoder } from '../video/h264.ts';
import { Readback } from '../video/readback.ts';
import { type Launcher, launch, relaunch } from './launch.ts';

/** Everything that a room, a running game with its players, needs apart from the game itself. */
export interface RoomParts {
  name: string;
  config: Config;
  log: Log;
  gpu: Gpu;
  meters: Meters;
}

/** Launches a game and opens a room in which players can join it. @throws NearlightError as launch */
export async function openRoom(
  launcher: Launcher,
  options: Omit<RoomOptions, 'instance' | 'replay' | 'reload'>,
): Promise<Room> {
  return new Room({ ...options, ...(await launch(launcher)), reload: () => relaunch(launcher) });
}

/** Returns the options of a room that uses the system's clock and a video encoder of this process. */
export function roomOptions(parts: RoomParts): Omit<RoomOptions, 'instance' | 'replay'> {
  const { name, config, log, gpu, meters } = parts;
  if (gpu.device.features.has('timestamp-query')) meters.gpuMs ??= 0;
  return {
    name,
    clock: systemClock,
    config,
    meters,
    warmUpTicks: config.tickRate,
    log,
    createView: (request, connection, onError) => createView(parts, request, connection, onError),
  };
}

async function createView(
  { gpu, config, log, meters }: RoomParts,
  request: ViewRequest,
  connection: PlayerConnection,
  onError: (error: unknown) => void,
): Promise<VideoView> {
  const { width, height, fps } = request;
  const rate = new RateControl(request, config.bitrateMax);
  const encoder = await createVideoEncoder({ width, height, fps, bitrate: rate.bitrate, hardware: !gpu.software, log });
  const readback = new Readback({ device: gpu.device, width, height });
  return new VideoView({ readback, encoder, connection, rate, clock: systemClock, meters, onError });
}
