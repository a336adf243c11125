import { ENVIRONMENT_LEVELS } from './shaders';

/** Number of directions that the shaders sample for each texel: of the reflections, and of the irradiance. */
const GLOSSY_SAMPLES = 96;
const DIFFUSE_SAMPLES = 512;

/**
 * Shader that fills one face of a cube map with the reflection of the sky in a surface of some roughness. For the level after
 * the last, it computes the light that reaches a matt surface. The sky is a studio at dusk: a gradient, the sun's glow and
 * three soft boxes.
 */
export const skyShader: string = `
struct Face { face: u32, level: u32 }
@group(0) @binding(0) var<uniform> target_: Face;
struct Point { @builtin(position) at: vec4f, @location(0) spot: vec2f }
@vertex fn vertex(@builtin(vertex_index) i: u32) -> Point {
  let corner = vec2f(f32(i & 1u), f32(i >> 1u)) * 4.0 - 1.0;
  return Point(vec4f(corner, 0.0, 1.0), vec2f(corner.x, -corner.y));
}

// A lamp seen from afar: 1 inside, falling off softly at its edge.
fn lamp(d: vec3f, to: vec3f, size: vec2f, edge: f32) -> f32 {
  let facing = dot(d, to);
  if (facing <= 0.05) { return 0.0; }
  let right = normalize(cross(vec3f(0.0, 1.0, 0.0), to));
  let p = abs(vec2f(dot(d, right), dot(d, cross(to, right))) / facing) / size;
  let q = smoothstep(vec2f(1.0), vec2f(1.0 - edge), p);
  return q.x * q.y;
}
fn sky(d: vec3f) -> vec3f {
  let horizon = vec3f(0.46, 0.44, 0.47);
  let above = mix(horizon, vec3f(0.07, 0.11, 0.22), pow(saturate(d.y), 0.55));
  let below = mix(horizon * 0.8, vec3f(0.13, 0.11, 0.10), pow(saturate(-d.y), 0.4));
  var light = select(below, above, d.y >= 0.0);
  light += vec3f(1.0, 0.52, 0.25) * 0.55 * pow(saturate(dot(d, normalize(vec3f(0.62, 0.22, 0.55)))), 6.0);
  light += vec3f(0.22, 0.34, 0.75) * 0.45 * pow(saturate(dot(d, normalize(vec3f(-0.8, 0.15, -0.5)))), 4.0);
  light += vec3f(7.5, 6.9, 6.2) * lamp(d, normalize(vec3f(-0.75, 0.55, 0.65)), vec2f(0.42, 0.62), 0.35);
  light += vec3f(5.0, 4.0, 3.2) * lamp(d, normalize(vec3f(0.95, 0.35, -0.25)), vec2f(0.18, 0.80), 0.4);
  light += vec3f(2.6, 3.2, 4.6) * lamp(d, normalize(vec3f(-0.35, 0.45, -0.95)), vec2f(0.70, 0.22), 0.5);
  light += vec3f(3.2) * smoothstep(0.90, 0.97, d.y);
  return light;
}
fn direction(face: u32, p: vec2f) -> vec3f {
  switch face {
    case 0u: { return normalize(vec3f(1.0, -p.y, -p.x)); }
    case 1u: { return normalize(vec3f(-1.0, -p.y, p.x)); }
    case 2u: { return normalize(vec3f(p.x, 1.0, p.y)); }
    case 3u: { return normalize(vec3f(p.x, -1.0, -p.y)); }
    case 4u: { return normalize(vec3f(p.x, -p.y, 1.0)); }
    default: { return normalize(vec3f(-p.x, -p.y, -1.0)); }
  }
}
// Point i of a Hammersley set of n.
fn spread(i: u32, n: u32) -> vec2f { return vec2f((f32(i) + 0.5) / f32(n), f32(reverseBits(i)) * 2.3283064e-10); }
fn around(n: vec3f, local: vec3f) -> vec3f {
  let up = select(vec3f(1.0, 0.0, 0.0), vec3f(0.0, 1.0, 0.0), abs(n.y) < 0.99);
  let t = normalize(cross(up, n));
  return t * local.x + cross(n, t) * local.y + n * local.z;
}
fn matt(n: vec3f) -> vec3f {
  var sum = vec3f();
  for (var i = 0u; i < ${DIFFUSE_SAMPLES.toString()}u; i++) {
    let u = spread(i, ${DIFFUSE_SAMPLES.toString()}u);
    let r = sqrt(u.x);
    let a = u.y * 6.2831853;
    sum += sky(around(n, vec3f(r * cos(a), r * sin(a), sqrt(1.0 - u.x))));
  }
  return sum / ${DIFFUSE_SAMPLES.toString()}.0;
}
// A direction of the GGX lobe around the normal (Karis 2013).
fn glossy(n: vec3f, roughness: f32) -> vec3f {
  let a2 = pow(roughness, 4.0);
  var sum = vec3f();
  var weight = 0.0;
  for (var i = 0u; i < ${GLOSSY_SAMPLES.toString()}u; i++) {
    let u = spread(i, ${GLOSSY_SAMPLES.toString()}u);
    let c = sqrt((1.0 - u.x) / (1.0 + (a2 - 1.0) * u.x));
    let s = sqrt(1.0 - c * c);
    let a = u.y * 6.2831853;
    let h = around(n, vec3f(s * cos(a), s * sin(a), c));
    let l = 2.0 * dot(n, h) * h - n;
    let nl = dot(n, l);
    if (nl <= 0.0) { continue; }
    sum += sky(l) * nl;
    weight += nl;
  }
  return sum / max(weight, 1e-4);
}
@fragment fn fragment(point: Point) -> @location(0) vec4f {
  let d = direction(target_.face, point.spot);
  if (target_.level == 0u) { return vec4f(sky(d), 1.0); }
  if (target_.level == ${ENVIRONMENT_LEVELS.toString()}u) { return vec4f(matt(d), 1.0); }
  return vec4f(glossy(d, f32(target_.level) / ${(ENVIRONMENT_LEVELS - 1).toString()}.0), 1.0);
}`;
