import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { CARRY_LENGTH_MAX } from '../../host/base/protocol.ts';
import { CARRY_MS, type Carried, CarrySeal, KEY_LENGTH_MIN, readCarryKeys } from '../../host/stream/carry-ticket.ts';
import { PLAYER_BYTES_MAX } from '../../renderer/contract/abi.ts';

const KEY = 'k'.repeat(KEY_LENGTH_MIN);
const OTHER = 'o'.repeat(KEY_LENGTH_MIN);
const DIGEST = 'd'.repeat(43);
const NOW = 1_800_000_000_000;
const PLAYER: Carried = { game: 'arena', digest: DIGEST, origin: 'e'.repeat(43), state: Uint8Array.of(1, 2, 3) };

/** A server with these keys, whose clock stands at this time. */
const server = (keys = [KEY], now = NOW) => new CarrySeal(keys, () => now);
const seal = (player: Partial<Carried> = {}, from = server()) => from.seal({ ...PLAYER, ...player }) ?? '';

/** Makes a ticket of any content, as a server with the key could that does not follow the rules. */
function forge(
  header: object | string,
  { state = Buffer.alloc(0), version = 1, length }: { state?: Buffer; version?: number; length?: number } = {},
): string {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(2);
  prefix.writeUInt16LE(length ?? text.length);
  const key = createHash('sha256').update(`nearlight carry\n${KEY}`).digest();
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.of(version));
  const sealed = [cipher.update(Buffer.concat([prefix, text, state])), cipher.final()];
  return Buffer.concat([Buffer.of(version), nonce, ...sealed, cipher.getAuthTag()]).toString('base64url');
}

const HEADER = { id: 'i'.repeat(22), game: 'arena', digest: DIGEST, origin: DIGEST, until: NOW + 1000 };

test('a ticket brings a player with everything that belongs to the player to another server', () => {
  const account = { id: 'ada', role: 'player' };
  const first = server().open(seal({ account }));
  expect(first).toEqual({ ...PLAYER, account, id: expect.stringMatching(/^[\w-]{22}$/), until: NOW + CARRY_MS });
  expect(server().open(seal()).id).not.toBe(first.id);
  const { state: _, ...bare } = PLAYER;
  expect(server().open(seal({ state: undefined }))).toEqual({ ...bare, id: expect.any(String), until: NOW + CARRY_MS });
  expect(server().open(seal({ state: new Uint8Array(0) })).state).toEqual(new Uint8Array(0));
});

test('the state and the account of a player cannot be read in a ticket', () => {
  const bytes = Buffer.from(
    seal({ state: Buffer.from('hidden-state'), account: { id: 'ada', role: '' } }),
    'base64url',
  );
  for (const text of ['hidden-state', 'ada', 'arena', DIGEST]) expect(bytes.includes(text)).toBe(false);
});

test('the largest state fits into a ticket, and a larger one is refused', () => {
  const ticket = seal({ state: Buffer.alloc(PLAYER_BYTES_MAX, 7), account: { id: 'a'.repeat(256), role: '' } });
  expect(ticket.length).toBeLessThanOrEqual(CARRY_LENGTH_MAX);
  expect(server().open(ticket).state).toHaveLength(PLAYER_BYTES_MAX);
  expect(() => server().open(forge(HEADER, { state: Buffer.alloc(PLAYER_BYTES_MAX) }))).not.toThrow();
  expect(() => server().open(forge(HEADER, { state: Buffer.alloc(PLAYER_BYTES_MAX + 1) }))).toThrow('NL_CARRY');
});

test('a ticket is valid until it expires', () => {
  const ticket = seal();
  expect(server([KEY], NOW + CARRY_MS - 1).open(ticket).game).toBe('arena');
  expect(() => server([KEY], NOW + CARRY_MS).open(ticket)).toThrow(/NL_CARRY.*expired/);
  // The clock of the other server may be ahead, but not by much.
  expect(server([KEY], NOW - 5000).open(ticket).game).toBe('arena');
  expect(() => server([KEY], NOW - 5001).open(ticket)).toThrow(/NL_CARRY.*too long/);
});

