import type { ServerResponse } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { TYPES } from '../../oci/image.ts';
import { Registry } from '../../oci/registry.ts';
import { fake } from './fake.ts';
import { noise } from './noise.ts';

const quiet = { retryMs: 1 };
const credentials = { user: 'player', password: 'se:cret' };
const asPlayer = `Basic ${Buffer.from('player:se:cret').toString('base64')}`;
const data = noise(10);
const at = (registry: string) => new Registry({ registry, name: 'games/arena' }, { ...quiet, credentials });
const asNobody = (registry: string) => new Registry({ registry, name: 'games/arena' }, quiet);

const found = (response: ServerResponse) => response.writeHead(200, { 'content-length': '10' }).end();
const ask = (response: ServerResponse, challenge: string) =>
  response.writeHead(401, { 'www-authenticate': challenge }).end();

describe('a user', () => {
  it('is told of to a registry that asks, once', async () => {
    const seen: (string | undefined)[] = [];
    const address = await fake((request, response) => {
      seen.push(request.headers.authorization);
      if (request.headers.authorization) found(response);
      else ask(response, 'Basic realm="games"');
    });
    await at(address).pushBlob(data);
    expect(seen).toEqual([undefined, asPlayer]);
    await expect(asNobody(address).pushBlob(data)).rejects.toThrow('set REGISTRY_USER and REGISTRY_PASSWORD');
  });

  it('is refused once, and not asked for ever', async () => {
    let asked = 0;
    const address: string = await fake((request, response) => {
      asked++;
      if (request.url?.startsWith('/token')) response.end('{"access_token":"abc"}');
      else ask(response, `Bearer realm="http://${address}/token",service="games"`);
    });
    await expect(at(address).pushBlob(data)).rejects.toThrow(/answered 401.*that may push there/);
    expect(asked).toBe(3);
  });

  it('asks for a token for this repository where the registry does not say for what', async () => {
    const asked: (string | undefined)[] = [];
    const address: string = await fake((request, response) => {
      if (request.url?.startsWith('/token')) {
        asked.push(request.url, request.headers.authorization);
        response.end(JSON.stringify({ token: 'abc' }));
      } else if (request.headers.authorization === 'Bearer abc') found(response);
      else ask(response, `Bearer realm="/token",service="games"`);
    });
    await at(address).pushBlob(data);
    expect(asked).toEqual(['/token?service=games&scope=repository%3Agames%2Farena%3Apull%2Cpush', asPlayer]);
  });

  it.each([
    ['a page', '<html>log in</html>', /no JSON object: <html>log in/],
    ['nothing', '{}', /without a token/],
    ['a token of two lines', '{"token":"a\\r\\nb"}', /without a token/],
  ])('is told that the token is %s', async (_name, body, message) => {
    const address: string = await fake((request, response) => {
      if (request.url?.startsWith('/token')) response.end(body);
      else ask(response, `Bearer realm="http://${address}/token"`);
    });
    await expect(at(address).pushBlob(data)).rejects.toThrow(message);
  });

  it.each([
    [
      'in the clear',
      'Bearer realm="http://192.0.2.1/token"',
      /password sent to http:\/\/192\.0\.2\.1, which has no TLS/,
    ],
    ['to what is no address', 'Bearer realm="ftp://a/token"', /is no address/],
    ['as nobody knows', 'Negotiate', /neither basic nor bearer: Negotiate/],
  ])('is not told of %s', async (_name, challenge, message) => {
    const address = await fake((_request, response) => ask(response, challenge));
    await expect(at(address).pushBlob(data)).rejects.toThrow(message);
  });
});

