import { afterEach, describe, expect, test, vi } from 'vitest';
import { ENGLISH } from '../../host/player/labels.ts';
import { CHINESE } from '../../host/player/labels-zh.ts';
import { ENGLISH_OBSTACLES, explainObstacle } from '../../host/player/obstacles.ts';
import { foreignAnswer, readRefusal, SILENT } from '../../host/player/refusal.ts';
import { explainSilence } from '../../host/player/silent-host.ts';
import { wordsOf } from '../../host/player/words.ts';

const origin = 'https://arcade.example';
const options = { spectates: false, labels: ENGLISH, translate: (text: string) => text };

afterEach(() => vi.unstubAllGlobals());

describe('an obstacle that a person has to remove', () => {
  test('a refused site reads its own name, and what the operator of the server has to set', () => {
    const state = { kind: 'connecting', attempt: 3, code: 'NL_ORIGIN', message: 'from the server' } as const;
    const words = explainObstacle(state, { origin, labels: ENGLISH });
    expect(words?.title).toBe('This site may not play here');
    expect(words?.message).toContain('ALLOWED_ORIGINS=https://arcade.example');
    expect(words?.message).toContain('tries again by itself');
    const lost = explainObstacle({ ...state, kind: 'reconnecting' }, { origin, labels: ENGLISH });
    expect(lost?.message).toContain('ALLOWED_ORIGINS=https://arcade.example');
  });

  test('the status of an answer stands beside the code, and decides what to do', () => {
    const answer = (status?: number) =>
      ({ kind: 'connecting', attempt: 2, message: 'm', code: 'NL_ANSWER', ...(status && { status }) }) as const;
    expect(wordsOf(answer(404), options).code).toBe('NL_ANSWER · HTTP 404');
    const advice = (status?: number) => explainObstacle(answer(status), { origin, labels: ENGLISH })?.message;
    for (const status of [200, 302, 511]) expect(advice(status)).toContain('login page');
    for (const status of [400, 401, 403, 407, 499]) expect(advice(status)).toContain('proxy or firewall');
    for (const status of [404, 405, 410, undefined]) expect(advice(status)).toContain('correct the address');
  });

  test('a page of an older version says that it must be loaded again, in place of what the server says', () => {
    const state = { kind: 'ended', code: 'NL_PAGE_VERSION', message: 'from the server' } as const;
    const { pageOutdated: title, loadAgain: message } = ENGLISH_OBSTACLES;
    expect(explainObstacle(state, { origin, labels: ENGLISH })).toEqual({ title, message });
  });

  test('an https page that cannot reach an http server says so in Chinese', async () => {
    vi.stubGlobal('location', new URL('https://arcade.example/'));
    const { code, message } = await explainSilence('http://games.example/whep', new AbortController().signal, {
      SILENT,
      readRefusal,
    });
    const words = explainObstacle({ kind: 'ended', code, message }, { origin, labels: CHINESE });
    expect(words?.message).toBe(CHINESE.mixedContent);
  });

  test('all else has the words of the server, and other states have no title', () => {
    expect(explainObstacle({ kind: 'ended', code: 'NL_REQUEST', message: 'm' }, { origin, labels: ENGLISH })).toBe(
      undefined,
    );
    expect(wordsOf({ kind: 'connecting', attempt: 1 }, options)).toMatchObject({ title: '', code: '' });
    const starts = { kind: 'connecting', attempt: 2, message: 'the game starts' } as const;
    expect(wordsOf(starts, options)).toMatchObject({ title: '', code: '' });
    expect(Object.values(ENGLISH)).toContain(foreignAnswer(502).message);
  });
});
