/** Number of mip levels of the reflections of the environment, from a mirror's to the roughest. */
export const ENVIRONMENT_LEVELS: u32 = 6;
/** Size in bytes of the uniforms of one picture: the struct View of the shaders. */
export const VIEW_BYTES: u32 = 256;

const view = `
struct View {
  viewProjection: mat4x4f,
  sunProjection: mat4x4f,
  eye: vec4f,
  right: vec4f,    // to the right edge of the picture, at a distance of 1
  up: vec4f,
  forward: vec4f,
  sun: vec4f,      // direction to the sun; w: world size of a texel of its shadow
  sunLight: vec4f,
  floor: vec4f,    // x, y, z of its middle, radius of what stands on it
  ambient: vec4f,  // strength of the environment, of the backdrop
}
@group(0) @binding(0) var<uniform> view: View;
`;

/** Shader code that moves vertices by morph targets and joints. */
const geometry = `
struct Item {
  world: mat4x4f,
  joint: u32, weight: u32, targets: u32, vertices: u32,
  morph: u32, positionScale: f32, normalScale: f32, unused: u32,
}
@group(0) @binding(1) var<storage, read> items: array<Item>;
@group(0) @binding(2) var<storage, read> joints: array<mat4x4f>;
@group(0) @binding(3) var<storage, read> weights: array<f32>;
@group(0) @binding(4) var<storage, read> morphs: array<u32>;

struct Posed { position: vec3f, normal: vec3f, tangent: vec3f }

fn morph(item: Item, vertex: u32, posed: ptr<function, Posed>) {
  for (var target_ = 0u; target_ < item.targets; target_++) {
    let weight = weights[item.weight + target_];
    if (weight == 0.0) { continue; }
    let at = item.morph + (target_ * item.vertices + vertex) * 3u;
    let xy = unpack2x16float(morphs[at]);
    let zx = unpack2x16float(morphs[at + 1u]);
    let yz = unpack2x16float(morphs[at + 2u]);
    (*posed).position += weight * item.positionScale * vec3f(xy, zx.x);
    (*posed).normal += weight * item.normalScale * vec3f(zx.y, yz);
  }
}
// The inverse transpose, except for its scale.
fn cofactor(m: mat4x4f) -> mat3x3f {
  let c = mat3x3f(cross(m[1].xyz, m[2].xyz), cross(m[2].xyz, m[0].xyz), cross(m[0].xyz, m[1].xyz));
  return c * select(1.0, -1.0, dot(m[0].xyz, c[0]) < 0.0);
}
fn place(item: Item, matrix: mat4x4f, posed: ptr<function, Posed>) {
  (*posed).position = (matrix * vec4f((*posed).position, 1.0)).xyz;
  (*posed).normal = cofactor(matrix) * (*posed).normal;
  (*posed).tangent = (matrix * vec4f((*posed).tangent, 0.0)).xyz;
}
fn unfold(p: vec2f) -> vec3f {
  let z = 1.0 - abs(p.x) - abs(p.y);
  let fold = max(-z, 0.0);
  return normalize(vec3f(p - select(vec2f(-fold), vec2f(fold), p >= vec2f()), z));
}
`;

/** Returns the parameters of the vertex shaders: the attributes of a vertex, with locations as in pipelines.ts. */
function inputs(extra: bool, skin: bool): string {
  return `
  @builtin(instance_index) index: u32, @builtin(vertex_index) vertex: u32,
  @location(0) position: vec3f, @location(1) normal: vec2f, @location(2) tangent: vec4f, @location(3) uv: vec2f,
  ${extra ? '@location(4) uv1: vec2f, @location(5) color: vec4f,' : ''}
  ${skin ? '@location(6) joint: vec4u, @location(7) weight: vec4f,' : ''}`;
}

function pose(skin: bool): string {
  const matrix = skin
    ? `joints[item.joint + joint.x] * weight.x + joints[item.joint + joint.y] * weight.y +
       joints[item.joint + joint.z] * weight.z + joints[item.joint + joint.w] * weight.w`
    : 'item.world';
  return `
  let item = items[index];
  var posed = Posed(position, unfold(normal), tangent.xyz * 2.0 - 1.0);
  morph(item, vertex, &posed);
  place(item, ${matrix}, &posed);`;
}

