import { NearlightError } from '../host/base/errors.ts';
import { Client, type ClientOptions, readBody, refusal, resolveUrl, TransientError } from './client.ts';
import { digestOf } from './image.ts';

export { findCredentials } from './credentials.ts';

/** How much of a blob is sent at once. That much is lost when a connection breaks, and some registries accept only 4 MiB. */
export const CHUNK_BYTES = 1 << 20;

/** Where to push an image: `host[:port]/name:tag`. */
export interface Reference {
  /** Host and port. */
  registry: string;
  /** Path of the repository in the registry. */
  name: string;
  tag: string;
}

/**
 * Parses a reference as `docker push` does (distribution-spec, "Pulling manifests": names and tags).
 * @throws NearlightError NL_USAGE
 */
export function parseReference(text: string): Reference {
  const parts =
    /^([a-z0-9.-]+(?::\d+)?|\[[0-9a-f:]+\](?::\d+)?)\/([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([\w][\w.-]{0,127}))?$/.exec(
      text,
    );
  const [, registry = '', name = '', tag = 'latest'] = parts ?? [];
  if (!parts || !URL.canParse(`https://${registry}`))
    throw new NearlightError(
      'NL_USAGE',
      `${text} is not a reference to an image such as registry.example/games/arena:1`,
    );
  return { registry, name, tag };
}

/** An upload of a blob that is in progress. */
interface Upload {
  /** URL to which to send the next chunk. */
  location: string;
  /** How many bytes of the blob the registry has. */
  offset: number;
  chunkBytes: number;
}

/** Pushes to one repository in an OCI registry (distribution-spec 1.1). */
export class Registry {
  readonly #client: Client;
  readonly #base: string;

  constructor({ registry, name }: Omit<Reference, 'tag'>, options: ClientOptions = {}) {
    this.#client = new Client(registry, name, options);
    this.#base = `${this.#client.origin}/v2/${name}`;
  }

  /**
   * Pushes a blob in chunks, unless the registry has it. After a lost connection, continues where the registry says it stopped.
   * @returns how many bytes were sent
   * @throws NearlightError NL_REGISTRY
   */
  async pushBlob(data: Uint8Array, progress: (sent: number) => void = () => {}): Promise<number> {
    const digest = digestOf(data);
    if (await this.#has(digest, data.length)) return 0;
    let sent = 0;
    for (let attempt = 0; ; attempt++) {
      const upload = await this.#begin();
      sent += await this.#fill(upload, data, progress);
      const close = `${upload.location}${upload.location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
      const response = await this.#client.call(close, {
        method: 'PUT',
        headers: { 'content-length': '0' },
        accept: [201, 400, 404, 416],
      });
      if (response.status === 201) return sent;
      // The registry refused to close the upload. If the response to an earlier PUT was lost, the blob is stored already.
      // Otherwise the registry may have reported a wrong offset, so upload it again.
      if (await this.#has(digest, data.length)) return sent;
      if (attempt > 0) throw await refusal(`PUT ${new URL(close).pathname}`, response);
    }
  }

  /** Pushes a manifest under a tag or under its digest. @throws NearlightError NL_REGISTRY */
  async pushManifest(reference: string, type: string, data: Uint8Array): Promise<Headers> {
    const { headers } = await this.#client.call(`${this.#base}/manifests/${reference}`, {
      method: 'PUT',
      headers: { 'content-type': type },
      body: data,
      accept: [201],
    });
    const stored = headers.get('docker-content-digest');
    if (stored !== null && stored !== digestOf(data))
      throw new NearlightError(
        'NL_REGISTRY',
        `the registry stored ${reference} with the digest ${stored}, and its digest is ${digestOf(data)}`,
      );
    return headers;
  }

  /** The bytes of a manifest; undefined if the registry does not have it. @throws NearlightError NL_REGISTRY */
  async manifest(reference: string, type: string): Promise<Buffer | undefined> {
    const response = await this.#client.call(`${this.#base}/manifests/${reference}`, {
      method: 'GET',
      headers: { accept: type },
      accept: [200, 404],
    });
    return response.status === 200 ? readBody(response, this.#client.origin) : undefined;
  }

  /** Whether the registry has a blob. Status 200 is not enough, because some servers answer every request with a page. */
  async #has(digest: string, size: number): Promise<boolean> {
    const { status, headers } = await this.#client.call(`${this.#base}/blobs/${digest}`, {
      method: 'HEAD',
      accept: [200, 404],
    });
    const stored = headers.get('docker-content-digest');
    return status === 200 && (stored === null ? headers.get('content-length') === String(size) : stored === digest);
  }

  async #begin(): Promise<Upload> {
    const url = `${this.#base}/blobs/uploads/`;
    const response = await this.#client.call(url, {
      method: 'POST',
      headers: { 'content-length': '0' },
      accept: [202],
    });
    const least = Number(response.headers.get('oci-chunk-min-length') ?? 0);
    const chunkBytes = Math.max(Number.isSafeInteger(least) ? least : 0, CHUNK_BYTES);
    return { location: location(response, url), offset: 0, chunkBytes };
  }

  /** Sends the part of a blob that the registry does not have yet. @returns how many bytes the registry accepted */
  async #fill(upload: Upload, data: Uint8Array, progress: (sent: number) => void): Promise<number> {
    let [sent, tries, furthest] = [0, 0, 0];
    while (upload.offset < data.length) {
      try {
        sent += await this.#patch(upload, data.subarray(upload.offset, upload.offset + upload.chunkBytes));
        // Count failures until the upload gets further than before, because a registry may lose the same chunk forever.
        if (upload.offset > furthest) tries = 0;
        furthest = Math.max(furthest, upload.offset);
      } catch (error) {
        if (!(error instanceof TransientError)) throw error;
        await this.#client.pause(++tries, error);
        await this.#resume(upload, data.length);
      }
      progress(upload.offset);
    }
    return sent;
  }

  async #patch(upload: Upload, chunk: Uint8Array): Promise<number> {
    const headers = {
      'content-type': 'application/octet-stream',
      'content-range': `${upload.offset}-${upload.offset + chunk.length - 1}`,
    };
    const call = { method: 'PATCH', headers, body: chunk, accept: [202, 404, 416], once: true };
    const response = await this.#client.call(upload.location, call);
    // The registry expects another offset, or has forgotten the upload. #resume() asks it.
    if (response.status !== 202) throw new TransientError((await refusal('PATCH of a chunk', response)).message);
    upload.location = location(response, upload.location);
    upload.offset += chunk.length;
    return chunk.length;
  }

  /** Asks the registry how much of a blob it has. Starts a new upload if the registry cannot tell. */
  async #resume(upload: Upload, size: number): Promise<void> {
    const response = await this.#client.call(upload.location, { method: 'GET', accept: [204, 400, 404, 405] });
    const end = Number(/^(?:bytes=)?0-(\d+)$/.exec(response.headers.get('range') ?? '')?.[1] ?? Number.NaN);
    await response.body?.cancel();
    if (response.status !== 204 || !(end < size)) {
      Object.assign(upload, await this.#begin());
      return;
    }
    // Some registries report the range 0-0 both for one byte and for none. Assume none: only a blob of one byte has a chunk of
    // one byte.
    upload.offset = end === 0 ? 0 : end + 1;
    upload.location = response.headers.has('location') ? location(response, upload.location) : upload.location;
  }
}

/** Returns the URL at which an upload continues, from a registry's response. */
function location(response: Response, from: string): string {
  const text = response.headers.get('location');
  if (text === null)
    throw new NearlightError('NL_REGISTRY', `${new URL(from).origin} gives no location for the upload`);
  return resolveUrl(text, from).href;
}
