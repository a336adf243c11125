import { fileNameFor } from './download.ts';
import { Film } from './film.ts';
import { MemoryFile, openRecordingFile, type RecordingFile } from './recording-file.ts';

export type RecorderOptions = {
  video: HTMLVideoElement;
  audio: HTMLAudioElement;
  /** Name of the game, which begins the names of files. */
  game(): string;
  /** Called when a recording begins or ends. */
  onState(isRecording: boolean): void;
  /** Called when a file is complete. `isLast` is false if the recording goes on in another file. */
  onSaved(isLast: boolean): void;
  /** Called when a recording ends because of a fault. */
  onError(message: string): void;
  /** Recordings that stay in memory are saved in parts of this size. Default: 128 MiB */
  partBytesMax?: number;
};

/** The first that the browser has is used. Most devices play MP4, so that comes first. */
const TYPES = [
  'video/mp4;codecs=avc1.64002a,mp4a.40.2',
  'video/mp4;codecs=avc1.64002a,opus',
  'video/webm;codecs=h264,opus',
  'video/webm;codecs=vp8,opus',
  'video/webm',
  'video/mp4',
];
const PART_BYTES_MAX = 128 * 2 ** 20;
/** The recorder hands over what it has this often. */
const CHUNK_MS = 1000;
/** Bits for each pixel of a recording, at which fast games look clean. */
const BITS_PER_PIXEL = 0.12;
const FPS = 60;
const BITRATE_MIN = 2_000_000;
const BITRATE_MAX = 20_000_000;
const AUDIO_BITRATE = 128_000;

/** Records the game's picture and sound to a file. */
export class Recorder {
  readonly #options: RecorderOptions;
  #film: Film | undefined;
  #recorder: MediaRecorder | undefined;
  #isStarting = false;
  /** Whether the last recording ended because of a fault. */
  #hasFailed = false;
  #beganAt = 0;
  /** All writing, in order. */
  #written: Promise<void> = Promise.resolve();

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  /** Whether this browser can record. */
  static get isSupported(): boolean {
    return typeof MediaRecorder === 'function' && typeof HTMLCanvasElement.prototype.captureStream === 'function';
  }

  get isRecording(): boolean {
    return this.#film !== undefined;
  }

  /** Returns for how many seconds the recording runs. */
  seconds(now = performance.now()): number {
    return this.isRecording ? Math.floor((now - this.#beganAt) / 1000) : 0;
  }

  /** Begins to record, unless the player chooses no file. Call it after a click or a key, because it may ask for the file. */
  async start(): Promise<void> {
    const { video, audio, onState } = this.#options;
    if (this.#isStarting || this.#film || video.videoWidth === 0) return;
    this.#isStarting = true;
    this.#hasFailed = false;
    try {
      const type = TYPES.find((each) => MediaRecorder.isTypeSupported(each)) ?? '';
      const file = await openRecordingFile(this.#nameFor(type), type);
      if (!file) return;
      this.#film = new Film(video, audio);
      this.#beganAt = performance.now();
      this.#record(this.#film, file, type);
      onState(true);
    } catch (error) {
      this.#end();
      this.#options.onError(messageOf(error));
    } finally {
      this.#isStarting = false;
    }
  }

  /** Ends the recording and completes its file. Resolves when the file is saved. */
  async stop(): Promise<void> {
    const recorder = this.#recorder;
    if (!recorder) return;
    await stopped(recorder);
    await this.#written;
  }

  /** Records to a file until that is too large for the memory, and then to another one. */
  #record(film: Film, file: RecordingFile, type: string): void {
    const { videoWidth, videoHeight } = this.#options.video;
    const wanted = videoWidth * videoHeight * FPS * BITS_PER_PIXEL;
    const recorder = new MediaRecorder(film.stream, {
      mimeType: type,
      videoBitsPerSecond: Math.max(BITRATE_MIN, Math.min(BITRATE_MAX, wanted)),
      audioBitsPerSecond: AUDIO_BITRATE,
    });
    let isFull = false;
    recorder.ondataavailable = ({ data }) => {
      this.#then(() => file.write(data));
      const { partBytesMax = PART_BYTES_MAX } = this.#options;
      if (!file.isInMemory || file.bytes + data.size < partBytesMax || recorder.state !== 'recording') return;
      isFull = true;
      recorder.stop();
    };
    recorder.onerror = (event) => this.#fail((event as { error?: unknown }).error);
    recorder.onstop = () => {
      const goesOn = isFull && this.#film === film;
      this.#then(async () => {
        await file.close();
        if (!this.#hasFailed) this.#options.onSaved(!goesOn);
      });
      if (goesOn) this.#record(film, new MemoryFile(this.#nameFor(type), type), type);
      else this.#end();
    };
    this.#recorder = recorder;
    recorder.start(CHUNK_MS);
  }

  /** Runs `write` after all that was written before. A disk may be full. */
  #then(write: () => Promise<void>): void {
    this.#written = this.#written.then(write).catch((error) => this.#fail(error));
  }

  #fail(error: unknown): void {
    if (!this.isRecording) return;
    this.#hasFailed = true;
    this.#end();
    this.#options.onError(messageOf(error));
  }

  #end(): void {
    const film = this.#film;
    if (!film) return;
    this.#film = undefined;
    if (this.#recorder?.state === 'recording') this.#recorder.stop();
    this.#recorder = undefined;
    film.close();
    this.#options.onState(false);
  }

  #nameFor(type: string): string {
    return fileNameFor(this.#options.game(), new Date(), type.startsWith('video/mp4') ? 'mp4' : 'webm');
  }
}

function stopped(recorder: MediaRecorder): Promise<void> {
  if (recorder.state === 'inactive') return Promise.resolve();
  return new Promise((resolve) => {
    recorder.addEventListener('stop', () => resolve());
    recorder.stop();
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error || error instanceof DOMException ? error.message : String(error);
}
