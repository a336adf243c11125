import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { must } from '../../host/base/assert.ts';
import { evaluate } from '../../host/observe/evaluate.ts';
import { parseMetrics } from '../../host/observe/exposition.ts';
import { complement, mean, plus, quantile, rate, share, sum } from '../../host/observe/expression.ts';
import { SCOPE } from '../../host/observe/panel.ts';
import { toPromql } from '../../host/observe/promql.ts';
import { SIGHT } from '../check/sight.ts';
import { type HostProcess, openGame, startBrowser, startHostProcess } from '../e2e/host.ts';
import { freePort } from '../e2e/line.ts';
import { commandLine, descendants } from '../process-tree.ts';
import { compile } from '../session/compile.ts';
import { eventually } from '../wait.ts';
import {
  get,
  query,
  type Receiver,
  type Server,
  startAlertmanager,
  startPrometheus,
  startReceiver,
} from './monitoring.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Labels that Grafana puts in the place of a dashboard's variables. */
const CHOICE = { node: 'node-1', pod: 'arena-1', __rate_interval: '15s' };
const PATIENCE_MS = 120_000;

/** A game that hands its players over, and has a result every two seconds. */
const SCORE = `
import { bus, ColorAttachment, device, Game, play, RenderPassDescriptor, State, surface } from '@nearlight/sdk';
export { export_player, import_player, init, join, leave, render, tick, version } from '@nearlight/sdk/game';

let points: u32 = 0;

class Score extends Game {
  private target: ColorAttachment = { view: surface.view };
  private pass: RenderPassDescriptor = { colorAttachments: [this.target] };

  player(_seat: i32, state: State): bool {
    if (!state.matches(1, 8)) return false;
    points = state.u32(points);
    return true;
  }

  tick(n: u32): void {
    if (n % 240 === 239) bus.emitText('result', '{"points":1}');
  }

  render(_seat: i32, _width: u32, _height: u32): void {
    const encoder = device.createCommandEncoder();
    encoder.beginRenderPass(this.pass).end();
    device.queue.submit(encoder.finish());
  }
}

play(new Score());
`;

const folder = mkdtempSync(join(tmpdir(), 'nearlight-sight-'));
const read = (name: string) => readFileSync(join(ROOT, SIGHT, name), 'utf8');

let host: HostProcess;
let browser: Browser;
let page: Page;
let traveller: Traveller;
let linear: { port: number; close(): void };
let centre: { url: string; close(): void };
let receiver: Receiver;
let alertmanager: Server;
let prometheus: Server;

/** A target as the service discovery of Kubernetes would describe a port of a pod. */
function podPort(port: number, name: string, pod: string) {
  const labels = {
    pod_container_port_name: name,
    pod_phase: 'Running',
    namespace: 'nearlight',
    pod_node_name: CHOICE.node,
    pod_name: pod,
    pod_label_app_kubernetes_io_name: 'arena',
  };
  return {
    targets: [`127.0.0.1:${port}`],
    labels: Object.fromEntries(Object.entries(labels).map(([label, value]) => [`__meta_kubernetes_${label}`, value])),
  };
}

/** The metrics of a target whose counters grow evenly, so that a rate is the same over any window. */
function linearMetrics(seconds: number): string {
  const lines = [20, 60, 90, 100].map((perSecond, index) => {
    const le = ['0.01', '0.02', '0.05', '+Inf'][index];
    return `linear_seconds_bucket{stage="s",le="${le}"} ${perSecond * seconds}`;
  });
  return [
    ...lines,
    `linear_seconds_sum{stage="s"} ${2.5 * seconds}`,
    `linear_seconds_count{stage="s"} ${100 * seconds}`,
    `linear_total{code="X"} ${3 * seconds}`,
    `linear_total{code="Y"} ${seconds}`,
    'linear 7',
    '',
  ].join('\n');
}

/** Starts a centre that takes every event. */
function startCentre(): Promise<typeof centre> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(204).end();
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () =>
      resolve({
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        close: () => server.closeAllConnections() ?? server.close(),
      }),
    ),
  );
}

function serveLinear(): Promise<typeof linear> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(linearMetrics(performance.now() / 1000));
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        close: () => server.closeAllConnections() ?? server.close(),
      }),
    ),
  );
}

