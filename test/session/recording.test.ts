import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../host/base/config.ts';
import type { Submission } from '../../host/engine/engine.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { buildModules } from '../../host/play/modules.ts';
import { createRecordingFile, numbered, readFileAs, readRecordingFile } from '../../host/session/file.ts';
import { type Call, digest, HEADER_BYTES, type SessionHeader } from '../../host/session/format.ts';
import { hashSession, SessionHash } from '../../host/session/hash.ts';
import { readRecording } from '../../host/session/reader.ts';
import { recordingEngine } from '../../host/session/recorder.ts';
import { makeCall, replay } from '../../host/session/replay.ts';
import { RecordingWriter, type Sink } from '../../host/session/writer.ts';
import { INPUT_STRIDE, PADS_STRIDE, REPLY_WORDS } from '../../renderer/contract/abi.ts';
import { good } from '../engine/modules.ts';
import { script } from './script.ts';

const folder = mkdtempSync(join(tmpdir(), 'nearlight-session-'));
beforeAll(() => buildModules(['arena']));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const limits = readConfig({});
const log = () => {};
const engine = createJavaScriptEngine();
const assets = new Uint8Array();
const TICK_RATE = 120;

class Memory implements Sink {
  readonly chunks: Uint8Array[] = [];
  closed = false;
  write(bytes: Uint8Array): void {
    this.chunks.push(bytes);
  }
  async close(): Promise<void> {
    this.closed = true;
  }
  get bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.chunks));
  }
}

const header: SessionHeader = {
  name: 'gäme',
  module: new Uint8Array(32).fill(1),
  assets: new Uint8Array(32).fill(2),
  seed: 2 ** 52 + 3,
  tickRate: TICK_RATE,
  seats: 3,
  gpu: { features: 0xffffffff, limits: [8192, 0, 0xfffffffc] },
};

/** Records calls, as a room would make them. Returns the bytes of the recording. */
function write(calls: Iterable<Call>, { end = true, seats = 3 } = {}): Uint8Array {
  const sink = new Memory();
  const writer = new RecordingWriter({ ...header, seats }, sink);
  const inputs = new Uint8Array(seats * INPUT_STRIDE);
  const pads = new Uint8Array(seats * PADS_STRIDE);
  for (const asked of calls) {
    if (asked.kind === 'input') inputs.set(asked.record, asked.seat * INPUT_STRIDE);
    else if (asked.kind === 'pads') pads.set(asked.record, asked.seat * PADS_STRIDE);
    else if (asked.kind === 'reply') writer.reply(asked.record);
    else if (asked.kind === 'restore') writer.restore(asked.state);
    else if (asked.kind === 'write') writer.write(asked.address, asked.bytes);
    else {
      writer.inputs(new Uint32Array(inputs.buffer), inputs);
      writer.pads(new Uint32Array(pads.buffer), pads);
      if (asked.kind === 'render') writer.render(asked.seat, asked.width, asked.height);
      else if (asked.kind === 'tick') writer.tick(asked.tick);
      else if (asked.kind === 'import') writer.importPlayer(asked.seat, asked.state);
      else writer[asked.kind](asked.seat);
    }
  }
  if (end) writer.end();
  writer.flush();
  return sink.bytes;
}

const reply = (...words: number[]): Call => ({
  kind: 'reply',
  record: Uint32Array.from({ length: REPLY_WORDS }, (_, n) => words[n] ?? 0),
});
const join0: Call = { kind: 'join', seat: 0 };
const tick0: Call = { kind: 'tick', tick: 0 };
const render0: Call = { kind: 'render', seat: 0, width: 320, height: 180 };
const input = (seat: number, ...at: number[]): Call => {
  const record = new Uint8Array(INPUT_STRIDE);
  for (const place of at) record[place] = 0xff - place;
  return { kind: 'input', seat, record };
};

const gamepads = (seat: number, ...at: number[]): Call => {
  const record = new Uint8Array(PADS_STRIDE);
  for (const place of at) record[place] = 0xff - place;
  return { kind: 'pads', seat, record };
};

const limitCount = header.gpu?.limits.length ?? 0;
/** Byte offset of the first record in a recording, after the header. */
const START = HEADER_BYTES + 4 * limitCount + Buffer.byteLength(header.name);

