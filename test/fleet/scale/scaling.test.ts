import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../../host/base/clock.ts';
import { readConfig } from '../../../host/base/config.ts';
import { type Milli, milli } from '../../../host/base/time.ts';
import { SERVICE } from '../../../host/fleet/scale/keda-messages.ts';
import { LOOK_MS, openScaling, type Scaling } from '../../../host/fleet/scale/scaling.ts';
import { eventually } from '../../wait.ts';
import { makeAuthority, makeCertificate } from './certificates.ts';
import { NOON, server } from './policy.ts';

const authority = makeAuthority('ca');
const serving = makeCertificate(authority, { name: 'metrics', use: 'serverAuth' });
const proxy = makeCertificate(authority, { name: 'front-proxy-client', use: 'clientAuth' });

/** A clock that stands still until a test lets its time pass. */
class HandClock implements Clock {
  #now = 0;
  readonly #waiting: { at: number; resolve(): void }[] = [];

  now(): Milli {
    return milli(this.#now);
  }

  until(at: Milli): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ at, resolve }));
  }

  pass(ms: number): void {
    this.#now += ms;
    for (const { at, resolve } of this.#waiting) if (at <= this.#now) resolve();
  }
}

let folder: string;
let clock: HandClock;
let lines: string[];
let players: number;
let scaling: Scaling | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nearlight-scaling-'));
  clock = new HandClock();
  lines = [];
  players = 5;
  scaling = undefined;
});
afterEach(async () => {
  await scaling?.close();
  rmSync(folder, { recursive: true });
});

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const POLICIES = JSON.stringify([{ game: 'arena', min: 0, buffer: { seats: 10 } }]);

async function open(settings: Record<string, string>) {
  scaling = await openScaling({
    config: readConfig({ SCALE_METRICS_PORT: '0', SCALE_KEDA_PORT: '0', ...settings }),
    log: (level, message) => lines.push(`${level} ${message}`),
    view: { servers: () => [server(players)], wanted: () => 1 },
    clock,
    now: () => NOON,
  });
  return scaling;
}

function certificates() {
  return {
    SCALE_METRICS_CERT: file('tls.crt', serving.cert),
    SCALE_METRICS_KEY: file('tls.key', serving.key),
    SCALE_FRONT_PROXY_CA: file('front-proxy.crt', authority.cert),
  };
}

describe('scaling', () => {
  test('without policies no game is scaled', async () => {
    expect(await open({})).toBeUndefined();
  });

  test('it decides at once and then every few seconds, and says so when the number changes', async () => {
    const { scaler } = (await open({ SCALE_POLICIES: file('policies.json', POLICIES) })) ?? {};
    const wanted = () => scaler?.read({ namespace: 'nearlight', game: 'arena' })?.values.nearlight_servers_wanted;
    expect(wanted()).toBe(2);
    players = 0;
    clock.pass(LOOK_MS - 1);
    expect(wanted()).toBe(2);
    players = 10;
    clock.pass(1);
    await eventually(() => expect(wanted()).toBe(2));
    expect(lines).toEqual(['info nearlight/arena: 2 servers in place of 1 (seats)']);
    expect([scaling?.metricsPort, scaling?.kedaPort]).toEqual([undefined, undefined]);
  });

  test('both adapters give the same number', async () => {
    await open({ SCALE_POLICIES: file('policies.json', POLICIES), ...certificates(), SCALE_KEDA_HOST: '127.0.0.1' });
    const path = '/apis/external.metrics.k8s.io/v1beta1/namespaces/nearlight/nearlight_servers_wanted';
    const text = await new Promise<string>((resolve, reject) => {
      const options = { host: '127.0.0.1', port: scaling?.metricsPort, path, ca: authority.cert, ...proxy };
      const sent = request({ ...options, agent: false, headers: { 'x-remote-user': 'hpa' } }, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => {
          body += chunk.toString();
        });
        response.on('end', () => resolve(body));
      });
      sent.on('error', reject);
      sent.end();
    });
    expect(JSON.parse(text)).toMatchObject({ items: [{ metricLabels: { game: 'arena' }, value: '2' }] });
    const client = new grpc.Client(`127.0.0.1:${scaling?.kedaPort}`, grpc.credentials.createInsecure());
    const { path: method, requestSerialize, responseDeserialize } = SERVICE.getMetrics;
    const scaledObjectRef = { name: 'arena', namespace: 'nearlight', scalerMetadata: { game: 'arena' } };
    const metricName = 's0-nearlight_servers_wanted';
    const reply = await new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        method,
        requestSerialize,
        responseDeserialize,
        { scaledObjectRef, metricName },
        (error, value) => (error ? reject(error) : resolve(value)),
      );
    });
    client.close();
    expect(reply).toEqual({ metricValues: [{ metricName, metricValue: 2, metricValueFloat: 2 }] });
  });

  test('files that cannot be used end the start, and nothing stays open', async () => {
    const policies = { SCALE_POLICIES: file('policies.json', POLICIES) };
    await expect(open({ SCALE_POLICIES: join(folder, 'none') })).rejects.toThrow('SCALE_POLICIES=');
    await expect(open({ SCALE_POLICIES: file('large', ' '.repeat(1_000_001)) })).rejects.toThrow('1000000 bytes');
    await expect(open({ ...policies, SCALE_METRICS_CERT: file('tls.crt', serving.cert) })).rejects.toThrow(
      'SCALE_METRICS_KEY has to name a file',
    );
    await expect(
      open({ ...policies, ...certificates(), SCALE_KEDA_HOST: '127.0.0.1', SCALE_KEDA_CA: join(folder, 'none') }),
    ).rejects.toThrow('SCALE_KEDA_CA=');
  });

  test('certificates are read again after some minutes; those before stay if the new ones cannot be used', async () => {
    const paths = { SCALE_POLICIES: file('policies.json', POLICIES), ...certificates() };
    await open(paths);
    file('tls.crt', 'broken');
    for (let look = 0; look < 60; look++) {
      clock.pass(LOOK_MS);
      await new Promise(setImmediate);
    }
    await eventually(() => expect(lines.at(-1)).toMatch(/^warn the certificates for metrics were not read again/));
  });
});
