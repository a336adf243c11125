import { type Clock, systemClock } from '../base/clock.ts';
import { type Config, readPeers } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { PeerEntry } from '../base/setting.ts';
import { milli } from '../base/time.ts';
import { HttpPeer } from '../edge/saga/client.ts';
import type { JournalStore } from '../edge/saga/journal.ts';
import { type Listener, openListener } from '../edge/saga/listener.ts';
import type { MoveMeters } from '../edge/saga/meters.ts';
import { type Handler, localPeer, type Peer } from '../edge/saga/peer.ts';
import type { Seats } from '../edge/saga/seats.ts';
import { type MoveRequest, type MoveResult, MoveSource } from '../edge/saga/source.ts';
import { Stays } from '../edge/saga/stays.ts';
import { MoveTarget } from '../edge/saga/target.ts';
import { KEY_LENGTH_MIN } from '../edge/saga/wire.ts';

/** Pause between two looks after the moves that are not finished. */
const TEND_MS = 250;

export type MovesConfig = Pick<
  Config,
  'moveName' | 'movePeers' | 'moveKey' | 'movePort' | 'moveHost' | 'moveStepMsMax'
>;

export interface MovesOptions {
  config: MovesConfig;
  store: JournalStore;
  seats: Seats;
  meters: MoveMeters;
  log: Log;
  clock?: Clock;
}

/** Moves players between the games of this host, and to and from other hosts. */
export interface Moves {
  /** Port at which other hosts send messages; undefined if there are none. */
  readonly port: number | undefined;
  /** Resolves when the players of interrupted moves are where they belong, or wait for an answer of another host. */
  readonly recovered: Promise<void>;
  /** Moves a player. @throws NearlightError NL_MOVE and others, as MoveSource.start */
  start(request: MoveRequest): Promise<MoveResult>;
  /** Stops. Moves that are not finished go on when the host starts again. */
  close(): Promise<void>;
}

/**
 * Reads the hosts to which players may move.
 * @throws NearlightError NL_SETTING if settings contradict each other
 */
export function movePeers({ moveName, movePeers: list, moveKey }: MovesConfig): PeerEntry[] {
  const peers = readPeers(list) ?? [];
  if (peers.length > 0 && moveName === '')
    throw new NearlightError(
      'NL_SETTING',
      'MOVE_PEERS needs a name for this host, which the others know; set MOVE_NAME',
    );
  if (moveName !== '' && moveKey.length < KEY_LENGTH_MIN)
    throw new NearlightError(
      'NL_SETTING',
      `MOVE_NAME needs a secret of all hosts; set MOVE_KEY to ${KEY_LENGTH_MIN} characters or more`,
    );
  if (peers.some(({ name }) => name === moveName))
    throw new NearlightError(
      'NL_SETTING',
      `MOVE_PEERS names this host, ${moveName}; leave it out, or set another MOVE_NAME`,
    );
  return peers;
}

/**
 * Goes on with the moves that were interrupted, and takes new ones.
 * @throws NearlightError NL_SETTING as movePeers, NL_PORT_IN_USE, or as the store
 */
export async function openMoves(options: MovesOptions): Promise<Moves> {
  const { config, log, clock = systemClock } = options;
  const { moveName: name, moveKey: key, moveStepMsMax: stepMsMax } = config;
  const peers = new Map<string, Peer>();
  const parts = { ...options, stays: new Stays(), stepMsMax, peerOf: (host: string) => peers.get(host) };
  const source = new MoveSource(parts);
  const target = new MoveTarget(parts);
  // Messages of other hosts wait until the moves of an earlier process are known, or a new one would count as one of them.
  const known = Promise.withResolvers<void>();
  const handle: Handler = async (message, from) => {
    if (message.kind === 'ask') return source.answer(message, from);
    await known.promise;
    return target.handle(message, from);
  };
  peers.set('', localPeer(handle));
  const others = movePeers(config);
  for (const { name: to, url } of others)
    peers.set(to, new HttpPeer({ url, from: name, to, key, timeoutMs: 2 * stepMsMax }));
  let listener: Listener | undefined;
  if (name !== '') {
    const names = new Set(others.map((peer) => peer.name));
    listener = await openListener({ host: config.moveHost, port: config.movePort, name, key, peers: names, handle });
    log('info', `other hosts can move players here at port ${listener.port}`);
  }
  const closing = Promise.withResolvers<void>();
  let isClosed = false;
  // A player who has moved here, and whose move to another game is undone, is here first, so that the later move finds the player.
  const recover = async () => {
    await source
      .read()
      .then(() => target.recover())
      .finally(known.resolve);
    await source.recover();
  };
  const recovered = recover().catch((error: Error) =>
    log('error', `interrupted moves of players are not finished: ${error.message}`),
  );
  const tending = (async () => {
    await recovered;
    while (!isClosed) {
      await Promise.race([clock.until(milli(clock.now() + TEND_MS)), closing.promise]);
      if (!isClosed) await Promise.all([source.tend(), target.tend()]);
    }
  })();
  return {
    port: listener?.port,
    recovered,
    async start(request) {
      await recovered;
      return source.start(request);
    },
    async close() {
      isClosed = true;
      closing.resolve();
      await listener?.close();
      await tending;
    },
  };
}
