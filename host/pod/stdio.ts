import { closeSync, constants, createWriteStream, fstatSync, openSync, type WriteStream } from 'node:fs';
import { Socket } from 'node:net';
import { TaskError } from './tasks.ts';

/** What may wait for a reader; more is dropped, so that nobody's silence makes a game grow or wait. */
const WAITING_BYTES_MAX = 1 << 20;
/** For a reader to come after the end. */
const READER_MS_MAX = 10_000;
const READER_MS = 5;
const APPEND = constants.O_CREAT | constants.O_APPEND;

/** Where a task's output goes. */
export interface Output {
  /** Never waits. */
  write(text: string | Uint8Array): void;
  /** Writes out what waits, then closes. Idempotent. */
  close(): void;
}

/** Discards. */
export const nowhere: Output = { write() {}, close() {} };

/**
 * Opens the FIFO (or file) that containerd named for an output; an empty path discards.
 * @throws TaskError where it cannot be opened, or is a URI of a logging program
 */
export function openOutput(path: string): Output {
  if (path === '') return nowhere;
  const file = path.startsWith('file://') ? decodeURIComponent(new URL(path).pathname) : path;
  if (/^[a-z]+:\/\//.test(file))
    throw new TaskError('unimplemented', `output ${file} is neither a FIFO nor a file; log drivers are not offered`);
  try {
    // Opened for writing alone, a FIFO would wait for its reader; open on both sides, it never breaks either.
    const fd = openSync(file, constants.O_RDWR | constants.O_NONBLOCK | (file === path ? 0 : APPEND), 0o640);
    // libuv waits for room in a FIFO on the event loop, and for a file on a worker.
    return fstatSync(fd).isFIFO()
      ? new StreamOutput(new Socket({ fd, readable: false, writable: true }), file)
      : new StreamOutput(createWriteStream('', { fd }));
  } catch (cause) {
    throw new TaskError('notFound', `output ${file} cannot be opened: ${(cause as Error).message}`, { cause });
  }
}

class StreamOutput implements Output {
  readonly #stream: WriteStream | Socket;
  #dropped = 0;
  #closed = false;
  readonly #fifo: string | undefined;

  constructor(stream: WriteStream | Socket, fifo?: string) {
    this.#stream = stream;
    this.#fifo = fifo;
    stream.on('error', () => stream.destroy());
  }

  write(text: string | Uint8Array): void {
    if (this.#closed || this.#stream.destroyed) return;
    if (this.#stream.writableLength > WAITING_BYTES_MAX) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) {
      const message = `${this.#dropped} writes were dropped: nobody read them in time`;
      this.#dropped = 0;
      this.#stream.write(`${JSON.stringify({ level: 'warn', message })}\n`);
    }
    this.#stream.write(text);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#fifo !== undefined) this.#holdOpen(this.#fifo);
    this.#stream.end();
    // Without a reader it would never end.
    setTimeout(() => this.#stream.destroy(), 1000).unref();
  }

  /**
   * A reader who comes only after the end would find no writer, and wait for one for ever: containerd opens the FIFO beside the
   * start, and a short command has ended by then. So somebody writes until somebody reads.
   */
  #holdOpen(path: string): void {
    try {
      const held = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      const end = performance.now() + READER_MS_MAX;
      this.#stream.once('close', () => awaitReader(path, held, end));
    } catch {
      // The FIFO is gone, and with it who would read.
    }
  }
}

/** fifo(7): to open it for writing alone fails with ENXIO while nobody has it open for reading. */
function awaitReader(path: string, held: number, end: number): void {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO' && performance.now() < end) {
      setTimeout(() => awaitReader(path, held, end), READER_MS).unref();
      return;
    }
  }
  closeSync(held);
}