/** Writes the shipped configuration of Prometheus, with targets from a file and shorter intervals. */
function configure(targets: object[], alerts: string): string {
  const config = parse(read('prometheus.yml')) as {
    global: object;
    alerting: object;
    scrape_configs: { kubernetes_sd_configs?: object; file_sd_configs?: object }[];
  };
  const [job] = config.scrape_configs;
  writeFileSync(join(folder, 'targets.json'), JSON.stringify(targets));
  delete must(job, 'job').kubernetes_sd_configs;
  must(job, 'job').file_sd_configs = [{ files: ['targets.json'] }];
  config.global = { scrape_interval: '1s', evaluation_interval: '1s' };
  config.alerting = { alertmanagers: [{ static_configs: [{ targets: [new URL(alerts).host] }] }] };
  for (const name of readdirSync(join(ROOT, SIGHT)))
    if (name.endsWith('.rules.yml')) copyFileSync(join(ROOT, SIGHT, name), join(folder, name));
  writeFileSync(join(folder, 'prometheus.yml'), stringify(config));
  return join(folder, 'prometheus.yml');
}

/** Writes the shipped configuration of Alertmanager with other receivers. */
function configureAlerts(url: string): string {
  const config = parse(read('alertmanager.yml')) as { receivers: { name: string; webhook_configs: object[] }[] };
  for (const found of config.receivers) found.webhook_configs = [{ url: `${url}${found.name}` }];
  const path = join(folder, 'alertmanager.yml');
  // Only the time that Alertmanager collects alerts for is shorter.
  writeFileSync(path, stringify(config).replaceAll(/group_wait: \d+s/g, 'group_wait: 1s'));
  return path;
}

interface Traveller {
  stop(): Promise<void>;
}

/** Moves a player to and fro between two games, and in vain to a host that is not there, until it is stopped. */
async function startTraveller(): Promise<Traveller> {
  const player = await openGame(browser, `${host.url}?game=score&size=320x180&fps=30`);
  const order = (body: object) =>
    fetch(new URL('moves', host.operatorUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ seat: 0, ...body }),
    }).catch(() => {});
  let isStopped = false;
  const travel = async () => {
    while (!isStopped) {
      await order({ game: 'score', toGame: 'other' });
      await order({ game: 'other', host: 'west' });
      await order({ game: 'other', toGame: 'score' });
      // The page needs a moment to follow.
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  };
  const travelling = travel();
  return {
    async stop() {
      isStopped = true;
      await travelling;
      await player.close();
    },
  };
}

beforeAll(async () => {
  centre = await startCentre();
  const [score, other] = [join(folder, 'score.wasm'), join(folder, 'other.wasm')];
  writeFileSync(score, await compile('score', SCORE));
  copyFileSync(score, other);
  const nowhere = `http://127.0.0.1:${await freePort('tcp')}/`;
  [host, browser, receiver, linear] = await Promise.all([
    startHostProcess(['build/arena.wasm', score, other], {
      CACHE_DIR: join(folder, 'cache'),
      STORE_DIR: join(folder, 'store'),
      SINK_URL: `${centre.url}/`,
      SYNC_INTERVAL: '1s',
      MOVE_NAME: 'east',
      MOVE_KEY: 'k'.repeat(32),
      MOVE_PORT: '0',
      MOVE_PEERS: `west=${nowhere}|${nowhere}`,
    }),
    startBrowser(),
    startReceiver(),
    serveLinear(),
  ]);
  const port = Number(new URL(host.operatorUrl).port);
  for (const name of ['alerts', 'data']) mkdirSync(join(folder, name));
  alertmanager = await startAlertmanager(configureAlerts(receiver.url), join(folder, 'alerts'));
  const targets = [
    podPort(port, 'operator', CHOICE.pod),
    podPort(Number(new URL(host.url).port), 'http', CHOICE.pod),
    podPort(linear.port, 'operator', 'linear-1'),
  ];
  prometheus = await startPrometheus(configure(targets, alertmanager.url), join(folder, 'data'));
  page = await openGame(browser, host.url);
  traveller = await startTraveller();
  // A second player comes and leaves, and a request is refused, so that there is something to see.
  const second = await openGame(browser, host.url);
  await second.close();
  await fetch(new URL('whep?game=none', host.url), { method: 'POST' });
});

afterAll(async () => {
  await traveller?.stop();
  await browser?.close();
  await prometheus?.close();
  await alertmanager?.close();
  await receiver?.close();
  linear?.close();
  await host?.stop();
  centre?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Dashboard {
  title: string;
  panels: { title: string; targets: { expr: string }[] }[];
  templating: { list: { name: string; type: string; query: { query: string } }[] };
}

const dashboards = readdirSync(join(ROOT, SIGHT, 'dashboards')).map(
  (name) => [name, JSON.parse(read(`dashboards/${name}`)) as Dashboard] as const,
);
const queries = dashboards.flatMap(([name, { panels }]) =>
  panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [name, title, expr] as const)),
);

/** Puts values in the place of a dashboard's variables, as Grafana does. */
function chosen(expr: string): string {
  return expr.replace(/\$(\w+)/g, (_, name: string) => must(CHOICE[name as keyof typeof CHOICE], name));
}

