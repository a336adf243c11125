import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readConfig } from '../../../host/base/config.ts';
import { milli } from '../../../host/base/time.ts';
import { IssuerKeys, type KeptKeys, type KeyStore } from '../../../host/edge/admission/keys.ts';
import { eventually } from '../../wait.ts';
import { service } from '../dependencies/services.ts';
import { Issuer } from '../issuer.ts';

const REFRESH_S = 300;
const KEYS_S = 3600;
const PAUSE_MS = 5000;
const EPOCH = Date.UTC(2026, 0, 1);

let issuer: Issuer;
let now: number;
let lines: string[];

beforeEach(async () => {
  issuer = await Issuer.open();
  now = 0;
  lines = [];
});
afterEach(() => issuer.close());

function open(settings: Partial<ReturnType<typeof readConfig>> = {}, store?: KeyStore): IssuerKeys {
  const config = {
    ...readConfig({}),
    oidcIssuer: issuer.url,
    keysRefreshSeconds: REFRESH_S,
    keysSecondsMax: KEYS_S,
    ...settings,
  };
  return new IssuerKeys(config, {
    clock: { now: () => milli(now) },
    log: (_, line) => void lines.push(line),
    dependency: service('issuer', { msMax: config.issuerMsMax }),
    now: () => EPOCH + now,
    store,
  });
}

const down = { status: 503, text: 'down' };

test('the keys are fetched once for all who wait for them', async () => {
  const keys = open();
  const sets = await Promise.all(Array.from({ length: 50 }, () => keys.current()));
  expect([issuer.asked, new Set(sets).size, sets[0]?.keys]).toEqual([1, 1, issuer.keys]);
  expect(keys.ageSeconds).toBe(0);
});

test('keys that are due are fetched again beside those who join, and the old ones go on until then', async () => {
  const keys = open();
  const first = await keys.current();
  now = REFRESH_S * 1000;
  expect(await keys.current()).toBe(first);
  expect(issuer.asked).toBe(1);
  await issuer.rotate('second');
  now++;
  expect(await keys.current()).toBe(first);
  await eventually(async () => expect((await keys.current()).keys).toHaveLength(2));
  expect(issuer.asked).toBe(2);
});

test('while the issuer is down, its keys go on until their life ends, and not longer', async () => {
  const keys = open();
  const first = await keys.current();
  issuer.instead = down;
  now = KEYS_S * 1000 - 1000;
  expect(await keys.current()).toBe(first);
  await eventually(() => expect(lines).toHaveLength(1));
  expect(lines[0]).toContain('let players in for 1 s more');
  now += 1000;
  expect(await keys.current()).toBe(first);
  now += PAUSE_MS;
  await expect(keys.current()).rejects.toMatchObject({ code: 'NL_ISSUER', reason: 'issuer-down' });
  issuer.instead = undefined;
  await expect(keys.current()).rejects.toMatchObject({ reason: 'issuer-down' });
  now += PAUSE_MS;
  expect((await keys.current()).keys).toEqual(issuer.keys);
  expect(lines.at(-1)).toBe('the issuer of tokens answers again');
});

test('an unknown key makes the host ask the issuer at most once in five seconds', async () => {
  const keys = open();
  await keys.current();
  for (let i = 0; i < 20; i++) expect(await keys.renewed()).toBeUndefined();
  expect(issuer.asked).toBe(1);
  now = PAUSE_MS;
  await issuer.rotate('second');
  expect((await keys.renewed())?.keys).toHaveLength(2);
  expect(issuer.asked).toBe(2);
});

