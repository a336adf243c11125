import { randomInt } from 'node:crypto';
import { FLEXFEC_BYTES, writeRepair } from './rtp/flexfec.ts';
import { RTP_BYTES_MAX, type RtpHeaders } from './rtp/header.ts';
import type { PacketStore } from './rtp/packet-store.ts';
import { BLOCK_PACKETS_MAX, columnsOf } from './rtp/repair-code.ts';

/** Most repair packets that wait to be sent, and the memory of each. */
const SLOTS = 64;
const SLOT_BYTES = RTP_BYTES_MAX + 4;

export interface RepairsOptions {
  headers: RtpHeaders;
  /** Holds the packets of the video. */
  store: PacketStore;
  /** RTP payload type and SSRC of the repair packets. */
  payloadType: number;
  ssrc: number;
  /** SSRC of the video. */
  mediaSsrc: number;
}

/** The packets of one frame. */
export interface FramePackets {
  /** Count of the first packet, which does not wrap, and number of packets. */
  first: number;
  count: number;
  rtpTimestamp: number;
}

/**
 * Makes repair packets (FlexFEC) from which the page computes packets that it misses, and holds them until they are sent. They have
 * an SSRC and sequence numbers of their own, so the loss of one leaves no gap in the video.
 */
export class Repairs {
  readonly #options: RepairsOptions;
  readonly #memory = Buffer.alloc(SLOTS * SLOT_BYTES);
  readonly #lengths = new Uint16Array(SLOTS);
  /** Count of the video's packets that must have been sent before the repair packet. */
  readonly #after = new Float64Array(SLOTS);
  // Counts of repair packets, which do not wrap.
  #next = 0;
  #end = 0;
  readonly #sequence = randomInt(2 ** 15);
  readonly #block: Buffer[] = [];
  readonly #fields = { payloadType: 0, marker: false, sequence: 0, timestamp: 0, ssrc: 0 };
  readonly #protected = { ssrc: 0, sequence: 0, mask: 0 };

  constructor(options: RepairsOptions) {
    this.#options = options;
  }

  /** Returns by how much a repair packet with these headers is longer than the longest packet that it protects. */
  static extraBytes(headers: RtpHeaders): number {
    return headers.bytes + FLEXFEC_BYTES;
  }

  get isWaiting(): boolean {
    return this.#next !== this.#end;
  }

  /**
   * Makes the repair packets of a frame that is packetized but not sent yet.
   * @param repairsOf returns the number of repair packets for a block of packets
   * @returns their bytes
   */
  add({ first, count, rtpTimestamp }: Readonly<FramePackets>, repairsOf: (packets: number) => number): number {
    let bytes = 0;
    let at = first;
    for (let blocks = Math.ceil(count / BLOCK_PACKETS_MAX); blocks > 0; blocks--) {
      const packets = Math.ceil((first + count - at) / blocks);
      if (this.#load(at, packets))
        bytes += this.#protect(at, { repairs: repairsOf(packets), rtpTimestamp, after: first + count });
      at += packets;
    }
    return bytes;
  }

  /** Takes out the next repair packet, if `sent` packets of the video were sent. It is valid until the next call of `add`. */
  next(sent: number): Buffer | undefined {
    const slot = this.#next % SLOTS;
    if (this.#next === this.#end || (this.#after[slot] ?? 0) > sent) return undefined;
    this.#next++;
    return this.#view(slot);
  }

  #load(first: number, packets: number): boolean {
    this.#block.length = 0;
    for (let count = first; count < first + packets; count++) {
      const packet = this.#options.store.find(count & 0xffff);
      if (!packet) return false;
      this.#block.push(packet);
    }
    return true;
  }

  #protect(
    first: number,
    { repairs, rtpTimestamp, after }: { repairs: number; rtpTimestamp: number; after: number },
  ): number {
    const { headers, payloadType, ssrc, mediaSsrc } = this.#options;
    const columns = columnsOf(repairs);
    const fields = this.#fields;
    const protectedPackets = this.#protected;
    Object.assign(fields, { payloadType, ssrc, timestamp: rtpTimestamp });
    protectedPackets.ssrc = mediaSsrc;
    protectedPackets.sequence = first & 0xffff;
    let bytes = 0;
    for (let repair = 0; repair < repairs && this.#end - this.#next < SLOTS; repair++) {
      const slot = this.#end % SLOTS;
      this.#lengths[slot] = SLOT_BYTES;
      const packet = this.#view(slot);
      fields.sequence = (this.#sequence + this.#end) & 0xffff;
      headers.write(packet, fields);
      protectedPackets.mask = 0;
      for (let index = 0; index < this.#block.length; index++)
        protectedPackets.mask |= (((columns[index] ?? 0) >> repair) & 1) << index;
      if (protectedPackets.mask === 0) continue;
      const length = headers.bytes + writeRepair(packet.subarray(headers.bytes), this.#block, protectedPackets);
      this.#lengths[slot] = length;
      this.#after[slot] = after;
      this.#end++;
      bytes += length;
    }
    return bytes;
  }

  #view(slot: number): Buffer {
    const start = slot * SLOT_BYTES;
    return this.#memory.subarray(start, start + (this.#lengths[slot] ?? 0));
  }
}
