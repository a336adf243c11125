import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { layOutAssetPack } from '../../assets/folder.ts';
import type { Config } from '../base/config.ts';
import { type ErrorCode, errors, NearlightError } from '../base/errors.ts';
import { openerPath, receiverPath } from './native.ts';

/** Greatest length of a request to the image opener in bytes (wire.h). 500 layers, the most that a kernel mounts, fit. */
const REQUEST_BYTES_MAX = 128 * 1024;

/** Limits on the files of an image that are read. */
export type ImageLimits = Pick<Config, 'moduleBytesMax' | 'assetBytesMax' | 'assetFilesMax' | 'assetDepthMax'>;

/** Where the files of an image are. */
export interface ImageLayers {
  kind: 'overlay' | 'folder';
  /** Absolute paths of the layers, the uppermost first. A `folder` has one. */
  layers: string[];
  /** Options of the overlay mount. */
  options: string[];
}

/** A folder or file of the node that a container has at a path of its own, in place of what its image has there. */
export interface Volume {
  destination: string;
  source: string;
}

/** The parts of an image to open, and the limits on them. */
export interface ImageRequest extends ImageLayers {
  /** Path of the module in the container. */
  entrypoint: string;
  volumes: readonly Volume[];
  limits: ImageLimits;
}

/** An asset pack in sealed memory, outside the heap of JavaScript. */
export interface AssetMemory {
  /** The pack, mapped for reading; a write would crash this process. */
  readonly bytes: Uint8Array;
  /** Descriptor of the memory. It is open as long as something refers to the memory of `bytes`. */
  readonly fd: number;
}

/** The open files of a game's image. */
export interface OpenImage {
  /** Descriptor of the module, a regular file, until close(). */
  readonly module: number;
  /** Copies the assets into sealed memory; undefined if there are none. Call it once. @throws NearlightError NL_POD */
  readAssets(): Promise<AssetMemory | undefined>;
  close(): void;
}

/** Opens images with the privileges that this takes, on behalf of a process that lacks them. */
export interface ImageAccess {
  /**
   * Opens an image's module and assets, and /config.json as an asset. Paths mean what they mean to a container that runs the image.
   * @throws NearlightError NL_IMAGE, NL_IMAGE_SIZE, and NL_POD if the image cannot be mounted
   */
  open(request: ImageRequest): Promise<OpenImage>;
  /**
   * Refuses images with layers elsewhere in all later calls of open(), for good.
   * @param places paths of folders, in which a part `*` stands for any name
   * @param podUid id of the pod whose volumes may be opened; without it, volumes must be at the places, too
   * @throws NearlightError NL_POD
   */
  seal(places: readonly string[], podUid?: string): Promise<void>;
}

/** A game's open files, with its assets listed but still waiting in the socket `reply`. */
interface Listing {
  module: number;
  reply: number;
  names: string[];
  sizes: number[];
}

/** The functions of receiver.cc. */
interface Receiver {
  socketPair(): [own: number, other: number];
  request(control: number, request: Uint8Array): Promise<Listing | { code: string; message: string }>;
  post(control: number, request: Uint8Array): void;
  receive(reply: number, start: Uint8Array, bytes: number, offsets: number[], sizes: number[]): Promise<number>;
  map(fd: number, bytes: number): ArrayBuffer;
}

/** The socket to a process that opens images (opener.cc). */
export class ImageOpener implements ImageAccess {
  /** Id of the process; undefined if it could not be started. */
  readonly pid: number | undefined;
  readonly #receiver: Receiver;
  readonly #control: number;

  /**
   * Starts the process, which keeps the privileges that this process has now, and ends with it.
   * @param nodeRoot descriptor of the node's root folder, with mounts that this process does not have; by default that of this process
   * @throws Error if the Node addon cannot be loaded
   */
  constructor(nodeRoot?: number) {
    this.#receiver = createRequire(import.meta.url)(receiverPath) as Receiver;
    const [own, other] = this.#receiver.socketPair();
    this.#control = own;
    const inherited = nodeRoot === undefined ? [other] : [other, nodeRoot];
    const child = spawn(openerPath, [], { stdio: ['ignore', 'ignore', 'inherit', ...inherited], env: {}, cwd: '/' });
    // Requests fail if the process cannot be started.
    child.on('error', () => {});
    child.unref();
    this.pid = child.pid;
    closeSync(other);
  }

