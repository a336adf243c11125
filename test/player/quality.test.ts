import { expect, test } from 'vitest';
import { type QualityFigures, QualityMeter } from '../../host/player/quality.ts';

const GOOD: QualityFigures = { lossFraction: 0, rtt: 20, rttMax: 25 };

function qualityOf(figures: Partial<QualityFigures>): string {
  const meter = new QualityMeter();
  meter.add({ ...GOOD, ...figures });
  return meter.quality;
}

test.each<[Partial<QualityFigures>, string]>([
  [{}, 'good'],
  [{ lossFraction: 0.01 }, 'good'],
  [{ lossFraction: 0.011 }, 'unsteady'],
  [{ lossFraction: 0.05 }, 'unsteady'],
  [{ lossFraction: 0.051 }, 'poor'],
  [{ rtt: 80, rttMax: 80 }, 'good'],
  [{ rtt: 81, rttMax: 81 }, 'unsteady'],
  [{ rtt: 201, rttMax: 201 }, 'poor'],
  [{ rttMax: 70 }, 'good'],
  [{ rttMax: 71 }, 'unsteady'],
  [{ rttMax: 171 }, 'poor'],
  [{ lossFraction: Number.NaN, rtt: Number.NaN, rttMax: Number.NaN }, 'good'],
])('%j is a connection that is %s', (figures, quality) => expect(qualityOf(figures)).toBe(quality));

test('the worst of the last four seconds counts, and another connection begins well', () => {
  const meter = new QualityMeter();
  expect(meter.quality).toBe('good');
  meter.add({ ...GOOD, lossFraction: 0.1 });
  for (let second = 0; second < 3; second++) meter.add(GOOD);
  expect(meter.quality).toBe('poor');
  meter.add(GOOD);
  expect(meter.quality).toBe('good');
  meter.add({ ...GOOD, rtt: 100, rttMax: 100 });
  meter.reset();
  expect(meter.quality).toBe('good');
});