describe('a recording that is read contains what was written:', () => {
  it('a header', () => {
    const { header: read, calls, complete } = readRecording(write([]));
    expect(read).toEqual(header);
    expect([calls, complete]).toEqual([[], true]);
  });

  it.each<[string, Call[]]>([
    [
      'joins, ticks, renders, leaves',
      [join0, tick0, render0, { kind: 'tick', tick: 1 }, render0, { kind: 'leave', seat: 0 }],
    ],
    [
      'ticks that do not follow each other',
      [
        { kind: 'tick', tick: 7 },
        { kind: 'tick', tick: 8 },
        { kind: 'tick', tick: 8 },
      ],
    ],
    ['ticks that wrap around at 2^32', [{ kind: 'tick', tick: 0xffffffff }, tick0]],
    ['the largest picture', [join0, { ...render0, width: 65_535, height: 65_535 }]],
    ['replies', [reply(1), reply(5, 0, 7), reply(1, 2, 3, 4, 5, 6, 7, 0xffffffff)]],
    ['a state', [{ kind: 'restore', state: new Uint8Array(200_000).fill(7) }, tick0]],
    [
      'replies and writes before a state',
      [
        reply(6),
        { kind: 'write', address: 4, bytes: new Uint8Array(3) },
        { kind: 'restore', state: new Uint8Array(2) },
      ],
    ],
    ['a write to linear memory', [{ kind: 'write', address: 0xffff0000, bytes: new Uint8Array(70_000).fill(3) }]],
    [
      'states of players who come from other rooms',
      [
        join0,
        { kind: 'import', seat: 0, state: new Uint8Array(65_536).fill(9) },
        { kind: 'import', seat: 0, state: new Uint8Array(0) },
        tick0,
      ],
    ],
    [
      'changes to the first and last byte of an input record',
      [input(0, 0), tick0, input(2, INPUT_STRIDE - 1), { kind: 'tick', tick: 1 }],
    ],
    [
      'a change to every byte of an input record',
      [input(1, ...Array.from({ length: INPUT_STRIDE }, (_, n) => n)), tick0],
    ],
    [
      'a change to every second byte of an input record',
      [input(1, ...Array.from({ length: 64 }, (_, n) => 2 * n)), tick0],
    ],
    [
      'a change to every fourth byte of an input record',
      [input(1, ...Array.from({ length: 32 }, (_, n) => 4 * n)), tick0],
    ],
    ['an input record that becomes zero again', [input(1, 5), tick0, input(1), { kind: 'tick', tick: 1 }]],
    [
      'changes to the first and last byte of the records of gamepads',
      [gamepads(0, 0), tick0, gamepads(2, PADS_STRIDE - 1), { kind: 'tick', tick: 1 }],
    ],
    [
      'a change to every fourth byte of the records of gamepads',
      [gamepads(1, ...Array.from({ length: PADS_STRIDE / 4 }, (_, n) => 4 * n)), tick0],
    ],
    ['gamepads beside other input', [input(0, 9), gamepads(0, 9), tick0]],
  ])('%s', (_, calls) => {
    expect(readRecording(write(calls)).calls).toEqual(calls);
  });

  it('a long session with calls of every kind', () => {
    const calls = [...script({ seed: 3, ticks: 20_000, seats: 3 })];
    const read = [...readRecording(write(calls)).calls];
    // Input that changes twice before a call is written once, so input is left out of the comparison.
    const played = (list: readonly Call[]) => list.filter(({ kind }) => kind !== 'input');
    expect(played(read)).toEqual(played(calls));
  });
});

describe('the size of a recording', () => {
  it('a recording grows by one byte per tick and two per picture while nothing changes', () => {
    const calls = function* (): Generator<Call> {
      yield join0;
      for (let tick = 0; tick < 1200; tick++) {
        yield { kind: 'tick', tick };
        if (tick % 2 === 1) yield render0;
      }
    };
    const bytes = write(calls()).length - write([join0]).length;
    expect(bytes).toBe(1200 + 600 * 2 + 4);
  });

  it('a recording grows by a few bytes per change of input', () => {
    const bytes = write([input(0, 8), tick0]).length - write([tick0]).length;
    expect(bytes).toBe(6);
  });
});

describe('a recording that was cut off', () => {
  it('a recording that was cut off contains the session up to the cut, wherever that is', () => {
    const calls = [
      join0,
      input(0, 1, 2, 90),
      tick0,
      reply(1, 2),
      render0,
      { kind: 'write', address: 4, bytes: new Uint8Array(5) } as Call,
    ];
    const file = write(calls);
    let most = 0;
    for (let length = START; length < file.length; length++) {
      const read = readRecording(file.subarray(0, length));
      expect(read.complete).toBe(false);
      expect(read.calls).toEqual(calls.slice(0, read.calls.length));
      expect(read.calls.length).toBeGreaterThanOrEqual(most);
      most = read.calls.length;
    }
    expect(most).toBe(calls.length);
    expect(readRecording(file)).toMatchObject({ complete: true, calls });
  });
});