  async open(request: ImageRequest): Promise<OpenImage> {
    const found = await this.#request(encode(request)).catch((cause: Error) => {
      throw unavailable(cause);
    });
    if ('code' in found) throw new NearlightError(isCode(found.code) ? found.code : 'NL_POD', found.message);
    return {
      module: found.module,
      readAssets: () => this.#readAssets(found),
      close() {
        closeSync(found.module);
        closeSync(found.reply);
      },
    };
  }

  /** Resolves when the process has a mount namespace of its own. @throws NearlightError NL_POD */
  async ready(): Promise<void> {
    const reply = await this.#request(strings(['ready'])).catch((cause: Error) => {
      throw unavailable(cause);
    });
    if (!('code' in reply) || reply.code !== '') throw unavailable(new Error('the image opener has not replied'));
  }

  async seal(places: readonly string[], podUid = ''): Promise<void> {
    // The opener takes requests in turn, so this one holds for every later request. The host does not wait for the reply.
    try {
      this.#receiver.post(this.#control, strings(['seal', podUid, ...places]));
    } catch (cause) {
      throw unavailable(cause as Error);
    }
  }

  /** Ends the process. */
  close(): void {
    closeSync(this.#control);
  }

  #request(request: Uint8Array): ReturnType<Receiver['request']> {
    return this.#receiver.request(this.#control, request);
  }

  async #readAssets({ reply, names, sizes }: Listing): Promise<AssetMemory | undefined> {
    if (names.length === 0) return undefined;
    const files = names.map((name, index) => ({ name, bytes: sizes[index] ?? 0, index }));
    // In the order of assets/folder.ts, so that a game finds the same assets under the same numbers everywhere.
    files.sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
    const { start, offsets, bytes } = layOutAssetPack(files);
    const inReply = new Array<number>(files.length).fill(0);
    for (const [place, { index }] of files.entries()) inReply[index] = offsets[place] ?? 0;
    const fd = await this.#receiver.receive(reply, start, bytes, inReply, sizes).catch((cause: Error) => {
      throw unavailable(cause);
    });
    try {
      return { bytes: new Uint8Array(this.#receiver.map(fd, bytes)), fd };
    } catch (cause) {
      closeSync(fd);
      throw unavailable(cause as Error);
    }
  }
}

function isCode(code: string): code is ErrorCode {
  return Object.hasOwn(errors, code);
}

function unavailable(cause: Error): NearlightError {
  return new NearlightError('NL_POD', `the image cannot be opened: ${cause.message} (run the host as root)`, { cause });
}

/** Writes a request as wire.h describes it. @throws NearlightError NL_IMAGE if it has a zero byte or is too long */
function encode({ kind, layers, options, entrypoint, volumes, limits }: ImageRequest): Uint8Array {
  const { assetFilesMax, assetBytesMax, assetDepthMax } = limits;
  const mountOptions = options.map((option) => `${option},`).join('');
  const bounds = [assetFilesMax, assetBytesMax, assetDepthMax];
  const mounted = volumes.flatMap(({ destination, source }) => [destination, source]);
  const parts = [kind, entrypoint, ...bounds, mountOptions, volumes.length, ...mounted, ...layers].map(String);
  if (parts.some((part) => part.includes('\0')))
    throw new NearlightError('NL_IMAGE', 'a path of the image contains a zero byte');
  const request = strings(parts);
  if (request.length > REQUEST_BYTES_MAX)
    throw new NearlightError(
      'NL_IMAGE',
      `the paths of the image's ${layers.length} layers have ${request.length} bytes, and ${REQUEST_BYTES_MAX} are allowed`,
    );
  return request;
}

/** Ends each string with a zero byte. */
function strings(parts: readonly string[]): Uint8Array {
  return Buffer.from(parts.map((part) => `${part}\0`).join(''));
}
