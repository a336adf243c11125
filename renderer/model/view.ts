import { mat4, vec3 } from '@nearlight/sdk';
import { Bounds, Orbit, VIEW_BYTES } from '@nearlight/sdk/scene';

const FOV_Y: f32 = 0.6;
const MARGIN: f32 = 1.12;
/**
 * Least distance of the near plane, as a fraction of the camera's distance from the model. At 0 the depth buffer would be
 * useless.
 */
const NEAR_MIN: f32 = 0.002;
/** Strength of the environment's light: on surfaces, and as the backdrop. */
const AMBIENT: f32 = 0.9;
const BACKDROP: f32 = 0.26;

/** The space that the turning model takes: an upright cylinder. */
export class Stage {
  readonly x: f32;
  readonly y: f32;
  readonly z: f32;
  readonly bottom: f32;
  /** Height of the floor, a little below the model so that the two do not touch. */
  readonly floor: f32;
  readonly halfHeight: f32;
  /** Radius of the cylinder. */
  readonly width: f32;
  /** Radius of the sphere around the cylinder. */
  readonly radius: f32;

  constructor(b: Bounds) {
    this.x = (b.minX + b.maxX) * 0.5;
    this.y = (b.minY + b.maxY) * 0.5;
    this.z = (b.minZ + b.maxZ) * 0.5;
    this.bottom = b.minY;
    this.halfHeight = (b.maxY - b.minY) * 0.5;
    const half = Mathf.sqrt((b.maxX - b.minX) * (b.maxX - b.minX) + (b.maxZ - b.minZ) * (b.maxZ - b.minZ)) * 0.5;
    this.radius = max(Mathf.sqrt(half * half + this.halfHeight * this.halfHeight), 1e-6);
    this.width = max(half, this.radius * 0.05);
    this.floor = this.bottom - this.radius * 0.002;
  }
}

/** The uniforms of one picture, such as camera and sun: struct View of the shaders in renderer/scene. */
export class View {
  readonly uniforms: StaticArray<f32> = new StaticArray<f32>(<i32>VIEW_BYTES / 4);
  readonly eye: vec3.Vec3 = vec3.create();
  private readonly target: vec3.Vec3 = vec3.create();
  private readonly up: vec3.Vec3 = vec3.create(0, 1, 0);
  private readonly sun: vec3.Vec3 = vec3.create(-0.52, 0.72, 0.46);
  private readonly matrix: StaticArray<f32> = mat4.create();
  private readonly look: StaticArray<f32> = mat4.create();
  private readonly projection: StaticArray<f32> = mat4.create();

  constructor(private readonly stage: Stage) {
    vec3.normalize(this.sun, this.sun);
    this.buildSun();
  }

  /** Computes the view of an orbiting camera. At a zoom of 1 the whole model fits the picture. */
  build(orbit: Orbit, width: f32, height: f32): void {
    const stage = this.stage;
    const aspect = width / height;
    const tan = Mathf.tan(FOV_Y * 0.5);
    const cos = Mathf.cos(orbit.pitch);
    const sin = Mathf.sin(orbit.pitch);
    // Seen from above or below, the cylinder's height and its depth both add to the height that must fit.
    const tall = stage.halfHeight * cos + stage.width * Mathf.abs(sin);
    const fit = max(tall / tan, stage.width / (tan * aspect)) + stage.width * cos + stage.halfHeight * Mathf.abs(sin);
    const distance = fit * MARGIN * orbit.zoom;
    vec3.set(stage.x, stage.y, stage.z, this.target);
    vec3.set(
      stage.x + Mathf.sin(orbit.yaw) * cos * distance,
      stage.y + sin * distance,
      stage.z + Mathf.cos(orbit.yaw) * cos * distance,
      this.eye,
    );
    // The near plane lies nearer than the model, wherever an animation takes it, and than the floor at the bottom edge of the
    // picture.
    const floor = stage.y + sin * distance - stage.floor;
    const down = sin + cos * tan;
    const nearest = distance - stage.radius * 1.5;
    const near = max(down > 0 && floor > 0 ? min(nearest, (floor / down) * 0.99) : nearest, distance * NEAR_MIN);
    mat4.lookAt(this.eye, this.target, this.up, this.look);
    mat4.perspective(FOV_Y, aspect, near, distance + stage.radius * 12, this.projection);
    mat4.multiply(this.projection, this.look, this.uniforms);
    const m = this.look;
    this.vector(32, this.eye[0], this.eye[1], this.eye[2], 1);
    this.vector(36, m[0] * tan * aspect, m[4] * tan * aspect, m[8] * tan * aspect, 0);
    this.vector(40, m[1] * tan, m[5] * tan, m[9] * tan, 0);
    this.vector(44, -m[2], -m[6], -m[10], 0);
  }

  /** Computes the view from the sun, which covers the model and its shadow on the floor. It does not change. */
  private buildSun(): void {
    const stage = this.stage;
    const sun = this.sun;
    const reach = stage.radius * 2.1;
    const eye = vec3.create();
    vec3.set(stage.x, stage.y, stage.z, this.target);
    vec3.addScaled(this.target, sun, reach * 2, eye);
    mat4.lookAt(eye, this.target, this.up, this.look);
    mat4.orthographic(-reach, reach, -reach, reach, reach * 0.1, reach * 4, this.projection);
    mat4.multiply(this.projection, this.look, this.matrix);
    for (let i = 0; i < 16; i++) this.uniforms[16 + i] = this.matrix[i];
    this.vector(48, sun[0], sun[1], sun[2], (reach * 2) / <f32>SHADOW_SIZE);
    this.vector(52, 4.3, 3.75, 3.0, 0);
    this.vector(56, stage.x, stage.floor, stage.z, max(stage.width, stage.radius * 0.5));
    this.vector(60, AMBIENT, BACKDROP, 0, 0);
  }

  private vector(at: i32, x: f32, y: f32, z: f32, w: f32): void {
    this.uniforms[at] = x;
    this.uniforms[at + 1] = y;
    this.uniforms[at + 2] = z;
    this.uniforms[at + 3] = w;
  }
}

/** Number of texels along a side of the shadow map. */
export const SHADOW_SIZE: u32 = 2048;
