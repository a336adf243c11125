import { systemClock } from '../base/clock.ts';
import { type Config, settings } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { type Milli, milli } from '../base/time.ts';
import type { Meters } from '../observe/meters.ts';
import type { FrameRequest } from '../observe/tracing/frames.ts';
import { checkLiveness, checkReadiness, type Health } from './health.ts';
import { type Answer, answerJson, type Call, checkMethod, JSON_TYPE, openHttpServer, send } from './http.ts';
import { type MoveOrder, readMoveOrder } from './move-order.ts';
import { answerCall, type OperatorCall } from './operator-call.ts';

/** An answer is sent again to requests that arrive within this time, so that many requests cost little. */
const FRESH_MS = 1000;
const TRACE_PATH = '/trace/frames';
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export interface OperatorServerOptions {
  config: Config;
  warn(message: string): void;
  /** Returns what `GET /status` answers as JSON. */
  status(): object;
  /** Returns the reason why the host cannot serve players, or undefined if it can. A full game is not a reason. */
  health(): NearlightError | undefined;
  /** Returns what `GET /metrics` answers, in Prometheus's text format 0.0.4. */
  metrics(): Promise<string>;
  meters: Meters;
  /** Further addresses, of which requests may change something. */
  calls?: readonly OperatorCall[];
  /** Moves a player for `POST /moves`. Undefined if players cannot move here. @throws NearlightError */
  move?: ((order: MoveOrder) => Promise<object>) | undefined;
  /** Has the next pictures of a room traced. @throws NearlightError NL_REQUEST */
  traceFrames?(request: FrameRequest): object;
  /** Whether to take any free port if the default one is taken, as by another host of the same user. */
  mayMove?: boolean;
}

export interface OperatorServer {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves operators and their tools at a port of its own: `GET /status`, `/metrics`, `/healthz` and `/readyz`, whose answers are at
 * most a second old, `POST /moves`, which moves a player as a MoveOrder in JSON says, `POST /trace/frames?frames=N&room=NAME`, which
 * has the next pictures of a room traced, and further calls.
 * @throws NearlightError NL_PORT_IN_USE, or NL_SETTING if the address cannot be used
 */
export async function createOperatorServer(options: OperatorServerOptions): Promise<OperatorServer> {
  const { config, warn, status, health, metrics, meters, calls = [], mayMove = false } = options;
  const answers: ReadonlyMap<string, FreshAnswer> = new Map([
    ['/status', new FreshAnswer(async () => json(200, status()))],
    ['/healthz', new FreshAnswer(async () => ofHealth(await checkLiveness()))],
    ['/readyz', new FreshAnswer(async () => ofHealth(checkReadiness(health())))],
    [
      '/metrics',
      new FreshAnswer(async () => ({ status: 200, type: METRICS_TYPE, body: Buffer.from(await metrics()) })),
    ],
  ]);
  const open = (port: number) =>
    openHttpServer({
      listen: { host: config.operatorHost, port, hostSetting: 'OPERATOR_HOST', portSetting: 'OPERATOR_PORT' },
      config,
      meters,
      warn,
      route: (call) => {
        if (call.url.pathname === '/moves') return answerMove(options, call);
        if (call.url.pathname === TRACE_PATH) return trace(options, call);
        const found = calls.find(({ path }) => path === call.url.pathname);
        return found ? answerCall(found, call) : answerFrom(answers, call);
      },
    });
  const http = await open(config.operatorPort).catch((error: NearlightError) => {
    if (!mayMove || error.code !== 'NL_PORT_IN_USE' || config.operatorPort !== settings.operatorPort.default)
      throw error;
    return open(0);
  });
  return {
    port: http.port,
    url: http.url,
    async close() {
      const stopped = http.stop();
      http.drop();
      await stopped;
    },
  };
}

/** @throws NearlightError NL_METHOD, NL_ORIGIN, NL_REQUEST */
function trace({ traceFrames }: OperatorServerOptions, call: Call): void {
  const { request, response, url } = call;
  checkMethod(call, 'POST');
  // A page that an operator looks at could send this request too.
  if (request.headers.origin !== undefined) throw new NearlightError('NL_ORIGIN', 'use a program such as curl');
  if (!traceFrames) throw new NearlightError('NL_REQUEST', 'this host traces no pictures');
  const room = url.searchParams.get('room') ?? undefined;
  const frames = Number(url.searchParams.get('frames') || Number.NaN);
  answerJson(response, 202, traceFrames({ room, frames }));
}

async function answerFrom(answers: ReadonlyMap<string, FreshAnswer>, call: Call): Promise<void> {
  const answer = answers.get(call.url.pathname);
  if (!answer)
    throw new NearlightError('NL_NOT_FOUND', `${call.url.pathname.slice(0, 100)}; there is ${names(answers)}`);
  checkMethod(call, 'GET, HEAD');
  send(call.response, await answer.get());
}

async function answerMove({ move }: OperatorServerOptions, call: Call): Promise<void> {
  checkMethod(call, 'POST');
  const order = await readMoveOrder(call.request);
  if (!move) throw new NearlightError('NL_MOVE', 'this host has no store, which remembers moves; set STORE_DIR');
  answerJson(call.response, 200, await move(order));
}

function names(answers: ReadonlyMap<string, FreshAnswer>): string {
  return [...answers.keys(), TRACE_PATH].join(', ');
}

/** Keeps an answer for a second. Requests that arrive while it is being made share it. */
class FreshAnswer {
  readonly #make: () => Promise<Answer>;
  #answer: Promise<Answer> | undefined;
  #madeAt: Milli = milli(0);

  constructor(make: () => Promise<Answer>) {
    this.#make = make;
  }

  get(): Promise<Answer> {
    const now = systemClock.now();
    if (this.#answer === undefined || now - this.#madeAt >= FRESH_MS) {
      this.#madeAt = now;
      this.#answer = this.#make();
      // A failure is not kept.
      this.#answer.catch(() => {
        this.#answer = undefined;
      });
    }
    return this.#answer;
  }
}

function json(status: number, value: object): Answer {
  return { status, type: JSON_TYPE, body: Buffer.from(JSON.stringify(value)) };
}

function ofHealth({ status, body }: Health): Answer {
  return json(status, body);
}
