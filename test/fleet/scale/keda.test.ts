import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import * as loader from '@grpc/proto-loader';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type KedaServer, openKedaServer } from '../../../host/fleet/scale/keda.ts';
import { eventually } from '../../wait.ts';
import { makeAuthority, makeCertificate } from './certificates.ts';
import { HandSource } from './source.ts';

const PROTO = join(import.meta.dirname, '../../../host/fleet/scale/externalscaler.proto');

/** The client that KEDA would have, made from the file of the protocol by another library than that of the server. */
const { ExternalScaler } = (
  grpc.loadPackageDefinition(loader.loadSync(PROTO, { longs: Number, defaults: true })) as unknown as {
    externalscaler: { ExternalScaler: grpc.ServiceClientConstructor };
  }
).externalscaler;

type Client = InstanceType<typeof ExternalScaler>;

const open: { close(): unknown }[] = [];
let source: HandSource;
let keda: KedaServer;
let client: Client;
let lines: string[];
beforeEach(async () => {
  source = new HandSource();
  lines = [];
  const log = (level: string, message: string) => void lines.push(`${level} ${message}`);
  keda = await openKedaServer({ listen: { host: '127.0.0.1', port: 0 }, source, log });
  client = new ExternalScaler(`127.0.0.1:${keda.port}`, grpc.credentials.createInsecure());
  open.push(client, keda);
});
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

const ref = (scalerMetadata: Record<string, string> = { game: 'arena' }, namespace = 'nearlight') => ({
  name: 'arena',
  namespace,
  scalerMetadata: { scalerAddress: 'fleet:9466', ...scalerMetadata },
});

function call<T = Record<string, unknown>>(method: string, request: object, by: Client = client): Promise<T> {
  return new Promise((resolve, reject) => {
    const made = (
      by as unknown as Record<string, (request: object, done: (error: Error | null, reply: T) => void) => void>
    )[method];
    made?.call(by, request, (error, reply) => (error ? reject(error) : resolve(reply)));
  });
}

/** Returns the name of the status with which a call is refused, and why. */
async function refusal(method: string, request: object): Promise<[string, string]> {
  try {
    await call(method, request);
  } catch (error) {
    const { code, details } = error as grpc.ServiceError;
    return [grpc.status[code] ?? '', details];
  }
  throw new Error(`${method} was answered`);
}

