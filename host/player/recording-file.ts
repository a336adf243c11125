import { download } from './download.ts';

/** Takes a recording as it comes, in order. */
export interface RecordingFile {
  /** Number of bytes that were written. */
  readonly bytes: number;
  /** Whether the bytes stay in the page's memory until the end. */
  readonly isInMemory: boolean;
  write(chunk: Blob): Promise<void>;
  /** Completes the file. */
  close(): Promise<void>;
}

type SavePicker = (options: {
  suggestedName: string;
  types: { accept: Record<string, string[]> }[];
}) => Promise<FileSystemFileHandle>;

/**
 * Opens a file for a recording. Where the browser can write to a file, the player chooses one, and the recording may be as long as the
 * disk has room. Elsewhere it stays in memory until it is saved as a download.
 * @param type the recording's media type
 * @returns undefined if the player chooses no file
 */
export async function openRecordingFile(name: string, type: string): Promise<RecordingFile | undefined> {
  const { showSaveFilePicker: pick } = globalThis as { showSaveFilePicker?: SavePicker };
  if (!pick) return new MemoryFile(name, type);
  const [plainType = type] = type.split(';');
  const ending = name.slice(name.lastIndexOf('.'));
  try {
    const handle = await pick({ suggestedName: name, types: [{ accept: { [plainType]: [ending] } }] });
    return new DiskFile(await handle.createWritable());
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return undefined;
    // A page inside another site's page may choose no file.
    return new MemoryFile(name, type);
  }
}

class DiskFile implements RecordingFile {
  readonly isInMemory = false;
  readonly #stream: FileSystemWritableFileStream;
  bytes = 0;

  constructor(stream: FileSystemWritableFileStream) {
    this.#stream = stream;
  }

  async write(chunk: Blob): Promise<void> {
    this.bytes += chunk.size;
    await this.#stream.write(chunk);
  }

  close(): Promise<void> {
    return this.#stream.close();
  }
}

/** A recording that the browser saves as a download when it is complete. */
export class MemoryFile implements RecordingFile {
  readonly isInMemory = true;
  readonly #name: string;
  readonly #type: string;
  readonly #chunks: Blob[] = [];
  bytes = 0;

  constructor(name: string, type: string) {
    this.#name = name;
    this.#type = type;
  }

  async write(chunk: Blob): Promise<void> {
    this.bytes += chunk.size;
    this.#chunks.push(chunk);
  }

  async close(): Promise<void> {
    if (this.bytes > 0) download(new Blob(this.#chunks, { type: this.#type }), this.#name);
  }
}
