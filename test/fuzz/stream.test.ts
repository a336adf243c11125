import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../renderer/contract/contract.ts';
import { Stream } from '../gpu/document.ts';
import { type Call, encode } from './encode.ts';
import { minimise } from './minimise.ts';
import { makeCalls } from './stream.ts';
import { mannerOf, Subject } from './subject.ts';

/** Number of seeds, as many as the test suite has time for. A campaign runs millions (test/bench/fuzz.bench.ts). */
const SEEDS = 400;
const SOFTWARE_SEEDS = 60;

test('commands are encoded as ABI.md says', () => {
  const values = { id: 2, size: 2 ** 33 + 5, usage: 8, label: 'nähe' };
  const entries = [{ binding: 1, visibility: 3, bufferType: 'storage' }];
  const document = new Stream()
    .command('createBuffer', values)
    .command('createBindGroupLayout', { id: 3, label: 'x', entries });
  const items = [
    { command: 'createBuffer', values },
    { command: 'createBindGroupLayout', values: { id: 3, label: 'x', entries } },
  ];
  expect([...encode(items)]).toEqual(document.words);
});

test('the same seed makes the same command streams, and each command is used with some seed', () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < SEEDS; seed++) {
    const calls = makeCalls(seed, { tame: false });
    expect(makeCalls(seed, { tame: false })).toEqual(calls);
    for (const { items } of calls) for (const item of items) if ('command' in item) seen.add(item.command);
  }
  expect(COMMANDS.map(({ name }) => name).filter((name) => !seen.has(name))).toEqual([]);
});

describe.each([
  { backend: 'null', seeds: SEEDS },
  { backend: 'vulkan', seeds: SOFTWARE_SEEDS },
] as const)('$seeds generated modules on the backend $backend', async ({ backend, seeds }) => {
  const subject = await Subject.open(backend);
  test('do no harm', async () => {
    const codes = new Set<string>();
    for (let seed = 0; seed < seeds; seed++) {
      const { faults, code } = await subject.judge(makeCalls(seed, { tame: backend !== 'null' }), {
        manner: mannerOf(seed),
      });
      expect(faults, `seed ${seed}`).toEqual([]);
      codes.add(code);
    }
    expect(await subject.settle()).toEqual([]);
    expect(await subject.works()).toBe(true);
    expect([...codes].sort()).toEqual(['', 'NL_COMMAND', 'NL_GPU_VALIDATION', 'NL_ROOM_ENDED']);
  });
});

test('command streams that go wrong are reduced to the commands that matter', () => {
  const item = (id: number) => ({ command: 'popDebugGroup', values: { id } });
  const calls: Call[] = [0, 1, 2].map((n) => ({
    render: false,
    items: [item(3 * n), item(3 * n + 1), item(3 * n + 2)],
  }));
  const ids = (all: readonly Call[]) =>
    all.flatMap(({ items }) => items.map((one) => ('values' in one ? one.values.id : 0)));
  const small = minimise(calls, (fewer) => [2, 7].every((id) => ids(fewer).includes(id)));
  expect(ids(small)).toEqual([2, 7]);
});
