const FIXED_BYTES = 12;
const ONE_BYTE_PROFILE = 0xbede;
const RECOVERY_BYTES = 12;
const STREAM_BYTES = 6;

interface Repair {
  /** Sequence numbers of the packets that it protects. */
  sequences: number[];
  /** The exclusive ors of the first four bytes of the headers, of the timestamps, and of the rest of the packets. */
  head: Buffer;
  timestamp: number;
  rest: Buffer;
}

export interface DecoderOptions {
  ssrc: number;
  repairSsrc: number;
  /** Ids of the header extensions that are written when a packet is sent. */
  mutableIds: readonly number[];
}

/**
 * Computes packets that are missing from repair packets (draft-ietf-payload-flexible-fec-scheme-03, 6.3). Written from the document
 * alone, for tests of the writer.
 */
export class FlexFecDecoder {
  readonly #options: DecoderOptions;
  readonly #packets = new Map<number, Buffer>();
  readonly #repairs: Repair[] = [];
  /** Recovered packets, by their sequence numbers. */
  readonly recovered = new Map<number, Buffer>();

  constructor(options: DecoderOptions) {
    this.#options = options;
  }

  /** Takes a packet of either stream. */
  add(packet: Buffer): void {
    const ssrc = packet.readUInt32BE(8);
    if (ssrc === this.#options.ssrc) this.#packets.set(packet.readUInt16BE(2), this.#cleared(packet));
    else if (ssrc === this.#options.repairSsrc) this.#repairs.push(this.#read(packet.subarray(headerBytes(packet))));
    while (this.#repairs.some((repair) => this.#recover(repair))) {}
  }

  #read(payload: Buffer): Repair {
    const first = payload.readUInt8(0);
    if (first & 0xc0) throw new Error('not a flexible mask');
    if (payload.readUInt32BE(8) !== 0x01000000) throw new Error('not one protected stream, or reserved bits are set');
    if (payload.readUInt32BE(12) !== this.#options.ssrc) throw new Error('another stream is protected');
    const base = payload.readUInt16BE(16);
    const { bits, bytes } = readMask(payload.subarray(RECOVERY_BYTES + STREAM_BYTES));
    return {
      sequences: bits.map((bit) => (base + bit) & 0xffff),
      head: payload.subarray(0, 4),
      timestamp: payload.readUInt32BE(4),
      rest: payload.subarray(RECOVERY_BYTES + STREAM_BYTES + bytes),
    };
  }

  /** @returns whether a packet was recovered */
  #recover({ sequences, head, timestamp, rest }: Repair): boolean {
    const missing = sequences.filter((sequence) => !this.#packets.has(sequence));
    const [sequence] = missing;
    if (sequence === undefined || missing.length > 1) return false;
    const packet = Buffer.alloc(FIXED_BYTES + rest.length);
    rest.copy(packet, FIXED_BYTES);
    let [first, second, length, time] = [head.readUInt8(0), head.readUInt8(1), head.readUInt16BE(2), timestamp];
    for (const other of sequences) {
      const present = this.#packets.get(other);
      if (!present) continue;
      first ^= present.readUInt8(0) & 0x3f;
      second ^= present.readUInt8(1);
      length ^= present.length - FIXED_BYTES;
      time ^= present.readUInt32BE(4);
      for (let at = FIXED_BYTES; at < present.length; at++)
        packet.writeUInt8(packet.readUInt8(at) ^ present.readUInt8(at), at);
    }
    packet.set([0x80 | first, second]);
    packet.writeUInt16BE(sequence, 2);
    packet.writeUInt32BE(time >>> 0, 4);
    packet.writeUInt32BE(this.#options.ssrc, 8);
    const whole = packet.subarray(0, FIXED_BYTES + length);
    if (whole.length !== FIXED_BYTES + length) throw new Error('the recovered length is too large');
    this.#packets.set(sequence, whole);
    this.recovered.set(sequence, whole);
    return true;
  }

  /** Returns a copy of a packet in which the extensions that are written late are 0. */
  #cleared(packet: Buffer): Buffer {
    const copy = Buffer.from(packet);
    const end = headerBytes(copy);
    if (end === FIXED_BYTES || copy.readUInt16BE(FIXED_BYTES) !== ONE_BYTE_PROFILE) return copy;
    for (let at = FIXED_BYTES + 4; at < end; ) {
      const byte = copy.readUInt8(at);
      if (byte === 0) {
        at++;
        continue;
      }
      const bytes = (byte & 15) + 1;
      if (this.#options.mutableIds.includes(byte >> 4)) copy.fill(0, at + 1, at + 1 + bytes);
      at += 1 + bytes;
    }
    return copy;
  }
}

function headerBytes(packet: Buffer): number {
  if ((packet.readUInt8(0) & 0x10) === 0) return FIXED_BYTES;
  return FIXED_BYTES + 4 + 4 * packet.readUInt16BE(FIXED_BYTES + 2);
}

/** Reads a mask of 15, 46 or 109 bits, which a bit of each part says. */
function readMask(mask: Buffer): { bits: number[]; bytes: number } {
  const bits: number[] = [];
  let bit = 0;
  let start = 0;
  for (const bytes of [2, 4, 8]) {
    for (let at = 1; at < bytes * 8; at++, bit++)
      if ((mask.readUInt8(start + (at >> 3)) >> (7 - (at & 7))) & 1) bits.push(bit);
    const isLast = mask.readUInt8(start) & 0x80;
    start += bytes;
    if (isLast) return { bits, bytes: start };
  }
  throw new Error('the mask has no end');
}
