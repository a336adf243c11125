// Moves of players between two hosts without media: rate, time of a move, and of undoing it. Real stores and HTTP, stand-ins for rooms.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../host/base/clock.ts';
import { milli } from '../../host/base/time.ts';
import { HttpPeer } from '../../host/edge/saga/client.ts';
import { openListener } from '../../host/edge/saga/listener.ts';
import type { Handler, Peer } from '../../host/edge/saga/peer.ts';
import type { Seats } from '../../host/edge/saga/seats.ts';
import { type MoveResult, MoveSource } from '../../host/edge/saga/source.ts';
import { Stays } from '../../host/edge/saga/stays.ts';
import { MoveTarget } from '../../host/edge/saga/target.ts';
import { openStore } from '../../host/edge/store/store.ts';
import { Meters } from '../../host/observe/meters.ts';
import { type Bench, benchmark } from './harness.ts';
import { numberFrom } from './switches.ts';

const PER_SECOND = numberFrom('MOVES_PER_SECOND', 1200, 1);
const SECONDS = numberFrom('MOVES_SECONDS', 20, 2);
/** Bursts have this many times the rate, for BURST_SECONDS in every BURST_EVERY_SECONDS. */
const BURST = 3.2;
const BURST_EVERY_SECONDS = 5;
const MOVE_MS_MAX = 780;
const STATE = Uint8Array.from({ length: 1024 }, (_, n) => n % 256);
const KEY = 'benchmark'.padEnd(32, '.');
const GAME = 'bench';
const SLICE_MS = 10;

const build = join(import.meta.dirname, '../../build');
mkdirSync(build, { recursive: true });
const folder = mkdtempSync(join(build, 'moves-'));

/** Rooms with an endless number of seats. A seat that was reserved counts as taken by its page at once. */
class EndlessSeats implements Seats {
  isFull = false;
  readonly #arrived = new Set<string>();
  holderOf({ seat }: { seat: number }) {
    return { digest: String(seat).padStart(43, '0') };
  }
  async depart(): Promise<Uint8Array> {
    return STATE;
  }
  async restore(): Promise<void> {}
  async release(): Promise<void> {}
  hasLeft(): boolean {
    return true;
  }
  async reserve(): Promise<number> {
    if (this.isFull) throw new Error('no seat is free');
    return 0;
  }
  async arrive(id: string): Promise<boolean> {
    this.#arrived.add(id);
    return true;
  }
  isKept(): boolean {
    return true;
  }
  async vacate(id: string): Promise<void> {
    this.forget(id);
  }
  forget(id: string): void {
    this.#arrived.delete(id);
  }
  reservation(id: string): 'taken' | 'waiting' {
    return this.#arrived.has(id) ? 'taken' : 'waiting';
  }
}

/** Opens the moves of a host, with a store of its own and a port. */
async function openNode(name: string, other: string) {
  const store = await openStore({ folder: join(folder, name), bytesMax: 2 ** 32, log: () => {} });
  const seats = new EndlessSeats();
  const undone: number[] = [];
  const meters = new Meters();
  const { moveUndo } = meters;
  const add = moveUndo.add.bind(moveUndo);
  moveUndo.add = (ms) => {
    undone.push(ms);
    add(ms);
  };
  const peers = new Map<string, Peer>();
  const peerOf = (peer: string) => peers.get(peer);
  const parts = { store, seats, stays: new Stays(), meters, peerOf, log: () => {}, stepMsMax: 300 };
  const source = new MoveSource(parts);
  const target = new MoveTarget(parts);
  const handle: Handler = (message, from) =>
    message.kind === 'ask' ? source.answer(message, from) : target.handle(message, from);
  const names = new Set([other]);
  const listener = await openListener({ host: '127.0.0.1', port: 0, name, key: KEY, peers: names, handle });
  const connect = (port: number) => {
    const url = `http://127.0.0.1:${port}/`;
    peers.set(other, new HttpPeer({ url, from: name, to: other, key: KEY, timeoutMs: 600 }));
  };
  let isClosed = false;
  const tending = (async () => {
    while (!isClosed) {
      await systemClock.until(milli(systemClock.now() + 250));
      await Promise.all([source.tend(), target.tend()]);
    }
  })();
  const close = async () => {
    isClosed = true;
    await tending;
    await store.close();
  };
  return { seats, undone, source, listener, connect, close };
}

