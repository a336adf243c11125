import * as jose from 'jose';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readConfig } from '../../../host/base/config.ts';
import { milli } from '../../../host/base/time.ts';
import { IssuerKeys } from '../../../host/edge/admission/keys.ts';
import { TokenVerifier } from '../../../host/edge/admission/token.ts';
import { service } from '../dependencies/services.ts';
import { Issuer } from '../issuer.ts';

const TOLERANCE_S = 30;

let issuer: Issuer;
let clockMs: number;
let offsetMs: number;

beforeAll(async () => {
  issuer = await Issuer.open();
});
afterAll(() => issuer.close());
beforeEach(() => {
  clockMs = offsetMs = 0;
});

function open(settings: Partial<ReturnType<typeof readConfig>> = {}): TokenVerifier {
  const config = {
    ...readConfig({}),
    oidcIssuer: issuer.url,
    oidcAudience: 'games',
    clockToleranceSeconds: TOLERANCE_S,
    ...settings,
  };
  const keys = new IssuerKeys(config, {
    clock: { now: () => milli(clockMs) },
    log: () => {},
    dependency: service('issuer'),
  });
  return new TokenVerifier(config, { jose, keys, now: () => Date.now() + offsetMs });
}

const seconds = () => Math.floor(Date.now() / 1000);

test('a token says who the player is, and in which role', async () => {
  expect(await open().verify(await issuer.token())).toEqual({ id: 'ada', role: 'player' });
  expect(await open().verify(await issuer.token({ role: undefined }))).toEqual({ id: 'ada', role: '' });
});

test.each([
  ['role', { role: 'spectator' }, 'spectator'],
  ['role', { role: ['guest', 'player'] }, 'player'],
  ['role', { role: [1, 'guest'] }, 'guest'],
  ['role', { role: 7 }, ''],
  ['realm_access.roles', { realm_access: { roles: ['player'] } }, 'player'],
  ['realm_access.roles', { realm_access: 'player' }, ''],
  ['realm_access.roles', { 'realm_access.roles': 'player', realm_access: { roles: 'guest' } }, 'player'],
  ['constructor.name', {}, ''],
])('the claim %s of %j is the role %j', async (claim, claims, role) => {
  const verifier = open({ oidcRoleClaim: claim });
  expect(await verifier.verify(await issuer.token(claims))).toMatchObject({ role });
});

test.each([
  ['an audience that is not this game', { aud: 'shop' }, 'token-audience'],
  ['no audience', { aud: undefined }, 'token-audience'],
  ['another issuer', { iss: 'https://other.example' }, 'token-issuer'],
  ['no issuer', { iss: undefined }, 'token-issuer'],
  ['no player', { sub: undefined }, 'token-claim'],
  ['an empty name', { sub: '' }, 'token-claim'],
  ['a name of 256 characters', { sub: 'x'.repeat(256) }, 'token-claim'],
  ['a role of 65 characters', { role: 'x'.repeat(65) }, 'token-claim'],
  ['no end', { exp: undefined }, 'token-claim'],
])('a token with %s is refused', async (_, claims, reason) => {
  await expect(open().verify(await issuer.token(claims))).rejects.toMatchObject({ reason, code: 'NL_TOKEN' });
});

test('a name of 255 characters, a role of 64 and one of several audiences are accepted', async () => {
  const [sub, role] = ['x'.repeat(255), 'y'.repeat(64)];
  const token = await issuer.token({ sub, role, aud: ['shop', 'games'] });
  expect(await open().verify(token)).toEqual({ id: sub, role });
});

test('a token that has expired is accepted for as long as the tolerance of the clocks, and not longer', async () => {
  const exp = seconds() + 100;
  const token = await issuer.token({ exp });
  const at = (second: number) => {
    offsetMs = second * 1000 - Date.now();
    return open().verify(token);
  };
  expect(await at(exp + TOLERANCE_S - 1)).toMatchObject({ id: 'ada' });
  await expect(at(exp + TOLERANCE_S + 1)).rejects.toMatchObject({ reason: 'token-expired', code: 'NL_TOKEN_EXPIRED' });
});

