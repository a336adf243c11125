import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import Provider, { type Configuration } from 'oidc-provider';
import type { Page } from 'playwright-core';

const CLIENT = 'arcade';
const SECRET = 'the secret that only the site and the issuer of this test know';

/** A real OpenID Connect issuer, and a site where players sign in with it and then go to the host. */
export interface Arcade {
  /** URL of the issuer. */
  readonly issuer: string;
  /** The audience of its tokens. */
  readonly audience: string;
  /** URL of the site. It leads to the issuer, and then to the host with the player's token. */
  readonly site: string;
  /** Where the site sends players who have signed in. */
  host: string;
  close(): void;
}

/** Starts oidc-provider and the site. Players whose name begins with "guest" have the role `guest`, and all others `player`. */
export async function openArcade(): Promise<Arcade> {
  const [issuerServer, siteServer] = [createServer(), createServer()];
  const [issuer, site] = await Promise.all([listen(issuerServer), listen(siteServer)]);
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const callback = `${site}/signed-in`;
  const configuration: Configuration = {
    clients: [
      {
        client_id: CLIENT,
        client_secret: SECRET,
        redirect_uris: [callback],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'arcade', alg: 'ES256', use: 'sig' }] },
    cookies: { keys: ['a key of this test'] },
    claims: { openid: ['sub', 'role'] },
    conformIdTokenClaims: false,
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, role: id.startsWith('guest') ? 'guest' : 'player' }),
    }),
    pkce: { required: () => false },
  };
  issuerServer.on('request', new Provider(issuer, configuration).callback());
  const arcade: Arcade = {
    issuer,
    audience: CLIENT,
    site,
    host: '',
    close() {
      for (const server of [issuerServer, siteServer]) {
        server.closeAllConnections();
        server.close();
      }
    },
  };
  siteServer.on('request', async ({ url = '' }, response) => {
    const { pathname, searchParams } = new URL(url, site);
    const redirect = (location: string) => response.writeHead(302, { location }).end();
    if (pathname !== '/signed-in') {
      const query = { client_id: CLIENT, redirect_uri: callback, response_type: 'code', scope: 'openid' };
      redirect(`${issuer}/auth?${new URLSearchParams(query)}`);
      return;
    }
    const body = { grant_type: 'authorization_code', code: searchParams.get('code') ?? '', redirect_uri: callback };
    const authorization = `Basic ${Buffer.from(`${CLIENT}:${encodeURIComponent(SECRET)}`).toString('base64')}`;
    const answer = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams(body),
    });
    const { id_token: token } = (await answer.json()) as { id_token?: string };
    redirect(`${arcade.host}#token=${token}`);
  });
  return arcade;
}

/** Signs in at the issuer as a player does, and waits until the site has led the player to the host. */
export async function signIn(page: Page, arcade: Arcade, name: string): Promise<void> {
  await page.goto(arcade.site);
  await page.fill('input[name=login]', name);
  await page.fill('input[name=password]', 'any');
  await page.click('button[type=submit]');
  await page.click('button[type=submit]:has-text("Continue")');
  await page.waitForURL((url) => url.href.startsWith(arcade.host));
}

async function listen(server: ReturnType<typeof createServer>): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
