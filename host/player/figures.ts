import type { Labels } from './labels.ts';
import type { PlayerStats } from './state.ts';

/** Returns the statistics of play in a few words: frame rate, latency, and the network if it is not good. '' for none yet. */
export function summaryOf({ fps, latencyP50, quality }: PlayerStats, { unsteady, poor }: Labels): string {
  const words = { good: '–', unsteady, poor };
  const parts = [withUnit(fps, 0, 'fps'), withUnit(latencyP50, 0, 'ms'), words[quality]];
  return parts.filter((part) => part !== '–').join(' · ');
}

/** Returns the text of each element in the panel with the statistics, by its id. */
export function figuresOf(stats: PlayerStats): Readonly<Record<string, string>> {
  return {
    'stat-fps': withUnit(stats.fps, 0, 'fps'),
    'stat-p50': withUnit(stats.latencyP50, 1, 'ms'),
    'stat-p99': withUnit(stats.latencyP99, 1, 'ms'),
    'stat-rtt': withUnit(stats.rtt, 1, 'ms'),
    'stat-server': withUnit(stats.serverP50, 1, 'ms'),
    'stat-size': stats.width > 0 ? `${stats.width} × ${stats.height}` : '–',
    'stat-bitrate': withUnit(stats.bitrate / 1e6, 1, 'Mbit/s'),
    'stat-dropped': String(stats.framesDropped),
    'stat-lost': String(stats.packetsLost),
    'stat-door': stats.door || '–',
  };
}

function withUnit(value: number, digits: number, name: string): string {
  return Number.isNaN(value) ? '–' : `${value.toFixed(digits)} ${name}`;
}
