// RGBA to I420, BT.709, limited range (ITU-R BT.709-6, section 3.5), in integers:
//   Y = 16 + (47 R + 157 G + 16 B + 128) / 256
//   U = 128 + (-26 R - 86 G + 112 B) / 256, V = 128 + (112 R - 102 G - 10 B) / 256
// U and V are computed from the sum of 2x2 pixels, so that they are rounded only once. host/video/readback.ts lays the buffers
// out. One invocation converts 8x2 pixels. They fill whole words of every plane, so no two invocations write the same word.

struct Layout {
  rgbaRow: u32,   // distance from one row of `rgba` to the next, in vec4 of 4 pixels
  lumaRow: u32,   // distance from one row of Y to the next, in 32-bit words; half of it for U and V
  blocks: vec2u,  // blocks of 8x2 pixels, across and down
}

@group(0) @binding(0) var<uniform> plane: Layout;
@group(0) @binding(1) var<storage, read> rgba: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> i420: array<u32>;

// Returns the sum of 2x2 pixels: x has red in its low 16 bits and blue in its high 16 bits; y has green.
fn sum(a: vec2u, b: vec2u) -> vec2u {
  let redBlue = (a & vec2u(0xff00ffu)) + (b & vec2u(0xff00ffu));
  let green = ((a >> vec2u(8u)) & vec2u(0xffu)) + ((b >> vec2u(8u)) & vec2u(0xffu));
  return vec2u(redBlue.x + redBlue.y, green.x + green.y);
}

fn luma(p: vec4u) -> u32 {
  let y = ((p & vec4u(0xffu)) * 47u + ((p >> vec4u(8u)) & vec4u(0xffu)) * 157u
    + ((p >> vec4u(12u)) & vec4u(0xff0u)) + vec4u(4224u)) >> vec4u(8u);
  return y.x | (y.y << 8u) | (y.z << 16u) | (y.w << 24u);
}

@compute @workgroup_size(32, 2)
fn convert(@builtin(global_invocation_id) id: vec3u) {
  if (any(id.xy >= plane.blocks)) { return; }
  let source = id.y * 2u * plane.rgbaRow + id.x * 2u;
  let a = rgba[source];
  let b = rgba[source + 1u];
  let c = rgba[source + plane.rgbaRow];
  let d = rgba[source + plane.rgbaRow + 1u];

  let top = id.y * 2u * plane.lumaRow + id.x * 2u;
  i420[top] = luma(a);
  i420[top + 1u] = luma(b);
  i420[top + plane.lumaRow] = luma(c);
  i420[top + plane.lumaRow + 1u] = luma(d);

  let s0 = sum(a.xy, c.xy);
  let s1 = sum(a.zw, c.zw);
  let s2 = sum(b.xy, d.xy);
  let s3 = sum(b.zw, d.zw);
  let redBlue = vec4u(s0.x, s1.x, s2.x, s3.x);
  let red = vec4i(redBlue & vec4u(0xffffu));
  let green = vec4i(vec4u(s0.y, s1.y, s2.y, s3.y));
  let blue = vec4i(redBlue >> vec4u(16u));
  // 131584 = 128 * 1024 + 512: the offset of U and V, and half of the divisor 1024, which makes the division round.
  let u = vec4u(blue * 112 - red * 26 - green * 86 + 131584) >> vec4u(10u);
  let v = vec4u(red * 112 - green * 102 - blue * 10 + 131584) >> vec4u(10u);
  let chromaRow = plane.lumaRow / 2u;
  let chroma = plane.blocks.y * 2u * plane.lumaRow + id.y * chromaRow + id.x;
  i420[chroma] = u.x | (u.y << 8u) | (u.z << 16u) | (u.w << 24u);
  i420[chroma + plane.blocks.y * chromaRow] = v.x | (v.y << 8u) | (v.z << 16u) | (v.w << 24u);
}
