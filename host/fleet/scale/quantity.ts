const VALUE_MAX = 1e15;

/**
 * Writes a number as a quantity of Kubernetes: whole, or in thousandths, which are rounded up as Kubernetes does.
 * @throws RangeError for a number that is negative, too large or not finite
 */
export function quantity(value: number): string {
  if (!(value >= 0 && value <= VALUE_MAX)) throw new RangeError(`${value} is not a quantity`);
  if (Number.isInteger(value)) return String(value);
  // 0.1 * 1000 is a little more than 100 in binary, and must not become 101.
  return `${Math.ceil(Number((value * 1000).toFixed(6)))}m`;
}
