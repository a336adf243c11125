import { afterEach, describe, expect, test, vi } from 'vitest';
import { PROTOCOL_VERSION } from '../../host/base/protocol.ts';
import { foreignAnswer, readRefusal, SILENT } from '../../host/player/refusal.ts';
import { parametersOf } from '../../host/player/seat-request.ts';
import { explainSilence } from '../../host/player/silent-host.ts';

const HOST = 'https://games.example/whep';

/** The questions that were asked, as mode and URL. */
let asked: string[] = [];

afterEach(() => vi.unstubAllGlobals());

/** Explains a silence on a page, where the host gives the answers to a readable and then to an unreadable question. */
async function explain(page: string, host: string, ...answers: (Response | undefined)[]) {
  asked = [];
  vi.stubGlobal('location', new URL(page));
  vi.stubGlobal('fetch', async (url: string, { mode }: RequestInit) => {
    asked.push(`${mode} ${url}`);
    const answer = answers.shift();
    if (!answer) throw new TypeError('Failed to fetch');
    return answer;
  });
  return explainSilence(host, new AbortController().signal, { SILENT, readRefusal });
}

const json = (status: number, body: object) => new Response(JSON.stringify(body), { status });

describe('a request without an answer', () => {
  test('a server of the same site is silent, and so is one that answers nothing at all', async () => {
    expect(await explain('https://games.example/', 'whep')).toMatchObject(SILENT);
    expect(await explain('https://games.example/', HOST)).toMatchObject(SILENT);
    expect(asked).toEqual([]);
    expect(await explain('https://arcade.example/', HOST)).toMatchObject(SILENT);
    expect(asked).toEqual([`cors ${HOST}/line`, `no-cors ${HOST}/line`]);
  });

  test('a server that lets the site play, or is of another version, has only failed for a moment', async () => {
    expect(await explain('https://arcade.example/', HOST, new Response(null, { status: 204 }))).toMatchObject(SILENT);
    const unknown = json(404, { code: 'NL_NOT_FOUND', message: '/whep/line' });
    expect(await explain('https://arcade.example/', HOST, unknown)).toMatchObject(SILENT);
    expect(asked).toEqual([`cors ${HOST}/line`]);
  });

  test('a server that refuses the site says so', async () => {
    const refusal = json(403, { code: 'NL_ORIGIN', message: 'not this site' });
    expect(await explain('https://arcade.example/', HOST, refusal)).toEqual({
      code: 'NL_ORIGIN',
      message: 'not this site',
      isFinal: false,
      isLasting: true,
    });
  });

  test('another server is recognised whether or not the page may read its answer', async () => {
    const readable = await explain('https://arcade.example/', HOST, new Response('<html>', { status: 404 }));
    expect(readable).toMatchObject({ code: 'NL_ANSWER', status: 404, isLasting: true, isFinal: false });
    const opaque = await explain('https://arcade.example/', HOST, undefined, new Response('<html>'));
    expect(opaque).toMatchObject({ code: 'NL_ANSWER', isLasting: true, isFinal: false });
    expect(opaque).not.toHaveProperty('status');
  });

  test.each([
    ['https://arcade.example/', 'http://games.example/whep', 'NL_REQUEST'],
    ['https://arcade.example/', 'http://192.168.0.7:8080/whep', 'NL_REQUEST'],
    ['https://arcade.example/', 'http://127.0.0.1:8080/whep', 'NL_CONNECTION'],
    ['https://arcade.example/', 'http://game.localhost/whep', 'NL_CONNECTION'],
    ['http://arcade.example/', 'http://games.example/whep', 'NL_CONNECTION'],
    ['http://arcade.example/', 'https://games.example/whep', 'NL_CONNECTION'],
  ])('a page at %s with the server %s fails with %s', async (page, host, code) => {
    const failure = await explain(page, host);
    expect(failure).toMatchObject({ code, isFinal: code === 'NL_REQUEST' });
    expect(asked).toHaveLength(code === 'NL_REQUEST' ? 0 : 2);
  });
});

describe('an answer that is not from a game server', () => {
  test.each([
    [200, true],
    [404, true],
    [499, true],
    [500, false],
    [510, false],
    [511, true],
    [512, false],
  ])('status %i: whether that lasts is %s', (status, isLasting) => {
    expect(foreignAnswer(status)).toMatchObject({ code: 'NL_ANSWER', status, isLasting, isFinal: false });
  });
});

test('a request for a seat names the version of the protocol', () => {
  expect(String(parametersOf({ fps: 30 }))).toBe(`fps=30&protocol=${PROTOCOL_VERSION}`);
});
