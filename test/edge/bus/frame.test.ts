import { describe, expect, test } from 'vitest';
import { decodeMessage, encodeMessage, subjectOf } from '../../../host/edge/bus/frame.ts';
import { MESSAGE_BYTES_MAX } from '../../../renderer/contract/abi.ts';

describe('a message between hosts', () => {
  test.each([0, 1, MESSAGE_BYTES_MAX])('a message of %i bytes is read as it was written', (length) => {
    const message = { topic: 'chat', origin: 0xfedcba98_76543210n, bytes: new Uint8Array(length).fill(7) };
    expect(decodeMessage('chat', encodeMessage(message))).toEqual(message);
  });

  test('what is read is a copy, also of a Buffer', () => {
    const frame = Buffer.from(encodeMessage({ topic: 'chat', origin: 1n, bytes: Uint8Array.of(7) }));
    const message = decodeMessage('chat', frame);
    frame.fill(0);
    expect(message?.bytes).toEqual(Uint8Array.of(7));
  });

  const frame = (length: number, version = 1) => new Uint8Array(length).fill(version, 0, 1);
  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['less than a header', frame(8)],
    ['more than a message', frame(10 + MESSAGE_BYTES_MAX)],
    ['version 0', frame(9, 0)],
    ['version 2', frame(9, 2)],
  ])('%s is not a message', (_, bytes) => {
    expect(decodeMessage('chat', bytes)).toBeUndefined();
  });

  test('no name of a game reaches the subjects of another one', () => {
    expect(subjectOf('arena', 'score.red')).toBe('nearlight.arena.score.red');
    const names = ['a.b', 'a b', 'a*', '*', '>', 'a>', '', 'ä', 'a%2eb', '\n'];
    const subjects = names.map((name) => subjectOf(name, 'x'));
    for (const subject of subjects) expect(subject).toMatch(/^nearlight\.[^.]+\.x$/);
    for (const subject of subjects) expect(subject).not.toMatch(/[\s*>]/);
    expect(new Set(subjects).size).toBe(names.length);
  });
});
