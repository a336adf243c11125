/** Powers of 2 in the field GF(256) with the polynomial 0x11d, and the exponents of its elements. */
const POWERS: number[] = [];
const EXPONENTS: number[] = [];
for (let exponent = 0, power = 1; exponent < 255; exponent++) {
  POWERS[exponent] = power;
  EXPONENTS[power] = exponent;
  power = (power << 1) ^ (power > 127 ? 0x11d : 0);
}

/**
 * Returns the Reed-Solomon code of a block of bytes, as QR codes use it (ISO/IEC 18004, 7.5): the remainder of the block's division
 * by the product of (x - 2^i) for each i below `count`.
 */
export function correctionOf(block: readonly number[], count: number): number[] {
  let generator = [1];
  for (let root = 0; root < count; root++)
    generator = [...generator, 0].map(
      (factor, index) => factor ^ multiply(generator[index - 1] ?? 0, POWERS[root] ?? 0),
    );
  const rest = [...block, ...Array<number>(count).fill(0)];
  for (let index = 0; index < block.length; index++) {
    const lead = rest[index] ?? 0;
    for (const [offset, factor] of generator.entries())
      rest[index + offset] = (rest[index + offset] ?? 0) ^ multiply(factor, lead);
  }
  return rest.slice(block.length);
}

function multiply(a: number, b: number): number {
  if (a === 0 || b === 0) return 0;
  return POWERS[((EXPONENTS[a] ?? 0) + (EXPONENTS[b] ?? 0)) % 255] ?? 0;
}
