import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { faultsOf, readCorpus } from './corpus.ts';
import { type Backend, Subject } from './subject.ts';

// What is kept after its end is seen only where the garbage is collected.
setFlagsFromString('--expose-gc');
globalThis.gc = runInNewContext('gc') as NonNullable<typeof globalThis.gc>;

const corpus = Object.entries(readCorpus());
const HARMLESS = 20;

describe.each<Backend>(['null', 'vulkan'])('on the backend %s', async (backend) => {
  const subject = await Subject.open(backend);
  test.each(corpus.filter(([, { backends }]) => backends.includes(backend)))('%s goes well', async (_, finding) => {
    // What leaks once may be the garbage of the moment.
    for (let n = 0; n < HARMLESS; n++) await subject.run(finding.calls, finding);
    expect(await faultsOf(subject, finding)).toEqual([]);
  });
});
