import type { ServerResponse } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { TYPES } from '../../oci/image.ts';
import { Registry } from '../../oci/registry.ts';
import { startFakeRegistry } from './fake-registry.ts';
import { noise } from './noise.ts';

/** Options with which a failed request is tried again after 1 ms. */
const QUICK = { retryMs: 1 };
const credentials = { user: 'player', password: 'se:cret' };
const AS_PLAYER = `Basic ${Buffer.from('player:se:cret').toString('base64')}`;
const data = noise(10);
const at = (registry: string) => new Registry({ registry, name: 'games/arena' }, { ...QUICK, credentials });
const asNobody = (registry: string) => new Registry({ registry, name: 'games/arena' }, QUICK);

const found = (response: ServerResponse) => response.writeHead(200, { 'content-length': '10' }).end();
const ask = (response: ServerResponse, challenge: string) =>
  response.writeHead(401, { 'www-authenticate': challenge }).end();

describe('credentials', () => {
  it('credentials are sent only after the registry has asked for them', async () => {
    const seen: (string | undefined)[] = [];
    const address = await startFakeRegistry((request, response) => {
      seen.push(request.headers.authorization);
      if (request.headers.authorization) found(response);
      else ask(response, 'Basic realm="games"');
    });
    await at(address).pushBlob(data);
    expect(seen).toEqual([undefined, AS_PLAYER]);
    await expect(asNobody(address).pushBlob(data)).rejects.toThrow('set REGISTRY_USER and REGISTRY_PASSWORD');
  });

  it('credentials that are refused are not sent again and again', async () => {
    let asked = 0;
    const address: string = await startFakeRegistry((request, response) => {
      asked++;
      if (request.url?.startsWith('/token')) response.end('{"access_token":"abc"}');
      else ask(response, `Bearer realm="http://${address}/token",service="games"`);
    });
    await expect(at(address).pushBlob(data)).rejects.toThrow(/answered 401.*who may push there/);
    expect(asked).toBe(3);
  });

  it('credentials get a token for this repository if the registry names no scope', async () => {
    const asked: (string | undefined)[] = [];
    const address: string = await startFakeRegistry((request, response) => {
      if (request.url?.startsWith('/token')) {
        asked.push(request.url, request.headers.authorization);
        response.end(JSON.stringify({ token: 'abc' }));
      } else if (request.headers.authorization === 'Bearer abc') found(response);
      else ask(response, `Bearer realm="/token",service="games"`);
    });
    await at(address).pushBlob(data);
    expect(asked).toEqual(['/token?service=games&scope=repository%3Agames%2Farena%3Apull%2Cpush', AS_PLAYER]);
  });

  it.each([
    ['a page', '<html>log in</html>', /did not answer with a JSON object: <html>log in/],
    ['no token', '{}', /without a token/],
    ['a token of two lines', '{"token":"a\\r\\nb"}', /without a token/],
  ])('credentials are no use if the token server answers with %s', async (_name, body, message) => {
    const address: string = await startFakeRegistry((request, response) => {
      if (request.url?.startsWith('/token')) response.end(body);
      else ask(response, `Bearer realm="http://${address}/token"`);
    });
    await expect(at(address).pushBlob(data)).rejects.toThrow(message);
  });

  it.each([
    [
      'over HTTP without TLS',
      'Bearer realm="http://192.0.2.1/token"',
      /password sent to http:\/\/192\.0\.2\.1, which does not use TLS/,
    ],
    ['to an address that is not HTTP', 'Bearer realm="ftp://a/token"', /is not an HTTP address/],
    ['in an unknown way', 'Negotiate', /neither basic nor bearer: Negotiate/],
  ])('credentials are not sent %s', async (_name, challenge, message) => {
    const address = await startFakeRegistry((_request, response) => ask(response, challenge));
    await expect(at(address).pushBlob(data)).rejects.toThrow(message);
  });
});

