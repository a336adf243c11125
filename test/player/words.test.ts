import { afterEach, describe, expect, test, vi } from 'vitest';
import { ENGLISH } from '../../host/player/labels.ts';
import { CHINESE } from '../../host/player/labels-zh.ts';
import { explainSilence, foreignAnswer } from '../../host/player/refusal.ts';
import type { PlayerState } from '../../host/player/state.ts';
import { wordsOf } from '../../host/player/words.ts';

const options = {
  origin: 'https://arcade.example',
  spectates: false,
  labels: ENGLISH,
  translate: (text: string) => text,
};
const words = (state: PlayerState) => wordsOf(state, options);

afterEach(() => vi.unstubAllGlobals());

describe('an obstacle that a person has to remove', () => {
  test('a refused site reads its own name, and what the operator of the server has to set', () => {
    const state = { kind: 'connecting', attempt: 3, code: 'NL_ORIGIN', message: 'from the server' } as const;
    const { title, message, code, announcement } = words(state);
    expect([title, code]).toEqual(['This site may not play here', 'NL_ORIGIN']);
    expect(message).toContain('ALLOWED_ORIGINS=https://arcade.example');
    expect(message).toContain('tries again by itself');
    expect(announcement).toBe(`${title}. ${message}`);
    const lost = words({ ...state, kind: 'reconnecting' });
    expect(lost.message).toContain('ALLOWED_ORIGINS=https://arcade.example');
  });

  test('the status of an answer stands beside the code', () => {
    const { title, code } = words({ kind: 'connecting', attempt: 2, message: 'm', code: 'NL_ANSWER', status: 404 });
    expect([title, code]).toEqual(['No game server here', 'NL_ANSWER · HTTP 404']);
  });

  test('a page of an older version says that it must be loaded again, in place of what the server says', () => {
    const { title, message } = words({ kind: 'ended', code: 'NL_PAGE_VERSION', message: 'from the server' });
    expect([title, message]).toEqual([ENGLISH.pageOutdated, ENGLISH.loadAgain]);
  });

  test('other states have no title', () => {
    expect(words({ kind: 'connecting', attempt: 1 })).toMatchObject({ title: '', code: '' });
    expect(words({ kind: 'connecting', attempt: 2, message: 'the game starts' })).toMatchObject({
      title: '',
      code: '',
    });
  });
});

test('every message about an obstacle has a translation', async () => {
  const failures = [200, 403, 404, 502].map(foreignAnswer);
  vi.stubGlobal('location', new URL('https://arcade.example/'));
  vi.stubGlobal('fetch', async (_: string, { mode }: RequestInit) => {
    if (mode === 'no-cors') return new Response();
    throw new TypeError('Failed to fetch');
  });
  const { signal } = new AbortController();
  for (const url of ['http://games.example/whep', 'https://games.example/whep'])
    failures.push(await explainSilence(url, signal));
  const texts = Object.entries(ENGLISH);
  for (const { message } of failures) {
    const [key = ''] = texts.find(([, text]) => text === message) ?? [];
    expect(CHINESE[key as keyof typeof CHINESE], message).toBeTypeOf('string');
  }
  expect(new Set(failures.map(({ message }) => message)).size).toBe(6);
});
