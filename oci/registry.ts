import { NearlightError } from '../host/base/errors.ts';
import { Client, type ClientOptions, Passing, readBody, refusal, resolveUrl } from './client.ts';
import { digestOf } from './image.ts';

export { findCredentials } from './credentials.ts';

/** What is lost at most when a connection breaks; some registries take no more than 4 MiB at once. */
export const CHUNK_BYTES = 1 << 20;

/** Where an image goes: `host[:port]/name:tag`. */
export interface Reference {
  registry: string;
  name: string;
  tag: string;
}

/**
 * Reads a reference as `docker push` does (distribution-spec, "Pulling manifests": names and tags).
 * @throws NearlightError NL_USAGE
 */
export function parseReference(text: string): Reference {
  const parts =
    /^([a-z0-9.-]+(?::\d+)?|\[[0-9a-f:]+\](?::\d+)?)\/([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([\w][\w.-]{0,127}))?$/.exec(
      text,
    );
  const [, registry = '', name = '', tag = 'latest'] = parts ?? [];
  if (!parts || !URL.canParse(`https://${registry}`))
    throw new NearlightError('NL_USAGE', `${text} is no reference such as registry.example/games/arena:1`);
  return { registry, name, tag };
}

/** An upload under way: where it goes on, how much has arrived, how much goes at once. */
interface Upload {
  location: string;
  offset: number;
  chunkBytes: number;
}

/** A repository in an OCI registry, for pushing (distribution-spec 1.1). */
export class Registry {
  readonly #client: Client;
  readonly #base: string;

  constructor({ registry, name }: Omit<Reference, 'tag'>, options: ClientOptions = {}) {
    this.#client = new Client(registry, name, options);
    this.#base = `${this.#client.origin}/v2/${name}`;
  }

  /**
   * Puts a blob there, unless it is: in chunks, and after a break from where the registry says that it came.
   * @returns how many bytes were sent
   * @throws NearlightError NL_REGISTRY
   */
  async pushBlob(data: Uint8Array, progress: (sent: number) => void = () => {}): Promise<number> {
    const digest = digestOf(data);
    if (await this.#has(digest, data.length)) return 0;
    let sent = 0;
    for (let doubts = 0; ; doubts++) {
      const upload = await this.#begin();
      sent += await this.#fill(upload, data, progress);
      const close = `${upload.location}${upload.location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
      const answer = await this.#client.call(close, {
        method: 'PUT',
        headers: { 'content-length': '0' },
        accept: [201, 400, 404, 416],
      });
      if (answer.status === 201) return sent;
      // The answer to an earlier PUT was lost, or the registry counted wrong when it was asked how far it came.
      if (await this.#has(digest, data.length)) return sent;
      if (doubts > 0) throw await refusal(`PUT ${new URL(close).pathname}`, answer);
    }
  }

  /** Puts a manifest under a tag or its digest. @throws NearlightError NL_REGISTRY */
  async pushManifest(reference: string, type: string, data: Uint8Array): Promise<Headers> {
    const { headers } = await this.#client.call(`${this.#base}/manifests/${reference}`, {
      method: 'PUT',
      headers: { 'content-type': type },
      body: data,
      accept: [201],
    });
    const said = headers.get('docker-content-digest');
    if (said !== null && said !== digestOf(data))
      throw new NearlightError('NL_REGISTRY', `it says that ${reference} is ${said}, and it is ${digestOf(data)}`);
    return headers;
  }

  /** A manifest's bytes; undefined where there is none. @throws NearlightError NL_REGISTRY */
  async manifest(reference: string, type: string): Promise<Buffer | undefined> {
    const answer = await this.#client.call(`${this.#base}/manifests/${reference}`, {
      method: 'GET',
      headers: { accept: type },
      accept: [200, 404],
    });
    return answer.status === 200 ? readBody(answer, this.#client.origin) : undefined;
  }

  /** Whatever answers 200 to everything is no proof: the digest or the size must be the blob's. */
  async #has(digest: string, size: number): Promise<boolean> {
    const { status, headers } = await this.#client.call(`${this.#base}/blobs/${digest}`, {
      method: 'HEAD',
      accept: [200, 404],
    });
    const said = headers.get('docker-content-digest');
    return status === 200 && (said === null ? headers.get('content-length') === String(size) : said === digest);
  }

  async #begin(): Promise<Upload> {
    const url = `${this.#base}/blobs/uploads/`;
    const answer = await this.#client.call(url, { method: 'POST', headers: { 'content-length': '0' }, accept: [202] });
    const least = Number(answer.headers.get('oci-chunk-min-length') ?? 0);
    const chunkBytes = Math.max(Number.isSafeInteger(least) ? least : 0, CHUNK_BYTES);
    return { location: location(answer, url), offset: 0, chunkBytes };
  }

  /** Sends what is missing. @returns the bytes that were sent and taken */
  async #fill(upload: Upload, data: Uint8Array, progress: (sent: number) => void): Promise<number> {
    let [sent, tries, furthest] = [0, 0, 0];
    while (upload.offset < data.length) {
      try {
        sent += await this.#patch(upload, data.subarray(upload.offset, upload.offset + upload.chunkBytes));
        // Only getting further is a success: a registry that forgets everything must not be fed for ever.
        if (upload.offset > furthest) tries = 0;
        furthest = Math.max(furthest, upload.offset);
      } catch (error) {
        if (!(error instanceof Passing)) throw error;
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
    const answer = await this.#client.call(upload.location, call);
    // It knows of another place to go on from, or has forgotten: to be asked for.
    if (answer.status !== 202) throw new Passing((await refusal('PATCH of a chunk', answer)).message);
    upload.location = location(answer, upload.location);
    upload.offset += chunk.length;
    return chunk.length;
  }

  /** Asks how much has arrived; begins anew where that is not to be learned. */
  async #resume(upload: Upload, size: number): Promise<void> {
    const answer = await this.#client.call(upload.location, { method: 'GET', accept: [204, 400, 404, 405] });
    const end = Number(/^(?:bytes=)?0-(\d+)$/.exec(answer.headers.get('range') ?? '')?.[1] ?? Number.NaN);
    await answer.body?.cancel();
    if (answer.status !== 204 || !(end < size)) {
      Object.assign(upload, await this.#begin());
      return;
    }
    // Some registries say 0-0 for nothing as for one byte; what is sent is one byte only where that is all.
    upload.offset = end === 0 ? 0 : end + 1;
    upload.location = answer.headers.has('location') ? location(answer, upload.location) : upload.location;
  }
}

function location(answer: Response, from: string): string {
  const text = answer.headers.get('location');
  if (text === null)
    throw new NearlightError('NL_REGISTRY', `${new URL(from).origin} names no location for the upload`);
  return resolveUrl(text, from).href;
}
