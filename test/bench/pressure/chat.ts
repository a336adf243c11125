/** Chat over long connections: messages between rooms of two hosts, whose queues are bounded. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BusPort } from '../../../host/base/bus.ts';
import { readConfig } from '../../../host/base/config.ts';
import { Meters } from '../../../host/observe/meters.ts';
import { openBus } from '../../../host/play/bus.ts';
import { openResilience } from '../../../host/play/resilience.ts';
import { sleep } from '../../wait.ts';
import type { Bench } from '../harness.ts';
import { now, type Outcome, offer, report } from './load.ts';

const PER_SECOND = 4000;
const CALM_PER_SECOND = 200;
const CALM_MS = 2000;
const ROOMS = 8;
/** Rooms take messages with each tick, at most so many, as modules do that have given memory for them. */
const TICK_MS = 1000 / 60;
const TAKEN_MAX = 32;
/** Time that a message may take when all is well: two ticks. */
const CHAT_MS = 100;

/** Starts Debian's nats-server. Returns undefined if there is none. */
async function startNats(): Promise<{ url: string; process: ChildProcess; folder: string } | undefined> {
  if (spawnSync('which', ['nats-server']).status !== 0) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'nearlight-pressure-'));
  const process = spawn('nats-server', ['-a', '127.0.0.1', '-p', '-1', '--ports_file_dir', folder], {
    stdio: 'ignore',
  });
  for (;;)
    try {
      const text = readFileSync(join(folder, `nats-server_${process.pid}.ports`), 'utf8');
      const { nats } = JSON.parse(text) as { nats: string[] };
      return { url: `nats://127.0.0.1:${new URL(nats[0] ?? '').port}`, process, folder };
    } catch {
      await sleep(20);
    }
}

function openHost(natsUrl: string) {
  const config = { ...readConfig({}), natsUrl };
  const meters = new Meters();
  const resilience = openResilience({ config, log: () => {}, meters });
  return { bus: openBus({ config, log: () => {}, meters, resilience }), resilience, meters };
}

/** Takes messages at each tick, and notes how long they took. */
function listen(ports: readonly BusPort[], outcomes: Outcome[]): NodeJS.Timeout {
  return setInterval(() => {
    for (const port of ports)
      for (let taken = 0; taken < TAKEN_MAX; taken++) {
        const message = port.take();
        if (!message) break;
        const { bytes } = message;
        const sentAt = new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0);
        outcomes.push({ dueAt: sentAt, endedAt: now() });
      }
  }, TICK_MS);
}

export async function pressChat(bench: Bench, seconds: number): Promise<void> {
  const nats = await startNats();
  if (!nats) bench.note('  chat: there is no nats-server, so all rooms are of one host');
  const one = openHost(nats?.url ?? '');
  const other = nats ? openHost(nats.url) : one;
  const senders = Array.from({ length: ROOMS }, () => one.bus.open('game'));
  const listeners = Array.from({ length: ROOMS }, () => other.bus.open('game'));
  for (const port of listeners) port.subscribe('chat');
  const outcomes: Outcome[] = [];
  const listening = listen(listeners, outcomes);
  const send = async (index: number) => {
    const bytes = new Uint8Array(64);
    new DataView(bytes.buffer).setFloat64(0, now());
    senders[index % ROOMS]?.emit('chat', bytes);
  };
  // The connection is up when a message comes through.
  while (outcomes.length === 0) {
    await send(0);
    await sleep(50);
  }
  outcomes.length = 0;
  const sent = await offer(
    [
      { perSecond: CALM_PER_SECOND, ms: CALM_MS },
      { perSecond: PER_SECOND, ms: seconds * 1000, isPressure: true },
      { perSecond: CALM_PER_SECOND, ms: CALM_MS },
    ],
    send,
  );
  await sleep(500);
  clearInterval(listening);
  const wanted = sent.outcomes.length * ROOMS;
  const dropped = Object.entries(other.meters.bus.dropped).filter(([, count]) => count > 0);
  report(bench, 'chat, each message to each room', { ...sent, outcomes }, CHAT_MS);
  for (const [reason, count] of dropped) bench.value(`chat: dropped, ${reason}`, '', count);
  bench.value('chat: times that a flood was recognised', '', one.meters.protection.recognised.chat);
  const counted = dropped.reduce((sum, [, count]) => sum + count, 0);
  bench.goal('chat: messages that are missing and not counted as dropped', {
    direction: 'at most',
    limit: 0,
    value: wanted - outcomes.length - counted,
    unit: '',
  });
  for (const host of new Set([one, other])) {
    host.resilience.close();
    await host.bus.close();
  }
  if (!nats) return;
  nats.process.kill('SIGKILL');
  rmSync(nats.folder, { recursive: true, force: true });
}