const material = `
struct Slot { matrix: vec4f, offset: vec2f, coordinates: f32, unused: f32 }
struct Material {
  baseColor: vec4f,
  emissive: vec3f, cutoff: f32,
  metallic: f32, roughness: f32, normalScale: f32, occlusion: f32,
  flags: vec4u,
  slots: array<Slot, 5>,
}
@group(1) @binding(0) var<uniform> material: Material;
@group(1) @binding(1) var baseMap: texture_2d<f32>;
@group(1) @binding(2) var baseSampler: sampler;
@group(1) @binding(3) var metalMap: texture_2d<f32>;
@group(1) @binding(4) var metalSampler: sampler;
@group(1) @binding(5) var normalMap: texture_2d<f32>;
@group(1) @binding(6) var normalSampler: sampler;
@group(1) @binding(7) var occlusionMap: texture_2d<f32>;
@group(1) @binding(8) var occlusionSampler: sampler;
@group(1) @binding(9) var emissiveMap: texture_2d<f32>;
@group(1) @binding(10) var emissiveSampler: sampler;
fn has(slot: u32) -> bool { return (material.flags.x & (256u << slot)) != 0u; }
fn at(slot: u32, uvs: vec4f) -> vec2f {
  let s = material.slots[slot];
  let uv = select(uvs.xy, uvs.zw, s.coordinates > 0.5);
  return vec2f(dot(s.matrix.xy, uv), dot(s.matrix.zw, uv)) + s.offset;
}
fn baseColor(uvs: vec4f, tint: vec4f) -> vec4f {
  var color = material.baseColor * tint;
  if (has(0u)) { color *= textureSample(baseMap, baseSampler, at(0u, uvs)); }
  return color;
}
`;

const lighting = `
@group(2) @binding(0) var shadowMap: texture_depth_2d;
@group(2) @binding(1) var shadowSampler: sampler_comparison;
@group(2) @binding(2) var environment: texture_cube<f32>;
@group(2) @binding(3) var irradiance: texture_cube<f32>;
@group(2) @binding(4) var smoothSampler: sampler;

// The place of a point in the shadow map: texture coordinates and depth.
fn inShadowMap(position: vec3f, normal: vec3f) -> vec3f {
  let p = view.sunProjection * vec4f(position + normal * view.sun.w * 1.5, 1.0);
  return vec3f(p.xy * vec2f(0.5, -0.5) + 0.5, p.z);
}
// Part of the sunlight that reaches a point: the mean of four comparisons of four texels each.
fn sunlit(p: vec3f) -> f32 {
  let uv = p.xy;
  if (any(uv < vec2f()) || any(uv > vec2f(1.0))) { return 1.0; }
  let step = 1.2 / f32(textureDimensions(shadowMap).x);
  return 0.25 * (textureSampleCompareLevel(shadowMap, shadowSampler, uv + vec2f(-step, -step), p.z)
    + textureSampleCompareLevel(shadowMap, shadowSampler, uv + vec2f(step, -step), p.z)
    + textureSampleCompareLevel(shadowMap, shadowSampler, uv + vec2f(-step, step), p.z)
    + textureSampleCompareLevel(shadowMap, shadowSampler, uv + vec2f(step, step), p.z));
}
fn backdrop(direction: vec3f) -> vec3f {
  let light = textureSampleLevel(environment, smoothSampler, direction, 4.2).rgb;
  return mix(light, vec3f(dot(light, vec3f(0.33))), 0.2) * view.ambient.y;
}
// ACES, the fit of its reference and output transforms by S. Hill, then the sRGB curve.
fn film(light: vec3f) -> vec3f {
  let a = mat3x3f(0.59719, 0.07600, 0.02840, 0.35458, 0.90834, 0.13383, 0.04823, 0.01566, 0.83777) * light;
  let b = (a * (a + 0.0245786) - 0.000090537) / (a * (0.983729 * a + 0.4329510) + 0.238081);
  let c = saturate(mat3x3f(1.60475, -0.10208, -0.00327, -0.53108, 1.10813, -0.07276, -0.07367, -0.00605, 1.07602) * b);
  return srgb(c);
}
fn srgb(c: vec3f) -> vec3f {
  return select(1.055 * pow(c, vec3f(1.0 / 2.4)) - 0.055, c * 12.92, c < vec3f(0.0031308));
}
// Noise below one step of the picture's eight bits hides bands in soft gradients (Jimenez 2014).
fn dither(at: vec2f) -> f32 { return (fract(52.9829189 * fract(dot(at, vec2f(0.06711056, 0.00583715)))) - 0.5) / 255.0; }
`;

