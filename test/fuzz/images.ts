import { existsSync, fstatSync, mkdirSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAssets } from '../../host/base/assets.ts';
import { NearlightError } from '../../host/base/errors.ts';
import { imageLayers } from '../../host/pod/image.ts';
import type { OciBundle } from '../../host/pod/oci-bundle.ts';
import { type ImageLimits, ImageOpener, type OpenImage } from '../../host/pod/opener.ts';
import type { Mount } from '../../host/pod/tasks.ts';
import { Random } from '../random.ts';
import { Layers } from './layers.ts';

/**
 * Few names, so that layers hide each other's files and links meet. Stacks without the name `assets` show more modules, since
 * an image is refused as a whole if its assets are.
 */
const NAMES = ['a', 'b', 'c', 'app.wasm'];
const NAMES_WITH_ASSETS = [...NAMES, 'assets'];
/** A file system in memory, where a stack takes milliseconds. */
const MEMORY = '/dev/shm';
const LAYERS_MAX = 5;
const ENTRIES_MAX = 16;
/** Small bounds, so that some images exceed them. */
const LIMITS: ImageLimits = { moduleBytesMax: 4096, assetBytesMax: 8192, assetFilesMax: 40, assetDepthMax: 4 };
/** Errors with which an image may be refused. */
const REFUSALS = ['NL_IMAGE', 'NL_IMAGE_SIZE'];
const PATHS_PER_STACK = 4;

export interface ImageTotals {
  stacks: number;
  /** Number of paths looked up as entrypoints, of those that are files, and of those that are refused. */
  paths: number;
  files: number;
  refused: number;
  /** Number of images with assets, without, and with assets that are refused. */
  packs: number;
  bare: number;
  refusedPacks: number;
  /** Number of stacks that the kernel does not mount. */
  unmountable: number;
  findings: string[];
}

/** Makes stacks of image layers, and compares what the host opens in them with what a container sees. */
export class ImageFuzzer {
  readonly layers = new Layers(existsSync(MEMORY) ? MEMORY : undefined);
  readonly opener = new ImageOpener();
  readonly totals: ImageTotals = {
    stacks: 0,
    paths: 0,
    files: 0,
    refused: 0,
    packs: 0,
    bare: 0,
    refusedPacks: 0,
    unmountable: 0,
    findings: [],
  };
  /** A file outside every image. Nothing may open it. */
  readonly canary: string;
  readonly #secret: string;
  #names: readonly string[] = NAMES;
  /** Paths of the files and links that the present stack has in any layer. */
  #made: string[] = [];

  constructor() {
    const outside = join(this.layers.folder, 'outside');
    mkdirSync(outside);
    this.canary = join(outside, 'canary');
    this.#secret = `secret${process.pid}`;
    writeFileSync(this.canary, this.#secret);
  }

  close(): void {
    this.opener.close();
    this.layers.close();
  }

  /** Tries the stacks of `count` seeds. */
  async run(from: number, count: number, onProgress: (totals: ImageTotals) => void = () => {}): Promise<ImageTotals> {
    await this.layers.ask('watch', this.canary);
    for (let seed = from; seed < from + count; seed++) {
      await this.#stack(new Random(seed), (fault) => this.totals.findings.push(`seed ${seed}: ${fault}`));
      this.totals.stacks++;
      onProgress(this.totals);
    }
    if ((await this.layers.ask('opened')) !== 'untouched') this.totals.findings.push('the canary was opened');
    return this.totals;
  }

  async #stack(random: Random, fault: (text: string) => void): Promise<void> {
    const { layers } = this;
    const root = join(layers.folder, 'stack');
    const path = (name: string) => join(root, name);
    layers.do('clear', root);
    layers.do('folder', root);
    for (const name of ['upper', 'work', 'seen']) layers.do('folder', path(name));
    const count = 1 + random.below(LAYERS_MAX);
    const stack = Array.from({ length: count }, (_, n) => path(`layer${n}`));
    this.#names = random.percent(50) ? NAMES : NAMES_WITH_ASSETS;
    this.#made = [];
    for (const layer of stack) this.#layer(random, layer);
    // A single layer may also be the image's folder, as the native snapshotter has it.
    const isFolder = count === 1 && random.percent(50);
    const options = random.percent(10) ? ',metacopy=on,redirect_dir=on' : '';
    const mounted = isFolder
      ? 'ok'
      : await layers.ask(
          'overlay',
          path('seen'),
          `index=off,volatile${options},upperdir=${path('upper')},workdir=${path('work')},lowerdir=${stack.join(':')}`,
        );
    if (mounted !== 'ok') this.totals.unmountable++;
    const seen = isFolder ? (stack[0] ?? '') : path('seen');
    const upper = count > 1 && random.percent(50) ? undefined : path('upper');
    const rootfs = isFolder ? [] : [overlayOf(stack, upper, options)];
    if (mounted === 'ok') {
      const pack = await layers.ask('assets', seen, `${LIMITS.assetFilesMax}`, `${LIMITS.assetDepthMax}`);
      for (let n = 0; n < PATHS_PER_STACK; n++) {
        const entrypoint = this.#entrypoint(random);
        const file = await layers.ask('show', seen, entrypoint);
        await this.#compare({ rootfs, rootPath: seen, entrypoint, file, pack, fault });
      }
    }
    layers.do('unmount');
    await layers.done();
  }

