import { expect, test } from 'vitest';
import { buildKernel } from '../../host/pod/native.ts';
import { ImageFuzzer } from './images.ts';

test('300 stacks of image layers show the host what they show a container, and nothing outside', async () => {
  await buildKernel();
  const fuzzer = new ImageFuzzer();
  try {
    const { findings, ...totals } = await fuzzer.run(1, 300);
    expect(findings).toEqual([]);
    expect(totals).toMatchObject({ stacks: 300, paths: 1200, unmountable: 0 });
    for (const name of ['files', 'refused', 'packs', 'bare', 'refusedPacks'] as const)
      expect(totals[name], name).toBeGreaterThan(100);
  } finally {
    fuzzer.close();
  }
});
