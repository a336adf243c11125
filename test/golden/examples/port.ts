import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const examples = join(import.meta.dirname, '../../../renderer/examples');

/** A picture for a port to draw: the state after ticks 0 to `tick`, in `width` x `height` pixels. */
export interface View {
  tick: number;
  tickRate: number;
  width: number;
  height: number;
}

/** Draws an example's picture into an rgba8unorm texture of the view's size, and submits it. */
export type Render = (device: GPUDevice, texture: GPUTexture, view: View) => void;

/** Reads the WGSL that an example keeps in a template literal, with what it puts in by `${}`. @throws where it is not */
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

/** A buffer with contents. */
export function filled(device: GPUDevice, data: Float32Array | Uint32Array | Uint16Array, usage: number): GPUBuffer {
  const buffer = device.createBuffer({ size: data.byteLength, usage: usage | GPUBufferUsage.COPY_DST });
  device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
  return buffer;
}

/** A texture of a view's size to draw into. */
export function target(
  device: GPUDevice,
  view: View,
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

/** Where a motion of `seconds` stands, as an angle. */
export function angleAt({ tick, tickRate }: View, seconds: number): number {
  const f = Math.fround;
  const ticks = seconds * tickRate;
  return f(f(f(6.2831853) * (tick % ticks)) / ticks);
}

/** Numbers in [0, 1) from a seed: PCG-XSH-RR 64/32 (O'Neill 2014, https://www.pcg-random.org), its upper 24 bits. */
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
