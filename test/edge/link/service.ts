import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../../host/base/clock.ts';
import { type Config, readConfig } from '../../../host/base/config.ts';
import { type GameFacts, openGate } from '../../../host/edge/admission/gate.ts';
import { MemoryTicketStore } from '../../../host/edge/admission/ticket-store.ts';
import type { EndpointRules } from '../../../host/edge/dependencies/rule-file.ts';
import { Hosts } from '../../../host/edge/link/hosts.ts';
import { VERSION } from '../../../host/edge/link/protocol.ts';
import { type EdgeServerOptions, listenForHosts } from '../../../host/edge/link/server.ts';
import { Meters } from '../../../host/observe/meters.ts';
import { LinkedEdge, type LinkOptions } from '../../../host/play/edge-link.ts';
import type { Issuer } from '../issuer.ts';
import { openTestStore, temporaryFolder } from '../store/stores.ts';

/** Serves hosts from this process, with a store in memory. */
export async function serveHosts(
  issuer: Issuer,
  settings: Partial<Config> = {},
  path = join(temporaryFolder(), 'edge.sock'),
  parts: Partial<EdgeServerOptions> = {},
) {
  const tokens = { admission: 'token', oidcIssuer: issuer.url, oidcAudience: 'games' };
  const config = { ...readConfig({}), ...tokens, ...settings };
  const meters = new Meters();
  const { store } = await openTestStore();
  const lines: string[] = [];
  const rules: EndpointRules = {};
  const log = (level: string, line: string) => void lines.push(`${level}: ${line}`);
  const gate = await openGate({
    config,
    log,
    meters,
    game: () => ({ id: '', isRunning: false, players: 0, seats: 1 }),
    tickets: new MemoryTicketStore(),
  });
  const passOf = (id: string) => gate.passOf({ id, role: '' });
  const hosts = new Hosts({ clock: systemClock, take: (id) => passOf(id).take(), free: (id) => passOf(id).free() });
  const { ticketMsMax, accountSeatsMax } = config;
  const admission = config.admission as 'open' | 'token';
  const terms = () => ({ version: VERSION, admission, ticketMsMax, accountSeatsMax, rules });
  const server = await listenForHosts({ path, gate, store, hosts, terms, log, ...parts });
  let isOpen = true;
  const close = async () => {
    if (isOpen) await Promise.all([server.close(), gate.close()]);
    isOpen = false;
  };
  onTestFinished(close);
  return { path, store, hosts, meters, gate, rules, lines, close };
}

/** Connects a host without games, as `nearlight start` does. */
export async function linkHost(path: string, settings: Partial<Config> = {}, parts: Partial<LinkOptions> = {}) {
  const lines: string[] = [];
  const log = (level: string, line: string) => void lines.push(`${level}: ${line}`);
  const edge = new LinkedEdge({ config: { ...readConfig({}), edgeSocket: path, ...settings }, log, ...parts });
  const meters = new Meters();
  const game: { -readonly [name in keyof GameFacts]: GameFacts[name] } = {
    id: 'arena',
    isRunning: true,
    players: 0,
    seats: 10,
  };
  const gate = edge.openGate({ log, meters, game: () => game });
  await edge.link.start();
  onTestFinished(() => edge.close());
  return { edge, gate, game, meters, lines };
}
