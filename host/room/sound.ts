import { AUDIO_RATE } from '../../renderer/contract/abi.ts';
import type { AudioEncoder } from '../audio/encoder.ts';
import type { Clock } from '../base/clock.ts';
import { Samples } from '../base/samples.ts';
import { CHANNELS, PACKET_FRAMES } from '../base/sound.ts';
import type { AudioInfo } from '../stream/player.ts';

/** Takes what one player hears: the connection to the player's page, or the loudspeaker of a browser tab. */
export interface PlayerSound {
  readonly stats: Readonly<Record<string, number | Samples>>;
  /** Takes the sound of one tick, left and right of each frame in turn. The samples are valid during the call only. */
  play(samples: Float32Array): void;
  /** Says that so many frames of the game's time were left out. */
  skip(frames: number): void;
  close(): Promise<void>;
}

/**
 * Sound that begins in the middle, after the page was muted or the game had left something out, becomes loud in this many frames: 5 ms. A
 * wave that begins with a step would be heard as a click.
 */
const FADE_FRAMES = 240;
/** Packets that have space, the one that is being filled included. The longest tick (AUDIO_FRAMES_MAX) has ten. */
const WAITING_MAX = 12;

export interface SoundStreamOptions {
  encoder: AudioEncoder;
  clock: Clock;
  /** Sends a packet of Opus to the player's page. @returns false if it was dropped */
  send(packet: Uint8Array, info: AudioInfo): boolean;
  /** Called once, when the audio encoder fails. The player hears nothing from then on. */
  onError(error: unknown): void;
}

/** Sound that waits for the audio encoder. */
interface Waiting {
  readonly samples: Float32Array;
  rtpTimestamp: number;
  /** Whether something was left out before it. */
  isAfterGap: boolean;
}

const SILENCE = new Float32Array(PACKET_FRAMES * CHANNELS);

/**
 * Joins the sound of ticks to packets, encodes and sends them. The timestamps count frames of the game's time, so they follow
 * its ticks without any drift. Late packets are dropped, never queued.
 */
export class SoundStream implements PlayerSound {
  readonly stats = {
    /** Packets that were sent. */
    packets: 0,
    dropped: 0,
    /** Encoded bytes that were sent. */
    bytes: 0,
    encodeMs: new Samples(),
  };
  readonly #options: SoundStreamOptions;
  readonly #ring: Waiting[] = Array.from({ length: WAITING_MAX }, () => ({
    samples: new Float32Array(PACKET_FRAMES * CHANNELS),
    rtpTimestamp: 0,
    isAfterGap: false,
  }));
  /** Numbers of the packet that is being filled and of the oldest that waits; packet n is in slot n % WAITING_MAX. */
  #filling = 0;
  #oldest = 0;
  /** Samples in the packet that is being filled. */
  #filled = 0;
  /** Number of frames before the packet that is being filled. */
  #position: number;
  /** Number of frames since the sound began again; FADE_FRAMES at the most. */
  #faded = FADE_FRAMES;
  /** Whether something was left out before the packet that is being filled. */
  #hasGap = false;
  #encoding = false;
  #closed = false;

  constructor(options: SoundStreamOptions) {
    this.#options = options;
    // A player who stays for the next game gets another stream, whose timestamps continue about where the last one's ended.
    this.#position = Math.round((options.clock.now() * AUDIO_RATE) / 1000);
  }

  play(samples: Float32Array): void {
    for (let at = 0; at < samples.length; ) {
      const { samples: packet } = this.#slot(this.#filling);
      const count = Math.min(samples.length - at, packet.length - this.#filled);
      packet.set(at === 0 && count === samples.length ? samples : samples.subarray(at, at + count), this.#filled);
      if (this.#faded < FADE_FRAMES) this.#fadeIn(packet.subarray(this.#filled, this.#filled + count));
      this.#filled += count;
      at += count;
      if (this.#filled === packet.length) this.#finishPacket();
    }
  }

  skip(frames: number): void {
    this.#position += this.#filled / CHANNELS + frames;
    this.#filled = this.#faded = 0;
    this.#hasGap = true;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#options.encoder.close();
  }

  #fadeIn(samples: Float32Array): void {
    for (let at = 0; at < samples.length; at++)
      samples[at] = (samples[at] ?? 0) * Math.min(1, (this.#faded + Math.floor(at / CHANNELS)) / FADE_FRAMES);
    this.#faded = Math.min(FADE_FRAMES, this.#faded + samples.length / CHANNELS);
  }

  #finishPacket(): void {
    const slot = this.#slot(this.#filling);
    slot.rtpTimestamp = this.#position % 2 ** 32;
    slot.isAfterGap = this.#hasGap;
    this.#hasGap = false;
    this.#filling++;
    this.#filled = 0;
    this.#position += PACKET_FRAMES;
    // The packet to fill next takes the slot of the oldest one.
    if (this.#filling - this.#oldest === WAITING_MAX) {
      this.#oldest++;
      this.stats.dropped++;
    }
    if (!this.#encoding && !this.#closed) void this.#encodeAll();
  }

  async #encodeAll(): Promise<void> {
    const { encoder, clock, send, onError } = this.#options;
    this.#encoding = true;
    try {
      while (this.#oldest < this.#filling && !this.#closed) {
        const { samples, rtpTimestamp, isAfterGap } = this.#slot(this.#oldest++);
        const begun = clock.now();
        // The audio encoder still holds a little of the sound before the gap, which must not be heard now.
        if (isAfterGap) await encoder.encode(SILENCE);
        const packet = await encoder.encode(samples);
        this.stats.encodeMs.add(clock.now() - begun);
        if (this.#closed) return;
        if (packet === undefined || !send(packet, { rtpTimestamp })) {
          this.stats.dropped++;
          continue;
        }
        this.stats.packets++;
        this.stats.bytes += packet.length;
      }
      this.#encoding = false;
    } catch (error) {
      // `#encoding` stays true, so nothing more is encoded.
      if (!this.#closed) onError(error);
    }
  }

  #slot(packet: number): Waiting {
    return this.#ring[packet % WAITING_MAX] as Waiting;
  }
}
