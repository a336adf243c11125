import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import type { HostProcess } from '../e2e/host.ts';
import { good } from '../engine/modules.ts';
import { bits } from '../fuzz/encode.ts';
import { command, computing, streams } from '../hostile/modules.ts';
import { Peer } from '../stream/peer.ts';
import { eventually } from '../wait.ts';
import { startInstalledHost } from './installed.ts';

/** Address at which the game gets the two timestamps back, and the one at which it writes them as letters. */
const [RESULT, TEXT] = [16_384, 20_480];
const BYTES = 16;
/** Longest time that a room of this test has run. A timestamp relative to the room's start is less. */
const ROOM_NS_MAX = 600_000_000_000n;

let host: HostProcess | undefined;
const folder = mkdtempSync(join(tmpdir(), 'nl-clock-'));
afterEach(async () => {
  await host?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A game that reads two timestamps back and logs their bytes, each as two letters from a to p, the lower half first. */
function clockGame(): Uint8Array {
  const STORAGE = `@group(0) @binding(0) var<storage, read_write> data: array<u32>;
@compute @workgroup_size(1) fn main() { for (var i = 0u; i < 100000u; i++) { data[i % 64u] += i; } }`;
  const { fields, call } = streams({
    measure: [
      ...computing(STORAGE),
      command('createQuerySet', { id: 2, type: 'timestamp', count: 2 }),
      command('createBuffer', { id: 3, size: BYTES, usage: bits('BufferUsage', 'QUERY_RESOLVE COPY_SRC') }),
      command('createBuffer', { id: 4, size: BYTES, usage: bits('BufferUsage', 'MAP_READ COPY_DST') }),
      command('beginComputePass', { timestampQuerySet: 2, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 }),
      command('setComputePipeline', { pipeline: 2 }),
      command('setBindGroup', { bindGroup: 2 }),
      command('dispatchWorkgroups', { x: 1, y: 1, z: 1 }),
      command('endComputePass'),
      command('resolveQuerySet', { querySet: 2, queryCount: 2, destination: 3 }),
      command('copyBufferToBuffer', { source: 3, destination: 4, size: BYTES }),
      command('submit'),
      command('mapAsync', { buffer: 4, size: BYTES, address: RESULT, token: 1 }),
    ],
  });
  return good({
    memory: '(memory (export "memory") 2)',
    fields: `${fields}
      (global $logged (mut i32) (i32.const 0))
      (data (i32.const ${TEXT}) "time=")
      (func $letter (param $at i32) (param $half i32)
        (i32.store8 (local.get $at) (i32.add (i32.const 97) (i32.and (local.get $half) (i32.const 15)))))
      (func $show (local $n i32) (local $byte i32)
        (loop $again
          (local.set $byte (i32.load8_u (i32.add (i32.const ${RESULT}) (local.get $n))))
          (call $letter (i32.add (i32.const ${TEXT + 5}) (i32.mul (local.get $n) (i32.const 2))) (local.get $byte))
          (call $letter (i32.add (i32.const ${TEXT + 6}) (i32.mul (local.get $n) (i32.const 2)))
            (i32.shr_u (local.get $byte) (i32.const 4)))
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $n) (i32.const ${BYTES}))))
        (call $log (i32.const 2) (i32.const ${TEXT}) (i32.const ${5 + 2 * BYTES})))`,
    join: call.measure,
    tick: `(if (i32.and (i32.eqz (global.get $logged)) (i64.ne (i64.load (i32.const ${RESULT})) (i64.const 0)))
      (then (global.set $logged (i32.const 1)) (call $show)))`,
  });
}

/** Reads the timestamps in a line of the log, in nanoseconds. */
function timestamps(log: string): bigint[] {
  const letters = /time=([a-p]+)/.exec(log)?.[1] ?? '';
  const halves = [...letters].map((letter) => letter.charCodeAt(0) - 97);
  const bytes = Buffer.from(
    Array.from({ length: halves.length / 2 }, (_, n) => (halves[2 * n] ?? 0) + 16 * (halves[2 * n + 1] ?? 0)),
  );
  return bytes.length < BYTES ? [] : [bytes.readBigUInt64LE(0), bytes.readBigUInt64LE(8)];
}

it("a module reads no timestamp, or only ones that count from its own room's start", async () => {
  const path = join(folder, 'clock.wasm');
  writeFileSync(path, clockGame());
  host = await startInstalledHost([path], { CACHE_DIR: join(folder, 'cache'), OPERATOR_PORT: '0' });
  const { url, output } = host;
  const peer = new Peer();
  void peer.join(url, { query: '?size=64x64&fps=30' }).catch(() => {});
  // The room goes on with timestamps, or ends because the module asked for them.
  await eventually(() => expect(output()).toMatch(/time=[a-p]{32}|has ended: NL_\w+/));
  peer.close();
  const read = timestamps(output());
  const uptime = BigInt(Math.round(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1e9));
  expect(uptime).toBeGreaterThan(ROOM_NS_MAX);
  for (const value of read) expect(value).toBeLessThan(ROOM_NS_MAX);
  if (read.length === 0) expect(output()).toMatch(/NL_(COMMAND|GPU_VALIDATION).*imestamp/);
});
