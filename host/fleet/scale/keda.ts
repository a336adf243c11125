import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';
import { NearlightError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { faultOf, type GetMetricsRequest, type Responses, type ScaledObjectRef, SERVICE } from './keda-messages.ts';
import { type GameLoad, type GameName, type LoadSource, METRIC_NAMES } from './source.ts';

const MESSAGE_BYTES_MAX = 65_536;
const STREAMS_MAX = 1024;
/** A peer that does not answer to a ping for this long is gone. Its streams would stay open for ever. */
const PING_MS = 30_000;
const PING_ANSWER_MS_MAX = 10_000;
const DEFAULT_METRIC = 'nearlight_servers_wanted';
/** KEDA puts the number of the trigger before the name of a metric. */
const TRIGGER = /^s\d{1,3}-/;
const TARGET_MAX = 1e9;

export interface KedaOptions {
  listen: { host: string; port: number };
  source: LoadSource;
  log: Log;
  /** Certificate and key of this server, and the authority that has signed KEDA's, in PEM. Without it, there is no TLS. */
  tls?: { cert: string; key: string; ca: string };
}

export interface KedaServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves KEDA's protocol for external scalers. A trigger names a game in its metadata, and may name another metric and its target:
 * `{ game, metric, target }`. Without data it answers UNAVAILABLE, upon which KEDA and the HPA change nothing.
 * @throws NearlightError NL_PORT_IN_USE or NL_SETTING
 */
export async function openKedaServer({ listen, source, log, tls }: KedaOptions): Promise<KedaServer> {
  const { Server, ServerCredentials, status } = await import('@grpc/grpc-js');
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_concurrent_streams': STREAMS_MAX,
    'grpc.keepalive_time_ms': PING_MS,
    'grpc.keepalive_timeout_ms': PING_ANSWER_MS_MAX,
  });
  let streams = 0;

  /** Answers a call, or says in the terms of gRPC why not. */
  function reply<Q, A>(call: ServerUnaryCall<Q, A>, done: sendUnaryData<A>, make: (request: Q) => A): void {
    try {
      done(null, make(call.request));
    } catch (error) {
      done(failureOf(error));
    }
  }

  function failureOf(error: unknown): { code: number; details: string } {
    if (error instanceof Refusal) return { code: status[error.status], details: error.message };
    log('error', `a request of KEDA failed: ${(error as Error).stack}`);
    return { code: status.INTERNAL, details: 'the log of the scaler says more' };
  }

  function stream(call: ServerWritableStream<ScaledObjectRef, Responses['IsActiveResponse']>): void {
    let asked: Asked;
    try {
      if (streams >= STREAMS_MAX) throw new Refusal('RESOURCE_EXHAUSTED', `there are ${STREAMS_MAX} streams already`);
      asked = readTrigger(source, call.request);
    } catch (error) {
      call.emit('error', failureOf(error));
      return;
    }
    streams++;
    const forget = source.onChange(() => tell());
    call.once('cancelled', () => {
      streams--;
      forget();
      call.end();
    });
    let last: boolean | undefined;
    const tell = () => {
      // While nothing is known, KEDA keeps what it knows.
      const load = source.read(asked.name);
      if (!load || load.isActive === last) return;
      last = load.isActive;
      call.write({ result: last });
    };
    tell();
  }

  server.addService(SERVICE, {
    isActive: (
      call: ServerUnaryCall<ScaledObjectRef, Responses['IsActiveResponse']>,
      done: sendUnaryData<Responses['IsActiveResponse']>,
    ) => reply(call, done, (request) => ({ result: loadOf(source, readTrigger(source, request)).isActive })),
    streamIsActive: stream,
    getMetricSpec: (
      call: ServerUnaryCall<ScaledObjectRef, Responses['GetMetricSpecResponse']>,
      done: sendUnaryData<Responses['GetMetricSpecResponse']>,
    ) =>
      reply(call, done, (request) => {
        const { metric: metricName, target } = readTrigger(source, request);
        return { metricSpecs: [{ metricName, targetSize: Math.ceil(target), targetSizeFloat: target }] };
      }),
    getMetrics: (
      call: ServerUnaryCall<GetMetricsRequest, Responses['GetMetricsResponse']>,
      done: sendUnaryData<Responses['GetMetricsResponse']>,
    ) =>
      reply(call, done, ({ scaledObjectRef, metricName }) => {
        if (!scaledObjectRef) throw new Refusal('INVALID_ARGUMENT', 'the request names no ScaledObject');
        const asked = readTrigger(source, scaledObjectRef);
        if (metricName.replace(TRIGGER, '') !== asked.metric)
          throw new Refusal('NOT_FOUND', `the trigger has the metric ${asked.metric} only`);
        const value = loadOf(source, asked).values[asked.metric];
        if (value === undefined)
          throw new Refusal('UNAVAILABLE', `${asked.metric} of ${asked.name.game} is not known now`);
        return { metricValues: [{ metricName, metricValue: Math.ceil(value), metricValueFloat: value }] };
      }),
  });
  const credentials = tls
    ? ServerCredentials.createSsl(
        Buffer.from(tls.ca),
        [{ cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) }],
        true,
      )
    : ServerCredentials.createInsecure();
  const { host, port } = listen;
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (!error) return resolve(port);
      const isTaken = error.message.includes('EADDRINUSE');
      reject(
        new NearlightError(isTaken ? 'NL_PORT_IN_USE' : 'NL_SETTING', `SCALE_KEDA_PORT=${port}: ${error.message}`),
      );
    });
  });
  return {
    port: bound,
    async close() {
      server.forceShutdown();
    },
  };
}

/** The metric of a game that a trigger asks for. */
interface Asked {
  readonly name: GameName;
  readonly metric: string;
  readonly target: number;
}

/** A call that is refused, with the name of a status of gRPC. */
class Refusal extends Error {
  readonly status: 'INVALID_ARGUMENT' | 'NOT_FOUND' | 'UNAVAILABLE' | 'RESOURCE_EXHAUSTED';
  constructor(status: Refusal['status'], message: string) {
    super(message);
    this.status = status;
  }
}

/** @throws Refusal */
function readTrigger(source: LoadSource, ref: ScaledObjectRef): Asked {
  const fault = faultOf(ref);
  if (fault !== undefined) throw new Refusal('INVALID_ARGUMENT', fault);
  const { namespace, scalerMetadata } = ref;
  const { game = '', metric = DEFAULT_METRIC, target = '1' } = scalerMetadata;
  if (game === '') throw new Refusal('INVALID_ARGUMENT', "the trigger's metadata needs game, the name of a game");
  if (!METRIC_NAMES.includes(metric))
    throw new Refusal('INVALID_ARGUMENT', `there is no such metric; there are ${METRIC_NAMES.join(', ')}`);
  const size = /^\d{1,10}(\.\d{1,6})?$/.test(target) ? Number(target) : Number.NaN;
  if (!(size > 0 && size <= TARGET_MAX))
    throw new Refusal('INVALID_ARGUMENT', `target is not a number above 0, and at most ${TARGET_MAX}`);
  const name = source.games.find((each) => each.namespace === namespace && each.game === game);
  if (!name) throw new Refusal('NOT_FOUND', `there is no policy for this game in the namespace ${namespace}`);
  return { name, metric, target: size };
}

/** @throws Refusal UNAVAILABLE */
function loadOf(source: LoadSource, { name }: Asked): GameLoad {
  const load = source.read(name);
  if (!load) throw new Refusal('UNAVAILABLE', `the load of ${name.game} is not known now`);
  return load;
}
