import { expect, test } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import { boundLoops } from '../../host/gpu/bounded.ts';
import { problemIn } from '../gpu/compute.ts';
import { openTestGpu } from '../gpu/fixture.ts';
import { HOSTILE } from './shaders.ts';

test('what the compiler accepts of the hostile shaders with loops, it still accepts when they are counted', async () => {
  const gpu = await openTestGpu('null');
  const { shaderTurnsMax } = readConfig({});
  let accepted = 0;
  for (const [name, code] of HOSTILE) {
    const bounded = boundLoops(code, shaderTurnsMax);
    if (bounded === code || (await problemIn(gpu.device, code)) !== '') continue;
    accepted++;
    expect(await problemIn(gpu.device, bounded), name).toBe('');
  }
  expect(accepted).toBeGreaterThanOrEqual(3);
  gpu.close();
});
