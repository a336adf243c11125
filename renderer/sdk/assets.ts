import { asset_find, asset_read, asset_size } from './nearlight';

/** A file of the game's asset pack. */
export class Asset {
  /** The host's number for the file. */
  handle: i32 = -1;
  /** Size of the file in bytes. */
  size: u32 = 0;

  /** Copies bytes of the file, from `offset` on, to `data`: as many as there are and fit. Returns how many it copied. */
  read(offset: u32, data: StaticArray<u8>): u32 {
    return <u32>asset_read(this.handle, offset, changetype<usize>(data), <u32>data.length);
  }
}

/** Finds an asset by its name, which is its path below the assets folder. Returns null if there is none. */
export function findAsset(name: string): Asset | null {
  const bytes = String.UTF8.encode(name);
  const handle = asset_find(changetype<usize>(bytes), <u32>bytes.byteLength);
  if (handle < 0) return null;
  const asset = new Asset();
  asset.handle = handle;
  asset.size = <u32>asset_size(handle);
  return asset;
}