/** Shader code for metal-rough materials (glTF 2.0, appendix B), lit by the sun and by the environment. */
const shading = `
struct Surface { base: vec3f, metallic: f32, roughness: f32, normal: vec3f, occlusion: f32 }

fn bumped(point: Point, front: bool) -> vec3f {
  var n = normalize(point.normal) * select(-1.0, 1.0, front);
  if (has(2u)) {
    let xy = textureSample(normalMap, normalSampler, at(2u, point.uvs)).xy * 2.0 - 1.0;
    let z = sqrt(max(1.0 - dot(xy, xy), 0.0));
    let t = point.tangent.xyz - n * dot(n, point.tangent.xyz);
    if (dot(t, t) > 1e-8) {
      let side = normalize(t);
      let other = cross(n, side) * point.tangent.w * select(-1.0, 1.0, front);
      n = normalize(mat3x3f(side, other, n) * vec3f(xy * material.normalScale, max(z, 0.01)));
    }
  }
  return n;
}
fn surfaceOf(point: Point, front: bool, base: vec3f) -> Surface {
  var s = Surface(base, material.metallic, material.roughness, bumped(point, front), 1.0);
  if (has(1u)) {
    let map = textureSample(metalMap, metalSampler, at(1u, point.uvs)).xy;
    s.roughness *= map.x;
    s.metallic *= map.y;
  }
  if (has(3u)) {
    s.occlusion += material.occlusion * (textureSample(occlusionMap, occlusionSampler, at(3u, point.uvs)).x - 1.0);
  }
  // Bumps smaller than a pixel make a surface rougher (Tokuyoshi and Kaplanyan 2019).
  let across = dpdx(s.normal);
  let down = dpdy(s.normal);
  let spread = min(0.25 * (dot(across, across) + dot(down, down)), 0.18);
  let alpha = clamp(s.roughness * s.roughness, 0.002, 1.0);
  s.roughness = sqrt(sqrt(saturate(alpha * alpha + spread)));
  return s;
}
fn sunOn(s: Surface, f0: vec3f, diffuse: vec3f, v: vec3f) -> vec3f {
  let l = view.sun.xyz;
  let h = normalize(l + v);
  let nl = saturate(dot(s.normal, l));
  let nv = max(dot(s.normal, v), 1e-3);
  let nh = saturate(dot(s.normal, h));
  let a2 = pow(s.roughness, 4.0);
  let d = nh * nh * (a2 - 1.0) + 1.0;
  let spread = a2 / (3.14159265 * d * d);
  let visible = 0.5 / (nl * sqrt(nv * nv * (1.0 - a2) + a2) + nv * sqrt(nl * nl * (1.0 - a2) + a2));
  let fresnel = f0 + (1.0 - f0) * pow(1.0 - saturate(dot(v, h)), 5.0);
  return view.sunLight.rgb * nl * (diffuse * (1.0 - fresnel) / 3.14159265 + fresnel * min(spread * visible, 64.0));
}
fn skyOn(s: Surface, f0: vec3f, diffuse: vec3f, v: vec3f) -> vec3f {
  let nv = saturate(dot(s.normal, v));
  // The part of the specular lobe that the environment lights, by a fit (Karis 2014).
  let r = s.roughness * vec4f(-1.0, -0.0275, -0.572, 0.022) + vec4f(1.0, 0.0425, 1.04, -0.04);
  let a = min(r.x * r.x, exp2(-9.28 * nv)) * r.x + r.y;
  let ab = vec2f(-1.04, 1.04) * a + r.zw;
  let single = f0 * ab.x + ab.y;
  // Light that bounces several times between facets (Fdez-Aguera 2019).
  let lost = 1.0 - (ab.x + ab.y);
  let mean = f0 + (1.0 - f0) / 21.0;
  let many = single * lost * mean / (1.0 - lost * mean);
  let around = textureSampleLevel(irradiance, smoothSampler, s.normal, 0.0).rgb;
  let mirror = reflect(-v, s.normal);
  let seen = textureSampleLevel(environment, smoothSampler, mirror, s.roughness * ${(ENVIRONMENT_LEVELS - 1).toString()}.0).rgb;
  let hidden = saturate(pow(nv + s.occlusion, exp2(-16.0 * s.roughness - 1.0)) - 1.0 + s.occlusion);
  let soft = (many + diffuse * (1.0 - single - many)) * around * s.occlusion;
  return (single * seen * hidden + soft) * view.ambient.x;
}
fn shade(point: Point, front: bool, base: vec3f) -> vec3f {
  let s = surfaceOf(point, front, base);
  var glow = material.emissive;
  if (has(4u)) { glow *= textureSample(emissiveMap, emissiveSampler, at(4u, point.uvs)).rgb; }
  let v = normalize(view.eye.xyz - point.world);
  let f0 = mix(vec3f(0.04), s.base, s.metallic);
  let diffuse = s.base * (1.0 - s.metallic);
  let shadow = sunlit(inShadowMap(point.world, normalize(point.normal) * select(-1.0, 1.0, front)));
  return sunOn(s, f0, diffuse, v) * shadow + skyOn(s, f0, diffuse, v) + glow;
}
fn finish(point: Point, front: bool, color: vec4f) -> vec4f {
  if ((material.flags.x & 8u) != 0u) { return vec4f(srgb(saturate(color.rgb)), color.a); }
  return vec4f(film(shade(point, front, color.rgb)) + dither(point.at.xy), color.a);
}
@fragment fn opaque(point: Point, @builtin(front_facing) front: bool) -> @location(0) vec4f {
  return vec4f(finish(point, front, baseColor(point.uvs, point.color)).rgb, 1.0);
}
@fragment fn blended(point: Point, @builtin(front_facing) front: bool) -> @location(0) vec4f {
  return finish(point, front, baseColor(point.uvs, point.color));
}
@fragment fn masked(point: Point, @builtin(front_facing) front: bool) -> @location(0) vec4f {
  let color = baseColor(point.uvs, point.color);
  let result = finish(point, front, color);
  if (color.a < material.cutoff) { discard; }
  return vec4f(result.rgb, 1.0);
}
`;

