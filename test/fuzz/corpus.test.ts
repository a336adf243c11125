import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { faultsOf, readCorpus } from './corpus.ts';
import { type Backend, Subject } from './subject.ts';

// Leaks can be found only if garbage can be collected.
setFlagsFromString('--expose-gc');
globalThis.gc = runInNewContext('gc') as NonNullable<typeof globalThis.gc>;

const corpus = Object.entries(readCorpus());
const HARMLESS = 20;

describe.each<Backend>(['null', 'vulkan'])('on the backend %s', async (backend) => {
  const subject = await Subject.open(backend);
  test.each(corpus.filter(([, { backends }]) => backends.includes(backend)))(
    'the finding %s does no harm any more',
    async (_, finding) => {
      // Objects that are kept after one run may only be waiting for garbage collection.
      for (let n = 0; n < HARMLESS; n++) await subject.run(finding.calls, finding);
      expect(await faultsOf(subject, finding)).toEqual([]);
    },
  );
});
