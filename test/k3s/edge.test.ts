/** Pods whose node has an edge service: a process of its own and of another user, as in oci/k3s/edge. */
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createReceiver } from '../../host/edge/outbox/receiver.ts';
import { type EdgeStore, openStore } from '../../host/edge/store/store.ts';
import { Issuer } from '../edge/issuer.ts';
import { assemble, text } from '../engine/modules.ts';
import { cleared, command, streams } from '../hostile/modules.ts';
import { startTraceReceiver, type TraceReceiver } from '../observe/tracing/receiver.ts';
import { EdgeProcess } from '../play/edge-process.ts';
import { Peer, until } from '../stream/peer.ts';
import { eventually } from '../wait.ts';
import { type Rig, SANDBOX_IMAGE, startRig } from './containerd.ts';
import { exited, ready, startContainer, startGame } from './game.ts';
import { guestOf } from './guest.ts';
import { importGame } from './image.ts';

/** The user of the edge service (oci/k3s/edge/daemonset.yaml). */
const EDGE_USER = 65532;
const TICK_RATE = 60;
const TICKS_PER_RESULT = 15;
const QUERY = '?size=160x90&fps=30';
const QUICK = { TICK_RATE: String(TICK_RATE), MAX_PLAYERS: '4' };

let folder: string;
let issuer: Issuer;
let centre: { store: EdgeStore; server: Server };
let traces: TraceReceiver;
let edge: EdgeProcess;
let rig: Rig;
let image: string;

/** A game that counts its ticks, saves the count, and has a result every few ticks. */
function scorer(): Uint8Array {
  const { fields, call } = streams({
    picture: cleared(0, 0, 1),
    result: [command('emit', { topic: 'result', byteLength: 4, data: [0x21217b7d] })],
  });
  const count = '(global.get $count)';
  return assemble(
    text({
      fields: `${fields} (global $count (mut i32) (i32.const 0))
        (func (export "save") (i32.store (i32.const 8192) ${count}) (call $state_write (i32.const 8192) (i32.const 4)))
        (func (export "load") (param i32)
          (drop (call $state_read (i32.const 0) (i32.const 8192) (i32.const 4)))
          (global.set $count (i32.load (i32.const 8192))))`,
      tick: `(global.set $count (i32.add ${count} (i32.const 1)))
        (if (i32.eqz (i32.rem_u ${count} (i32.const ${TICKS_PER_RESULT}))) (then ${call.result}))`,
      render: call.picture,
    }),
  );
}

