import { ABI_VERSION, INPUT_STRIDE, PADS_STRIDE, REPLY_WORDS } from '../../renderer/contract/abi.ts';
import * as format from './format.ts';

/** Takes the bytes of a recording. Neither function throws, because a game must go on even if its recording fails. */
export interface Sink {
  /** Appends bytes to the recording. The sink becomes their owner. */
  write(bytes: Uint8Array): void;
  /** Closes the recording. Resolves when all bytes are written. May be called again. */
  close(): Promise<void>;
}

const BUFFER_BYTES = 65_536;
/** Length in bytes of the longest record, except saved states and memory writes, which bypass the buffer. */
const RECORD_BYTES_MAX = 3 + 3 * Math.max(INPUT_STRIDE, PADS_STRIDE);
/** Up to this many unchanged bytes between two changed ones are cheaper inside one run than as a gap between two runs. */
const GAP_BYTES = 2;

/** Encodes a session in the format of format.ts. Passes the bytes to the sink once per second of the game's time. */
export class RecordingWriter {
  readonly #sink: Sink;
  readonly #bytes = new Uint8Array(BUFFER_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  #length = 0;
  readonly #tickRate: number;
  readonly #inputs: SeatRecords;
  readonly #pads: SeatRecords;
  /** For each seat the size of its last picture, as width << 16 | height; 0 before the first. */
  readonly #sizes: Uint32Array;
  #nextTick = 0;
  #ticks = 0;
  #ended = false;

  constructor(header: format.SessionHeader, sink: Sink) {
    this.#sink = sink;
    this.#tickRate = header.tickRate;
    this.#inputs = seatRecords(format.RECORD_INPUT, header.seats, INPUT_STRIDE);
    this.#pads = seatRecords(format.RECORD_PADS, header.seats, PADS_STRIDE);
    this.#sizes = new Uint32Array(header.seats);
    this.#header(header);
    this.flush();
  }

  join(seat: number): void {
    this.#begin(format.RECORD_JOIN);
    this.#byte(seat);
  }

  leave(seat: number): void {
    this.#begin(format.RECORD_LEAVE);
    this.#byte(seat);
  }

  restore(state: Uint8Array): void {
    this.#begin(format.RECORD_RESTORE);
    this.#large(state);
  }

  importPlayer(seat: number, state: Uint8Array): void {
    this.#begin(format.RECORD_IMPORT);
    this.#byte(seat);
    this.#large(state);
  }

  write(address: number, bytes: Uint8Array): void {
    this.#begin(format.RECORD_WRITE);
    this.#word(address);
    this.#large(bytes);
  }

  tick(tick: number): void {
    if (tick === this.#nextTick) this.#begin(format.RECORD_TICK);
    else {
      this.#begin(format.RECORD_TICK_AT);
      this.#word(tick);
    }
    this.#nextTick = (tick + 1) >>> 0;
    if (++this.#ticks % this.#tickRate === 0) this.flush();
  }

  render(seat: number, width: number, height: number): void {
    const size = ((width << 16) | height) >>> 0;
    const again = this.#sizes[seat] === size;
    this.#begin(again ? format.RECORD_RENDER_AGAIN : format.RECORD_RENDER);
    this.#byte(seat);
    if (!again) {
      this.#half(width);
      this.#half(height);
    }
    this.#sizes[seat] = size;
  }

  reply(record: ArrayLike<number>): void {
    let count = Math.min(record.length, REPLY_WORDS);
    while (count > 1 && !record[count - 1]) count--;
    this.#begin(format.RECORD_REPLY);
    this.#byte(count);
    for (let word = 0; word < count; word++) this.#word(record[word] ?? 0);
  }

  /** Writes the changes in the input records of all seats. @param words and bytes are views of the same memory */
  inputs(words: Uint32Array, bytes: Uint8Array): void {
    this.#changes(this.#inputs, words, bytes);
  }

  /** Writes the changes in the records of all gamepads. @param words and bytes are views of the same memory */
  pads(words: Uint32Array, bytes: Uint8Array): void {
    this.#changes(this.#pads, words, bytes);
  }

  /** Writes the end of the recording. Everything after it is ignored. May be called again. */
  end(): void {
    this.#begin(format.RECORD_END);
    this.flush();
    this.#ended = true;
  }

  /** Passes the buffered bytes of the recording to the sink. */
  flush(): void {
    if (this.#length > 0) this.#send(this.#bytes.slice(0, this.#length));
    this.#length = 0;
  }

  /** Passes bytes of any length directly to the sink, without the buffer. */
  #large(bytes: Uint8Array): void {
    this.#word(bytes.length);
    this.flush();
    this.#send(bytes.slice());
  }

  #send(bytes: Uint8Array): void {
    if (!this.#ended) this.#sink.write(bytes);
  }

  #header({ name, module, assets, seed, tickRate, seats, gpu }: format.SessionHeader): void {
    const text = new TextEncoder().encode(name).subarray(0, format.NAME_BYTES_MAX);
    const words = [format.MAGIC, format.VERSION, ABI_VERSION, tickRate, seats, seed, Math.floor(seed / 2 ** 32)];
    for (const word of words) this.#word(word);
    this.#copy(module);
    this.#copy(assets);
    const limits = Array.from(gpu?.limits ?? []).slice(0, format.LIMITS_MAX);
    for (const word of [text.length, gpu?.features ?? 0, limits.length, ...limits]) this.#word(word);
    this.#copy(text);
  }

  #changes(records: SeatRecords, words: Uint32Array, bytes: Uint8Array): void {
    const { stride, knownWords } = records;
    for (let word = 0; word < words.length; word++) {
      if (words[word] === knownWords[word]) continue;
      const seat = Math.floor((word * 4) / stride);
      this.#change(records, seat, bytes);
      word = ((seat + 1) * stride) / 4 - 1;
    }
  }

  /** Writes the change of one seat's record as runs of changed bytes. */
  #change({ kind, stride, known }: SeatRecords, seat: number, bytes: Uint8Array): void {
    const start = seat * stride;
    const end = start + stride;
    this.#begin(kind);
    this.#byte(seat);
    const count = this.#length;
    this.#byte(0);
    let runs = 0;
    for (let at = start; ; runs++) {
      let first = at;
      while (first < end && bytes[first] === known[first]) first++;
      if (first === end) break;
      let last = first;
      for (let next = first; next < end && next <= last + GAP_BYTES + 1; next++)
        if (bytes[next] !== known[next]) last = next;
      this.#byte(first - at);
      this.#byte(last + 1 - first);
      this.#copy(bytes.subarray(first, last + 1));
      at = last + 1;
    }
    this.#bytes[count] = runs;
    known.set(bytes.subarray(start, end), start);
  }

  #begin(kind: number): void {
    if (this.#length + RECORD_BYTES_MAX > BUFFER_BYTES) this.flush();
    this.#byte(kind);
  }

  #byte(value: number): void {
    this.#bytes[this.#length++] = value;
  }

  #half(value: number): void {
    this.#view.setUint16(this.#length, value, true);
    this.#length += 2;
  }

  #word(value: number): void {
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  #copy(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }
}

/** The records of one kind that each seat has, as the recording has them so far. */
interface SeatRecords {
  /** Kind of the record that writes their changes. */
  readonly kind: number;
  /** Size of one seat's record in bytes. */
  readonly stride: number;
  readonly known: Uint8Array;
  readonly knownWords: Uint32Array;
}

function seatRecords(kind: number, seats: number, stride: number): SeatRecords {
  const known = new Uint8Array(seats * stride);
  return { kind, stride, known, knownWords: new Uint32Array(known.buffer) };
}
