import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { run } from '../command.ts';
import { freePort } from '../net/programs.ts';
import { eventually } from '../wait.ts';

export const COLLECTOR_VERSION = '0.165.0';
/** The version of the collector's stable modules that belongs to it. */
const PROVIDER_VERSION = '1.71.0';
const MODULES = 'go.opentelemetry.io/collector';
const CACHE = process.env.CACHE_DIR || join(homedir(), '.cache/nearlight');
const PROGRAM = join(CACHE, 'otel', `collector-${COLLECTOR_VERSION}`);

/** Builds the collector from its Go modules with its own builder, unless it is there already. */
export function buildCollector(say: (line: string) => void): void {
  if (existsSync(PROGRAM)) return;
  say(`building OpenTelemetry's collector ${COLLECTOR_VERSION}, which takes some minutes ...`);
  const work = mkdtempSync(join(tmpdir(), 'nl-otel-'));
  const part = (path: string) => [{ gomod: `${MODULES}/${path} v${COLLECTOR_VERSION}` }];
  const manifest = {
    dist: { name: 'collector', module: 'nearlight/collector', output_path: join(work, 'out') },
    receivers: part('receiver/otlpreceiver'),
    processors: part('processor/memorylimiterprocessor'),
    exporters: part('exporter/otlphttpexporter'),
    providers: ['env', 'file'].map((name) => ({
      gomod: `${MODULES}/confmap/provider/${name}provider v${PROVIDER_VERSION}`,
    })),
  };
  writeFileSync(join(work, 'manifest.yaml'), stringify(manifest));
  run('go', ['install', `${MODULES}/cmd/builder@v${COLLECTOR_VERSION}`], { env: { GOBIN: work, GOFLAGS: '' } });
  run(join(work, 'builder'), ['--config=manifest.yaml'], { folder: work, env: { GOFLAGS: '' } });
  mkdirSync(join(CACHE, 'otel'), { recursive: true });
  renameSync(join(work, 'out/collector'), PROGRAM);
  rmSync(work, { recursive: true });
}

/** A span as the collector passes it on (OTLP's JSON encoding). */
export interface PassedSpan {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: Record<string, unknown> }[];
  status: { code?: number; message?: string };
}

interface Request {
  resourceSpans: {
    resource: { attributes?: PassedSpan['attributes'] };
    scopeSpans: { scope: { name: string }; spans: PassedSpan[] }[];
  }[];
}

/** Takes the place of what stands behind a collector, such as Tempo or Jaeger. */
export interface Backend {
  readonly url: string;
  readonly spans: PassedSpan[];
  /** Attributes of the program that sent the spans. */
  readonly resource: PassedSpan['attributes'];
  /** The status with which it answers from now on. */
  status: number;
  close(): Promise<void>;
}

export async function startBackend(): Promise<Backend> {
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    if (backend.status === 200)
      for (const { resource, scopeSpans } of (JSON.parse(text) as Request).resourceSpans) {
        backend.resource.splice(0, Number.POSITIVE_INFINITY, ...(resource.attributes ?? []));
        backend.spans.push(...scopeSpans.flatMap(({ spans }) => spans));
      }
    response.writeHead(backend.status, { 'content-type': 'application/json' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const backend: Backend = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: [],
    resource: [],
    status: 200,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return backend;
}

/** A running collector. */
export interface Collector {
  /** Address for OTLP over HTTP. */
  readonly url: string;
  signal(name: NodeJS.Signals): void;
  /** Kills it, and starts it at the same address. */
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Starts a collector that passes spans on at once, so that it answers what the backend answers.
 * @param options.memoryMebibytes how much memory it may use before it refuses everything; by default any amount
 */
export async function startCollector(
  backend: Pick<Backend, 'url'>,
  { memoryMebibytes }: { memoryMebibytes?: number } = {},
): Promise<Collector> {
  const port = await freePort();
  const limiter = memoryMebibytes === undefined ? {} : { memory_limiter: limiterOf(memoryMebibytes) };
  const config = {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    processors: limiter,
    exporters: {
      otlphttp: {
        traces_endpoint: `${backend.url}/v1/traces`,
        encoding: 'json',
        compression: 'none',
        sending_queue: { enabled: false },
        retry_on_failure: { enabled: false },
      },
    },
    service: {
      telemetry: { metrics: { level: 'none' } },
      pipelines: { traces: { receivers: ['otlp'], processors: Object.keys(limiter), exporters: ['otlphttp'] } },
    },
  };
  const folder = mkdtempSync(join(tmpdir(), 'nl-collector-'));
  const path = join(folder, 'config.yaml');
  writeFileSync(path, stringify(config));
  let running: ChildProcess | undefined;
  const collector: Collector = {
    url: `http://127.0.0.1:${port}`,
    signal: (name) => void running?.kill(name),
    async kill() {
      const ended = running && once(running, 'exit');
      running?.kill('SIGKILL');
      await ended;
      running = undefined;
    },
    async start() {
      const child = spawn(PROGRAM, [`--config=${path}`], { stdio: ['ignore', 'ignore', 'pipe'] });
      running = child;
      let output = '';
      child.stderr.on('data', (text) => {
        output += text;
      });
      await eventually(() => {
        if (child.exitCode !== null || !output.includes('Everything is ready'))
          throw new Error(`the collector is not ready:\n${output}`);
      });
    },
    async close() {
      await collector.kill();
      rmSync(folder, { recursive: true });
    },
  };
  await collector.start();
  return collector;
}

function limiterOf(mebibytes: number): object {
  return { check_interval: '100ms', limit_mib: mebibytes, spike_limit_mib: 0 };
}