test.each([
  ['an error', () => (issuer.instead = down), 'HTTP status 503'],
  ['silence', () => (issuer.instead = 'silence'), 'timeout'],
  ['something else than JSON', () => (issuer.instead = { status: 200, text: '<p>' }), 'JSON'],
  ['a number', () => (issuer.instead = { status: 200, text: '1' }), 'did not answer with a JSON object'],
  ['too much', () => (issuer.instead = { status: 200, text: 'x'.repeat(262_145) }), 'more than 262144 bytes'],
  ['the name of another issuer', () => (issuer.discovery = { issuer: 'https://other.example' }), 'not OIDC_ISSUER'],
  ['no place for keys', () => (issuer.discovery = { jwks_uri: undefined }), 'no usable jwks_uri'],
  ['a file as the place for keys', () => (issuer.discovery = { jwks_uri: 'file:///etc/passwd' }), 'no usable jwks_uri'],
  ['no keys', () => (issuer.keys = []), 'between 1 and 64 keys'],
  ['65 keys', () => (issuer.keys = new Array(65).fill({})), 'between 1 and 64 keys'],
])('an issuer that answers with %s gives no keys, and the log says why', async (_, change, message) => {
  change();
  await expect(open({ issuerMsMax: 200 }).current()).rejects.toMatchObject({ reason: 'issuer-down' });
  expect(lines).toEqual([expect.stringContaining('no new player can join')]);
  expect(lines[0]).toContain(message);
});

test('64 keys are accepted', async () => {
  issuer.keys = new Array(64).fill(issuer.keys[0]);
  expect((await open().current()).keys).toHaveLength(64);
});

describe('keys in a store', () => {
  /** A store that has one set of keys, or fails. The real one takes part in test/play/admission.test.ts. */
  function storeOf(kept: KeptKeys | undefined | Error) {
    const saved: unknown[] = [];
    const store: KeyStore = {
      load: async () => {
        if (kept instanceof Error) throw kept;
        return kept;
      },
      save: async (...entry) => void saved.push(entry),
    };
    return { store, saved };
  }

  test('outlive the process, for as long as they would have lived in it', async () => {
    issuer.instead = down;
    const { store } = storeOf({ set: { keys: [{ kid: 'kept' }] }, fetchedAt: EPOCH - KEYS_S * 1000 + 2000 });
    const keys = open({}, store);
    expect((await keys.current()).keys).toEqual([{ kid: 'kept' }]);
    expect(keys.ageSeconds).toBe(KEYS_S - 2);
    now = 2000;
    await keys.current();
    now++;
    await expect(keys.current()).rejects.toMatchObject({ reason: 'issuer-down' });
  });

  test('are fetched again beside those who join when they are due', async () => {
    const { store, saved } = storeOf({ set: { keys: [{ kid: 'kept' }] }, fetchedAt: EPOCH - REFRESH_S * 1000 - 1 });
    const keys = open({}, store);
    expect((await keys.current()).keys).toEqual([{ kid: 'kept' }]);
    await eventually(async () => expect((await keys.current()).keys).toEqual(issuer.keys));
    expect(saved).toEqual([[issuer.url, { set: { keys: issuer.keys }, fetchedAt: EPOCH }, KEYS_S * 1000]]);
  });

  test('that a clock set back makes come from the future are as old as now', async () => {
    issuer.instead = down;
    const { store } = storeOf({ set: { keys: [{ kid: 'kept' }] }, fetchedAt: EPOCH + 3_600_000 });
    const keys = open({}, store);
    await keys.current();
    expect(keys.ageSeconds).toBe(0);
  });

  test.each([
    ['too old', { set: { keys: [{}] }, fetchedAt: EPOCH - KEYS_S * 1000 - 1 }],
    ['damaged', { set: { keys: [7] }, fetchedAt: EPOCH }],
    ['null', { set: null, fetchedAt: EPOCH }],
    ['missing', undefined],
    ['unreadable', new Error('the disk is gone')],
  ])('that are %s are no keys, and those of the issuer count', async (_, kept) => {
    const { store } = storeOf(kept);
    expect((await open({}, store).current()).keys).toEqual(issuer.keys);
  });

  test('that cannot be saved are used, and the log says so', async () => {
    const { store } = storeOf(undefined);
    const keys = open({}, { ...store, save: () => Promise.reject(new Error('the disk is full')) });
    expect((await keys.current()).keys).toEqual(issuer.keys);
    await eventually(() => expect(lines.at(-1)).toContain('do not outlive this process: the disk is full'));
  });
});
