import { closeSync, constants, createWriteStream, fstatSync, openSync, type WriteStream } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { losses } from '../base/losses.ts';
import { TaskError } from './tasks.ts';

/**
 * How many bytes of a container's output may wait for a reader. Further output is dropped, so that a reader that has stopped
 * reading neither blocks the game nor fills memory.
 */
const WAITING_BYTES_MAX = 1 << 20;
/** How long an output FIFO stays open after its last output if no reader has opened it. */
const READER_MS_MAX = 10_000;
const READER_POLL_MS = 5;
/** How long output that is waiting at close() may take to be written. */
const FLUSH_MS_MAX = 1000;
const APPEND = constants.O_CREAT | constants.O_APPEND;

/** The standard output or error of a container or of a command in it. */
export interface Output {
  /** Writes without blocking, and drops the text if too much is waiting already. */
  write(text: string | Uint8Array): void;
  /** Writes the output that is waiting, then closes. Further calls do nothing. */
  close(): void;
}

/** An output that discards everything. */
export const discard: Output = { write() {}, close() {} };

/**
 * Opens the FIFO or file that containerd named for an output. An empty path discards the output.
 * @param open opens a file as openSync does
 * @param openWriter opens a FIFO later than `open`
 * @throws TaskError if it cannot be opened, or if it is the URI of a logging program
 */
export function openOutput(path: string, open: OpenFile = openSync, openWriter?: OpenWriter): Output {
  if (path === '') return discard;
  const file = path.startsWith('file://') ? decodeURIComponent(new URL(path).pathname) : path;
  if (/^[a-z]+:\/\//.test(file))
    throw new TaskError('unimplemented', `output ${file} is neither a FIFO nor a file; log drivers are not supported`);
  try {
    // A FIFO that is opened only for writing needs a reader at once, and breaks when the reader leaves. A FIFO that is opened
    // for reading as well needs none.
    const fd = open(file, constants.O_RDWR | constants.O_NONBLOCK | (file === path ? 0 : APPEND), 0o640);
    // A Socket, which only works for a FIFO, waits for room in the event loop; a WriteStream, for a file, waits on a worker
    // thread.
    return fstatSync(fd).isFIFO()
      ? fifoOutput(fd, openWriter ?? (async () => open(file, constants.O_WRONLY | constants.O_NONBLOCK)))
      : new StreamOutput(createWriteStream('', { fd }));
  } catch (cause) {
    throw new TaskError('notFound', `output ${file} cannot be opened: ${(cause as Error).message}`, { cause });
  }
}

/** Opens a file with flags and a mode as open(2) does. Returns its descriptor. */
type OpenFile = (path: string, flags: number, mode?: number) => number;

/** Opens a FIFO for writing only, which fails with ENXIO if it has no reader (fifo(7)). */
type OpenWriter = () => Promise<number>;

/** Returns an output over a FIFO that is open for reading and writing. */
export function fifoOutput(fd: number, openWriter: OpenWriter): Output {
  return new StreamOutput(new Socket({ fd, readable: false, writable: true }), openWriter);
}

class StreamOutput implements Output {
  readonly #stream: WriteStream | Socket;
  readonly #openWriter: OpenWriter | undefined;
  #dropped = 0;
  #closed = false;

  constructor(stream: WriteStream | Socket, openWriter?: OpenWriter) {
    this.#stream = stream;
    this.#openWriter = openWriter;
    // The log is on a full disk, for example. The host goes on without it, and counts what is lost.
    stream.on('error', () => {
      losses.log++;
      stream.destroy();
    });
  }

  write(text: string | Uint8Array): void {
    if (this.#closed) return;
    if (this.#stream.destroyed) {
      losses.log++;
      return;
    }
    if (this.#stream.writableLength > WAITING_BYTES_MAX) {
      losses.log++;
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) {
      const message = `${this.#dropped} writes were dropped because the reader was too slow`;
      this.#dropped = 0;
      this.#stream.write(`${JSON.stringify({ level: 'warn', message })}\n`);
    }
    this.#stream.write(text);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void this.#holdOpen().finally(() => this.#stream.end());
    // Without a reader of the FIFO, the stream would never end.
    setTimeout(() => this.#stream.destroy(), FLUSH_MS_MAX).unref();
  }

  /**
   * Keeps an output FIFO open for writing until a reader comes. containerd opens it while it starts a process, and a short
   * command may have ended by then; a reader that finds no writer would wait forever.
   */
  async #holdOpen(): Promise<void> {
    const openWriter = this.#openWriter;
    // If the FIFO was removed, no reader will come.
    const held = await openWriter?.().catch(() => undefined);
    if (!openWriter || held === undefined) return;
    const deadline = performance.now() + READER_MS_MAX;
    this.#stream.once('close', () => void closeAfterReader(openWriter, { held, deadline }));
  }
}

/** Closes the descriptor `held` once the FIFO has a reader, or at the deadline. */
async function closeAfterReader(
  openWriter: OpenWriter,
  { held, deadline }: { held: number; deadline: number },
): Promise<void> {
  while (performance.now() < deadline) {
    const { fd, code } = await openWriter().then(
      (fd) => ({ fd, code: undefined }),
      ({ code }: NodeJS.ErrnoException) => ({ fd: undefined, code }),
    );
    if (fd !== undefined) closeSync(fd);
    if (code !== 'ENXIO') break;
    await sleep(READER_POLL_MS, undefined, { ref: false });
  }
  closeSync(held);
}