test('a ticket of another key is refused, and while the key changes, both servers take the tickets of both', () => {
  const [old, both, fresh] = [server([OTHER]), server([KEY, OTHER]), server([KEY])];
  expect(() => fresh.open(seal({}, old))).toThrow(/NL_CARRY.*another CARRY_KEY/);
  expect(() => old.open(seal({}, both))).toThrow('NL_CARRY');
  expect(both.open(seal({}, old)).game).toBe('arena');
  expect(both.open(seal({}, fresh)).game).toBe('arena');
  expect(fresh.open(seal({}, both)).game).toBe('arena');
  expect(server([]).seal(PLAYER)).toBeUndefined();
  expect(() => server([]).open(seal())).toThrow(/NL_CARRY.*no CARRY_KEY/);
});

test('a ticket with any bit changed, and one that is cut, is refused', () => {
  const bytes = Buffer.from(seal(), 'base64url');
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    expect(() => server().open(changed.toString('base64url'))).toThrow('NL_CARRY');
  }
  for (let length = 0; length < bytes.length; length++)
    expect(() => server().open(bytes.subarray(0, length).toString('base64url'))).toThrow('NL_CARRY');
});

test.each<[string, string, RegExp]>([
  ['of another version', forge(HEADER, { version: 2 }), /another version/],
  ['with a longer header than it has', forge(HEADER, { length: 2000 }), /header has no valid length/],
  ['with a header that is too long', forge(`{"a":"${'a'.repeat(2560)}"}`), /header has no valid length/],
  ['without JSON', forge('{'), /not a JSON object/],
  ['with something else than an object', forge('null'), /not a JSON object/],
  ['without an id', forge({ ...HEADER, id: 'i' }), /header is not valid/],
  ['without a game', forge({ ...HEADER, game: '' }), /header is not valid/],
  ['of a game with a long name', forge({ ...HEADER, game: 'g'.repeat(257) }), /header is not valid/],
  ['without a digest', forge({ ...HEADER, digest: 'd' }), /header is not valid/],
  ['without an origin', forge({ ...HEADER, origin: 7 }), /header is not valid/],
  ['without an end', forge({ ...HEADER, until: '1' }), /header is not valid/],
  ['of an account without a name', forge({ ...HEADER, account: { id: '', role: '' } }), /account is not valid/],
  ['of an account that is a text', forge({ ...HEADER, account: 'ada' }), /account is not valid/],
  ['that is not base64url', `${'+'.repeat(100)}`, /cut or damaged/],
  ['that is empty', '', /cut or damaged/],
  ['that is too long', 'A'.repeat(CARRY_LENGTH_MAX + 1), /longer than/],
])('a ticket %s is refused', (_, text, reason) => {
  expect(() => server().open(text)).toThrow(reason);
  expect(() => server().open(text)).toThrow('NL_CARRY');
});

test('names of the greatest length are taken, and a ticket of the greatest length is looked at', () => {
  const names = { game: 'g'.repeat(256), account: { id: 'a'.repeat(256), role: 'r'.repeat(256) } };
  expect(server().open(forge({ ...HEADER, ...names }))).toMatchObject(names);
  expect(() => server().open('A'.repeat(CARRY_LENGTH_MAX))).toThrow('another version');
  // A player whose names do not fit goes without a ticket.
  expect(server().seal({ ...PLAYER, account: { id: '\u0000'.repeat(500), role: '' } })).toBeUndefined();
});

test('the setting CARRY_KEY holds one or two long secrets, and an error does not show them', () => {
  expect(readCarryKeys('')).toEqual([]);
  expect(readCarryKeys(KEY)).toEqual([KEY]);
  expect(readCarryKeys(`${KEY},${OTHER}`)).toEqual([KEY, OTHER]);
  for (const text of [KEY.slice(1), `${KEY},`, `${KEY},${OTHER.slice(1)}`, `${KEY},${OTHER},${KEY}`]) {
    expect(() => readCarryKeys(text)).toThrow('NL_SETTING');
    expect(() => readCarryKeys(text)).not.toThrow('kkk');
  }
});
