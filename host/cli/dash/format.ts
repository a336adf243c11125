import type { Unit } from '../../observe/panel.ts';

const BYTES = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Writes a value with its unit, in about three digits, or with `decimals` digits after the point. */
export function formatValue(value: number, unit: Unit, decimals?: number): string {
  switch (unit) {
    case 'seconds':
      return formatSeconds(value);
    case 'bytes':
      return formatBytes(value);
    case 'bytes per second':
      return `${formatBytes(value)}/s`;
    case 'per second':
      return `${formatNumber(value)}/s`;
    case 'share':
      return `${decimals === undefined ? formatNumber(value * 100) : (value * 100).toFixed(decimals)} %`;
    case 'times':
      return `${formatNumber(value)}×`;
    case 'number':
      return decimals === undefined ? formatNumber(value) : value.toFixed(decimals);
  }
}

function formatSeconds(value: number): string {
  if (value === 0) return '0 ms';
  if (Math.abs(value) < 0.001) return `${formatNumber(value * 1e6)} µs`;
  if (Math.abs(value) < 1) return `${formatNumber(value * 1000)} ms`;
  if (Math.abs(value) < 120) return `${formatNumber(value)} s`;
  return value < 7200 ? `${formatNumber(value / 60)} min` : `${formatNumber(value / 3600)} h`;
}

function formatBytes(value: number): string {
  const step = Math.min(BYTES.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, Math.abs(value))) / 3)));
  return `${formatNumber(value / 1000 ** step)} ${BYTES[step]}`;
}

function formatNumber(value: number): string {
  const size = Math.abs(value);
  if (size >= 10_000) return `${formatNumber(value / 1000)}k`;
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return String(Number(value.toFixed(digits)));
}

/**
 * Returns values for the lines of a scale from 0 that has room for `most`: at most five, with distances of 1, 2 or 5 times a power
 * of ten.
 */
export function ticksUpTo(most: number): number[] {
  if (!(most > 0) || !Number.isFinite(most)) return [0, 1];
  const raw = most / 4;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((distance) => distance >= raw * 0.999) ?? 10 * power;
  const count = Math.ceil((most / step) * 0.999);
  return Array.from({ length: count + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}
