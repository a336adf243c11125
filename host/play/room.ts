import { availableParallelism } from 'node:os';
import { createAudioEncoder } from '../audio/opus.ts';
import type { Bus, EventSink } from '../base/bus.ts';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import { type FrameTap, NO_TAP } from '../base/trace.ts';
import type { Gpu } from '../gpu/dawn.ts';
import { DeviceWatch } from '../gpu/watch.ts';
import type { Meters } from '../observe/meters.ts';
import { type PictureSize, SizeLadder } from '../room/ladder.ts';
import type { Loaded, RoomOptions } from '../room/options.ts';
import { PixelBudget } from '../room/pixels.ts';
import { Room, type SavedMatch } from '../room/room.ts';
import { type PlayerSound, SoundStream } from '../room/sound.ts';
import { type VideoPipeline, VideoView } from '../room/video.ts';
import type { PlayerConnection, VideoCodec, ViewRequest } from '../stream/player.ts';
import { RateControl } from '../stream/rate.ts';
import type { VideoEncoderOptions } from '../video/encoder.ts';
import { createVideoEncoder } from '../video/h264.ts';
import { Readback } from '../video/readback.ts';
import { createVp8Encoder } from '../video/vp8.ts';
import { type Launcher, launch, relaunch, restore } from './launch.ts';

/** Pixels per second that a hardware GPU and its video encoder can draw and encode for all players. */
const HARDWARE_PIXELS_PER_SECOND = 1_200_000_000;
/** Pixels per second that one core can draw and encode in software. With two cores, one player is sure of 848x480 at 60. */
const CORE_PIXELS_PER_SECOND = 21_000_000;

/** Everything that a room, a running game with its players, needs apart from the game itself. */
export interface RoomParts {
  name: string;
  config: Config;
  log: Log;
  gpu: Gpu;
  meters: Meters;
  /** The host's budget for the pixels of all players. */
  pixels: PixelBudget;
  /** Connects the room to other rooms of the same game. */
  bus?: Bus;
  /** Keeps the results of matches. */
  sink?: EventSink | undefined;
  /** Takes the times of pictures that an operator wants to have traced. */
  tap?: FrameTap;
}

/** Makes the budget for the pixels of all players of a host. */
export function pixelBudget({ hostPixelsPerSecondMax }: Config, gpu: Pick<Gpu, 'software'>): PixelBudget {
  const usual = gpu.software ? availableParallelism() * CORE_PIXELS_PER_SECOND : HARDWARE_PIXELS_PER_SECOND;
  return new PixelBudget(hostPixelsPerSecondMax || usual);
}

/**
 * Launches a game and opens a room in which players can join it.
 * @param match a match of an earlier process, which goes on if the game takes its state
 * @throws NearlightError as launch
 */
export async function openRoom(
  launcher: Launcher,
  options: Omit<RoomOptions, 'instance' | 'replay' | 'reload'>,
  match?: SavedMatch,
): Promise<Room> {
  const { actions = [] } = launcher;
  const resumed = match && (await resume(launcher, options, match));
  return new Room({
    ...options,
    ...(resumed ? { resumed: match, ticks: match.ticks, warmUpTicks: 0 } : {}),
    ...(resumed ?? (await launch(launcher))),
    actions,
    reload: () => relaunch(launcher),
  });
}

/** Launches a game that goes on with a match. Resolves with undefined if the game does not take its state, and logs why. */
async function resume(
  launcher: Launcher,
  { name, config, log }: Pick<RoomOptions, 'name' | 'config' | 'log'>,
  { state, seats, ticks }: SavedMatch,
): Promise<Loaded | undefined> {
  try {
    checkSeats({ seats }, config);
    const game = await restore(await launch(launcher), state);
    log('info', `${name}: the match goes on at tick ${ticks}; players who may return: ${seats.length}`, { room: name });
    return game;
  } catch (error) {
    log('warn', `${name}: the kept match does not go on, and a new one begins: ${(error as Error).message}`, {
      room: name,
    });
    return undefined;
  }
}

/** Checks that a match has no seat that its next room does not have. @throws Error */
export function checkSeats({ seats }: Pick<SavedMatch, 'seats'>, { maxPlayers }: Pick<Config, 'maxPlayers'>): void {
  if (seats.some((seat) => seat >= maxPlayers))
    throw new Error(`it has more players than seats (MAX_PLAYERS=${maxPlayers})`);
}

/** Returns the options of a room that uses the system's clock and a video encoder of this process. */
export function roomOptions(parts: RoomParts): Omit<RoomOptions, 'instance' | 'replay'> {
  const { name, config, log, gpu, meters, pixels, bus, sink } = parts;
  if (gpu.device.features.has('timestamp-query')) meters.gpuMs ??= 0;
  return {
    name,
    clock: systemClock,
    config,
    meters,
    pixels: new PixelBudget(config.roomPixelsPerSecondMax || Number.POSITIVE_INFINITY, pixels),
    warmUpTicks: config.tickRate,
    log,
    ...(bus ? { port: bus.open(name) } : {}),
    ...(sink ? { sink } : {}),
    createView: (request, connection, onError) => createView(parts, request, connection, onError),
    createSound: (connection, onError) => createSound(config, connection, onError),
  };
}

async function createView(
  { gpu, config, log, meters, tap = NO_TAP }: RoomParts,
  request: ViewRequest,
  connection: PlayerConnection,
  onError: (error: unknown) => void,
): Promise<VideoView> {
  // Video encoders take rates that are integers.
  const fps = Math.ceil(request.fps);
  const rate = new RateControl(request, request.bitrate ?? config.bitrateMax);
  const open = ({ width, height }: PictureSize, bitrate: number) =>
    openPipeline(gpu, connection.codec, { width, height, fps, bitrate, hardware: !gpu.software, log });
  return new VideoView({
    ...(await open(request, rate.bitrate)),
    resizing: { ladder: new SizeLadder(request), open },
    connection,
    rate,
    fps,
    clock: systemClock,
    meters,
    tap,
    onError,
  });
}

/** Opens a video encoder and the readback of its pictures from the GPU. */
async function openPipeline({ device }: Gpu, codec: VideoCodec, options: VideoEncoderOptions): Promise<VideoPipeline> {
  const { width, height } = options;
  const encoder = await (codec === 'h264' ? createVideoEncoder : createVp8Encoder)(options);
  try {
    await DeviceWatch.of(device).whenIdle();
    return { encoder, readback: new Readback({ device, width, height }) };
  } catch (error) {
    await encoder.close();
    throw error;
  }
}

/** Opens the audio encoder of a player whose page takes sound. */
function createSound(
  { audioBitrate }: Config,
  connection: PlayerConnection,
  onError: (error: unknown) => void,
): Promise<PlayerSound> | undefined {
  const send = connection.sendAudio;
  if (!send) return undefined;
  return createAudioEncoder({ bitrate: audioBitrate }).then(
    (encoder) => new SoundStream({ encoder, clock: systemClock, send, onError }),
  );
}
