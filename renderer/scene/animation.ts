import {
  CHANNEL_COMPONENTS,
  CHANNEL_COUNT,
  CHANNEL_INTERPOLATION,
  CHANNEL_PATH,
  CHANNEL_TIMES,
  CHANNEL_VALUES,
  INTERPOLATION_CUBIC,
  INTERPOLATION_STEP,
  PATH_ROTATION,
} from '../contract/pack';

/**
 * Stores in `out` the value of an animation channel at a time in seconds. `channel` is the address of the channel's record,
 * `floats` that of the model's table of floats.
 */
export function sampleChannel(channel: usize, floats: usize, time: f32, out: usize): void {
  const count = <i32>load<u32>(channel, CHANNEL_COUNT);
  const components = <i32>load<u32>(channel, CHANNEL_COMPONENTS);
  const interpolation = load<u32>(channel, CHANNEL_INTERPOLATION);
  const times = floats + ((<usize>load<u32>(channel, CHANNEL_TIMES)) << 2);
  const values = floats + ((<usize>load<u32>(channel, CHANNEL_VALUES)) << 2);
  const stride = (<usize>components) << 2;
  const isCubic = interpolation === INTERPOLATION_CUBIC;
  const key = isCubic ? stride * 3 : stride;
  // A keyframe of a cubic spline has three parts; the value is the middle one.
  const middle = isCubic ? values + stride : values;
  const i = lastBefore(times, count, time);
  if (i < 0) {
    memory.copy(out, middle, stride);
    return;
  }
  const from = middle + <usize>i * key;
  if (i === count - 1 || interpolation === INTERPOLATION_STEP) {
    memory.copy(out, from, stride);
    return;
  }
  const start = load<f32>(times + ((<usize>i) << 2));
  const span = load<f32>(times + ((<usize>i) << 2), 4) - start;
  const t: f32 = span > 0 ? (time - start) / span : 0;
  const to = from + key;
  const isRotation = load<u32>(channel, CHANNEL_PATH) === PATH_ROTATION;
  if (isCubic) hermite(from, to, stride, t, span, out);
  else if (isRotation) slerp(from, to, t, out);
  else {
    for (let k: usize = 0; k < stride; k += 4) {
      const a = load<f32>(from + k);
      store<f32>(out + k, a + (load<f32>(to + k) - a) * t);
    }
  }
  if (isRotation) normalize(out);
}

/** Returns the index of the last keyframe at or before a time; -1 if all come later. */
function lastBefore(times: usize, count: i32, time: f32): i32 {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<f32>(times + ((<usize>middle) << 2)) <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * Interpolates by a cubic Hermite spline between two keyframes of in-tangent, value and out-tangent (glTF 2.0, appendix C.5).
 */
function hermite(from: usize, to: usize, stride: usize, t: f32, span: f32, out: usize): void {
  const t2 = t * t;
  const t3 = t2 * t;
  const stay: f32 = 2 * t3 - 3 * t2 + 1;
  const leaveShare: f32 = t3 - 2 * t2 + t;
  const arriveShare: f32 = t3 - t2;
  for (let k: usize = 0; k < stride; k += 4) {
    const value = stay * load<f32>(from + k) + (1 - stay) * load<f32>(to + k);
    const slope = leaveShare * load<f32>(from + stride + k) + arriveShare * load<f32>(to - stride + k);
    store<f32>(out + k, value + span * slope);
  }
}

function slerp(a: usize, b: usize, t: f32, out: usize): void {
  let cos: f32 = 0;
  for (let k: usize = 0; k < 16; k += 4) cos += load<f32>(a + k) * load<f32>(b + k);
  const sign: f32 = cos < 0 ? -1 : 1;
  cos *= sign;
  let from: f32 = 1 - t;
  let to = t;
  // Two rotations that are nearly equal define no plane to turn in, so a straight line takes the place of the arc.
  if (cos < 0.9995) {
    const angle = Mathf.acos(cos);
    const s: f32 = 1 / Mathf.sin(angle);
    from = Mathf.sin(from * angle) * s;
    to = Mathf.sin(to * angle) * s;
  }
  for (let k: usize = 0; k < 16; k += 4) store<f32>(out + k, load<f32>(a + k) * from + load<f32>(b + k) * to * sign);
}

function normalize(q: usize): void {
  let size: f32 = 0;
  for (let k: usize = 0; k < 16; k += 4) size += load<f32>(q + k) * load<f32>(q + k);
  if (size <= 0) return;
  const s: f32 = 1 / Mathf.sqrt(size);
  for (let k: usize = 0; k < 16; k += 4) store<f32>(q + k, load<f32>(q + k) * s);
}
