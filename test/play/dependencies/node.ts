import { expect } from 'vitest';
import { readConfig } from '../../../host/base/config.ts';
import { MESSAGE_KEY } from '../../../host/base/protocol.ts';
import { type OpenedGate, openGate } from '../../../host/edge/admission/gate.ts';
import type { KeyStore } from '../../../host/edge/admission/keys.ts';
import { createDependencies, type Dependencies } from '../../../host/edge/dependencies/dependencies.ts';
import { Meters } from '../../../host/observe/meters.ts';
import { limitPages } from '../../../host/play/dependencies.ts';
import { at } from '../../at.ts';
import { ManualClock } from '../../room/fake.ts';
import { RecordedPlayer, startServer } from '../../stream/fixture.ts';
import { Peer, until } from '../../stream/peer.ts';
import { sleep } from '../../wait.ts';
import { AUDIENCE } from './token-provider.ts';

/** The manual clock goes on by this much when nothing has happened for PATIENCE_MS. */
export const STEP_MS = 100;
const PATIENCE_MS = 40;

/** Waits for something, and lets time pass whenever nothing has happened for a moment. */
export async function drive<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let isDone = false;
  const done = work.then(
    () => (isDone = true),
    () => (isDone = true),
  );
  for (;;) {
    await Promise.race([done, sleep(PATIENCE_MS)]);
    if (isDone) return work;
    await clock.pass(STEP_MS);
  }
}

/** A host's admission on a clock of its own, with a player who is in a match. */
export interface Node {
  clock: ManualClock;
  gate: OpenedGate;
  dependencies: Dependencies;
  meters: Meters;
  lines: string[];
  /** Returns what the page of a new player gets: `in`, or the code of the refusal. */
  join(query?: string): Promise<string>;
  /** Checks that the player's input arrives, and that no gate would refuse a return to the seat. */
  checkMatch(): Promise<void>;
  /** Lets the player lose the connection and come back to the seat over another one. */
  comeBack(): Promise<void>;
}

export interface NodeOptions {
  /** URL of the issuer, and the tokens of the player in the match and of the one who joins. */
  issuer: string;
  tokens: readonly [string, string];
  /** URL of the OPA server; undefined for the policies that come along. */
  opa?: string | undefined;
  keys?: KeyStore | undefined;
  keysSecondsMax: number;
  /** Gets functions that close what is open, in their order. */
  closers: (() => unknown)[];
}

export async function openNode({ issuer, tokens, opa, keys, keysSecondsMax, closers }: NodeOptions): Promise<Node> {
  const clock = new ManualClock();
  const meters = new Meters();
  const lines: string[] = [];
  const log = (level: string, line: string) => void lines.push(`${level} ${line}`);
  const config = {
    ...readConfig({}),
    port: 0,
    // Requests of proxies are not paced.
    trustedProxies: '127.0.0.1',
    accountSeatsMax: 1000,
    accountJoinsPerSecondMax: 10_000,
    addressSeatsMax: 1000,
    addressHeldMax: 1000,
    offersPerSecondMax: 10_000,
    addressOffersPerSecondMax: 10_000,
    admission: 'token',
    oidcIssuer: issuer,
    oidcAudience: AUDIENCE,
    issuerMsMax: 1000,
    sinkMsMax: 1000,
    keysSecondsMax,
    ...(opa ? { opaUrl: opa, opaCacheMs: 0 } : {}),
  };
  const dependencies = createDependencies({ config, log, meters, clock });
  const game = { id: 'test', isRunning: true, players: 1, seats: 10 };
  const gate = await openGate({
    config,
    log,
    meters,
    dependencies,
    game: () => game,
    clock,
    ...(keys ? { keys } : {}),
  });
  closers.push(() => gate.close());
  const seated: RecordedPlayer[] = [];
  const { server } = await startServer(config, {
    gate,
    meters,
    limit: limitPages(dependencies),
    admit: async (view) => () => {
      const player = new RecordedPlayer(seated.length, view);
      seated.push(player);
      return player;
    },
    watch: async (view) => () => new RecordedPlayer(-1, view),
  });
  closers.push(() => server.close());
  const connect = async (options: Parameters<Peer['join']>[1]) => {
    const peer = new Peer();
    closers.push(() => peer.close());
    await drive(clock, peer.join(server.url, options));
    return peer;
  };
  let peer = await connect({ bearer: tokens[0], tokens: '' });
  const player = at(seated, 0);
  const pass = await gate.identify(tokens[0]);
  const press = async () => {
    const before = player.inputs.length;
    peer.events.sendMessageBinary(Buffer.of(MESSAGE_KEY, 4, 1, 0, 1, 0, 0, 0));
    await until(() => player.inputs.length > before, 'the input of the match');
  };
  return {
    clock,
    gate,
    dependencies,
    meters,
    lines,
    async join(query = '') {
      const headers = { authorization: `Bearer ${tokens[1]}` };
      const response = await drive(clock, fetch(`${server.url}whep/ticket${query}`, { method: 'POST', headers }));
      const { code = 'in' } = (await response.json()) as { code?: string };
      return code;
    },
    async checkMatch() {
      await press();
      await drive(clock, gate.judge(pass, { kind: 'return', client: '192.0.2.1' }));
      expect(player.closed).toEqual([]);
    },
    async comeBack() {
      peer.close();
      peer = await connect({ tokens: peer.token });
      await press();
      expect(player.closed).toEqual([]);
    },
  };
}