test('a token that is not valid yet is accepted within the tolerance of the clocks, and not before', async () => {
  const nbf = seconds() + 100;
  const token = await issuer.token({ nbf });
  const at = (second: number) => {
    offsetMs = second * 1000 - Date.now();
    return open().verify(token);
  };
  await expect(at(nbf - TOLERANCE_S - 2)).rejects.toMatchObject({ reason: 'token-early' });
  expect(await at(nbf - TOLERANCE_S + 1)).toMatchObject({ id: 'ada' });
});

test('a token may be as long as the setting says, and not a character longer', async () => {
  const token = await issuer.token({ padding: 'x'.repeat(600) });
  expect(await open({ tokenBytesMax: token.length }).verify(token)).toMatchObject({ id: 'ada' });
  await expect(open({ tokenBytesMax: token.length - 1 }).verify(token)).rejects.toMatchObject({
    reason: 'token-too-long',
  });
});

test('text that is not a token is refused', async () => {
  const verifier = open();
  const [header = '', body = '', signature = ''] = (await issuer.token()).split('.');
  for (const text of [
    '',
    'x',
    '..',
    `${header}.${body}`,
    `${header}.${body}.${signature}.x`,
    `${header}.e30.${signature}`,
  ])
    await expect(verifier.verify(text), text).rejects.toMatchObject({ code: 'NL_TOKEN' });
});

test('a token whose content was changed is refused', async () => {
  const [header = '', , signature = ''] = (await issuer.token()).split('.');
  const [, body = ''] = (await issuer.token({ sub: 'mallory' })).split('.');
  await expect(open().verify(`${header}.${body}.${signature}`)).rejects.toMatchObject({ reason: 'token-signature' });
});

test('a token without a signature, or signed with the public key as a secret, is refused', async () => {
  const content = (await issuer.token()).split('.')[1] ?? '';
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${content}.`;
  await expect(open().verify(none)).rejects.toMatchObject({ code: 'NL_TOKEN' });
  const secret = new TextEncoder().encode(JSON.stringify(issuer.keys[0]));
  const claims = jose.decodeJwt(await issuer.token());
  const forged = await new jose.SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'first' }).sign(secret);
  await expect(open().verify(forged)).rejects.toMatchObject({ reason: 'token-algorithm' });
});

test('a key that the issuer has exchanged is found at once, and one that does not exist costs the issuer little', async () => {
  const verifier = open();
  await verifier.verify(await issuer.token());
  await issuer.rotate(`key ${issuer.keys.length}`);
  const token = await issuer.token();
  await expect(verifier.verify(token)).rejects.toMatchObject({ reason: 'token-key-unknown' });
  clockMs = 5000;
  expect(await verifier.verify(token)).toMatchObject({ id: 'ada' });
  const { asked } = issuer;
  const stranger = await Issuer.open();
  await stranger.rotate('unknown');
  const foreign = await stranger.token({ iss: issuer.url });
  stranger.close();
  for (let i = 0; i < 50; i++)
    await expect(verifier.verify(foreign)).rejects.toMatchObject({ reason: 'token-key-unknown' });
  expect(issuer.asked).toBe(asked);
});

test.each(['RS256', 'PS256', 'ES384', 'EdDSA'])('a token signed with %s is accepted', async (alg) => {
  const own = await Issuer.open();
  own.keys = [];
  await own.rotate('only', alg);
  const config = { ...readConfig({}), oidcIssuer: own.url, oidcAudience: 'games' };
  const keys = new IssuerKeys(config, { clock: { now: () => milli(0) }, log: () => {}, dependency: service('issuer') });
  const verifier = new TokenVerifier(config, { jose, keys, now: Date.now });
  expect(await verifier.verify(await own.token({}, { alg }))).toMatchObject({ id: 'ada' });
  own.close();
});
