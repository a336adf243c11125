import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostProcess } from '../e2e/host.ts';
import { Peer, until } from '../stream/peer.ts';
import { goodGame } from './games.ts';
import { startInstalledHost } from './installed.ts';

export const PICTURES_PER_SECOND = 30;
export const QUERY = `?size=320x180&fps=${PICTURES_PER_SECOND}`;
/** A rate above the player's, so that a picture never waits for a tick. */
const TICK_RATE = '60';

/** An installed host on which a good game is played by an honest player, beside rooms that are attacked. */
export interface Arena {
  readonly host: HostProcess;
  /** The honest player, who gets pictures. */
  readonly player: Peer;
  /** Replaces the module of a room, which the host loads when the room opens the next time. */
  setModule(room: string, module: Uint8Array): void;
  /** Joins a room as another player. Rejects with the host's answer if it refuses. */
  join(room: string, query?: string): Promise<Peer>;
  /** Closes the connection of a player that `join` has given. */
  leave(peer: Peer): void;
  close(): Promise<void>;
}

/**
 * Starts a host with a good game, an honest player, and further rooms with these modules.
 * @param start starts the host process, by default the installed one
 */
export async function startArena(
  rooms: Readonly<Record<string, Uint8Array>> = {},
  environment: Record<string, string> = {},
  start: (modules: string[], environment: Record<string, string>) => Promise<HostProcess> = startInstalledHost,
): Promise<Arena> {
  const folder = mkdtempSync(join(tmpdir(), 'nl-arena-'));
  const path = (room: string) => join(folder, `${room}.wasm`);
  const modules = { good: goodGame(), ...rooms };
  for (const [room, module] of Object.entries(modules)) writeFileSync(path(room), module);
  const env = { CACHE_DIR: join(folder, 'cache'), OPERATOR_PORT: '0', TICK_RATE, ...environment };
  const host = await start(Object.keys(modules).map(path), env);
  const player = new Peer();
  const peers = new Set<Peer>();
  await player.join(host.url, { query: QUERY });
  player.beat();
  await until(() => player.pictures > PICTURES_PER_SECOND, 'pictures');
  return {
    host,
    player,
    setModule: (room, module) => writeFileSync(path(room), module),
    async join(room, query = QUERY) {
      const peer = new Peer();
      try {
        await peer.join(host.url, { query: `${query}&game=${room}` });
      } catch (error) {
        peer.close();
        throw error;
      }
      peers.add(peer);
      return peer;
    },
    leave(peer) {
      if (peers.delete(peer)) peer.close();
    },
    async close() {
      player.close();
      for (const peer of peers) peer.close();
      await host.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The code and the message with which a player's room has ended; undefined while it goes on. */
function endOf({ notices, peerState }: Peer): string | undefined {
  const ended = notices.find((notice) => notice.kind === 'ended');
  if (ended) return `${ended.code}: ${ended.message}`;
  return peerState === 'connected' ? undefined : `${peerState}, without a reason`;
}

/** How long a room that is attacked may go on before the attack counts as without effect. */
const ATTACK_MS_MAX = 120_000;

/** Joins a room and waits until it ends. Returns the code and message of its end, or of the refusal to let the player in. */
export async function attackRoom({ join, leave }: Arena, room: string, msMax = ATTACK_MS_MAX): Promise<string> {
  let peer: Peer | undefined;
  try {
    peer = await join(room);
    const joined = peer;
    return await until(() => endOf(joined), 'the end of the room', msMax);
  } catch (error) {
    return (error as Error).message;
  } finally {
    if (peer) leave(peer);
  }
}
