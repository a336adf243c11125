import { exportJWK, generateKeyPair } from 'jose';
import Provider, { type Configuration } from 'oidc-provider';
import type { FaultyServer } from './faults.ts';

const SECRET = 'the secret that only the players and the issuer of this test know';
export const AUDIENCE = 'games';
const RESOURCE = 'https://games.example';

/** The real oidc-provider as the issuer of players' tokens, with each player as a client of its own. */
export interface TokenProvider {
  /** Its key as it gives it to anyone. */
  readonly jwk: object;
  /** Gets a token for a player from the issuer, valid for an hour. */
  token(player: string): Promise<string>;
}

/** Lets a server serve oidc-provider for a few players. */
export async function provideTokens(server: FaultyServer, players: readonly string[]): Promise<TokenProvider> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const names = { kid: 'provider', alg: 'ES256', use: 'sig' };
  const configuration: Configuration = {
    clients: players.map((client_id) => ({
      client_id,
      client_secret: SECRET,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: 'ES256',
    })),
    jwks: { keys: [{ ...(await exportJWK(privateKey)), ...names }] },
    cookies: { keys: ['a key of this test'] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        getResourceServerInfo: () => ({
          scope: 'play',
          audience: AUDIENCE,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 3600,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    ttl: { ClientCredentials: 3600 },
    extraTokenClaims: () => ({ role: 'player' }),
  };
  const { url } = server;
  server.serve = new Provider(url, configuration).callback();
  return {
    jwk: { ...(await exportJWK(publicKey)), ...names },
    async token(player) {
      const authorization = `Basic ${Buffer.from(`${player}:${encodeURIComponent(SECRET)}`).toString('base64')}`;
      const body = new URLSearchParams({ grant_type: 'client_credentials' });
      const response = await fetch(`${url}/token`, { method: 'POST', headers: { authorization }, body });
      const answer = (await response.json()) as { access_token?: string };
      if (!answer.access_token) throw new Error(`no token: ${JSON.stringify(answer)}`);
      return answer.access_token;
    },
  };
}
