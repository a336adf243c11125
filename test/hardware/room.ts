import { systemClock } from '../../host/base/clock.ts';
import type { Config } from '../../host/base/config.ts';
import { Samples } from '../../host/base/samples.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { Histogram } from '../../host/observe/histogram.ts';
import { Meters } from '../../host/observe/meters.ts';
import { launch, type Playable, relaunch } from '../../host/play/launch.ts';
import { roomOptions } from '../../host/play/room.ts';
import type { RoomOptions } from '../../host/room/options.ts';
import { PixelBudget } from '../../host/room/pixels.ts';
import { Room } from '../../host/room/room.ts';
import { VideoView } from '../../host/room/video.ts';
import { RateControl } from '../../host/stream/rate.ts';
import { Readback } from '../../host/video/readback.ts';
import { createLaunch } from './game.ts';
import { NoEncoder } from './player.ts';

/** A histogram that also keeps every duration while `recording` is true. */
class Recorder extends Histogram {
  readonly samples: number[] = [];
  readonly #isRecording: () => boolean;

  constructor(isRecording: () => boolean) {
    super();
    this.#isRecording = isRecording;
  }

  override add(ms: number): void {
    if (this.#isRecording()) this.samples.push(ms);
  }
}

/** Collects the times that several rooms measure, in milliseconds. */
export class RoomMeters {
  recording = false;
  readonly tick = new Recorder(() => this.recording);
  readonly render = new Recorder(() => this.recording);
  readonly replay = new Recorder(() => this.recording);
  readonly readback = new Recorder(() => this.recording);
  readonly encode = new Recorder(() => this.recording);
  /** From reading a player's input to handing the encoded picture to the network. */
  readonly inputToSend = new Recorder(() => this.recording);
  /** GPU time of each render. */
  readonly gpu = new Recorder(() => this.recording);
  /** Meters to give to the rooms, which contain the histograms above. */
  readonly meters: Meters;

  constructor() {
    const { tick, render, replay, readback, encode, inputToSend } = this;
    this.meters = Object.assign(new Meters(), { tick, render, replay, readback, encode, inputToSend });
  }
}

/**
 * Opens a room, which is a running module with its players, as the host does. It has a video encoder only if `encodes` is set,
 * which needs FFmpeg.
 * @throws NearlightError as launch() does
 */
export async function openRoom(options: {
  gpu: Gpu;
  playable: Playable;
  config: Config;
  meters?: RoomMeters;
  encodes?: boolean;
  log?(level: string, message: string): void;
}): Promise<Room> {
  const { gpu, playable, config, meters = new RoomMeters(), encodes = false, log = () => {} } = options;
  const launcher = createLaunch({ gpu, playable, config });
  const room = new Room({
    // The measurements decide how many pixels the rooms draw.
    ...roomOptions({
      name: playable.name,
      config,
      log,
      gpu,
      meters: meters.meters,
      pixels: new PixelBudget(Number.POSITIVE_INFINITY),
    }),
    ...(await launch(launcher)),
    reload: () => relaunch(launcher),
    ...(encodes ? {} : { createView: viewWithoutEncoder(gpu, config, meters) }),
  });
  room.stats.gpuMs = new Samples({ histogram: meters.gpu });
  return room;
}

/** Creates views whose pictures are drawn, converted and read back, but not encoded. */
function viewWithoutEncoder(gpu: Gpu, config: Config, { meters }: RoomMeters): RoomOptions['createView'] {
  return async (request, connection, onError) => {
    const readback = new Readback({ device: gpu.device, width: request.width, height: request.height });
    const rate = new RateControl(request, config.bitrateMax);
    const parts = { readback, encoder: new NoEncoder(), connection, rate, clock: systemClock };
    return new VideoView({ ...parts, meters, onError });
  };
}
