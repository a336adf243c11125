import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

/**
 * An issuer of tokens whose answers a test can change: it can be silent, lie and exchange its keys. Beside it, the tests use the real
 * oidc-provider.
 */
export class Issuer {
  readonly url: string;
  /** Number of requests for the keys. */
  asked = 0;
  /** Its answer in place of its documents: an HTTP status and a text; `silence` for none. */
  instead: { status: number; text: string } | 'silence' | undefined;
  /** Changes the discovery document. */
  discovery: Record<string, unknown> = {};
  keys: JWK[] = [];
  #signing: { key: CryptoKey; kid: string } | undefined;
  readonly #server;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    this.url = `http://127.0.0.1:${port}`;
    server.on('request', ({ url }, response) => {
      if (url === '/jwks') this.asked++;
      if (this.instead === 'silence') return;
      if (this.instead) {
        response.writeHead(this.instead.status).end(this.instead.text);
        return;
      }
      const found = { issuer: this.url, jwks_uri: `${this.url}/jwks`, ...this.discovery };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(url === '/jwks' ? { keys: this.keys } : found));
    });
  }

  static async open(): Promise<Issuer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const issuer = new Issuer(server);
    await issuer.rotate('first');
    return issuer;
  }

  /** Signs with another key from now on. The keys before it stay valid. */
  async rotate(kid: string, alg = 'ES256'): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair(alg);
    this.#signing = { key: privateKey, kid };
    this.keys = [...this.keys, { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }];
  }

  /** Makes a token for a player, valid for five minutes. A claim that is undefined is left out. */
  async token(claims: { [name in keyof JWTPayload]: unknown } = {}, header: { alg?: string } = {}): Promise<string> {
    const signing = this.#signing;
    if (!signing) throw new Error('there is no key');
    const now = Math.floor(Date.now() / 1000);
    const usual = { iss: this.url, aud: 'games', sub: 'ada', role: 'player', iat: now, exp: now + 300 };
    const content = Object.fromEntries(
      Object.entries({ ...usual, ...claims }).filter(([, value]) => value !== undefined),
    );
    return new SignJWT(content).setProtectedHeader({ alg: 'ES256', kid: signing.kid, ...header }).sign(signing.key);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