beforeAll(async () => {
  folder = mkdtempSync('/tmp/nl-edge-');
  chmodSync(folder, 0o755);
  issuer = await Issuer.open();
  traces = await startTraceReceiver();
  const store = await openStore({ folder: undefined, bytesMax: 2 ** 26, log: () => {} });
  const receive = createReceiver(store);
  const server = createServer((request, response) => void receive(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  centre = { store, server };
  for (const name of ['run', 'store']) {
    mkdirSync(join(folder, name), { mode: 0o700 });
    chownSync(join(folder, name), EDGE_USER, EDGE_USER);
  }
  const socket = join(folder, 'run/edge.sock');
  const environment = {
    EDGE_SOCKET: socket,
    STORE_DIR: join(folder, 'store'),
    ADMISSION: 'token',
    OIDC_ISSUER: issuer.url,
    OIDC_AUDIENCE: 'games',
    ACCOUNT_SEATS_MAX: '100',
    SINK_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    SYNC_INTERVAL: '1s',
    OTEL_EXPORTER_OTLP_ENDPOINT: traces.url,
  };
  edge = new EdgeProcess(environment, EDGE_USER);
  edge.start();
  rig = await startRig({
    poolSize: 1,
    env: { NEARLIGHT_EDGE_SOCKET: socket, NEARLIGHT_CHECKPOINT_SECONDS: '1', NEARLIGHT_OTLP_ENDPOINT: traces.url },
  });
  image = await importGame(rig, 'scorer', scorer());
  await rig.ctr('-n', 'k8s.io', 'images', 'tag', image, SANDBOX_IMAGE);
  await edge.ready();
});

afterAll(async () => {
  await rig?.close();
  await edge?.end('SIGKILL');
  issuer?.close();
  await traces?.close();
  centre?.server.closeAllConnections();
  centre?.server.close();
  await centre?.store.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

async function arrive(url: string, sub: string, tokens = 'new'): Promise<{ peer: Peer; seat: number }> {
  const peer = new Peer();
  const bearer = await issuer.token({ sub });
  const { seat } = await peer.join(url, { query: QUERY, bearer, tokens });
  peer.beat();
  await until(() => peer.pictures > 0, 'a picture');
  return { peer, seat };
}

/** Returns the number of ticks and of players of a pod's game. */
async function roomOf(container: string): Promise<{ ticks: number; players: number }> {
  const { rooms } = JSON.parse((await rig.cri.exec(container, 'status')).stdout.toString());
  return rooms[0];
}

/** Waits until a match has gone on for some time, in which it was kept. Returns the tick before that. */
async function untilKept(container: string): Promise<number> {
  const { ticks } = await roomOf(container);
  // A checkpoint is made every second, in which the game makes no more ticks than its rate.
  await eventually(async () => expect((await roomOf(container)).ticks).toBeGreaterThan(ticks + 2 * TICK_RATE));
  return ticks;
}

const resumedAt = (pod: string, attempt: number) =>
  Number(/the match goes on at tick (\d+)/.exec(rig.cri.log(pod, 'game', attempt).join('\n'))?.[1] ?? Number.NaN);

/** The ids of the results that the centre has, by their rooms, in the order in which they have come. */
async function resultIds(): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (let after = 0; ; ) {
    const events = await centre.store.readInbox({ after, limit: 1000 });
    for (const { id, sequence } of events) {
      after = sequence;
      const [, room, number] = /^([\da-f]{16})-(\d+)$/.exec(id) ?? [];
      if (room !== undefined && number !== undefined) found.set(room, [...(found.get(room) ?? []), number]);
    }
    if (events.length === 0) return found;
  }
}

it('a player joins through the edge service, and its death costs neither the match nor a result', async () => {
  const { pod, container, url } = await startGame(rig, image, { env: QUICK });
  await ready(rig, container);
  const stranger = new Peer();
  await expect(stranger.join(url)).rejects.toThrow('401 {"code":"NL_TOKEN_MISSING"');
  // Refused joins are always traced, by the host and by the service alike.
  const traceOf = (name: string) => traces.spans.find((span) => span.name === name && span.status === 2)?.traceId;
  const trace = await until(() => traceOf('edge identify'), 'the trace of the service');
  await until(() => traceOf('join') === trace, 'the trace of the host');
  const { peer } = await arrive(url, 'ada');
  await eventually(async () => expect((await resultIds()).size).toBe(1));
  await edge.end('SIGKILL');
  const before = { ...(await roomOf(container)), pictures: peer.pictures };
  const late = new Peer();
  const bearer = await issuer.token({ sub: 'bob' });
  await expect(late.join(url, { bearer })).rejects.toThrow('503 {"code":"NL_EDGE"');
  await eventually(async () => expect((await roomOf(container)).ticks).toBeGreaterThan(before.ticks + TICK_RATE));
  await until(() => peer.pictures > before.pictures + 10, 'pictures without an edge service');
  edge.start();
  await edge.ready();
  // Bob comes in when the host has found the service, and those results have come that waited.
  const bob = await eventually(() => arrive(url, 'bob'));
  const made = Math.floor(before.ticks / TICKS_PER_RESULT) + 4;
  await eventually(async () => {
    const [ids = []] = (await resultIds()).values();
    expect(ids.length).toBeGreaterThan(made);
    expect(ids).toEqual(ids.map((_, n) => String(n)));
  });
  expect([peer.peerState, (await roomOf(container)).players]).toEqual(['connected', 2]);
  for (const { close } of [stranger, late, peer, bob.peer].map((each) => ({ close: () => each.close() }))) close();
  await rig.cri.removePod(pod);
});

it('a match goes on when its container was killed, and when its sandbox was, and its players return', async () => {
  const { pod, container, port, url } = await startGame(rig, image, { env: QUICK });
  await ready(rig, container);
  const [ada, bob] = [await arrive(url, 'ada'), await arrive(url, 'bob')];
  expect([ada.seat, bob.seat]).toEqual([0, 1]);
  const kept = await untilKept(container);

  // The service is not needed for a container that starts again in its sandbox.
  await edge.end('SIGKILL');
  process.kill(await guestOf(rig, { pod, container }), 'SIGKILL');
  expect(await exited(rig, container)).toMatchObject({ exitCode: 137 });
  await until(() => bob.peer.notices.at(-1)?.kind === 'paused', 'the notice "paused"');
  ada.peer.close();
  const { pictures } = bob.peer;
  const second = await startContainer(rig, { pod, image, port, env: QUICK, attempt: 1 });
  await until(() => bob.peer.notices.at(-1)?.kind === 'joined', 'the notice "joined"');
  expect(bob.peer.notices.at(-1)).toMatchObject({ seat: 1 });
  await until(() => bob.peer.pictures > pictures + 10, 'pictures of the next container');
  expect(resumedAt(pod, 1)).toBeGreaterThanOrEqual(kept);
  const back = await eventually(() => arrive(url, 'ada', ada.peer.token));
  expect(back.seat).toBe(0);

  edge.start();
  await edge.ready();
  const again = await untilKept(second);
  process.kill(await rig.cri.sandboxPid(pod), 'SIGKILL');
  await exited(rig, second);
  for (const { peer } of [back, bob]) peer.close();
  await rig.cri.removePod(pod);
  // The kubelet starts another sandbox for the same pod.
  const next = await rig.cri.runPod({ name: `game${port}` });
  const third = await startContainer(rig, { pod: next, image, port, env: QUICK, attempt: 2 });
  await ready(rig, third);
  expect(resumedAt(next, 2)).toBeGreaterThanOrEqual(again);
  for (const { peer, seat } of [bob, back]) {
    const returned = await arrive(url, seat === 0 ? 'ada' : 'bob', peer.token);
    expect(returned.seat).toBe(seat);
    returned.peer.close();
  }
  await rig.cri.removePod(next);

  // Another pod with a game of the same name begins a match of its own.
  const other = await startGame(rig, image, { env: QUICK });
  await ready(rig, other.container);
  expect((await roomOf(other.container)).ticks).toBeLessThanOrEqual(TICK_RATE);
  expect(rig.cri.log(other.pod, 'game').join('\n')).not.toContain('goes on');
  await rig.cri.removePod(other.pod);
});