describe("KEDA's external scaler", () => {
  test('a trigger that names a game gets the number of servers that its policy asks for', async () => {
    source.set('nearlight/arena', { nearlight_servers_wanted: 7 });
    expect(await call('isActive', ref())).toEqual({ result: true });
    expect(await call('getMetricSpec', ref())).toEqual({
      metricSpecs: [{ metricName: 'nearlight_servers_wanted', targetSize: 1, targetSizeFloat: 1 }],
    });
    for (const metricName of ['nearlight_servers_wanted', 's0-nearlight_servers_wanted'])
      expect(await call('getMetrics', { scaledObjectRef: ref(), metricName })).toEqual({
        metricValues: [{ metricName, metricValue: 7, metricValueFloat: 7 }],
      });
  });

  test('a trigger may name another metric and the target of one server', async () => {
    source.set('nearlight/arena', { nearlight_sessions: 12.5 });
    const asked = ref({ game: 'arena', metric: 'nearlight_sessions', target: '7.5' });
    expect(await call('getMetricSpec', asked)).toEqual({
      metricSpecs: [{ metricName: 'nearlight_sessions', targetSize: 8, targetSizeFloat: 7.5 }],
    });
    expect(await call('getMetrics', { scaledObjectRef: asked, metricName: 'nearlight_sessions' })).toEqual({
      metricValues: [{ metricName: 'nearlight_sessions', metricValue: 13, metricValueFloat: 12.5 }],
    });
  });

  test('games of other namespaces are others', async () => {
    source.set('nearlight/arena', { nearlight_servers_wanted: 7 });
    source.set('other/arena', { nearlight_servers_wanted: 0 }, false);
    expect(await call('isActive', ref({ game: 'arena' }, 'other'))).toEqual({ result: false });
  });

  test('without data it is not available, so that nothing is scaled', async () => {
    expect((await refusal('isActive', ref()))[0]).toBe('UNAVAILABLE');
    source.set('nearlight/arena', { nearlight_servers_wanted: undefined });
    const asked = { scaledObjectRef: ref(), metricName: 'nearlight_servers_wanted' };
    expect((await refusal('getMetrics', asked))[0]).toBe('UNAVAILABLE');
    // The metric itself is known before its value.
    expect(await call('getMetricSpec', ref())).toMatchObject({ metricSpecs: [{ targetSize: 1 }] });
  });

  test.each([
    [{}, 'INVALID_ARGUMENT', 'needs game'],
    [{ game: 'chess' }, 'NOT_FOUND', 'no policy'],
    [{ game: 'arena', metric: 'moon_phase' }, 'INVALID_ARGUMENT', 'no such metric'],
    [{ game: 'arena', target: '0' }, 'INVALID_ARGUMENT', 'target'],
    [{ game: 'arena', target: '-1' }, 'INVALID_ARGUMENT', 'target'],
    [{ game: 'arena', target: '1e3' }, 'INVALID_ARGUMENT', 'target'],
    [{ game: 'arena', target: '1000000001' }, 'INVALID_ARGUMENT', 'target'],
    [{ game: 'arena', more: 'x'.repeat(1025) }, 'INVALID_ARGUMENT', '1024 characters'],
    [Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`k${n}`, ''])), 'INVALID_ARGUMENT', '64 fields'],
  ])('a trigger with %j is refused', async (metadata: Record<string, string>, code, why) => {
    for (const method of ['isActive', 'getMetricSpec'])
      expect(await refusal(method, ref(metadata))).toEqual([code, expect.stringContaining(why)]);
  });

  test('values at the bounds are valid', async () => {
    source.set('nearlight/arena', { nearlight_servers_wanted: 1 });
    expect(await call('isActive', ref({ game: 'arena', target: '1000000000', more: 'x'.repeat(1024) }))).toBeDefined();
  });

  test('a request for another metric, or of no ScaledObject, is refused', async () => {
    source.set('nearlight/arena', { nearlight_servers_wanted: 1 });
    expect(await refusal('getMetrics', { scaledObjectRef: ref(), metricName: 'nearlight_queue' })).toEqual([
      'NOT_FOUND',
      expect.stringContaining('nearlight_servers_wanted only'),
    ]);
    expect((await refusal('getMetrics', { metricName: 'nearlight_queue' }))[0]).toBe('INVALID_ARGUMENT');
  });

  test('a message that is too large, and bytes that are no message, are refused', async () => {
    const many = Object.fromEntries(Array.from({ length: 70 }, (_, n) => [`k${n}`, 'x'.repeat(1000)]));
    expect((await refusal('isActive', ref(many)))[0]).toBe('RESOURCE_EXHAUSTED');
    const raw = new grpc.Client(`127.0.0.1:${keda.port}`, grpc.credentials.createInsecure());
    open.push(raw);
    const answered = new Promise<grpc.ServiceError | null>((resolve) => {
      const bytes = (value: Buffer) => value;
      raw.makeUnaryRequest(
        '/externalscaler.ExternalScaler/IsActive',
        bytes,
        bytes,
        Buffer.from([0x0a, 0xff, 0xff]),
        (error) => resolve(error),
      );
    });
    expect((await answered)?.code).toBe(grpc.status.INTERNAL);
    expect(await refusal('isActive', ref({ game: 'chess' }))).toMatchObject(['NOT_FOUND', expect.anything()]);
  });

  test('the newest method of the protocol is not offered, which KEDA knows how to live with', async () => {
    const raw = new grpc.Client(`127.0.0.1:${keda.port}`, grpc.credentials.createInsecure());
    open.push(raw);
    const stream = raw.makeServerStreamRequest(
      '/externalscaler.ExternalScaler/StreamMetricSpec',
      (value: Buffer) => value,
      (value) => value,
      Buffer.alloc(0),
    );
    const error = await new Promise<grpc.ServiceError>((resolve) =>
      stream.on('error', resolve as (error: Error) => void),
    );
    expect(error.code).toBe(grpc.status.UNIMPLEMENTED);
  });

  test('a stream says whether servers are needed, at first and at each change, until the client ends it', async () => {
    source.set('nearlight/arena', {}, false);
    const made = client as unknown as Record<
      string,
      (request: object) => grpc.ClientReadableStream<{ result: boolean }>
    >;
    const stream = made.streamIsActive?.call(client, ref());
    if (!stream) throw new Error('there is no such method');
    stream.on('error', () => {});
    const got: boolean[] = [];
    stream.on('data', ({ result }) => got.push(result));
    await eventually(() => expect(got).toEqual([false]));
    source.set('nearlight/arena', {}, false);
    source.set('nearlight/arena', {}, true);
    source.loads.delete('nearlight/arena');
    for (const listener of source.listeners) listener();
    source.set('nearlight/arena', {}, false);
    await eventually(() => expect(got).toEqual([false, true, false]));
    expect(source.listeners.size).toBe(1);
    stream.cancel();
    await eventually(() => expect(source.listeners.size).toBe(0));
    const refused = made.streamIsActive?.call(client, ref({ game: 'chess' }));
    const error = await new Promise<grpc.ServiceError>((resolve) =>
      refused?.on('error', resolve as (error: Error) => void),
    );
    expect(error.code).toBe(grpc.status.NOT_FOUND);
    expect(lines).toEqual([]);
  });

  test('with TLS, only a client with a certificate of the authority gets an answer', async () => {
    const authority = makeAuthority('keda-ca');
    const server = makeCertificate(authority, { name: 'fleet', use: 'serverAuth' });
    const own = makeCertificate(authority, { name: 'keda', use: 'clientAuth' });
    source.set('nearlight/arena', { nearlight_servers_wanted: 7 });
    const secure = await openKedaServer({
      listen: { host: '127.0.0.1', port: 0 },
      source,
      log: () => {},
      tls: { ...server, ca: authority.cert },
    });
    open.push(secure);
    const ask = (credentials: grpc.ChannelCredentials) => {
      const by = new ExternalScaler(`127.0.0.1:${secure.port}`, credentials);
      open.push(by);
      return call('isActive', ref(), by);
    };
    const [ca, key, cert] = [authority.cert, own.key, own.cert].map((text) => Buffer.from(text));
    expect(await ask(grpc.credentials.createSsl(ca, key, cert))).toEqual({ result: true });
    await expect(ask(grpc.credentials.createSsl(ca))).rejects.toThrow();
    await expect(ask(grpc.credentials.createInsecure())).rejects.toThrow();
  });

  test('a port that is taken is an error', async () => {
    const listen = { host: '127.0.0.1', port: keda.port };
    await expect(openKedaServer({ listen, source, log: () => {} })).rejects.toThrow('NL_PORT_IN_USE');
  });
});
