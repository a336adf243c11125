import { crc32, deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** 8 bits a channel, truecolour (PNG 3rd edition, 11.2.1). */
const TRUECOLOUR = 2;

/** A texture of a still picture: rgba8unorm, `width` x `height`, to draw into and to read back. */
export function createStill(device: GPUDevice, { width, height }: { width: number; height: number }): GPUTexture {
  const usage = GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_SRC | GPUTextureUsage.TEXTURE_BINDING;
  return device.createTexture({ label: 'still', size: [width, height], format: 'rgba8unorm', usage });
}

/** Pixels as they were read back: 4 bytes each (red, green, blue, alpha), in rows of `bytesPerRow`, the top row first. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8Array;
  readonly bytesPerRow: number;
}

/** Reads an rgba8unorm texture back and encodes it as PNG, without its alpha. */
export async function encodePng(device: GPUDevice, texture: GPUTexture): Promise<Buffer> {
  return png(await readPixels(device, texture));
}

/** Reads an rgba8unorm texture back. */
export async function readPixels(device: GPUDevice, texture: GPUTexture): Promise<Pixels> {
  const { width, height } = texture;
  const bytesPerRow = Math.ceil((width * 4) / 256) * 256;
  const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
  const buffer = device.createBuffer({ label: 'still', size: bytesPerRow * height, usage });
  const encoder = device.createCommandEncoder();
  encoder.copyTextureToBuffer({ texture }, { buffer, bytesPerRow }, [width, height]);
  device.queue.submit([encoder.finish()]);
  try {
    await buffer.mapAsync(GPUMapMode.READ);
    return { width, height, rgba: new Uint8Array(buffer.getMappedRange()).slice(), bytesPerRow };
  } finally {
    buffer.destroy();
  }
}

export function png({ rgba, width, height, bytesPerRow }: Pixels): Buffer {
  // A row is a byte for its filter (none), then its pixels.
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0, to = 0; y < height; y++) {
    to++;
    for (let x = 0, from = y * bytesPerRow; x < width; x++, from += 4) {
      rows[to++] = rgba[from]!;
      rows[to++] = rgba[from + 1]!;
      rows[to++] = rgba[from + 2]!;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
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
