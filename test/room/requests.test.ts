import { beforeEach, describe, expect, test } from 'vitest';
import type { Notice } from '../../host/base/protocol.ts';
import { cleanText } from '../../host/base/requests.ts';
import { milli } from '../../host/base/time.ts';
import { SeatRequests } from '../../host/room/requests.ts';
import { REPLY_TEXT } from '../../renderer/contract/abi.ts';

let notices: Notice[];
/** Everything that the module got: writes as an address and a text, and replies. */
let got: unknown[];
let requests: SeatRequests;

beforeEach(() => {
  notices = [];
  got = [];
  requests = new SeatRequests({
    notify: (notice) => void notices.push(notice),
    instance: () => ({
      write: (address, bytes) => void got.push([address, Buffer.from(bytes).toString()]),
      reply: (record) => void got.push([...Array.from(record)]),
    }),
  });
});

const flush = (ms: number) => requests.flush(milli(ms));
const effect = (pad: number, strong: number) => ({ pad, strong, weak: 0, milliseconds: 100 });
const ask = (token: number, lengthMax = 8) =>
  requests.requestText({ token, address: 64, lengthMax, prompt: 'Name', initial: '' });

describe('rumble', () => {
  test('a page gets the newest effect of each gamepad, at most every 50 ms', () => {
    requests.rumble(effect(0, 0.1));
    requests.rumble(effect(0, 0.2));
    requests.rumble(effect(3, 0.3));
    flush(0);
    expect(notices).toEqual([
      { kind: 'rumble', ...effect(0, 0.2) },
      { kind: 'rumble', ...effect(3, 0.3) },
    ]);
    requests.rumble(effect(0, 0.4));
    flush(49);
    expect(notices).toHaveLength(2);
    requests.rumble(effect(0, 0));
    flush(50);
    expect(notices.at(-1)).toEqual({ kind: 'rumble', ...effect(0, 0) });
    flush(200);
    expect(notices).toHaveLength(3);
  });

  test('a game that asks for an effect in every tick for a second gets twenty', () => {
    for (let ms = 0; ms < 1000; ms += 5) {
      requests.rumble(effect(1, ms / 1000));
      flush(ms);
    }
    expect(notices).toHaveLength(20);
  });

  test('an effect is not kept for a connection that comes later', () => {
    requests.rumble(effect(0, 1));
    requests.renew();
    flush(0);
    expect(notices).toEqual([]);
  });
});

describe('a text', () => {
  test('a text that the player submits is written to memory before the reply', () => {
    ask(7);
    flush(0);
    expect(notices).toEqual([{ kind: 'text', number: 1, prompt: 'Name', initial: '', lengthMax: 8 }]);
    requests.answer(1, 'Zoë');
    expect(got).toEqual([
      [64, 'Zoë'],
      [REPLY_TEXT, 7, 1, 4],
    ]);
    flush(10);
    requests.answer(1, 'again');
    expect([got.length, notices.length]).toEqual([2, 1]);
  });

  test('an empty text is a text, and a cancelled one is not', () => {
    ask(7);
    requests.answer(1, '');
    ask(8);
    requests.answer(2, undefined);
    expect(got).toEqual([
      [REPLY_TEXT, 7, 1, 0],
      [REPLY_TEXT, 8, 0, 0],
    ]);
  });

  test('a newer request cancels the earlier one, whose answer is then ignored', () => {
    ask(7);
    flush(0);
    ask(8);
    expect(got).toEqual([[REPLY_TEXT, 7, 0, 0]]);
    requests.answer(1, 'late');
    expect(got).toHaveLength(1);
    flush(249);
    expect(notices).toHaveLength(1);
    flush(250);
    expect(notices.at(-1)).toMatchObject({ kind: 'text', number: 2 });
    requests.answer(2, 'new');
    expect(got.at(-1)).toEqual([REPLY_TEXT, 8, 1, 3]);
  });

  test('a request that the game ends closes on the page', () => {
    ask(7);
    flush(0);
    requests.endText();
    requests.endText();
    flush(1);
    flush(2);
    expect(got).toEqual([[REPLY_TEXT, 7, 0, 0]]);
    expect(notices.slice(1)).toEqual([{ kind: 'text-end', number: 1 }]);
  });

  test('a request is shown again to a player who has returned, and answered once', () => {
    ask(7);
    flush(0);
    requests.renew();
    flush(1);
    expect(notices.map(({ kind }) => kind)).toEqual(['text', 'text']);
    requests.answer(1, 'back');
    expect(got.at(-1)).toEqual([REPLY_TEXT, 7, 1, 4]);
  });

  test('requests of a module that is replaced close on the page and are not answered', () => {
    ask(7);
    flush(0);
    requests.drop();
    requests.answer(1, 'late');
    flush(1);
    expect([got, notices.at(-1)]).toEqual([[], { kind: 'text-end', number: 1 }]);
  });

  test.each([
    ['abcdefgh', 'abcdefgh'],
    ['abcdefghi', 'abcdefgh'],
    ['a\u0000b\tc\nd\u007fe\u009ff', 'abcdef'],
    ['\u2028\u2029\u202ecod.exe', 'cod.exe'],
    ['abcdefg\u{1f600}', 'abcdefg'],
    ['abcdef\u{1f600}', 'abcdef\u{1f600}'],
    ['日本語', '日本語'],
    ['👩\u200d🚀', '👩\u200d🚀'],
  ])('a text has no control characters and at most as many units as allowed: %j', (text, clean) => {
    expect(cleanText(text, 8)).toBe(clean);
  });
});
