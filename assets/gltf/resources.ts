import { readFile, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { limits } from '../limits.ts';
import type { Value } from './value.ts';

const DATA_URI = /^data:([^,;]*)((?:;[^,;]*)*),/;

/** Reads what a model refers to by URI: data URIs, and files in the model's own folder or below it. */
export class Resources {
  readonly #folder: string | undefined;
  #bytes = 0;

  /** @param folder of the model; without one, only data URIs can be read */
  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  /** Bytes of files read so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws NearlightError NL_MODEL naming the URI's place */
  async read(uri: Value): Promise<Uint8Array> {
    const text = uri.text();
    return text.startsWith('data:') ? readData(uri, text) : this.#readFile(uri, text);
  }

  async #readFile(uri: Value, text: string): Promise<Uint8Array> {
    if (this.#folder === undefined) uri.fail('refers to a file, but the model has no folder');
    if (/^[a-z][a-z0-9+.-]*:|^[/\\]|\0/i.test(text)) uri.fail('is no path below the model');
    const path = join(this.#folder, decode(uri, text));
    if (path.includes('\0')) uri.fail('is no path below the model');
    try {
      const [folder, file] = await Promise.all([realpath(this.#folder), realpath(path)]);
      if (!file.startsWith(folder + sep)) uri.fail("leads out of the model's folder");
      const { size } = await stat(file);
      if (size > limits.fileBytes) uri.fail(`names a file of ${size} bytes, more than ${limits.fileBytes}`);
      this.#bytes += size;
      return await readFile(file);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === undefined || code.startsWith('NL_')) throw cause;
      return uri.fail(`names a file that cannot be read: ${code}`);
    }
  }
}

function decode(uri: Value, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return uri.fail('has an invalid escape');
  }
}

function readData(uri: Value, text: string): Uint8Array {
  const [head, , parameters] = DATA_URI.exec(text.slice(0, 256)) ?? uri.fail('is no data URI that can be read');
  const body = text.slice(head.length);
  if (parameters!.endsWith(';base64')) return new Uint8Array(Buffer.from(body, 'base64'));
  return new TextEncoder().encode(decode(uri, body));
}
