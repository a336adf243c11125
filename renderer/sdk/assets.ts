import { asset_find, asset_read, asset_size } from './nearlight';

/** A file of the game's asset pack. */
export class Asset {
  handle: i32 = -1;
  /** Bytes. */
  size: u32 = 0;

  /** Copies bytes from `offset` on into `data`; gives how many there were. */
  read(offset: u32, data: StaticArray<u8>): u32 {
    return <u32>max(asset_read(this.handle, offset, changetype<usize>(data), <u32>data.length), 0);
  }
}

/** Finds an asset by its name, or gives null. */
export function findAsset(name: string): Asset | null {
  const bytes = String.UTF8.encode(name);
  const handle = asset_find(changetype<usize>(bytes), <u32>bytes.byteLength);
  if (handle < 0) return null;
  const asset = new Asset();
  asset.handle = handle;
  asset.size = <u32>max(asset_size(handle), 0);
  return asset;
}
