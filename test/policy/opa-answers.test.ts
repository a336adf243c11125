/** The policies that come along, compiled and answered by the real OPA in its oldest and its newest version. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { digestOf, readBundle } from '../../host/edge/policy/bundle.ts';
import { OWN_BUNDLE } from '../../host/edge/policy/compiled.ts';
import { PACKAGES, type PolicyInput } from '../../host/edge/policy/decide.ts';
import { askOpa } from '../../host/edge/policy/opa-server.ts';
import { at } from '../at.ts';
import { run } from '../command.ts';
import { service } from '../edge/dependencies/services.ts';
import { CASES } from '../edge/policy/cases.ts';
import { eventually } from '../wait.ts';
import { COMPILER, compile, makeSources, OPA_VERSIONS, opa, revisionOf } from './opa.ts';

const BYTES_MAX = 2 ** 23;
const folder = mkdtempSync(join(tmpdir(), 'nl-policy-'));
afterAll(() => rmSync(folder, { recursive: true }));

const say = (line: string) => void process.stdout.write(`${line}\n`);

test('OPA compiles the policies to the bundle that comes along', () => {
  const made = join(folder, 'bundle.tar.gz');
  compile(opa(COMPILER, say), made);
  const [own, again] = [OWN_BUNDLE, made].map((path) => readBundle(readFileSync(path), BYTES_MAX));
  expect(again?.revision).toBe(revisionOf());
  expect({ ...again, wasm: digestOf(again?.wasm ?? new Uint8Array()) }).toEqual({
    ...own,
    wasm: digestOf(own?.wasm ?? new Uint8Array()),
  });
});

test.each(OPA_VERSIONS)('OPA %s answers every case as the compiled policies do', (version) => {
  const sources = makeSources();
  for (const name of PACKAGES) {
    const cases = CASES.filter((each) => each.name === name);
    const path = join(folder, `${name}.json`);
    writeFileSync(path, JSON.stringify({ cases: cases.map(({ input }) => input) }));
    const query = `[answer | each := input.cases[_]; answer := data.${name}.allow with input as each]`;
    const printed = run(opa(version, say), ['eval', '-b', sources, '-i', path, '-f', 'json', query]);
    const answers = JSON.parse(printed).result[0].expressions[0].value;
    expect(answers).toEqual(cases.map(({ allow }) => allow));
  }
  rmSync(sources, { recursive: true });
});

/** Starts a server of OPA with the policies, and waits until it answers. */
async function serve(version: string, { sources, port }: { sources: string; port: number }) {
  const args = ['run', '--server', '--addr', `127.0.0.1:${port}`, '-b', sources, '--disable-telemetry'];
  const server = spawn(opa(version, say), args, { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  await eventually(async () => expect((await fetch(`${url}/health`)).status).toBe(200));
  return {
    url,
    signal: (name: NodeJS.Signals) => server.kill(name),
    async end(name: NodeJS.Signals = 'SIGTERM') {
      const exited = once(server, 'exit');
      server.kill(name);
      await exited;
    },
  };
}

test.each(OPA_VERSIONS)('a server of OPA %s answers every case as the compiled policies do', async (version) => {
  const sources = makeSources();
  const server = await serve(version, { sources, port: await freePort() });
  try {
    const { evaluate } = askOpa({ url: server.url, dependency: service('opa', { msMax: 30_000 }) });
    for (const { name, input, allow } of CASES) expect(await evaluate(name, input as PolicyInput)).toBe(allow);
  } finally {
    await server.end();
    rmSync(sources, { recursive: true });
  }
});

test('a server of OPA that is stopped or gone makes calls fail in time, and answers again afterwards', async () => {
  const sources = makeSources();
  const place = { sources, port: await freePort() };
  let server = await serve(COMPILER, place);
  const dependency = service('opa', { msMax: 1000 });
  const { evaluate } = askOpa({ url: server.url, dependency });
  const ask = async () => evaluate('gaming', at(CASES, 0).input as PolicyInput);
  try {
    const answer = await ask();
    server.signal('SIGSTOP');
    await expect(ask()).rejects.toMatchObject({ outcome: 'timeout' });
    server.signal('SIGCONT');
    await eventually(async () => expect(await ask()).toBe(answer));
    await server.end('SIGKILL');
    for (let n = 0; n < 20; n++) await expect(ask()).rejects.toThrow();
    expect(dependency.state).toBe('open');
    server = await serve(COMPILER, place);
    await eventually(async () => expect(await ask()).toBe(answer));
    expect(dependency.state).toBe('closed');
  } finally {
    await server.end('SIGKILL');
    rmSync(sources, { recursive: true });
  }
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
