const CELLS_MAX = 4096;
const BOUND_WORDS = 6;
/** Planes of the sides of what a picture shows: left, right, bottom, top. Each has four numbers. */
const PLANES = 4;
/** Cells that lie outside a plane by less than this many metres count as inside. The GPU rounds in another way. */
const MARGIN: f32 = 0.01;

/**
 * The cells into which the faces of the level are divided, and which of them a picture can show. Each cell is a range of the level's
 * indices. In software rendering, vertices that no pixel shows cost as much as others.
 */
export class Cells {
  count: i32 = 0;
  /** Six numbers for each cell: least x, y, z, greatest x, y, z. */
  private readonly bounds: StaticArray<f32> = new StaticArray<f32>(CELLS_MAX * BOUND_WORDS);
  /** Axis of each cell's normal, as the place of a coordinate in the cell's bounds: a negative normal has the least ones. */
  private readonly sides: StaticArray<u8> = new StaticArray<u8>(CELLS_MAX);
  /** First index of each cell. A cell ends where the next one begins. */
  private readonly firsts: StaticArray<i32> = new StaticArray<i32>(CELLS_MAX + 1);
  private readonly planes: StaticArray<f32> = new StaticArray<f32>(PLANES * 4);

  /**
   * Adds a cell whose indices begin at `first`: a corner, and its two edges as one vector, because each coordinate belongs to at most
   * one of them. The last argument is the outward normal, along one axis.
   */
  add(first: i32, x: f32, y: f32, z: f32, dx: f32, dy: f32, dz: f32, nx: f32, ny: f32, nz: f32): void {
    if (this.count === CELLS_MAX) throw new Error('the level has more cells than CELLS_MAX');
    const at = this.count * BOUND_WORDS;
    this.bounds[at] = min(x, x + dx);
    this.bounds[at + 1] = min(y, y + dy);
    this.bounds[at + 2] = min(z, z + dz);
    this.bounds[at + 3] = max(x, x + dx);
    this.bounds[at + 4] = max(y, y + dy);
    this.bounds[at + 5] = max(z, z + dz);
    const axis: i32 = nx !== 0 ? 0 : ny !== 0 ? 1 : 2;
    this.sides[this.count] = <u8>(nx + ny + nz > 0 ? axis + 3 : axis);
    this.firsts[this.count++] = first;
  }

  /** Ends the last cell. */
  finish(end: i32): void {
    this.firsts[this.count] = end;
  }

  /**
   * Copies the indices of the cells that a picture can show, in their order.
   * @param view the picture's uniforms: struct View of shaders.ts
   * @returns how many indices there are
   */
  collect(view: StaticArray<f32>, indices: StaticArray<u16>, out: StaticArray<u16>): i32 {
    this.aim(view);
    const sides = this.sides;
    const bounds = this.bounds;
    let length = 0;
    // The cells from `begin` on are shown; -1 if the last one is not.
    let begin = -1;
    for (let cell = 0, at = 0; cell <= this.count; cell++, at += BOUND_WORDS) {
      let shown = false;
      if (cell < this.count) {
        const side = <i32>unchecked(sides[cell]);
        const axis = side < 3 ? side : side - 3;
        const ahead = unchecked(view[16 + axis]) - unchecked(bounds[at + side]);
        shown = (side < 3 ? -ahead : ahead) > -MARGIN && this.inside(at);
      }
      if (shown && begin < 0) begin = cell;
      if (shown || begin < 0) continue;
      const first = unchecked(this.firsts[begin]);
      const part = unchecked(this.firsts[cell]) - first;
      memory.copy(
        changetype<usize>(out) + ((<usize>length) << 1),
        changetype<usize>(indices) + ((<usize>first) << 1),
        (<usize>part) << 1,
      );
      length += part;
      begin = -1;
    }
    return length;
  }

  /** Finds the planes of the sides of what a picture shows: w + x, w - x, w + y and w - y of a point in clip space are positive. */
  private aim(view: StaticArray<f32>): void {
    for (let plane = 0; plane < PLANES; plane++) {
      const row = plane >> 1;
      const sign: f32 = (plane & 1) === 0 ? 1 : -1;
      let square: f32 = 0;
      for (let column = 0; column < 4; column++) {
        const value = view[column * 4 + 3] + sign * view[column * 4 + row];
        this.planes[plane * 4 + column] = value;
        if (column < 3) square += value * value;
      }
      const scale: f32 = 1 / Mathf.sqrt(square);
      for (let column = 0; column < 4; column++) this.planes[plane * 4 + column] *= scale;
    }
  }

  /** Reports whether a box can be inside all planes: whether its corner that is farthest inside is, for each plane. */
  private inside(at: i32): bool {
    const bounds = this.bounds;
    const planes = this.planes;
    for (let plane = 0; plane < PLANES * 4; plane += 4) {
      const a = unchecked(planes[plane]);
      const b = unchecked(planes[plane + 1]);
      const c = unchecked(planes[plane + 2]);
      const x = unchecked(bounds[at + (a > 0 ? 3 : 0)]);
      const y = unchecked(bounds[at + (b > 0 ? 4 : 1)]);
      const z = unchecked(bounds[at + (c > 0 ? 5 : 2)]);
      if (a * x + b * y + c * z + unchecked(planes[plane + 3]) < -MARGIN) return false;
    }
    return true;
  }
}