describe('another host', () => {
  it('is not told of the user: as the place of an upload, by a redirect, or when it asks itself', async () => {
    const elsewhere: (string | undefined)[] = [];
    const storage: string = await fake((request, response) => {
      elsewhere.push(request.headers.authorization);
      if (request.method === 'HEAD') ask(response, `Bearer realm="http://${storage}/token"`);
      else response.writeHead(request.method === 'PUT' ? 201 : 202, { location: `http://${storage}/upload` }).end();
    });
    let lead = false;
    const address = await fake((request, response) => {
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
    const open = await fake((_request, response) => response.writeHead(307, { location: `http://${storage}/` }).end());
    await expect(at(open).pushBlob(data)).rejects.toThrow(/HEAD .*answered 401/);
    expect(elsewhere).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('keeps what it is led to, with the body', async () => {
    const bodies: number[] = [];
    const storage = await fake((request, response, body) => {
      if (request.method === 'HEAD') return response.writeHead(404).end();
      bodies.push(body.length);
      return response.writeHead(request.method === 'PUT' ? 201 : 202, { location: '/upload' }).end();
    });
    const address = await fake((request, response) =>
      response.writeHead(307, { location: `http://${storage}${request.url}` }).end(),
    );
    await asNobody(address).pushBlob(data);
    expect(bodies).toEqual([0, 10, 0]);
  });

  it('is not followed round and round', async () => {
    let asked = 0;
    const address = await fake((_request, response) => {
      asked++;
      response.writeHead(307, { location: '/again' }).end();
    });
    await expect(at(address).pushBlob(data)).rejects.toThrow('led on more than 5 times');
    expect(asked).toBe(6);
  });
});

describe('a registry that answers badly', () => {
  it.each([
    [
      'a page for what is not there',
      (response: ServerResponse) => response.writeHead(404).end('<html>\u001b[2Jno</html>'),
      /answered 404: <html> \[2Jno/,
    ],
    [
      'a refusal',
      (response: ServerResponse) => response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"no"}]}'),
      /DENIED no; give/,
    ],
    ['no location', (response: ServerResponse) => response.writeHead(202).end(), /names no location/],
    [
      'a location that is none',
      (response: ServerResponse) => response.writeHead(202, { location: 'file:///etc/passwd' }).end(),
      /is no address/,
    ],
    [
      'a redirect of what is sent',
      (response: ServerResponse) => response.writeHead(302, { location: '/' }).end(),
      /answered 302/,
    ],
  ])('%s', async (_name, answer, message) => {
    const address = await fake((request, response) => {
      if (request.method === 'HEAD') response.writeHead(404).end();
      else answer(response);
    });
    await expect(asNobody(address).pushBlob(data)).rejects.toThrow(message);
  });

  it('a page with status 200 is no proof that a blob is there', async () => {
    const methods: string[] = [];
    const address = await fake((request, response) => {
      methods.push(request.method!);
      if (request.method === 'HEAD') response.writeHead(200, { 'content-type': 'text/html' }).end();
      else response.writeHead(request.method === 'PUT' ? 201 : 202, { location: '/upload' }).end();
    });
    expect(await asNobody(address).pushBlob(data)).toBe(10);
    expect(methods).toEqual(['HEAD', 'POST', 'PATCH', 'PUT']);
  });

  it('a page for everything', async () => {
    const address = await fake((_request, response) => response.end('<html>log in</html>'));
    await expect(asNobody(address).pushBlob(data)).rejects.toThrow(/POST .* answered 200: <html>log in/);
  });

  it('another digest', async () => {
    const address = await fake((_request, response) =>
      response.writeHead(201, { 'docker-content-digest': 'sha256:0' }).end(),
    );
    await expect(asNobody(address).pushManifest('1', 'text/plain', data)).rejects.toThrow('it says that 1 is sha256:0');
  });

  it('an answer without an end', async () => {
    const address = await fake((_request, response) => {
      const part = Buffer.alloc(1 << 20);
      const go = () => {
        while (!response.destroyed && response.write(part));
        if (!response.destroyed) response.once('drain', go);
      };
      go();
    });
    await expect(asNobody(address).manifest('1', TYPES.index)).rejects.toThrow('longer than 4194304 bytes');
  });

  it('nothing at all', async () => {
    let asked = 0;
    const address = await fake(() => asked++);
    const registry = new Registry({ registry: address, name: 'a' }, { retryMs: 1, callMsMax: 20 });
    await expect(registry.pushBlob(data)).rejects.toThrow(/timeout.*tried 6 times/);
    // A slow machine may give up before the registry hears of it.
    expect(asked).toBeLessThanOrEqual(6);
  });

  it.each([
    ['seconds', () => '1'],
    ['a date', () => new Date(Date.now() + 1000).toUTCString()],
  ])('busy, with the time to wait in %s', async (_name, after) => {
    let asked = 0;
    const address = await fake((_request, response) => {
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
