import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Recorder } from '../../host/player/recorder.ts';
import { at } from '../at.ts';

/** A stand-in for MediaRecorder, whose data come from the test. */
class FakeRecorder {
  static all: FakeRecorder[] = [];
  static isTypeSupported = (type: string) => type === 'video/webm';
  state = 'inactive';
  ondataavailable = (_event: { data: Blob }) => {};
  onstop = () => {};
  onerror = (_event: unknown) => {};
  readonly #stopped: (() => void)[] = [];
  readonly options: MediaRecorderOptions;
  constructor(_stream: unknown, options: MediaRecorderOptions) {
    this.options = options;
    FakeRecorder.all.push(this);
  }
  addEventListener(_type: 'stop', listener: () => void): void {
    this.#stopped.push(listener);
  }
  start(): void {
    this.state = 'recording';
  }
  give(bytes: number): void {
    this.ondataavailable({ data: new Blob([new Uint8Array(bytes)]) });
  }
  stop(): void {
    this.state = 'inactive';
    this.give(1);
    this.onstop();
    for (const listener of this.#stopped) listener();
  }
}

let saved: { name: string; bytes: number }[];
let events: string[];
let stopped: number;
let recorder: Recorder;

beforeEach(() => {
  vi.useFakeTimers();
  FakeRecorder.all = [];
  saved = [];
  events = [];
  stopped = 0;
  const blobs = new Map<string, Blob>();
  const context = { drawImage: () => {} };
  const track = { stop: () => void stopped++ };
  const canvas = () => ({ getContext: () => context, captureStream: () => ({ getTracks: () => [track] }) });
  const link = () => ({
    href: '',
    download: '',
    click(): void {
      saved.push({ name: this.download, bytes: blobs.get(this.href)?.size ?? 0 });
    },
  });
  vi.stubGlobal('MediaRecorder', FakeRecorder);
  vi.stubGlobal('document', { createElement: (name: string) => (name === 'canvas' ? canvas() : link()) });
  vi.spyOn(URL, 'createObjectURL').mockImplementation((blob) => {
    const url = `blob:${blobs.size}`;
    blobs.set(url, blob as Blob);
    return url;
  });
  const video = {
    videoWidth: 640,
    videoHeight: 360,
    requestVideoFrameCallback: () => 1,
    cancelVideoFrameCallback() {},
  };
  recorder = new Recorder({
    video: video as unknown as HTMLVideoElement,
    audio: {} as HTMLAudioElement,
    game: () => 'arena',
    onState: (isRecording) => events.push(isRecording ? 'begun' : 'ended'),
    onSaved: (isLast) => events.push(isLast ? 'saved' : 'part'),
    onError: (message) => events.push(`error: ${message}`),
    partBytesMax: 1000,
  });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe('a recording that stays in memory', () => {
  test('it is saved in parts of a size that memory can hold, and goes on in the next one', async () => {
    await recorder.start();
    at(FakeRecorder.all, 0).give(999);
    await vi.advanceTimersByTimeAsync(0);
    expect([saved, FakeRecorder.all.length]).toEqual([[], 1]);
    at(FakeRecorder.all, 0).give(1);
    await vi.advanceTimersByTimeAsync(0);
    expect([saved.map(({ bytes }) => bytes), FakeRecorder.all.length, recorder.isRecording]).toEqual([[1001], 2, true]);
    at(FakeRecorder.all, 1).give(10);
    await recorder.stop();
    expect(saved.map(({ bytes }) => bytes)).toEqual([1001, 11]);
    expect(saved.map(({ name }) => name.slice(-5))).toEqual(['.webm', '.webm']);
    expect([events, stopped, FakeRecorder.all.length]).toEqual([['begun', 'part', 'ended', 'saved'], 1, 2]);
  });

  test('a second start while one runs changes nothing', async () => {
    await Promise.all([recorder.start(), recorder.start()]);
    await recorder.start();
    expect([FakeRecorder.all.length, events]).toEqual([1, ['begun']]);
  });
});

describe('a recording to a file', () => {
  test('a full disk ends it, and the player learns why', async () => {
    const write = async () => {
      throw new Error('the disk is full');
    };
    const stream = { write, close: async () => {} };
    vi.stubGlobal('showSaveFilePicker', async () => ({ createWritable: async () => stream }));
    await recorder.start();
    at(FakeRecorder.all, 0).give(10);
    await vi.advanceTimersByTimeAsync(0);
    expect(events.slice(0, 3)).toEqual(['begun', 'ended', 'error: the disk is full']);
    expect([recorder.isRecording, at(FakeRecorder.all, 0).state, saved]).toEqual([false, 'inactive', []]);
  });

  test('it is not divided, however large it is', async () => {
    let bytes = 0;
    const write = async (piece: Blob) => {
      bytes += piece.size;
    };
    const stream = { write, close: async () => {} };
    vi.stubGlobal('showSaveFilePicker', async () => ({ createWritable: async () => stream }));
    await recorder.start();
    for (let piece = 0; piece < 10; piece++) at(FakeRecorder.all, 0).give(1000);
    await recorder.stop();
    expect([bytes, FakeRecorder.all.length, events]).toEqual([10_001, 1, ['begun', 'ended', 'saved']]);
  });

  test('the bitrate follows the size of the picture, within bounds', async () => {
    await recorder.start();
    expect(at(FakeRecorder.all, 0).options.videoBitsPerSecond).toBe(2_000_000);
  });
});
