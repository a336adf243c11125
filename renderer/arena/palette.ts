/** Direction to the sun, which is low so that shadows are long. */
export const SUN_X: f32 = 0.72;
export const SUN_Y: f32 = 0.36;
export const SUN_Z: f32 = -0.593;

/** A color in linear space. */
export class Rgb {
  constructor(
    public r: f32 = 0,
    public g: f32 = 0,
    public b: f32 = 0,
  ) {}

  /** Sets the red, green and blue components. */
  set(r: f32, g: f32, b: f32): void {
    this.r = r;
    this.g = g;
    this.b = b;
  }

  /** Adds another colour, multiplied by a factor. */
  add(r: f32, g: f32, b: f32, factor: f32): void {
    this.r += r * factor;
    this.g += g * factor;
    this.b += b * factor;
  }
}

const seatColors: StaticArray<Rgb> = [
  new Rgb(0.05, 0.78, 1.0),
  new Rgb(1.0, 0.58, 0.08),
  new Rgb(0.45, 1.0, 0.22),
  new Rgb(0.72, 0.32, 1.0),
  new Rgb(1.0, 0.9, 0.25),
  new Rgb(1.0, 0.3, 0.75),
  new Rgb(0.1, 1.0, 0.66),
  new Rgb(0.3, 0.48, 1.0),
  new Rgb(1.0, 0.52, 0.45),
  new Rgb(0.9, 0.95, 1.0),
];
const botColor = new Rgb(1.0, 0.05, 0.1);

/** Returns the color of the player in a seat, by the seat's number. Beyond the tenth seat, colors repeat. */
export function seatColor(seat: i32): Rgb {
  return seatColors[seat % seatColors.length];
}

/** Returns the color of all bots. */
export function colorOfBots(): Rgb {
  return botColor;
}

/** Maps linear light to a brightness of the picture from 0 to 1: Narkowicz's fit of ACES, then the display's curve. */
function display(light: f32): f32 {
  const x = max<f32>(light, 0);
  const mapped = (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14);
  return Mathf.pow(min<f32>(mapped, 1), 1.0 / 2.2);
}

/** Maps linear light to a brightness of the picture from 0 to 255. */
export function byte(light: f32): u32 {
  return <u32>(display(light) * 255);
}

/** Computes the light of the sky from a direction of length 1, and stores it in `out`. */
export function sky(x: f32, y: f32, z: f32, out: Rgb): void {
  const height = max<f32>(y, 0);
  const sunward = max<f32>(x * SUN_X + y * SUN_Y + z * SUN_Z, 0);
  const warm = sunward * sunward;
  const rise = Mathf.sqrt(height);
  const fall: f32 = 1 - rise;
  out.set(
    (0.3 + 0.75 * warm) * fall * fall + 0.075 * rise,
    (0.17 + 0.27 * warm) * fall * fall + 0.085 * rise,
    (0.3 - 0.12 * warm) * fall * fall + 0.25 * rise,
  );
  const s8 = warm * warm * warm * warm;
  const s32 = s8 * s8 * s8 * s8;
  out.add(1.0, 0.44, 0.16, 0.3 * s8);
  out.add(1.0, 0.66, 0.34, 0.35 * s32);
}
