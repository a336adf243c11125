import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { VERSION } from '../base/version.ts';
import type { Engine } from '../engine/engine.ts';
import type { Gpu } from '../gpu/dawn.ts';
import type { Meters } from '../observe/meters.ts';
import { createMetrics } from '../observe/metrics.ts';
import type { buildPlayer } from '../player/build.ts';
import type { Lobby } from '../room/lobby.ts';
import type { Room } from '../room/room.ts';
import type { ViewRequest } from '../stream/player.ts';
import type { Relay } from '../stream/relay.ts';
import { createStreamServer, type StreamServer } from '../stream/server.ts';

/** Default pictures for a player, with a hardware GPU and without. The machine can draw and encode 60 of them a second. */
const HARDWARE_VIEW: ViewRequest = { width: 1280, height: 720, fps: 60 };
const SOFTWARE_VIEW: ViewRequest = { width: 848, height: 480, fps: 60 };

export interface ServeOptions {
  config: Config;
  log: Log;
  gpu: Gpu;
  engine: Engine;
  lobby: Pick<Lobby, 'accept' | 'rooms'>;
  meters: Meters;
  /** Files of the page on which players play. */
  files: Awaited<ReturnType<typeof buildPlayer>>;
  /** Returns the seconds from the request to start the game to each phase of its start. */
  coldStart?(): Record<string, number>;
  /** Additional fields in the answer to `GET /status`. */
  more?(): object;
  /** See StreamServerOptions. */
  relay?: Relay;
}

/** Starts the server through which players join the games of a lobby. @throws NearlightError as createStreamServer */
export function serve(options: ServeOptions): Promise<StreamServer> {
  const { config, log, gpu, engine, lobby, files, meters, more, relay } = options;
  return createStreamServer({
    config,
    ...(relay ? { relay } : {}),
    log: {
      info: (message) => log('info', message),
      warn: (message) => log('warn', message),
    },
    files,
    defaultView: gpu.software ? SOFTWARE_VIEW : HARDWARE_VIEW,
    accept: (request) => lobby.accept(request.game, request),
    status: () => ({ ...status(options), ...more?.() }),
    health: () => findProblem(options),
    metrics: createMetrics(meters, {
      build: {
        version: VERSION,
        engine: engine.name,
        gpu: gpu.adapter.device || gpu.adapter.description,
        node: process.version,
      },
      seats: () => countSeats(lobby.rooms),
      coldStart: () => options.coldStart?.() ?? {},
    }),
    meters,
  });
}

/** Says why no player can join now; undefined if one can. */
function findProblem({ gpu, lobby }: ServeOptions): NearlightError | undefined {
  if (gpu.lost) return new NearlightError('NL_GPU_LOST', 'restart the host');
  const { all, taken } = countSeats(lobby.rooms);
  if (all === 0) return new NearlightError('NL_ROOM_ENDED', 'no game is running');
  if (taken === all) return new NearlightError('NL_ROOM_FULL', `all ${all} seats are taken`);
  return undefined;
}

function countSeats(rooms: readonly Room[]): { all: number; taken: number } {
  const open = rooms.filter((room) => !room.isClosed);
  const sum = (count: (room: Room) => number) => open.reduce((total, room) => total + count(room), 0);
  return { all: sum((room) => room.seats), taken: sum((room) => room.players) };
}

function status({ lobby, gpu, engine }: ServeOptions): object {
  const { user, system } = process.cpuUsage();
  return {
    engine: engine.name,
    gpu: gpu.adapter,
    memory: { rssBytes: process.memoryUsage.rss() },
    cpuMs: Math.round((user + system) / 1000),
    rooms: lobby.rooms.map((room) => room.status()),
  };
}
