import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Gpu } from '../../host/gpu/dawn.ts';
import type { CommandReplay } from '../../host/gpu/replay.ts';
import { REPLY_TEXT, REPLY_WORDS, RUMBLE_MS_MAX, TEXT_LENGTH_MAX } from '../../renderer/contract/abi.ts';
import { Stream, type Values } from './document.ts';
import { fault, newReplay, openTestGpu } from './fixture.ts';

let gpu: Gpu;
let replay: CommandReplay;
let replies: number[][];
const onRumble = vi.fn();
const onText = vi.fn();
const onTextEnd = vi.fn();

beforeAll(async () => {
  gpu = await openTestGpu('null');
});
afterAll(() => gpu.close());
beforeEach(() => {
  vi.clearAllMocks();
  replies = [];
  replay = newReplay(gpu.device, { reply: (record) => void replies.push(Array.from(record).slice(0, 4)) });
  replay.observe({ onRumble, onText, onTextEnd });
});

const rumble = (values: Values = {}): Stream =>
  new Stream().command('rumble', { seat: 1, pad: 2, strong: 0.5, weak: 0.25, milliseconds: 100, ...values });
const text = (values: Values = {}): Stream =>
  new Stream().command('requestText', {
    seat: 1,
    token: 7,
    address: 4096,
    lengthMax: 8,
    prompt: 'Näme',
    initial: 'x',
    ...values,
  });

describe('requests to players', () => {
  test('requests to players reach the observer of the replay', () => {
    expect(fault(replay, rumble())).toBe('');
    expect(onRumble.mock.calls).toEqual([[1, { pad: 2, strong: 0.5, weak: 0.25, milliseconds: 100 }]]);
    expect(fault(replay, text())).toBe('');
    expect(onText.mock.calls).toEqual([[1, { token: 7, address: 4096, lengthMax: 8, prompt: 'Näme', initial: 'x' }]]);
    expect(fault(replay, new Stream().command('cancelText', { seat: 63 }))).toBe('');
    expect(onTextEnd.mock.calls).toEqual([[63]]);
    expect(replies).toEqual([]);
  });

  test('a request for a text is answered at once if no one can enter one', () => {
    replay.observe({});
    expect(fault(replay, text())).toBe('');
    expect(replies).toEqual([[REPLY_TEXT, 7, 0, 0]]);
    expect(REPLY_WORDS).toBeGreaterThan(4);
  });

  test.each<[string, Stream]>([
    ['the last seat and gamepad', rumble({ seat: 63, pad: 3 })],
    ['the strongest effect', rumble({ strong: 1, weak: 1, milliseconds: RUMBLE_MS_MAX })],
    ['no effect', rumble({ strong: 0, weak: 0, milliseconds: 0 })],
    ['the shortest text', text({ lengthMax: 1, initial: '', prompt: '' })],
    ['the longest texts', text({ lengthMax: TEXT_LENGTH_MAX, initial: 'a'.repeat(256), prompt: 'b'.repeat(256) })],
    [
      '256 requests',
      Array.from({ length: 256 }).reduce<Stream>((all) => all.command('cancelText', { seat: 0 }), new Stream()),
    ],
  ])('(%s) is accepted', (_, stream) => {
    expect(fault(replay, stream)).toBe('');
  });

  test.each<[string, Stream, string]>([
    ['seat 64', rumble({ seat: 64 }), 'there is no seat 64'],
    ['the text of seat 64', text({ seat: 64 }), 'there is no seat 64'],
    ['the end of the text of seat 64', new Stream().command('cancelText', { seat: 64 }), 'there is no seat 64'],
    ['gamepad 4', rumble({ pad: 4 }), 'there is no gamepad 4'],
    ['a motor that is too strong', rumble({ strong: 1.001 }), 'the strength 1.00'],
    ['a motor with a negative strength', rumble({ weak: -0.001 }), 'the strength -0.00'],
    ['a motor that is not a number', rumble({ weak: Number.NaN }), ''],
    ['an effect that is too long', rumble({ milliseconds: RUMBLE_MS_MAX + 1 }), '5001 ms are more than 5000'],
    ['a text without characters', text({ lengthMax: 0, initial: '' }), 'the length limit 0'],
    ['a text that is too long', text({ lengthMax: TEXT_LENGTH_MAX + 1 }), 'the length limit 257'],
    [
      'an initial text that is too long',
      text({ lengthMax: 2, initial: 'abc' }),
      'the initial text is longer than the 2',
    ],
    ['a prompt that is too long', text({ prompt: 'b'.repeat(257) }), 'a prompt has more than 256'],
    [
      '257 requests',
      Array.from({ length: 257 }).reduce<Stream>((all) => all.command('cancelText', { seat: 0 }), new Stream()),
      'one call makes more than 256 requests',
    ],
  ])('(%s) ends the game', (_, stream, message) => {
    const found = fault(replay, stream);
    expect(found).toContain('NL_COMMAND');
    expect(found).toContain(message);
    expect(onRumble.mock.calls.length + onText.mock.calls.length).toBe(0);
  });
});