  /** Opens an image and compares that with what a container sees. */
  async #compare(wanted: {
    rootfs: Mount[];
    rootPath: string;
    entrypoint: string;
    file: string;
    pack: string;
    fault(text: string): void;
  }): Promise<void> {
    const { rootfs, rootPath, entrypoint, file, pack, fault } = wanted;
    const bundle = { folder: '/', rootPath } as OciBundle;
    let image: OpenImage | undefined;
    let outcome: { file: string; pack: string };
    this.totals.paths++;
    try {
      image = await this.opener.open({ ...imageLayers(rootfs, bundle), entrypoint, volumes: [], limits: LIMITS });
      outcome = { file: this.#module(image.module, fault), pack: await packOf(image) };
    } catch (error) {
      const code = error instanceof NearlightError ? error.code : String(error);
      if (!REFUSALS.includes(code)) fault(`${entrypoint}: ${(error as Error).message}`);
      outcome = { file: 'refused', pack: 'refused' };
    } finally {
      image?.close();
    }
    if (JSON.stringify(outcome).includes(this.#secret)) fault(`${entrypoint}: the canary was read`);
    const isRefused = !file.startsWith('file ') || pack === 'refused';
    const expected = isRefused ? { file: 'refused', pack: 'refused' } : { file, pack };
    if (JSON.stringify(outcome) !== JSON.stringify(expected))
      fault(`${entrypoint}: ${JSON.stringify(outcome)} instead of ${JSON.stringify({ file, pack })}`);
    this.totals[file.startsWith('file ') ? 'files' : 'refused']++;
    this.totals[pack === 'refused' ? 'refusedPacks' : pack === 'none' ? 'bare' : 'packs']++;
  }

  #module(fd: number, fault: (text: string) => void): string {
    const entry = fstatSync(fd);
    const canary = statSync(this.canary);
    if (!entry.isFile()) fault('the module is not a file');
    if (entry.ino === canary.ino && entry.dev === canary.dev) fault('the module is the canary');
    const bytes = Buffer.alloc(256);
    return `file ${bytes.subarray(0, readSync(fd, bytes)).toString()}`;
  }

  /** Makes one layer of random entries. Some commands fail, as where a name is taken; what is there then counts. */
  #layer(random: Random, layer: string): void {
    const { layers } = this;
    layers.do('folder', layer);
    for (let n = random.below(ENTRIES_MAX + 1); n > 0; n--) {
      const names = this.#path(random);
      const path = join(layer, ...names);
      // Mostly, the folders on the way exist.
      if (random.percent(80))
        for (let depth = 1; depth < names.length; depth++) layers.do('folder', join(layer, ...names.slice(0, depth)));
      const kind = random.below(100);
      if (kind < 34 || (kind >= 46 && kind < 70)) this.#made.push(names.join('/'));
      if (kind < 34) layers.do('file', path, `${random.u32()}`);
      else if (kind < 46) layers.do('folder', path);
      else if (kind < 70) layers.do('link', path, this.#target(random));
      else if (kind < 76) layers.do('hard', path, join(layer, ...this.#path(random)));
      else if (kind < 84) layers.do('node', path, 'whiteout');
      else if (kind < 90) layers.do('mark', path, 'trusted.overlay.opaque', 'y');
      else if (kind < 93) layers.do('mark', path, 'trusted.overlay.redirect', this.#target(random));
      else if (kind < 94) layers.do('mark', path, 'trusted.overlay.metacopy', 'y');
      else layers.do('node', path, random.pick(['null', 'block', 'fifo', 'socket']));
    }
  }

  #path(random: Random): string[] {
    const depth = random.percent(3) ? 12 : 1 + random.below(4);
    return Array.from({ length: depth }, () => random.pick(this.#names));
  }

  /** A path in the image, mostly one that some layer has. */
  #somewhere(random: Random): string {
    return this.#made.length > 0 && random.percent(70) ? random.pick(this.#made) : this.#path(random).join('/');
  }

  /** Where a link leads: within its layer, to the root, or as far out as links can go. */
  #target(random: Random): string {
    const path = this.#somewhere(random);
    const up = '../'.repeat(1 + random.below(12));
    return random.pick([
      path,
      path,
      `/${path}`,
      `/${path}`,
      `${up}${path}`,
      '.',
      '..',
      '/',
      '/..',
      `${up}${this.canary.slice(1)}`,
      this.canary,
      `/${'../'.repeat(12)}${this.canary.slice(1)}`,
      '/proc/self/root/etc/passwd',
      `/proc/self/cwd/${path}`,
      '/dev/fd/3',
      '/etc/passwd',
    ]);
  }

  #entrypoint(random: Random): string {
    const path = this.#somewhere(random);
    return random.pick(['/app.wasm', `/${path}`, `/${path}`, path, `../${path}`, `/${path}/../app.wasm`]);
  }
}

/** The mount of a stack as containerd asks for it. Without an upper folder, the first layer is the upper one. */
function overlayOf(stack: readonly string[], upper: string | undefined, options: string): Mount {
  const [first = '', ...rest] = stack;
  const lower = upper === undefined && rest.length > 0 ? rest : stack;
  const top = upper ?? (rest.length > 0 ? first : undefined);
  return {
    type: 'overlay',
    source: 'overlay',
    target: '',
    options: [
      'index=off',
      ...options.split(',').filter(Boolean),
      ...(top === undefined ? [] : [`upperdir=${top}`, 'workdir=/none']),
      `lowerdir=${lower.join(':')}`,
    ],
  };
}

/** The assets of an image in the form in which layers.cc shows them. */
async function packOf(image: OpenImage): Promise<string> {
  const assets = await image.readAssets();
  if (!assets) return 'none';
  const { bytes } = assets;
  const found = readAssets(bytes).map(({ name, offset, bytes: length }) => {
    return `${name}=${Buffer.from(bytes.subarray(offset, offset + length)).toString()}`;
  });
  return ['found', ...found].join(' ');
}
