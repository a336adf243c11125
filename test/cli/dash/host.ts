import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Meters } from '../../../host/observe/meters.ts';
import { createMetrics } from '../../../host/observe/metrics.ts';

/** The figures of a host with a store, in which an event waits. */
const EDGE = {
  waiting: 1,
  oldestSeconds: 3,
  refused: 0,
  local: 0,
  failures: 0,
  outageSeconds: 0,
  held: 0,
  damaged: 0,
  salvaged: 0,
  givenUp: {},
};

/** The fault that an operator injects. */
const FAULT = { place: 'opa', kind: 'cut', isActive: true } as const;

/** A host's metrics on a port of their own, with counters that the test moves. test/sight has a real host. */
export interface MetricsServer {
  readonly url: string;
  readonly meters: Meters;
  close(): Promise<void>;
}

/** Serves the metrics of counters at `port`; 0 takes a free one. */
export async function serveMetrics(port = 0): Promise<MetricsServer> {
  const meters = new Meters();
  meters.gpuMs = 0;
  // A gate makes its reasons known from the start.
  meters.countJoinStep('policy', 'policy-down', 0);
  const metrics = createMetrics(meters, {
    build: { version: '1.2.3', engine: 'wasmedge', gpu: 'llvmpipe', node: process.version },
    seats: () => ({ all: 10, taken: meters.sessions }),
    coldStart: () => ({ loaded: 0.4, ready: 0.5 }),
    edge: () => ({ ...EDGE, sent: meters.sessionsJoined }),
    protection: { faults: () => [FAULT], isHigh: (fingerprint) => fingerprint === 'joins', p95Ms: () => 2 },
  });
  const server = createServer((_, response) => void metrics().then((text) => response.end(text)));
  const address = await listen(server, port);
  return {
    url: `http://127.0.0.1:${address}/metrics`,
    meters,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** Counts what a host with two players counts in `seconds`, and a player who comes and goes. */
export function play(meters: Meters, seconds: number): void {
  meters.sessions = 2;
  meters.sessionsJoined++;
  meters.sessionsEnded.page++;
  meters.countJoinStep('seat', 'ok');
  meters.countJoinStep('address', 'ok');
  meters.countJoinStep('address', 'NL_OFFER_RATE');
  meters.countJoinStep('policy', 'policy-join', 0);
  meters.dependencies.opa.count('ok');
  meters.dependencies.opa.count('failed');
  for (const { time } of Object.values(meters.dependencies)) time.add(3);
  for (const step of Object.values(meters.joinSteps)) step.add(0.2);
  for (const histogram of [meters.move, meters.moveUndo]) histogram.add(90);
  for (let n = 0; n < 120 * seconds; n++) {
    meters.tick.add(0.3 + (n % 7) / 10);
    meters.tickLate.add(0.1);
  }
  for (let n = 0; n < 120 * seconds; n++) {
    const { render, replay, readback, encode, send, pace, inputWait, inputTick, inputTurn } = meters;
    for (const histogram of [render, replay, send, pace, inputWait, inputTick, inputTurn])
      histogram.add(0.5 + (n % 5) / 5);
    readback.add(3 + (n % 3));
    encode.add(5 + (n % 11));
    meters.inputToSend.add(14 + (n % 23));
    for (const histogram of Object.values(meters.page)) histogram.add(4 + (n % 13));
    meters.encodedBytes += 2000;
    meters.gpuMs = (meters.gpuMs ?? 0) + 2.5;
  }
}
