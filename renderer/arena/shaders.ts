const common = `
struct View {
  viewProjection: mat4x4f,
  eye: vec4f,       // w: index of the body that is not drawn, because it is the viewer's own
  right: vec4f,
  up: vec4f,
  forward: vec4f,
  size: vec4f,      // 2 / width, 2 / height
  own: vec4f,       // the viewer's colour; w: flash of the gun
  gun: vec4f,       // offset of the gun
}
@group(0) @binding(0) var<uniform> view: View;
const sun = vec3f(0.72, 0.36, -0.593); // as in palette.ts

// The light that fog adds (rgb) and the fraction that it lets through (w), between the eye and a point.
fn fog(way: vec3f, depth: f32) -> vec4f {
  let near = 1.0 / (depth + 110.0);
  let much = depth * near;
  let warm = max(dot(way, sun) * near, 0.0);
  return vec4f((vec3f(0.50, 0.40, 0.52) + warm * vec3f(0.62, 0.26, -0.12)) * much, 1.0 - much);
}
fn film(light: vec3f) -> vec3f {
  let x = max(light, vec3f());
  return sqrt(saturate((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)));
}
// The light on a vertex of a body or of the gun.
fn shade(normal: vec3f, to_eye: vec3f, sunlit: f32, albedo: vec3f) -> vec3f {
  let facing = max(dot(normal, sun), 0.0) * sunlit;
  let ambient = mix(vec3f(0.16, 0.11, 0.13), vec3f(0.34, 0.34, 0.58), normal.y * 0.5 + 0.5);
  let rim = 1.0 - max(dot(normal, to_eye), 0.0);
  return albedo * (vec3f(2.6, 1.32, 0.62) * facing + ambient) + rim * rim * rim * vec3f(0.30, 0.22, 0.32);
}
`;

export const sceneShader = `${common}
struct Point { @builtin(position) at: vec4f, @location(0) color: vec3f }

@vertex fn level(@location(0) position: vec3f, @location(1) color: vec4f) -> Point {
  var at = view.viewProjection * vec4f(position, 1.0);
  let haze = fog(position - view.eye.xyz, max(at.w, 0.0));
  // Glowing strips lie flat on other boxes. Moved a little nearer in depth, they cover those boxes at any distance.
  at.z -= (1.0 - color.a) * 0.00006 * at.w;
  return Point(at, color.rgb * haze.w + haze.rgb);
}
@vertex fn sky(@location(0) position: vec3f, @location(1) color: vec4f) -> Point {
  let at = view.viewProjection * vec4f(view.eye.xyz + position * 100.0, 1.0);
  return Point(at.xyww, color.rgb);
}
@fragment fn fragment(point: Point) -> @location(0) vec4f { return vec4f(point.color, 1.0); }`;

export const bodyShader = `${common}
struct Point { @builtin(position) at: vec4f, @location(0) color: vec3f }
@vertex fn body(
  @builtin(instance_index) index: u32, @location(0) position: vec3f, @location(1) packed: vec4f,
  @location(2) place: vec4f,  // w: fraction of the sunlight that falls on the body
  @location(3) pose: vec4f,   // cosine and sine of the yaw, pitch, flash
  @location(4) paint: vec4f,  // colour, size
) -> Point {
  var p = position;
  var n = packed.xyz;
  if (p.y > 1.4 || p.x > 0.36) {
    let c = cos(pose.z); let s = sin(pose.z);
    let pivot = select(1.1, 1.5, p.y > 1.4);
    p = vec3f(p.x, pivot + (p.y - pivot) * c - p.z * s, p.z * c + (p.y - pivot) * s);
    n = vec3f(n.x, n.y * c - n.z * s, n.z * c + n.y * s);
  }
  p = vec3f(p.x, p.y - 0.9, p.z) * paint.w + vec3f(0.0, 0.9, 0.0);
  p = vec3f(p.x * pose.x - p.z * pose.y, p.y, p.x * pose.y + p.z * pose.x) + place.xyz;
  n = vec3f(n.x * pose.x - n.z * pose.y, n.y, n.x * pose.y + n.z * pose.x);
  let way = p - view.eye.xyz;
  let at = view.viewProjection * vec4f(p, 1.0);
  var color = shade(n, normalize(-way), place.w, mix(vec3f(0.13, 0.13, 0.15), paint.rgb, 0.16));
  color = mix(color, paint.rgb * 1.6 + 0.08, packed.w) + pose.w * vec3f(2.0, 1.8, 1.6);
  let haze = fog(way, at.w);
  let own = f32(index) == view.eye.w;
  return Point(select(at, vec4f(0.0, 0.0, 2.0, 1.0), own || paint.w < 0.01), film(color) * haze.w + haze.rgb);
}
@vertex fn gun(@location(0) position: vec3f, @location(1) packed: vec4f) -> Point {
  let p = position + view.gun.xyz;
  let world = view.eye.xyz + view.right.xyz * p.x + view.up.xyz * p.y - view.forward.xyz * p.z;
  let n = view.right.xyz * packed.x + view.up.xyz * packed.y - view.forward.xyz * packed.z;
  let lit = shade(n, n, view.right.w, vec3f(0.10, 0.10, 0.12)) + view.own.w * view.own.rgb * 0.5;
  let color = mix(lit, view.own.rgb * (1.1 + 3.0 * view.own.w), packed.w);
  return Point(view.viewProjection * vec4f(world, 1.0), film(color));
}
@fragment fn fragment(point: Point) -> @location(0) vec4f { return vec4f(point.color, 1.0); }`;