describe('a broken recording', () => {
  const patched = (at: number, ...bytes: number[]): Uint8Array => {
    const file = write([join0]);
    file.set(bytes, at);
    return file;
  };
  const records = (...bytes: number[]): Uint8Array =>
    new Uint8Array(Buffer.concat([write([], { end: false }), Buffer.from(bytes)]));

  it.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(), 'byte 0: this is not a recording'],
    ['another file', new Uint8Array(200), 'byte 0: this is not a recording'],
    ['another version', patched(4, 2), 'byte 4: the recording has version 2, and this program reads version 1'],
    ['another contract', patched(8, 99), 'byte 8: the version of the contract is 99'],
    ['no ticks per second', patched(12, 0), 'byte 12: the number of ticks per second is 0'],
    ['too many ticks per second', patched(12, 0xe9, 3), 'byte 12: the number of ticks per second is 1001'],
    ['no seats', patched(16, 0), 'byte 16: the number of seats is 0'],
    ['too many seats', patched(16, 65), 'byte 16: the number of seats is 65'],
    ['a seed beyond a number', patched(26, 0x20), 'byte 24: the high half of the seed'],
    ['a name that is too long', patched(92, 0, 1), 'byte 92: the length of the name is 256'],
    ['too many limits', patched(100, 1, 1), 'byte 100: the number of limits is 257'],
    ['a name that is cut', write([]).subarray(0, START - 1), `byte ${START - 1}: the file ends within its header`],
    ['a header that is cut', write([]).subarray(0, HEADER_BYTES - 1), 'byte 103: the file ends within its header'],
    ['a name that is not UTF-8', patched(HEADER_BYTES + 12, 0xff), 'byte 116: the name is not UTF-8'],
    ['an unknown record', records(13), `byte ${START}: 13 does not stand for any record`],
    ['a seat that does not exist', records(1, 3), `byte ${START + 1}: seat 3 does not exist; there are 3 seats`],
    ['a seat taken twice', records(1, 0, 1, 0), `byte ${START + 3}: seat 0 is taken`],
    ['a leave of a free seat', records(2, 0), `byte ${START + 1}: seat 0 is free`],
    ['a picture of a free seat', records(5, 0, 1, 0, 1, 0), `byte ${START + 1}: seat 0 is free`],
    ['a picture without pixels', records(1, 0, 5, 0, 0, 0, 1, 0), `byte ${START + 4}: a picture has no pixels`],
    [
      'a picture with the size of an earlier one that does not exist',
      records(1, 0, 6, 0),
      `byte ${START + 3}: seat 0 has no earlier picture`,
    ],
    ['an empty reply', records(7, 0), `byte ${START + 1}: a reply cannot have 0 words`],
    ['a reply that is too long', records(7, 9), `byte ${START + 1}: a reply cannot have 9 words`],
    ['input of a seat that does not exist', records(8, 3), `byte ${START + 1}: seat 3`],
    ['input outside its record', records(8, 0, 1, 127, 2), `byte ${START + 3}: a change lies outside the input record`],
    ['gamepads of a seat that does not exist', records(11, 3), `byte ${START + 1}: seat 3`],
    [
      'gamepads outside their records',
      records(11, 0, 1, 191, 2),
      `byte ${START + 3}: a change lies outside the records of gamepads`,
    ],
    [
      'a state after a call',
      records(3, 9, 0, 0, 0, 0),
      `byte ${START + 1}: a saved state is loaded after the first call`,
    ],
    ['a second state', records(9, 0, 0, 0, 0, 9), `byte ${START + 5}: a saved state is loaded after the first call`],
    ['the state of a player in a free seat', records(12, 0, 0, 0, 0, 0), `byte ${START + 1}: seat 0 is free`],
    [
      'the state of a player that is too large',
      records(1, 0, 12, 0, 1, 0, 1, 0),
      `byte ${START + 4}: the state of a player cannot have 65537 bytes`,
    ],
    ['bytes after the end', records(0, 0), `byte ${START + 1}: there are bytes after the end of the session`],
  ])('(%s) is refused', (_, file, detail) => {
    expect(() => readRecording(file)).toThrow(`NL_RECORDING: The recording cannot be used: ${detail}`);
  });

  it('a recording with any byte changed is read, or refused with the place of the fault', () => {
    const file = write(script({ seed: 1, ticks: 60, seats: 3 }));
    for (let at = 0; at < file.length; at++) {
      const bytes = file.slice();
      bytes.set([0x55 ^ (file[at] ?? 0)], at);
      try {
        readRecording(bytes);
      } catch (error) {
        expect((error as Error).message).toMatch(/^NL_RECORDING: .*byte \d+: /);
      }
    }
  });
});

