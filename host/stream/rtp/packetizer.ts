/** Types of RTP payloads for H.264 (RFC 6184, 5.2). */
const STAP_A = 24;
const FU_A = 28;
const START_BIT = 0x80;
const END_BIT = 0x40;
/** Bits of a NAL unit's first byte: its importance, and its type. */
const IMPORTANCE = 0x60;
const TYPE = 0x1f;
const LENGTH_BYTES = 2;
const FRAGMENT_BYTES = 2;
const START_CODE = Buffer.of(0, 0, 1);

export interface PayloadSink {
  /** Returns the memory for the next packet's payload, exactly `bytes` long. `isLast` tells whether the frame ends with it. */
  open(bytes: number, isLast: boolean): Uint8Array;
}

/** Splits encoded pictures into RTP payloads. */
export interface Packetizer {
  write(unit: Buffer, sink: PayloadSink): void;
}

/** First byte of the first payload of a VP8 frame (RFC 7741, 4.2); that of the others is 0. */
const VP8_BEGIN = 0x10;
const VP8_BYTES = 1;

/** Splits frames of VP8 into RTP payloads of equal length (RFC 7741). */
export class Vp8Packetizer implements Packetizer {
  readonly #bytesMax: number;

  /** @param bytesMax largest payload */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  write(unit: Buffer, sink: PayloadSink): void {
    let offset = 0;
    for (let left = Math.ceil(unit.length / (this.#bytesMax - VP8_BYTES)); left > 0; left--) {
      const bytes = Math.ceil((unit.length - offset) / left);
      const payload = sink.open(VP8_BYTES + bytes, left === 1);
      payload[0] = offset === 0 ? VP8_BEGIN : 0;
      payload.set(unit.subarray(offset, offset + bytes), VP8_BYTES);
      offset += bytes;
    }
  }
}

/**
 * Splits H.264 access units into RTP payloads (RFC 6184, packetization mode 1). Small NAL units that follow each other share a
 * packet, and large ones are split into fragments of equal length.
 */
export class H264Packetizer implements Packetizer {
  readonly #bytesMax: number;
  // The NAL units of the current access unit: first byte, and the byte after the last one.
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  /** @param bytesMax largest payload */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** @param unit access unit in Annex B format. Without a start code nothing is written. */
  write(unit: Buffer, sink: PayloadSink): void {
    this.#findUnits(unit);
    const count = this.#starts.length;
    for (let first = 0; first < count; ) {
      let end = first + 1;
      let bytes = 1 + LENGTH_BYTES + this.#length(first);
      if (this.#length(first) > this.#bytesMax) this.#fragment(unit, first, sink);
      else {
        while (end < count && bytes + LENGTH_BYTES + this.#length(end) <= this.#bytesMax)
          bytes += LENGTH_BYTES + this.#length(end++);
        const isLast = end === count;
        if (end > first + 1) this.#aggregate(unit, { first, end }, sink.open(bytes, isLast));
        else sink.open(this.#length(first), isLast).set(unit.subarray(this.#starts[first], this.#ends[first]));
      }
      first = end;
    }
  }

  #length(index: number): number {
    return (this.#ends[index] ?? 0) - (this.#starts[index] ?? 0);
  }

  #findUnits(unit: Buffer): void {
    this.#starts.length = this.#ends.length = 0;
    for (let code = unit.indexOf(START_CODE); code >= 0; ) {
      const start = code + START_CODE.length;
      code = unit.indexOf(START_CODE, start);
      let end = code < 0 ? unit.length : code;
      // A start code of four bytes begins with a zero, and zeros may follow a NAL unit. A NAL unit itself never ends with one.
      while (end > start && unit[end - 1] === 0) end--;
      if (end === start) continue;
      this.#starts.push(start);
      this.#ends.push(end);
    }
  }

  #aggregate(unit: Buffer, { first, end }: { first: number; end: number }, payload: Uint8Array): void {
    let importance = 0;
    let offset = 1;
    for (let index = first; index < end; index++) {
      const start = this.#starts[index] ?? 0;
      const bytes = this.#length(index);
      importance = Math.max(importance, (unit[start] ?? 0) & IMPORTANCE);
      payload[offset] = bytes >> 8;
      payload[offset + 1] = bytes & 255;
      payload.set(unit.subarray(start, start + bytes), offset + LENGTH_BYTES);
      offset += LENGTH_BYTES + bytes;
    }
    payload[0] = importance | STAP_A;
  }

  #fragment(unit: Buffer, index: number, sink: PayloadSink): void {
    const start = this.#starts[index] ?? 0;
    const end = this.#ends[index] ?? 0;
    const head = unit[start] ?? 0;
    const isLast = index === this.#starts.length - 1;
    // The first byte of the NAL unit is not sent as such. The fragments' two bytes replace it.
    let offset = start + 1;
    for (let left = Math.ceil((end - offset) / (this.#bytesMax - FRAGMENT_BYTES)); left > 0; left--) {
      const bytes = Math.ceil((end - offset) / left);
      const payload = sink.open(FRAGMENT_BYTES + bytes, isLast && left === 1);
      payload[0] = (head & ~TYPE) | FU_A;
      payload[1] = (offset === start + 1 ? START_BIT : 0) | (left === 1 ? END_BIT : 0) | (head & TYPE);
      payload.set(unit.subarray(offset, offset + bytes), FRAGMENT_BYTES);
      offset += bytes;
    }
  }
}