/** Returns the shader that draws the primitives of a model that have a given set of vertex streams. */
export function modelShader(extra: bool, skin: bool): string {
  return `${view}${geometry}${material}${lighting}
struct Point {
  @builtin(position) at: vec4f,
  @location(0) world: vec3f, @location(1) normal: vec3f, @location(2) tangent: vec4f,
  @location(3) uvs: vec4f, @location(4) color: vec4f,
}
@vertex fn vertex(${inputs(extra, skin)}) -> Point {
  ${pose(skin)}
  let uvs = vec4f(uv, ${extra ? 'uv1' : 'vec2f()'});
  let side = vec4f(posed.tangent, tangent.w * 2.0 - 1.0);
  let tint = ${extra ? 'color' : 'vec4f(1.0)'};
  return Point(view.viewProjection * vec4f(posed.position, 1.0), posed.position, posed.normal, side, uvs, tint);
}${shading}`;
}

/** Returns the shader that draws the primitives with a given set of vertex streams into the shadow map. */
export function shadowShader(extra: bool, skin: bool): string {
  return `${view}${geometry}${material}
struct Point { @builtin(position) at: vec4f, @location(0) uvs: vec4f, @location(1) alpha: f32 }
@vertex fn vertex(${inputs(extra, skin)}) -> Point {
  ${pose(skin)}
  let uvs = vec4f(uv, ${extra ? 'uv1' : 'vec2f()'});
  return Point(view.sunProjection * vec4f(posed.position, 1.0), uvs, ${extra ? 'color.a' : '1.0'});
}
@fragment fn masked(point: Point) {
  if (baseColor(point.uvs, vec4f(1.0, 1.0, 1.0, point.alpha)).a < material.cutoff) { discard; }
}`;
}

