import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '../wait.ts';

/** A running Prometheus or Alertmanager. */
export interface Server {
  /** URL without a path. */
  readonly url: string;
  output(): string;
  close(): Promise<void>;
}

/** One series of the answer to a query. */
export interface Series {
  metric: Record<string, string>;
  value: number;
}

/** Starts Debian's Prometheus with a configuration file, and keeps its data in `folder`. */
export function startPrometheus(config: string, folder: string): Promise<Server> {
  return start('prometheus', [
    `--config.file=${config}`,
    `--storage.tsdb.path=${folder}`,
    '--web.listen-address=127.0.0.1:0',
    '--log.level=info',
  ]);
}

/** Starts Debian's Alertmanager with a configuration file, and keeps its data in `folder`. */
export function startAlertmanager(config: string, folder: string): Promise<Server> {
  return start('prometheus-alertmanager', [
    `--config.file=${config}`,
    `--storage.path=${folder}`,
    '--web.listen-address=127.0.0.1:0',
    '--cluster.listen-address=',
  ]);
}

async function start(program: string, args: string[]): Promise<Server> {
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr?.on('data', (text) => {
    output += text;
  });
  const exited = once(child, 'exit');
  const address = await eventually(() => {
    if (child.exitCode !== null) throw new Error(`${program} has ended:\n${output}`);
    const [, found] = /msg="Listening on" address=(\S+)/.exec(output) ?? [];
    if (found === undefined) throw new Error(`${program} does not say where it listens:\n${output}`);
    return found;
  });
  const url = `http://${address}`;
  await eventually(async () => {
    const { status } = await fetch(`${url}/-/ready`);
    if (status !== 200) throw new Error(`${program} is not ready: ${status}\n${output}`);
  });
  return {
    url,
    output: () => output,
    async close() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** Asks Prometheus a query about now. @throws Error with what it says is wrong */
export async function query({ url }: Pick<Server, 'url'>, text: string): Promise<Series[]> {
  const response = await fetch(`${url}/api/v1/query`, { method: 'POST', body: new URLSearchParams({ query: text }) });
  const answer = (await response.json()) as {
    error?: string;
    data?: { result: { metric: Record<string, string>; value: [number, string] }[] };
  };
  if (!answer.data) throw new Error(`${text}: ${answer.error}`);
  return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
}

/** Asks Prometheus or Alertmanager for the answer to a GET request. */
export async function get<T>({ url }: Pick<Server, 'url'>, path: string): Promise<T> {
  return (await (await fetch(`${url}${path}`)).json()) as T;
}

/** An alert as Alertmanager sends it to a webhook. */
export interface Delivered {
  status: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

/** A receiver of alerts. */
export interface Receiver {
  readonly url: string;
  readonly alerts: Delivered[];
  close(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const alerts: Delivered[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    alerts.push(...(JSON.parse(text) as { alerts: Delivered[] }).alerts);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    alerts,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