export const shadowShader = `${common}
struct Point { @builtin(position) at: vec4f, @location(0) spot: vec2f, @location(1) @interpolate(flat) strength: f32 }
@vertex fn vertex(
  @builtin(vertex_index) vertex: u32, @location(0) place: vec4f, @location(1) paint: vec4f, @location(2) ground: vec4f,
) -> Point {
  let corner = vec2f(f32(vertex & 1u), f32((vertex >> 1u) & 1u)) * 2.0 - 1.0;
  let along = normalize(-sun.xz);
  let height = max(place.y - ground.x, 0.0);
  // A dark spot under a body and, in the sun, a long shadow away from it.
  let long = vertex >= 4u;
  let size = select(vec2f(0.62 + 0.3 * height), vec2f(2.1, 0.5), long);
  let shift = select(0.0, 1.9, long) + height * 2.2 * f32(long);
  let across = vec2f(-along.y, along.x);
  let flat = place.xz + along * (corner.x * size.x + shift) + across * corner.y * size.y;
  var at = view.viewProjection * vec4f(flat.x, ground.x + 0.01, flat.y, 1.0);
  at.z -= 0.00006 * at.w;
  let fade = select(0.75 / (1.0 + height), 0.45 * place.w, long) * paint.w;
  return Point(at, corner, fade);
}
@fragment fn fragment(point: Point) -> @location(0) vec4f {
  let soft = max(1.0 - dot(point.spot, point.spot), 0.0);
  return vec4f(0.02, 0.01, 0.04, soft * soft * point.strength);
}`;

export const streakShader = `${common}
struct Point { @builtin(position) at: vec4f, @location(0) spot: vec3f, @location(1) @interpolate(flat) color: vec4f }
@vertex fn vertex(
  @builtin(vertex_index) vertex: u32,
  @location(0) from_width: vec4f, @location(1) to_far: vec4f, @location(2) color: vec4f,
) -> Point {
  let corner = vec2f(f32(vertex & 1u), f32(vertex >> 1u)) * 2.0 - 1.0;
  let line = to_far.xyz - from_width.xyz;
  let size = length(line);
  // Distant streaks, such as the glow of the sun, move along with the eye.
  let middle = mix(from_width.xyz, to_far.xyz, corner.x * 0.5 + 0.5) + view.eye.xyz * to_far.w;
  let way = middle - view.eye.xyz;
  let along = select(view.right.xyz, line / max(size, 1e-5), size > 1e-3);
  let side = cross(along, way);
  let across = select(view.up.xyz, side / max(length(side), 1e-5), size > 1e-3);
  let world = middle + (along * corner.x + across * corner.y) * from_width.w;
  var at = view.viewProjection * vec4f(world, 1.0);
  if (to_far.w > 0.5) { at.z = at.w * 0.99999; }
  let half = 0.5 * size / from_width.w;
  return Point(at, vec3f(corner.x * (half + 1.0), corner.y, half), color);
}
@fragment fn fragment(point: Point) -> @location(0) vec4f {
  let cap = max(abs(point.spot.x) - point.spot.z, 0.0);
  let soft = max(1.0 - cap * cap - point.spot.y * point.spot.y, 0.0);
  let glow = soft * soft;
  let core = glow * glow * glow * point.color.w;
  return vec4f(point.color.rgb * glow + core, 1.0);
}`;

export const hudShader = `${common}
struct Point {
  @builtin(position) at: vec4f,
  @location(0) @interpolate(linear) spot: vec2f,
  @location(1) @interpolate(flat) half: vec3f,  // half size, radius of the corners
  @location(2) @interpolate(flat) color: vec4f,
}
@vertex fn vertex(
  @builtin(vertex_index) vertex: u32,
  @location(0) box: vec4f,    // middle and half size, pixels from the top left
  @location(1) style: vec4f,  // radius of the corners, cosine and sine of the turn
  @location(2) color: vec4f,
) -> Point {
  let corner = vec2f(f32(vertex & 1u), f32(vertex >> 1u)) * 2.0 - 1.0;
  let p = corner * (box.zw + 1.0);
  let turned = vec2f(p.x * style.y - p.y * style.z, p.x * style.z + p.y * style.y) + box.xy;
  return Point(vec4f(turned.x * view.size.x - 1.0, 1.0 - turned.y * view.size.y, 0.0, 1.0), p, vec3f(box.zw, style.x), color);
}
@fragment fn fragment(point: Point) -> @location(0) vec4f {
  let q = abs(point.spot) - point.half.xy + point.half.z;
  let outside = length(max(q, vec2f())) + min(max(q.x, q.y), 0.0) - point.half.z;
  return vec4f(point.color.rgb, point.color.a * saturate(0.5 - outside));
}`;

// Boxes that fade out upwards. They cover much of a picture, so a shader of their own spares them the corners.
export const edgeShader = `${common}
struct Point {
  @builtin(position) at: vec4f, @location(0) @interpolate(linear) rise: f32, @location(1) @interpolate(flat) color: vec4f,
}
@vertex fn vertex(
  @builtin(vertex_index) vertex: u32, @location(0) box: vec4f, @location(1) style: vec4f, @location(2) color: vec4f,
) -> Point {
  let corner = vec2f(f32(vertex & 1u), f32(vertex >> 1u)) * 2.0 - 1.0;
  let p = corner * box.zw;
  let turned = vec2f(p.x * style.y - p.y * style.z, p.x * style.z + p.y * style.y) + box.xy;
  return Point(vec4f(turned.x * view.size.x - 1.0, 1.0 - turned.y * view.size.y, 0.0, 1.0), 0.5 + 0.5 * corner.y, color);
}
@fragment fn fragment(point: Point) -> @location(0) vec4f {
  return vec4f(point.color.rgb, point.color.a * point.rise * point.rise);
}`;
