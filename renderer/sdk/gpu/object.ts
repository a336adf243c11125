import { ID_INDEX_BITS, ID_INDEX_MIN } from '../../contract/abi';
import * as encode from '../encode';

const KINDS = 13;
const INDEX_MASK: u32 = (1 << ID_INDEX_BITS) - 1;

const indexNext = new StaticArray<u32>(KINDS);
const freed: Array<Array<u32>> = [];
for (let kind = 0; kind < KINDS; kind++) {
  indexNext[kind] = ID_INDEX_MIN;
  freed.push([]);
}

/** Returns an id for a new GPU object: a freed index with its next generation, or else a new index. */
export function takeId(kind: u32): u32 {
  const free = freed[kind];
  return free.length > 0 ? free.pop() : indexNext[kind]++;
}

/** An object on the host's GPU. It stays there until `destroy` is called, even if the game no longer refers to it. */
export class GpuObject {
  /** The id by which the host knows the object, its generation and index; 0 once it is destroyed. */
  id: u32;
  /** An ObjectKind: the kind of this object. */
  kind: u32;

  constructor(kind: u32, id: u32) {
    this.kind = kind;
    this.id = id;
  }

  /** Destroys the GPU object. Its id is never valid again. */
  destroy(): void {
    const id = this.id;
    if (id === 0) return;
    encode.destroy(this.kind, id);
    // The generation is in the highest bits, above the index, so adding 1 to it wraps to 0 by itself.
    const next = id + (1 << ID_INDEX_BITS);
    freed[this.kind].push(next);
    this.id = 0;
  }

  /** The object's index in the host's table of objects of its kind. */
  get index(): u32 {
    return this.id & INDEX_MASK;
  }
}

/** Returns the id of a GPU object, or 0 for null. */
export function idOf(object: GpuObject | null): u32 {
  return object !== null ? object.id : 0;
}