describe('a session', () => {
  let arena: Uint8Array;
  beforeAll(() => {
    arena = new Uint8Array(readFileSync(join(import.meta.dirname, '../../build/arena.wasm')));
  });
  const load = { limits, seed: 11, tickRate: TICK_RATE, seats: 3, assets, log };

  /** Makes calls to a game and records them. Resolves with the hash of what the game submitted. */
  async function live(calls: Iterable<Call>, sink: Sink): Promise<string> {
    const instance = await recordingEngine(engine, { name: 'arena', open: async () => sink }).load(arena, load);
    const hash = new SessionHash();
    hash.add(instance.initial);
    for (const call of calls) {
      const submission: Submission | undefined = await makeCall(instance, call);
      if (submission) hash.add(submission);
    }
    await instance.close();
    return hash.digest();
  }

  it('a session leads to the same commands when its recording is replayed', async () => {
    const sink = new Memory();
    const hash = await live(script({ seed: 5, ticks: 480, seats: 3 }), sink);
    expect(sink.closed).toBe(true);
    const recording = readRecording(sink.bytes);
    expect(recording.complete).toBe(true);
    expect(recording.header).toMatchObject({ name: 'arena', seed: 11, module: await digest(arena) });
    expect(await hashSession(recording, { engine, module: arena, assets, limits, log })).toBe(hash);
    const other = { ...recording, header: { ...recording.header, seed: 12 } };
    expect(await hashSession(other, { engine, module: arena, assets, limits, log })).not.toBe(hash);
  });

  it('a session cannot be replayed with another module or other assets', async () => {
    const sink = new Memory();
    await live([], sink);
    const recording = readRecording(sink.bytes);
    const options = { engine, limits, log, onSubmission: () => {} };
    await expect(replay(recording, { ...options, module: good(), assets })).rejects.toThrow(
      /^NL_RECORDING: .*recorded with the module [0-9a-f]{12} of arena, but this is [0-9a-f]{12}; give the original files/,
    );
    await expect(replay(recording, { ...options, module: arena, assets: new Uint8Array(8) })).rejects.toThrow(
      /^NL_RECORDING: .*with the assets e3b0c44298fc of arena/,
    );
  });

  it('a session is recorded to a file while it is played', async () => {
    const path = join(folder, 'played.nlr');
    const file = await createRecordingFile({ path, log });
    const hash = await live(script({ seed: 6, ticks: 240, seats: 3 }), file);
    const recording = await readRecordingFile(path);
    expect(recording.complete).toBe(true);
    expect(await hashSession(recording, { engine, module: arena, assets, limits, log })).toBe(hash);
  });
});

describe('files of recordings', () => {
  it('a recording file is named in the error if it cannot be created or read, or is too large', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(createRecordingFile({ path: join(folder, 'file/x.nlr'), log })).rejects.toThrow(
      /^NL_RECORDING: .*file\/x\.nlr: ENOTDIR/,
    );
    await expect(readRecordingFile(join(folder, 'none.nlr'))).rejects.toThrow(/^NL_RECORDING: .*none\.nlr: ENOENT/);
    const path = join(folder, 'other.nlr');
    writeFileSync(path, 'text');
    await expect(readRecordingFile(path)).rejects.toThrow(/other\.nlr: byte 0: this is not a recording/);
    await expect(readFileAs(path, (bytes) => bytes, 3)).rejects.toThrow(
      /other\.nlr: the file has 4 bytes, more than the 3 that can be read/,
    );
    expect((await readFileAs(path, (bytes) => bytes, 4)).length).toBe(4);
  });

  it('files of later sessions of the same game have a number', () => {
    expect([0, 1, 2].map((n) => numbered('a/b.nlr', n))).toEqual(['a/b.nlr', 'a/b-2.nlr', 'a/b-3.nlr']);
    expect(numbered('plain', 1)).toBe('plain-2');
  });
});