interface Load {
  results: MoveResult[];
  refused: number;
  seconds: number;
}

let seat = 0;

/** Begins moves at a rate, however long each takes, and waits for all. */
async function offer(source: MoveSource, seconds: number, rateAt: (second: number) => number): Promise<Load> {
  const load: Load = { results: [], refused: 0, seconds: 0 };
  const pending: Promise<void>[] = [];
  const begunAt = systemClock.now();
  let owed = 0;
  for (let last = begunAt; last - begunAt < seconds * 1000; ) {
    await systemClock.until(milli(last + SLICE_MS));
    const now = systemClock.now();
    owed += ((now - last) / 1000) * rateAt((now - begunAt) / 1000);
    last = now;
    for (; owed >= 1; owed--)
      pending.push(
        source.start({ from: { game: GAME, seat: seat++ }, to: { host: 'west', game: GAME } }).then(
          (result) => void load.results.push(result),
          () => void load.refused++,
        ),
      );
  }
  await Promise.all(pending);
  load.seconds = (systemClock.now() - begunAt) / 1000;
  return load;
}

function report(bench: Bench, label: string, { results, refused, seconds }: Load): void {
  const done = results.filter(({ outcome }) => outcome === 'committed');
  bench.value(`${label}: done`, 'per second', done.length / seconds);
  bench.value(`${label}: undone`, '', results.length - done.length);
  bench.value(`${label}: refused at once`, '', refused);
  if (done.length === 0) return;
  const { p99 } = bench.figure(
    `${label}: time of a move`,
    'ms',
    done.map(({ milliseconds }) => milliseconds),
  );
  bench.goal(`${label}: P99 of a move`, { value: p99, unit: 'ms', direction: 'at most', limit: MOVE_MS_MAX });
  const share = (100 * done.length) / (results.length + refused);
  bench.goal(`${label}: moves that succeed`, { value: share, unit: '%', direction: 'at least', limit: 99 });
}

await benchmark('moves', async (bench) => {
  bench.machine({ perSecond: PER_SECOND, seconds: SECONDS, stateBytes: STATE.length });
  const [east, west] = [await openNode('east', 'west'), await openNode('west', 'east')];
  east.connect(west.listener.port);
  west.connect(east.listener.port);
  try {
    await offer(east.source, 2, () => PER_SECOND / 4);
    report(bench, `${PER_SECOND} a second`, await offer(east.source, SECONDS, () => PER_SECOND));
    const inBursts = (second: number) => (second % BURST_EVERY_SECONDS < 1 ? BURST * PER_SECOND : PER_SECOND);
    report(bench, `bursts of ${BURST} times that`, await offer(east.source, SECONDS, inBursts));
    west.seats.isFull = true;
    const refusals = await offer(east.source, 5, () => PER_SECOND / 4);
    bench.figure(
      'a move that the other host refuses, until it is undone',
      'ms',
      refusals.results.map(({ milliseconds }) => milliseconds),
    );
    const refusedUndone = east.undone.splice(0);
    bench.figure('undoing one that the other host refuses', 'ms', refusedUndone);
    await west.listener.close();
    const cut = await offer(east.source, 5, () => PER_SECOND / 8);
    bench.figure(
      'a move to a host that is gone, until it is undone',
      'ms',
      cut.results.map(({ milliseconds }) => milliseconds),
    );
    const { p99 } = bench.figure('undoing one to a host that is gone', 'ms', east.undone);
    bench.goal('P99 of undoing', { value: p99, unit: 'ms', direction: 'at most', limit: MOVE_MS_MAX });
  } finally {
    await Promise.all([east.close(), west.close()]);
    await east.listener.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