describe('a Prometheus that scrapes a host with players', () => {
  test('it scrapes the port of the operator only, and knows node, pod and game', async () => {
    await eventually(async () => {
      const { data } = await get<{ data: { activeTargets: { labels: object; health: string }[] } }>(
        prometheus,
        '/api/v1/targets?state=active',
      );
      expect(data.activeTargets.map(({ health }) => health)).toEqual(['up', 'up']);
    }, PATIENCE_MS);
    const [up] = await query(prometheus, `up{pod="${CHOICE.pod}"}`);
    expect(up?.metric).toMatchObject({ job: 'nearlight', node: 'node-1', namespace: 'nearlight', game: 'arena' });
  });

  test.each(queries)('%s, "%s" has data: %s', async (_, title, expr) => {
    const found = await eventually(async () => {
      // A quantile of nothing, such as the time of a step that no one has passed, is not a number.
      const series = (await query(prometheus, chosen(expr))).filter(({ value }) => Number.isFinite(value));
      expect(series.length, title).toBeGreaterThan(0);
      return series;
    }, PATIENCE_MS);
    for (const { value } of found) expect(value).toBeGreaterThanOrEqual(-1e-9);
  });

  test.each(dashboards)('the variables of %s have values', async (_, { templating }) => {
    for (const { name, type, query: asked } of templating.list) {
      if (type !== 'query') continue;
      const [, series, label] = must(/^label_values\((.+), (\w+)\)$/.exec(asked.query), 'label_values');
      expect(label).toBe(name);
      const found = await query(prometheus, must(series, 'series'));
      expect(found.map(({ metric }) => metric[name])).toContain(CHOICE[name as keyof typeof CHOICE]);
    }
  });

  test('every rule is loaded and healthy', async () => {
    const { data } = await eventually(async () => {
      const answer = await get<{
        data: { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
      }>(prometheus, '/api/v1/rules');
      const rules = answer.data.groups.flatMap((group) => group.rules);
      expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
      return answer;
    }, PATIENCE_MS);
    const names = data.groups.flatMap(({ rules }) => rules.map(({ name }) => name));
    const written = ['objectives.rules.yml', 'alerts.rules.yml'].flatMap((name) =>
      [...read(name).matchAll(/- (?:record|alert): (\S+)/g)].map(([, rule]) => rule),
    );
    expect(names.sort()).toEqual(written.sort());
  });

  test('a game whose process is killed makes an alert, which Alertmanager delivers', async () => {
    const guests = descendants(must(host.process.pid, 'process id')).filter((pid) =>
      /(^|\/)nearlight-guest|guest/.test(commandLine(pid).split(' ')[0] ?? ''),
    );
    expect(guests.length).toBeGreaterThan(0);
    for (const pid of guests) process.kill(pid, 'SIGKILL');
    const alert = await eventually(
      () =>
        must(
          receiver.alerts.find(({ labels }) => labels.alertname === 'NearlightGameFailed'),
          'alert',
        ),
      PATIENCE_MS,
    );
    expect(alert).toMatchObject({
      status: 'firing',
      labels: { severity: 'ticket', pod: CHOICE.pod, code: 'NL_GUEST_KILLED' },
      annotations: { summary: 'A game in arena-1 ended with NL_GUEST_KILLED.' },
    });
    expect(await page.isClosed()).toBe(false);
  });
});

describe('nearlight dash computes what Prometheus computes', () => {
  const all = { match: { code: ['X', 'Y'] } };
  test.each([
    ['a sum', sum('linear')],
    ['a rate', rate('linear_total', all)],
    ['a rate by a label', rate('linear_total', { by: ['code'] })],
    ['a mean', mean('linear_seconds')],
    ['P50', quantile(0.5, 'linear_seconds')],
    ['P99', quantile(0.99, 'linear_seconds', { by: ['stage'] })],
    [
      'a share',
      complement(share(rate('linear_total', { match: { code: 'Y' } }), plus(rate('linear_total'), sum('linear')))),
    ],
  ])('%s', async (_, expression) => {
    const promql = toPromql(expression, { scope: SCOPE, window: '10s' });
    const [before, now] = [100, 110].map((seconds) => parseMetrics(linearMetrics(seconds), seconds * 1000));
    const ours = evaluate(expression, { before: must(before, 'scrape'), now: must(now, 'scrape') });
    expect(ours.length).toBeGreaterThan(0);
    // A scrape that a busy machine delays distorts the rates of one window.
    await eventually(async () => {
      const theirs = await query(prometheus, promql);
      expect(ours.map(({ labels }) => labels)).toEqual(theirs.map(({ metric }) => metric));
      for (const [index, { value }] of ours.entries())
        expect(Math.abs(value / must(theirs[index], 'series').value - 1)).toBeLessThan(0.02);
    }, PATIENCE_MS);
  });
});
