import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findCredentials, parseChallenge } from '../../oci/credentials.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'docker-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('credentials', () => {
  it("credentials come from the environment, or from docker's config.json", async () => {
    const auth = Buffer.from('kept:pass:word').toString('base64');
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ auths: { 'a.test': { auth }, 'c.test': {} } }));
    const env = { DOCKER_CONFIG: folder };
    expect(await findCredentials('a.test', env)).toEqual({ user: 'kept', password: 'pass:word' });
    expect(await findCredentials('b.test', env)).toBeUndefined();
    expect(await findCredentials('c.test', env)).toBeUndefined();
    expect(await findCredentials('a.test', { DOCKER_CONFIG: join(folder, 'none') })).toBeUndefined();
    const set = { ...env, REGISTRY_USER: 'u', REGISTRY_PASSWORD: 'p' };
    expect(await findCredentials('a.test', set)).toEqual({ user: 'u', password: 'p' });
    // A GitHub workflow sets the variable of a secret that does not exist to an empty text.
    const empty = { ...env, REGISTRY_USER: '', REGISTRY_PASSWORD: '' };
    expect(await findCredentials('a.test', empty)).toEqual({ user: 'kept', password: 'pass:word' });
  });

  it('incomplete or unreadable credentials are an error', async () => {
    writeFileSync(join(folder, 'config.json'), '{');
    await expect(findCredentials('a.test', { DOCKER_CONFIG: folder })).rejects.toMatchObject({ code: 'NL_SETTING' });
    await expect(findCredentials('a.test', { REGISTRY_USER: 'u' })).rejects.toMatchObject({ code: 'NL_SETTING' });
  });
});

describe('a challenge', () => {
  const bearer = { realm: 'https://r.test/token', service: 'games', scope: 'repository:a:pull,push' };
  it.each([
    ['Basic realm="games"', { basic: true }],
    ['Bearer realm="https://r.test/token",service="games",scope="repository:a:pull,push"', { basic: false, bearer }],
    [
      'bearer Realm="https://r.test/token", service=games',
      { basic: false, bearer: { realm: bearer.realm, service: 'games' } },
    ],
    ['Basic realm="games", Bearer realm="https://r.test/token"', { basic: true, bearer: { realm: bearer.realm } }],
    ['Bearer realm="https://r.test/token", Basic realm="Bearer x"', { basic: true, bearer: { realm: bearer.realm } }],
    ['Digest realm="basic", nonce="1"', { basic: false }],
    ['Bearer service="games"', { basic: false }],
    ['', { basic: false }],
  ])('a challenge is read from the header %j', (header, challenge) =>
    expect(parseChallenge(header)).toEqual(challenge),
  );
});
