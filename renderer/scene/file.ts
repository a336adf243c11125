import {
  HEADER_BYTES,
  HEADER_MAGIC,
  HEADER_SECTIONS,
  HEADER_TABLES,
  HEADER_VERSION,
  MODEL_MAGIC,
  MODEL_VERSION,
} from '../contract/pack';
import { Asset, findAsset } from '../sdk';

/**
 * Header and tables of a packed model. The blocks of data stay in the asset. Offsets and records are those of contract/pack.ts.
 */
export class ModelFile {
  /** The asset that contains the packed model. */
  readonly asset!: Asset;
  private readonly tables!: StaticArray<u8>;

  constructor(asset: Asset) {
    this.asset = asset;
    const header = new StaticArray<u8>(16);
    if (asset.read(0, header) !== 16 || load<u32>(changetype<usize>(header), HEADER_MAGIC) !== MODEL_MAGIC) {
      throw new Error('this asset is not a packed model');
    }
    const version = load<u32>(changetype<usize>(header), HEADER_VERSION);
    if (version !== MODEL_VERSION) throw new Error(`the model has version ${version}: pack it again`);
    if (load<u32>(changetype<usize>(header), HEADER_BYTES) !== asset.size) throw new Error('the model is cut off');
    this.tables = new StaticArray<u8>(<i32>load<u32>(changetype<usize>(header), HEADER_TABLES));
    asset.read(0, this.tables);
  }

  /** Reads a 32-bit word of the packed model's header. @param field byte offset of the word */
  header(field: u32): u32 {
    return load<u32>(this.at(field));
  }

  /** Returns the address of a field of the packed model's header. @param field byte offset of the field */
  at(field: u32): usize {
    return changetype<usize>(this.tables) + field;
  }

  /** Returns the number of records in a section of the packed model. */
  count(section: u32): i32 {
    return <i32>this.header(HEADER_SECTIONS + section * 8 + 4);
  }

  /** Returns the address of a record of `size` bytes in a section of the packed model. It is valid as long as this object. */
  record(section: u32, index: i32, size: u32): usize {
    return changetype<usize>(this.tables) + this.header(HEADER_SECTIONS + section * 8) + <usize>index * size;
  }
}

/** Opens a packed model by its asset's name. Returns null if there is no such asset. */
export function openModel(name: string): ModelFile | null {
  const asset = findAsset(name);
  return asset !== null ? new ModelFile(asset) : null;
}
