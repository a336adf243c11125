import { connect as connectSocket, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { EventSink, MatchResult } from '../base/bus.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { type EndpointName, PLAYER_ENDPOINTS } from '../base/dependencies.ts';
import type { HostReport } from '../base/host-report.ts';
import type { Log } from '../base/log.ts';
import { NO_TRACER, type Tracer, writeTraceparent } from '../base/trace.ts';
import { type GameFacts, JoinSteps } from '../edge/admission/gate.ts';
import { RefusalLog } from '../edge/admission/refusal-log.ts';
import type { Endpoint } from '../edge/dependencies/endpoint.ts';
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
  /** Traces results. By default nothing is traced. */
  tracer?: Tracer;
  /** Get the rules of the service for requests of pages. Without them, the host has rules of its own, or none. */
  endpoints?: Readonly<Record<EndpointName, Pick<Endpoint, 'setRule'>>> | undefined;
  /** Returns the host as a game server of a fleet; without it, it is not one. */
  server?(): HostReport | undefined;
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
    const { endpoints, server } = options;
    this.link = new EdgeLink({
      client,
      clock,
      log,
      queueMax: config.edgeQueueMax,
      ...(server ? { server } : {}),
      onTerms({ rules }) {
        if (endpoints) for (const name of PLAYER_ENDPOINTS) endpoints[name].setRule(rules[name]);
      },
    });
    this.#options = options;
  }

  /** Wraps an engine so that the service has the sessions of a game. */
  keepSessions(engine: Engine, game: string): Engine {
    const { log, now } = this.#options;
    return sessionEngine(engine, { store: this.link, game, log, ...(now ? { now } : {}) });
  }

  /** Hands the result of a match to the service. Its trace ends when the result waits here, where nothing loses it but a full queue. */
  record(result: MatchResult): void {
    const { now = Date.now, tracer = NO_TRACER } = this.#options;
    const span = tracer.begin('result', { kind: 'producer', attributes: { 'nearlight.game': result.game } });
    const { ids } = span;
    const described = describeResult(result, now());
    this.link.report('addResult', ids ? { ...described, traceparent: writeTraceparent(ids) } : described);
    span.end();
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
