import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAssetPack } from '../../assets/folder.ts';
import { readConfig } from '../../host/base/config.ts';
import type { Instance } from '../../host/engine/engine.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { capabilities } from '../../host/gpu/capability.ts';
import type { Gpu } from '../../host/gpu/dawn.ts';
import { CommandReplay } from '../../host/gpu/replay.ts';
import { createStill, encodePng } from '../../host/video/snapshot.ts';

const WASM = join(import.meta.dirname, '../../build/model.wasm');
const TICK_RATE = 60;

/** Runs the game `model`, which shows a packed model, on the JavaScript engine and a GPU. */
export class Viewer {
  readonly instance: Instance;
  readonly lines: string[];
  readonly #gpu: Gpu;
  readonly #replay: CommandReplay;
  #tick = 0;

  private constructor(gpu: Gpu, instance: Instance, replay: CommandReplay, lines: string[]) {
    this.#gpu = gpu;
    this.instance = instance;
    this.#replay = replay;
    this.lines = lines;
  }

  /**
   * Loads the game with a packed model.
   * @param packed the result of packModel()
   * @param compressed false hides the texture compression of the GPU from the game
   */
  static async open(gpu: Gpu, packed: Uint8Array, { compressed = true } = {}): Promise<Viewer> {
    const limits = readConfig({});
    const lines: string[] = [];
    const facts = capabilities(gpu.device);
    const options = {
      limits,
      seed: 7,
      tickRate: TICK_RATE,
      seats: 1,
      assets: createAssetPack([{ name: 'model', bytes: packed }]),
      gpu: compressed ? facts : { ...facts, features: 0 },
      log: (_level: string, message: string) => lines.push(message),
    };
    const instance = await createJavaScriptEngine().load(readFileSync(WASM), options);
    const replay = new CommandReplay({
      device: gpu.device,
      limits,
      asset: (handle) => (handle === 0 ? packed : undefined),
      log: (_level, message) => lines.push(message),
      reply: (record) => instance.reply(record),
      write: (address, bytes) => instance.write(address, bytes),
    });
    const viewer = new Viewer(gpu, instance, replay, lines);
    replay.run(instance.initial);
    replay.run(await instance.join(0));
    return viewer;
  }

  /** Runs the ticks of the game for a number of seconds of its time. */
  async wait(seconds: number): Promise<void> {
    const end = this.#tick + Math.round(seconds * TICK_RATE);
    while (this.#tick < end) this.#replay.run(await this.instance.tick(this.#tick++));
  }

  /** Draws a picture. The caller destroys the texture. */
  async draw(width = 320, height = 180): Promise<GPUTexture> {
    const texture = createStill(this.#gpu.device, { width, height });
    const submission = await this.instance.render(0, width, height);
    this.#replay.run(submission, { texture, view: texture.createView() });
    return texture;
  }

  /** Draws a picture as a PNG. */
  async png(width: number, height: number): Promise<Buffer> {
    const texture = await this.draw(width, height);
    try {
      return await encodePng(this.#gpu.device, texture);
    } finally {
      texture.destroy();
    }
  }

  /** Draws a picture as RGBA texels. */
  async texels(width = 320, height = 180): Promise<Uint8Array> {
    const { device } = this.#gpu;
    const texture = await this.draw(width, height);
    const bytesPerRow = Math.ceil((width * 4) / 256) * 256;
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    const buffer = device.createBuffer({ size: bytesPerRow * height, usage });
    const encoder = device.createCommandEncoder();
    encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow }, [width, height]);
    device.queue.submit([encoder.finish()]);
    await buffer.mapAsync(GPUMapMode.READ);
    const rows = new Uint8Array(buffer.getMappedRange());
    const out = new Uint8Array(width * height * 4);
    for (let y = 0; y < height; y++)
      out.set(rows.subarray(y * bytesPerRow, y * bytesPerRow + width * 4), y * width * 4);
    buffer.destroy();
    texture.destroy();
    return out;
  }

  async close(): Promise<void> {
    this.#replay.destroy();
    await this.instance.close();
  }
}
