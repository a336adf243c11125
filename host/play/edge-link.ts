import { connect as connectSocket, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { EventSink, MatchResult } from '../base/bus.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import { type GameFacts, JoinSteps } from '../edge/admission/gate.ts';
import { RefusalLog } from '../edge/admission/refusal-log.ts';
import { EdgeClient } from '../edge/link/client.ts';
import { RemoteGate } from '../edge/link/gate.ts';
import { EdgeLink } from '../edge/link/link.ts';
import { sessionEngine } from '../edge/sessions/engine.ts';
import type { Engine } from '../engine/engine.ts';
import type { LinkFigures } from '../observe/edge.ts';
import type { Meters } from '../observe/meters.ts';
import { describeResult } from './result.ts';

export interface LinkOptions {
  config: Pick<Config, 'edgeSocket' | 'edgeMsMax' | 'edgeQueueMax'>;
  log: Log;
  /** Connects to the service. By default this process opens EDGE_SOCKET itself. */
  connect?: () => Promise<Duplex>;
  clock?: Clock;
  /** Milliseconds since 1970. */
  now?(): number;
}

export interface LinkGateOptions {
  log: Log;
  meters: Meters;
  game(name?: string): GameFacts;
}

/** A host's connection to the edge service of its node, in place of a store and a gate of its own. */
export class LinkedEdge implements EventSink {
  readonly link: EdgeLink;
  readonly #options: LinkOptions;

  constructor(options: LinkOptions) {
    const { config, log, clock = systemClock, connect = () => openSocket(config.edgeSocket) } = options;
    const client = new EdgeClient({ connect, msMax: config.edgeMsMax, onClosed: () => this.link.renew() });
    this.link = new EdgeLink({ client, clock, log, queueMax: config.edgeQueueMax });
    this.#options = options;
  }

  /** Wraps an engine so that the service has the sessions of a game. */
  keepSessions(engine: Engine, game: string): Engine {
    const { log, now } = this.#options;
    return sessionEngine(engine, { store: this.link, game, log, ...(now ? { now } : {}) });
  }

  record(result: MatchResult): void {
    const { now = Date.now } = this.#options;
    this.link.report('addResult', describeResult(result, now()));
  }

  openGate({ log, meters, game }: LinkGateOptions): RemoteGate {
    const steps = new JoinSteps(meters, new RefusalLog(log, this.#options.clock ?? systemClock));
    return new RemoteGate({ link: this.link, steps, game });
  }

  figures(): LinkFigures {
    return this.link.figures;
  }

  close(): Promise<void> {
    return this.link.close();
  }
}

/** Connects to the edge service, or finds out that it does not answer yet: the host starts in either case. */
export async function linkEdge(options: LinkOptions): Promise<LinkedEdge> {
  const edge = new LinkedEdge(options);
  await edge.link.start();
  return edge;
}

function openSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket(path);
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
