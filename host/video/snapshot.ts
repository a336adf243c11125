import { crc32, deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const BITS_PER_CHANNEL = 8;
/** Colour type of red, green and blue without alpha (PNG 3rd edition, 11.2.1). */
const TRUECOLOUR = 2;
/** WebGPU's copies between textures and buffers need rows whose length is a multiple of this many bytes. */
const ROW_ALIGNMENT = 256;

/** Creates a texture for a still picture, to draw into and to read back: rgba8unorm, `width` x `height`. */
export function createStill(device: GPUDevice, { width, height }: { width: number; height: number }): GPUTexture {
  const usage = GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC | GPUTextureUsage.TEXTURE_BINDING;
  return device.createTexture({ label: 'still', size: [width, height], format: 'rgba8unorm', usage });
}

/** A picture whose pixels have 4 bytes each (red, green, blue, alpha), in rows of `bytesPerRow` bytes, the top row first. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
  readonly bytesPerRow: number;
}

/** Reads an rgba8unorm texture back and encodes it as PNG. Leaves out the alpha channel. */
export async function encodePng(device: GPUDevice, texture: GPUTexture): Promise<Buffer> {
  return png(await readPixels(device, texture));
}

/** Reads the pixels of an rgba8unorm texture back from the GPU. */
export async function readPixels(device: GPUDevice, texture: GPUTexture): Promise<Pixels> {
  const { width, height } = texture;
  const bytesPerRow = Math.ceil((width * 4) / ROW_ALIGNMENT) * ROW_ALIGNMENT;
  const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
  const buffer = device.createBuffer({ label: 'still', size: bytesPerRow * height, usage });
  const commandEncoder = device.createCommandEncoder();
  commandEncoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow }, [width, height]);
  device.queue.submit([commandEncoder.finish()]);
  try {
    await buffer.mapAsync(GPUMapMode.READ);
    return { width, height, rgba: new Uint8Array(buffer.getMappedRange()).slice(), bytesPerRow };
  } finally {
    buffer.destroy();
  }
}

/** Encodes pixels as PNG. Leaves out the alpha channel. */
export function png({ rgba, width, height, bytesPerRow }: Pixels): Buffer {
  // Each row of a PNG is one byte that names its filter (0 is none), then its pixels.
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0, to = 0; y < height; y++) {
    to++;
    for (let x = 0, from = y * bytesPerRow; x < width; x++, from += 4)
      for (let channel = from; channel < from + 3; channel++) rows[to++] = rgba[channel] ?? 0;
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = BITS_PER_CHANNEL;
  header[9] = TRUECOLOUR;
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}
