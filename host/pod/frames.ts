/**
 * Messages between hosts and the keeper. Each is a header and a body, and both lengths stand before them as u32le. The header is
 * JSON. Frames cost a quarter of what HTTP does for bodies of some hundred kilobytes, and the start of a pod waits for them.
 */
const LENGTHS_BYTES = 8;
const HEADER_BYTES_MAX = 65_536;

export interface Frame<Header> {
  header: Header;
  body: Buffer;
}

/** The received bytes are not a frame, or the body is too long. */
export class FrameError extends Error {
  readonly isTooLong: boolean;
  constructor(message: string, isTooLong = false) {
    super(message);
    this.isTooLong = isTooLong;
  }
}

/** Returns what comes before a frame's body: the lengths and the header. */
export function frameHead(header: object, bodyBytes: number): Buffer {
  const text = Buffer.from(JSON.stringify(header));
  const lengths = Buffer.alloc(LENGTHS_BYTES);
  lengths.writeUInt32LE(text.length, 0);
  lengths.writeUInt32LE(bodyBytes, 4);
  return Buffer.concat([lengths, text]);
}

/** Puts frames together from the chunks of a stream in which each frame is answered before the next one begins. */
export class FrameReader<Header> {
  readonly #bodyBytesMax: number;
  #head: Buffer = Buffer.alloc(0);
  #header: Header | undefined;
  #body: Buffer = Buffer.alloc(0);
  #bodyBytes = 0;

  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** Whether a frame has begun and is not complete. */
  get isWithin(): boolean {
    return this.#head.length > 0 || this.#header !== undefined;
  }

  /** Takes the next chunk, which may be overwritten afterwards. Returns the frame that it completes. @throws FrameError */
  push(chunk: Buffer): Frame<Header> | undefined {
    const rest = this.#header === undefined ? this.#readHead(chunk) : chunk;
    if (this.#header === undefined) return undefined;
    if (this.#bodyBytes + rest.length > this.#body.length)
      throw new FrameError('there are more bytes than the frame has');
    rest.copy(this.#body, this.#bodyBytes);
    this.#bodyBytes += rest.length;
    if (this.#bodyBytes < this.#body.length) return undefined;
    const frame = { header: this.#header, body: this.#body };
    this.#header = undefined;
    this.#body = Buffer.alloc(0);
    this.#bodyBytes = 0;
    return frame;
  }

  /** Reads the lengths and the header if they are complete. Returns the bytes behind them. */
  #readHead(chunk: Buffer): Buffer {
    const head = Buffer.concat([this.#head, chunk]);
    this.#head = head;
    if (head.length < LENGTHS_BYTES) return Buffer.alloc(0);
    const [headerBytes, bodyBytes] = [head.readUInt32LE(0), head.readUInt32LE(4)];
    if (headerBytes > HEADER_BYTES_MAX) throw new FrameError(`a header has ${headerBytes} bytes`);
    if (bodyBytes > this.#bodyBytesMax) throw new FrameError(`a body has ${bodyBytes} bytes`, true);
    const end = LENGTHS_BYTES + headerBytes;
    if (head.length < end) return Buffer.alloc(0);
    this.#header = parse<Header>(head.subarray(LENGTHS_BYTES, end));
    this.#head = Buffer.alloc(0);
    this.#body = Buffer.allocUnsafe(bodyBytes);
    return head.subarray(end);
  }
}

function parse<Header>(text: Buffer): Header {
  let header: unknown;
  try {
    header = JSON.parse(text.toString());
  } catch {
    throw new FrameError('a header is not JSON');
  }
  if (typeof header !== 'object' || header === null) throw new FrameError('a header is not an object');
  return header as Header;
}