/** Number of cells of two grids: the backdrop's, and the floor's in rings and sectors. */
const SKY_COLUMNS: u32 = 24;
const SKY_ROWS: u32 = 16;
const RINGS: u32 = 16;
const SECTORS: u32 = 40;
/** Number of vertices of the backdrop's grid. */
export const SKY_VERTICES: u32 = SKY_COLUMNS * SKY_ROWS * 6;
/** Number of vertices of the floor's grid. */
export const GROUND_VERTICES: u32 = RINGS * SECTORS * 6;

/** Shader that draws the backdrop and the floor. Both are smooth enough to be lit at the corners of a grid. */
export const stageShader: string = `${view}${lighting}
struct Point { @builtin(position) at: vec4f, @location(0) lit: vec3f, @location(1) dark: vec3f, @location(2) shadow: vec3f }
// The place of vertex i in a grid of cells that are two triangles each.
fn node(i: u32, columns: u32) -> vec2f {
  let cell = i / 6u;
  let corner = vec2u((0x1cu >> (i % 6u)) & 1u, (0x32u >> (i % 6u)) & 1u);
  return vec2f(vec2u(cell % columns, cell / columns) + corner);
}
@vertex fn sky(@builtin(vertex_index) i: u32) -> Point {
  let p = node(i, ${SKY_COLUMNS.toString()}u) / vec2f(${SKY_COLUMNS.toString()}.0, ${SKY_ROWS.toString()}.0) * 2.0 - 1.0;
  let way = view.forward.xyz + view.right.xyz * p.x + view.up.xyz * p.y;
  return Point(vec4f(p, 1.0, 1.0), film(backdrop(normalize(way))), vec3f(), vec3f());
}
@fragment fn skyColor(point: Point) -> @location(0) vec4f { return vec4f(point.lit + dither(point.at.xy), 1.0); }

@vertex fn ground(@builtin(vertex_index) i: u32) -> Point {
  let p = node(i, ${SECTORS.toString()}u) / vec2f(${SECTORS.toString()}.0, ${RINGS.toString()}.0);
  let far = p.y * p.y * 6.5;
  let angle = -p.x * 6.2831853;
  let world = view.floor.xyz + vec3f(cos(angle), 0.0, sin(angle)) * far * view.floor.w;
  let fade = smoothstep(6.4, 0.6, far) * 0.92;
  let up = vec3f(0.0, 1.0, 0.0);
  let toEye = normalize(view.eye.xyz - world);
  let behind = backdrop(-toEye);
  // The model keeps part of the sky's light from the floor below it.
  let open = 1.0 - 0.6 * exp(-far * far * 2.2);
  let around = textureSampleLevel(irradiance, smoothSampler, up, 0.0).rgb * open * view.ambient.x;
  let sheen = 0.03 + 0.35 * pow(1.0 - saturate(toEye.y), 5.0);
  let mirror = textureSampleLevel(environment, smoothSampler, reflect(-toEye, up), 2.5).rgb * open * sheen;
  let albedo = vec3f(0.130, 0.122, 0.120);
  let sun = albedo * view.sunLight.rgb * view.sun.y / 3.14159265;
  let dark = albedo * around + mirror;
  let at = view.viewProjection * vec4f(world, 1.0);
  return Point(at, film(mix(behind, dark + sun, fade)), film(mix(behind, dark, fade)), inShadowMap(world, up));
}
@fragment fn groundColor(point: Point) -> @location(0) vec4f {
  let light = mix(point.dark, point.lit, sunlit(point.shadow));
  return vec4f(light + dither(point.at.xy), 1.0);
}`;
