import { readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { LIMITS } from '../limits.ts';
import type { Value } from './value.ts';

const DATA_URI = /^data:([^,;]*)((?:;[^,;]*)*),/;

/** Reads what a model refers to by URI: data URIs, and files in the folder of the model and its subfolders. */
export class Resources {
  readonly #folder: string | undefined;
  #bytes = 0;

  /** @param folder the model's folder; if it is undefined, only data URIs can be read */
  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  /** Total size in bytes of the files that have been read. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Reads the file or the data URI that a URI of the model stands for.
   * @throws NearlightError NL_MODEL with the place of the URI
   */
  async read(uri: Value): Promise<Uint8Array> {
    const text = uri.text();
    return text.startsWith('data:') ? readData(uri, text) : this.#readFile(uri, text);
  }

  async #readFile(uri: Value, text: string): Promise<Uint8Array> {
    if (this.#folder === undefined) uri.fail('refers to a file, but the model was given without a folder');
    if (/^[a-z][a-z0-9+.-]*:|^[/\\]|\0/i.test(text)) uri.fail('is not a relative path');
    const path = join(this.#folder, decode(uri, text));
    if (path.includes('\0')) uri.fail('is not a relative path');
    try {
      const [folder, file] = await Promise.all([realpath(this.#folder), realpath(path)]);
      if (!file.startsWith(folder + sep)) uri.fail("leads outside the model's folder");
      const { size } = await stat(file);
      if (size > LIMITS.fileBytes)
        uri.fail(`refers to a file of ${size} bytes, more than the ${LIMITS.fileBytes} allowed`);
      this.#bytes += size;
      return await readFile(file);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === undefined || code.startsWith('NL_')) throw cause;
      return uri.fail(`refers to a file that cannot be read: ${code}`);
    }
  }
}

function decode(uri: Value, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return uri.fail('contains an invalid % escape');
  }
}

function readData(uri: Value, text: string): Uint8Array {
  const [head, , parameters = ''] = DATA_URI.exec(text.slice(0, 256)) ?? uri.fail('is not a valid data URI');
  const body = text.slice(head.length);
  if (parameters.endsWith(';base64')) return new Uint8Array(Buffer.from(body, 'base64'));
  return new TextEncoder().encode(decode(uri, body));
}
