/**
 * A game in AssemblyScript that only computes. It exists to show differences between engines: every tick it runs the
 * floating-point, integer, conversion and SIMD instructions and the mathematical functions, on values that come from the seed
 * and the players' input, and submits the bits of all results.
 */
export const numbers = `
import { Buffer, BufferUsage, device, Game, input, play, Random, surface } from '@nearlight/sdk';
export { init, join, leave, render, tick, version } from '@nearlight/sdk/game';

const COUNT = 48;
const BYTES: usize = COUNT * 4;

class Numbers extends Game {
  private random: Random = new Random(1);
  private x: StaticArray<f32> = new StaticArray<f32>(COUNT);
  private y: StaticArray<f64> = new StaticArray<f64>(COUNT);
  private n: StaticArray<u64> = new StaticArray<u64>(COUNT);
  private wide: StaticArray<f32> = new StaticArray<f32>(COUNT);
  private seats: i32 = 0;
  private buffer!: Buffer;

  init(seed: u64, _tickRate: u32, seats: u32): void {
    this.seats = <i32>seats;
    this.random.reseed(seed);
    for (let i = 0; i < COUNT; i++) {
      this.x[i] = this.random.range(-4, 4);
      this.y[i] = <f64>this.random.range(-4, 4);
      this.n[i] = ((<u64>this.random.next()) << 32) | this.random.next();
    }
    this.buffer = device.createBuffer({ size: COUNT * 8, usage: BufferUsage.COPY_DST });
  }

  tick(n: u32): void {
    for (let seat = 0; seat < this.seats; seat++) {
      const player = input(seat);
      this.x[seat] += player.movementX + player.axis(0);
      this.y[seat] += <f64>player.pointerX;
      this.n[seat] ^= <u64>player.buttons;
    }
    for (let i = 0; i < COUNT; i++) {
      this.x[i] = this.single(i % 24, this.x[i], this.x[(i + 1) % COUNT]);
      this.y[i] = this.double(i % 20, this.y[i], this.y[(i + 5) % COUNT]);
      this.n[i] = this.whole((i + <i32>n) % 12, this.n[i], this.n[(i + 3) % COUNT]);
    }
    this.lanes();
    device.queue.writeBuffer(this.buffer, 0, this.x);
    device.queue.writeBuffer(this.buffer, 0, this.y);
    device.queue.writeBuffer(this.buffer, 0, this.n);
    device.queue.writeBuffer(this.buffer, 0, this.wide);
  }

  render(_seat: i32, _width: u32, _height: u32): void {
    const encoder = device.createCommandEncoder();
    encoder.beginRenderPass({ colorAttachments: [{ view: surface.view }] }).end();
    device.queue.submit(encoder.finish());
  }

  private single(op: i32, a: f32, b: f32): f32 {
    let to: f32 = 0;
    if (op == 0) to = a + b;
    else if (op == 1) to = a - b;
    else if (op == 2) to = a * b;
    else if (op == 3) to = a / b;
    else if (op == 4) to = Mathf.sqrt(Mathf.abs(a)) - b;
    else if (op == 5) to = min<f32>(a, b) + <f32>0.001;
    else if (op == 6) to = max<f32>(a, b) - <f32>0.001;
    else if (op == 7) to = Mathf.floor(a * 3) / 3 + Mathf.ceil(b) / 7;
    else if (op == 8) to = nearest<f32>(a * 8) / 8 + trunc<f32>(b) / 9;
    else if (op == 9) to = copysign<f32>(a, -b);
    else if (op == 10) to = Mathf.sin(a) + Mathf.cos(b);
    else if (op == 11) to = Mathf.tan(a) * b;
    else if (op == 12) to = Mathf.exp(a % 8) - b;
    else if (op == 13) to = Mathf.log(Mathf.abs(a) + <f32>1e-3) + b;
    else if (op == 14) to = Mathf.pow(Mathf.abs(a), b % 3);
    else if (op == 15) to = Mathf.atan2(a, b) * 2;
    else if (op == 16) to = Mathf.asin(a % 1) + Mathf.acos(b % 1);
    else if (op == 17) to = Mathf.sinh(a % 4) - Mathf.tanh(b);
    else if (op == 18) to = Mathf.cbrt(a) + Mathf.hypot(a, b);
    else if (op == 19) to = <f32>(<i32>(a * 1000)) / 999;
    else if (op == 20) to = <f32>(<f64>a * <f64>b);
    else if (op == 21) to = a % (Mathf.abs(b) + <f32>0.5);
    else if (op == 22) to = <f32>(<u32>Mathf.abs(a * 1e6)) * <f32>1e-6;
    else to = Mathf.exp2(a % 6) - Mathf.log2(Mathf.abs(b) + 1);
    return isFinite(to) && Mathf.abs(to) < 1e6 ? to : this.random.range(-4, 4);
  }

  private double(op: i32, a: f64, b: f64): f64 {
    let to: f64 = 0;
    if (op == 0) to = a + b;
    else if (op == 1) to = a - b;
    else if (op == 2) to = a * b;
    else if (op == 3) to = a / b;
    else if (op == 4) to = Math.sqrt(Math.abs(a)) - b;
    else if (op == 5) to = Math.sin(a) + Math.cos(b);
    else if (op == 6) to = Math.tan(a) - b;
    else if (op == 7) to = Math.exp(a % 8) * b;
    else if (op == 8) to = Math.log(Math.abs(a) + 1e-9);
    else if (op == 9) to = Math.pow(Math.abs(a), b % 4);
    else if (op == 10) to = Math.atan2(a, b);
    else if (op == 11) to = Math.asin(a % 1) + Math.acos(b % 1);
    else if (op == 12) to = Math.cbrt(a) + Math.hypot(a, b);
    else if (op == 13) to = <f64>(<i64>(a * 1e9)) / 1e8;
    else if (op == 14) to = <f64>(<f32>a) - b;
    else if (op == 15) to = a % (Math.abs(b) + 0.25);
    else if (op == 16) to = nearest<f64>(a * 16) / 16 + floor<f64>(b) / 5;
    else if (op == 17) to = copysign<f64>(b, a) * 1.25;
    else if (op == 18) to = Math.expm1(a % 5) + Math.log1p(Math.abs(b));
    else to = min<f64>(a, b) - max<f64>(a, b) / 3;
    return isFinite(to) && Math.abs(to) < 1e12 ? to : <f64>this.random.range(-4, 4);
  }

  private whole(op: i32, a: u64, b: u64): u64 {
    if (op == 0) return a + b;
    if (op == 1) return a * (b | 1);
    if (op == 2) return a / (b | 1);
    if (op == 3) return a % (b | 1) ^ b;
    if (op == 4) return <u64>(<i64>a / <i64>(b | 2)) + b;
    if (op == 5) return rotl<u64>(a, b);
    if (op == 6) return <u64>(<i64>a >> (b & 63)) - b;
    if (op == 7) return (a << (b & 63)) + clz<u64>(b);
    if (op == 8) return popcnt<u64>(a) * b + ctz<u64>(a);
    if (op == 9) return reinterpret<u64>(<f64>a) ^ b;
    if (op == 10) return <u64>(<i64>(<i32>a)) + <u64>(<i64>(<i8>b));
    return <u64>(<u32>a) * <u64>(<u32>b);
  }

  private lanes(): void {
    const x = changetype<usize>(this.x);
    const to = changetype<usize>(this.wide);
    for (let at: usize = 0; at < BYTES; at += 16) {
      const a = v128.load(x + at);
      const b = v128.load(x + ((at + 16) % BYTES));
      let c = f32x4.add(f32x4.mul(a, b), f32x4.sqrt(f32x4.abs(a)));
      c = f32x4.max(f32x4.min(c, f32x4.splat(64)), f32x4.splat(-64));
      c = f32x4.sub(c, f32x4.convert_i32x4_s(i32x4.trunc_sat_f32x4_s(b)));
      v128.store(to + at, f32x4.div(c, f32x4.add(f32x4.abs(b), f32x4.splat(1))));
    }
  }
}

play(new Numbers());
`;