describe('another host', () => {
  it('another host gets no credentials: not for an upload, not after a redirect, and not when it asks for them', async () => {
    const elsewhere: (string | undefined)[] = [];
    const storage: string = await startFakeRegistry((request, response) => {
      elsewhere.push(request.headers.authorization);
      if (request.method === 'HEAD') ask(response, `Bearer realm="http://${storage}/token"`);
      else response.writeHead(request.method === 'PUT' ? 201 : 202, { location: `http://${storage}/upload` }).end();
    });
    let lead = false;
    const address = await startFakeRegistry((request, response) => {
      const headers = { location: `http://${storage}/there` };
      if (!request.headers.authorization) ask(response, 'Basic realm="games"');
      else if (request.method === 'HEAD' && !lead) response.writeHead(404).end();
      else response.writeHead(request.method === 'HEAD' ? 307 : 202, headers).end();
    });
    await at(address).pushBlob(data);
    expect(elsewhere).toEqual([undefined, undefined]);
    lead = true;
    await expect(at(address).pushBlob(data)).rejects.toThrow(/answered 401/);
    expect(elsewhere).toEqual([undefined, undefined, undefined]);
    const open = await startFakeRegistry((_request, response) =>
      response.writeHead(307, { location: `http://${storage}/` }).end(),
    );
    await expect(at(open).pushBlob(data)).rejects.toThrow(/HEAD .*answered 401/);
    expect(elsewhere).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('another host gets the method and the body of a request that is redirected there', async () => {
    const bodies: number[] = [];
    const storage = await startFakeRegistry((request, response, body) => {
      if (request.method === 'HEAD') return response.writeHead(404).end();
      bodies.push(body.length);
      return response.writeHead(request.method === 'PUT' ? 201 : 202, { location: '/upload' }).end();
    });
    const address = await startFakeRegistry((request, response) =>
      response.writeHead(307, { location: `http://${storage}${request.url}` }).end(),
    );
    await asNobody(address).pushBlob(data);
    expect(bodies).toEqual([0, 10, 0]);
  });

  it('a registry cannot redirect a request forever', async () => {
    let asked = 0;
    const address = await startFakeRegistry((_request, response) => {
      asked++;
      response.writeHead(307, { location: '/again' }).end();
    });
    await expect(at(address).pushBlob(data)).rejects.toThrow('redirected more than 5 times');
    expect(asked).toBe(6);
  });
});

describe('a bad response is an error:', () => {
  it.each([
    [
      'a page for a missing resource',
      (response: ServerResponse) => response.writeHead(404).end('<html>\u001b[2Jno</html>'),
      /answered 404: <html> \[2Jno/,
    ],
    [
      'a refusal',
      (response: ServerResponse) => response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"no"}]}'),
      /DENIED no; set/,
    ],
    ['no location', (response: ServerResponse) => response.writeHead(202).end(), /gives no location/],
    [
      'a location that is not HTTP',
      (response: ServerResponse) => response.writeHead(202, { location: 'file:///etc/passwd' }).end(),
      /is not an HTTP address/,
    ],
    [
      'a redirect that would drop the body',
      (response: ServerResponse) => response.writeHead(302, { location: '/' }).end(),
      /answered 302/,
    ],
  ])('%s', async (_name, answer, message) => {
    const address = await startFakeRegistry((request, response) => {
      if (request.method === 'HEAD') response.writeHead(404).end();
      else answer(response);
    });
    await expect(asNobody(address).pushBlob(data)).rejects.toThrow(message);
  });

  it('a page with status 200 in answer to HEAD, which does not show that a blob exists', async () => {
    const methods: string[] = [];
    const address = await startFakeRegistry((request, response) => {
      methods.push(request.method ?? '');
      if (request.method === 'HEAD') response.writeHead(200, { 'content-type': 'text/html' }).end();
      else response.writeHead(request.method === 'PUT' ? 201 : 202, { location: '/upload' }).end();
    });
    expect(await asNobody(address).pushBlob(data)).toBe(10);
    expect(methods).toEqual(['HEAD', 'POST', 'PATCH', 'PUT']);
  });

  it('a page for every request', async () => {
    const address = await startFakeRegistry((_request, response) => response.end('<html>log in</html>'));
    await expect(asNobody(address).pushBlob(data)).rejects.toThrow(/POST .* answered 200: <html>log in/);
  });

  it('another digest', async () => {
    const address = await startFakeRegistry((_request, response) =>
      response.writeHead(201, { 'docker-content-digest': 'sha256:0' }).end(),
    );
    await expect(asNobody(address).pushManifest('1', 'text/plain', data)).rejects.toThrow(
      'the registry stored 1 with the digest sha256:0',
    );
  });

  it('an endless response', async () => {
    const address = await startFakeRegistry((_request, response) => {
      const part = Buffer.alloc(1 << 20);
      const go = () => {
        while (!response.destroyed && response.write(part));
        if (!response.destroyed) response.once('drain', go);
      };
      go();
    });
    await expect(asNobody(address).manifest('1', TYPES.index)).rejects.toThrow('longer than 4194304 bytes');
  });

  it('no response at all', async () => {
    let asked = 0;
    const address = await startFakeRegistry(() => asked++);
    const registry = new Registry({ registry: address, name: 'a' }, { retryMs: 1, callMsMax: 20 });
    await expect(registry.pushBlob(data)).rejects.toThrow(/timeout.*tried 6 times/);
    // On a slow machine, the client may give up before the registry gets the request.
    expect(asked).toBeLessThanOrEqual(6);
  });

  it.each([
    ['seconds', () => '1'],
    ['a date', () => new Date(Date.now() + 1000).toUTCString()],
  ])('status 429 until the time in Retry-After, given in %s, has passed', async (_name, after) => {
    let asked = 0;
    const address = await startFakeRegistry((_request, response) => {
      if (asked++ === 0) response.writeHead(429, { 'retry-after': after() }).end();
      else found(response);
    });
    const timers = vi.spyOn(globalThis, 'setTimeout');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 0, 1) });
    try {
      await asNobody(address).pushBlob(data);
      expect(timers.mock.calls.map(([, ms]) => ms)).toContain(1000);
    } finally {
      vi.useRealTimers();
      timers.mockRestore();
    }
    expect(asked).toBe(2);
  });
});
