import { mat4 } from '@nearlight/sdk';
import { groundBelow } from './collision';
import { AIM_ZOOM, EYE_HEIGHT, Fighter } from './fighter';

/** Size in bytes of the uniforms for one player's picture. */
export const VIEW_BYTES = 176;
/** Distance of the near plane in metres, so near that its corners stay inside the half width of the player's body. */
const NEAR: f32 = 0.19;
const FAR: f32 = 260;
/** Tangent of half the horizontal field of view, which is 95 degrees. */
const WIDE: f32 = 1.09;

/** The uniforms of one player's picture, such as camera and color: struct View of shaders.ts. */
export class View {
  readonly uniforms: StaticArray<f32> = new StaticArray<f32>(VIEW_BYTES / 4);
  private readonly projection: StaticArray<f32> = mat4.create();
  private readonly camera: StaticArray<f32> = mat4.create();

  /** Computes the view from the eyes of a fighter, turned by radians of pointer movement that no tick has applied yet. */
  build(self: Fighter, body: i32, width: f32, height: f32, turn: f32, nod: f32): void {
    const out = this.uniforms;
    const aspect = width / height;
    // A picture that is higher than wide shows less to the sides, to avoid distortion.
    const wide: f32 = min<f32>(max<f32>(2 * Mathf.atan(WIDE / aspect), 0.95), 1.4);
    const fov: f32 = wide * (1 - self.aim * AIM_ZOOM);
    const yaw = self.yaw + turn;
    const pitch = min(max(self.pitch + nod, <f32>-1.45), <f32>1.45);
    const sy = Mathf.sin(yaw);
    const cy = Mathf.cos(yaw);
    const sp = Mathf.sin(pitch);
    const cp = Mathf.cos(pitch);
    const bob = Mathf.sin(self.stride * 1.9) * 0.022;
    const x = self.x;
    const y = self.alive ? self.y + EYE_HEIGHT - self.climb + bob : groundBelow(self.x, self.y + 0.5, self.z) + 0.6;
    const z = self.z;
    set(16, x, y, z, <f32>body, out);
    set(20, cy, 0, sy, self.sunlit, out);
    set(24, -sp * sy, cp, sp * cy, 0, out);
    set(28, sy * cp, sp, -cy * cp, 0, out);
    this.place(x, y, z);
    mat4.perspective(fov, aspect, NEAR, FAR, this.projection);
    mat4.multiply(this.projection, this.camera, out);
    set(32, 2 / width, 2 / height, 0, 0, out);
    const c = self.color;
    set(36, c.r, c.g, c.b, self.muzzle, out);
    const swing = Mathf.cos(self.stride * 0.95) * 0.012;
    // In a picture that is higher than wide, the gun would lie outside the picture.
    const inward: f32 = aspect < 1 ? -0.1 : 0;
    set(40, swing + inward, bob * 0.5 - 0.01 - nod * 0.2, 0.055 * self.muzzle, 0, out);
  }

  private place(x: f32, y: f32, z: f32): void {
    const u = this.uniforms;
    const m = this.camera;
    for (let i = 0; i < 3; i++) {
      m[i * 4] = u[20 + i];
      m[i * 4 + 1] = u[24 + i];
      m[i * 4 + 2] = -u[28 + i];
    }
    m[12] = -(u[20] * x + u[21] * y + u[22] * z);
    m[13] = -(u[24] * x + u[25] * y + u[26] * z);
    m[14] = u[28] * x + u[29] * y + u[30] * z;
  }
}

function set(at: i32, x: f32, y: f32, z: f32, w: f32, out: StaticArray<f32>): void {
  unchecked((out[at] = x));
  unchecked((out[at + 1] = y));
  unchecked((out[at + 2] = z));
  unchecked((out[at + 3] = w));
}
