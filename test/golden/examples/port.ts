import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const examples = join(import.meta.dirname, '../../../renderer/examples');

/** The frame that an example's TypeScript port draws: the state after ticks 0 to `tick`, in `width` x `height` pixels. */
export interface Frame {
  tick: number;
  tickRate: number;
  width: number;
  height: number;
}

/** Draws an example's picture into an rgba8unorm texture of the frame's size. */
export type Render = (device: GPUDevice, texture: GPUTexture, view: Frame) => void;

/** Reads the WGSL in a template literal of an example, with its constants inserted. @throws Error if one is missing */
export function wgsl(example: string, name = 'shader'): string {
  const source = readFileSync(join(examples, `${example}.ts`), 'utf8');
  const value = (constant: string): string => {
    const text = new RegExp(`const ${constant} = \`([^\`]*)\``).exec(source)?.[1];
    if (text !== undefined) return text.replaceAll(/\$\{(\w+)\}/g, (_, inner: string) => value(inner));
    const number = new RegExp(`const ${constant}(?:: \\w+)? = ([\\d._]+);`).exec(source)?.[1];
    if (number === undefined) throw new Error(`${example}.ts has no constant ${constant}`);
    return number;
  };
  return value(name);
}

/** Creates a buffer that contains `data`. */
export function filled(device: GPUDevice, data: Float32Array | Uint32Array | Uint16Array, usage: number): GPUBuffer {
  const buffer = device.createBuffer({ size: data.byteLength, usage: usage | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
  return buffer;
}

/** Creates a texture of the frame's size to draw into. */
export function target(
  device: GPUDevice,
  view: Frame,
  format: GPUTextureFormat,
  options: { sampleCount?: number; usage?: number } = {},
): GPUTexture {
  const { sampleCount = 1, usage = 0 } = options;
  return device.createTexture({
    size: [view.width, view.height],
    format,
    sampleCount,
    usage: usage | GPUTextureUsage.RENDER_ATTACHMENT,
  });
}

/** Returns the angle in radians, at the frame's tick, of a rotation that takes `seconds` for a full turn. */
export function angleAt({ tick, tickRate }: Frame, seconds: number): number {
  const f = Math.fround;
  const ticks = seconds * tickRate;
  return f(f(f(6.2831853) * (tick % ticks)) / ticks);
}

/** Pseudo-random numbers in [0, 1) from a seed: the upper 24 bits of PCG-XSH-RR 64/32 (O'Neill 2014, www.pcg-random.org). */
export function random(seed: bigint): () => number {
  const [multiplier, increment] = [0x5851f42d4c957f2dn, 0x14057b7ef767814fn];
  let state = BigInt.asUintN(64, seed + increment);
  const next = () => {
    const old = state;
    state = BigInt.asUintN(64, old * multiplier + increment);
    const word = Number(BigInt.asUintN(32, ((old >> 18n) ^ old) >> 27n));
    const turn = Number(old >> 59n);
    return ((word >>> turn) | (word << (-turn & 31))) >>> 0;
  };
  next();
  next();
  return () => (next() >>> 8) / 2 ** 24;
}
