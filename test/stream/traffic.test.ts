// The fate of the messages of pages, on the data channels and on the WebSocket.
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Config } from '../../host/base/config.ts';
import {
  HEADER_RETURN,
  MESSAGE_KEY,
  MESSAGE_NOTICE,
  MESSAGE_PAD_BUTTON,
  MESSAGE_TEXT,
  type Notice,
} from '../../host/base/protocol.ts';
import { micro } from '../../host/base/time.ts';
import { Meters } from '../../host/observe/meters.ts';
import { at } from '../at.ts';
import { CutPath } from './cut-path.ts';
import { accessUnit, type Fixture, type RecordedPlayer, startServer } from './fixture.ts';
import { heldMessage, Peer, pointerMessage, until } from './peer.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Page {
  readonly token: string;
  readonly notices: Notice[];
  event(message: Buffer): void;
  state(message: Buffer): void;
  /** Makes the page silent, as if its machine were gone. */
  cut(): void;
  close(): void;
}

interface Host extends Fixture {
  meters: Meters;
}

type Door = (host: Host, tokens?: string) => Promise<Page>;

const dataChannels: Door = async ({ server }, tokens = 'new') => {
  const peer = new Peer({ reports: false });
  const path = await CutPath.open();
  closing.push(
    () => path.close(),
    () => peer.close(),
  );
  await peer.join(server.url, { tokens, edit: (sdp) => path.lead(sdp) });
  await until(() => peer.state.isOpen(), 'the state channel');
  return {
    token: peer.token,
    notices: peer.notices,
    event: (message) => void (peer.events.isOpen() && peer.events.sendMessageBinary(message)),
    state: (message) => void (peer.state.isOpen() && peer.state.sendMessageBinary(message)),
    cut: () => {
      path.isUp = false;
    },
    close: () => peer.close(),
  };
};

const webSocket: Door = async ({ server }, tokens = 'new') => {
  const response = await fetch(`${server.url}whep/socket`, { method: 'POST', headers: { [HEADER_RETURN]: tokens } });
  const url = new URL(response.headers.get('location') ?? '', response.url).href.replace(/^http/, 'ws');
  const socket = new WebSocket(url);
  const notices: Notice[] = [];
  socket.on('message', (message: Buffer) => {
    if (message[0] === MESSAGE_NOTICE) notices.push(JSON.parse(message.subarray(1).toString()));
  });
  socket.on('error', () => {});
  closing.push(() => socket.terminate());
  await until(() => notices.length > 0, 'the notice "joined"');
  const send = (message: Buffer) => void (socket.readyState === WebSocket.OPEN && socket.send(message));
  const token = response.headers.get(HEADER_RETURN) ?? '';
  // A socket that does not read answers no ping.
  return { token, notices, event: send, state: send, cut: () => socket.pause(), close: () => socket.terminate() };
};

async function start(settings: Partial<Config> = {}): Promise<Host> {
  const meters = new Meters();
  const fixture = await startServer(settings, { meters });
  closing.push(() => fixture.server.close());
  return { ...fixture, meters };
}

/** Presses keys: each of a hundred in turn, so that none is pressed twice without a release. */
function presses(count: number): Buffer[] {
  return Array.from({ length: count }, (_, index) => {
    const message = Buffer.of(MESSAGE_KEY, 4 + ((index >> 1) % 100), index % 2 === 0 ? 1 : 0, 0, 0, 0, 0, 0);
    message.writeUInt32LE(10 + index, 4);
    return message;
  });
}

const pressesOf = ({ inputs }: RecordedPlayer) => inputs.filter(([kind, , down]) => kind === 'key' && down).length;

describe.each([
  ['data channels', dataChannels],
  ['a WebSocket', webSocket],
])('a page on %s', (_, join) => {
  test('gets a notice when it presses more than the host takes, and plays on', async () => {
    const host = await start();
    const page = await join(host);
    const player = at(host.players, 0);
    // 100 presses count at once. The bucket gains no more than a few while these arrive.
    for (const message of presses(2 * 300)) page.event(message);
    const dropped = await until(() => page.notices.find(({ kind }) => kind === 'dropped'), 'the notice');
    expect(dropped).toMatchObject({ kind: 'dropped', code: 'NL_INPUT_RATE' });
    await until(() => at(player.inputs, -1)?.[3] === 10 + 599, 'the last release');
    expect(pressesOf(player)).toBeGreaterThanOrEqual(100);
    expect(pressesOf(player) + (player.connection?.stats.inputsDropped ?? 0)).toBe(300);
    expect(host.meters.inputsDropped.get('NL_INPUT_RATE')).toBe(player.connection?.stats.inputsDropped);
    expect(host.meters.inputOutage.seconds).toBeGreaterThan(0);
    expect([player.closed, page.notices.some(({ kind }) => kind === 'ended')]).toEqual([[], false]);
  });

  test('is dismissed with a code when it goes on and on', async () => {
    const host = await start({ inputDropsMax: 50 });
    const page = await join(host);
    const player = at(host.players, 0);
    for (const message of presses(2 * 1500)) page.event(message);
    const ended = await until(() => page.notices.find(({ kind }) => kind === 'ended'), 'the end');
    expect(ended).toMatchObject({ code: 'NL_INPUT_RATE', retry: false });
    await until(() => player.closed.length > 0, 'the end');
    expect([player.closed, player.lost]).toEqual([['rate'], 0]);
    expect([...host.meters.pagesDismissed].filter(([, count]) => count > 0)).toEqual([['NL_INPUT_RATE', 1]]);
    const answer = await fetch(`${host.server.url}whep/socket`, { method: 'POST' });
    expect([answer.status, await answer.json()]).toEqual([429, expect.objectContaining({ code: 'NL_DISMISSED' })]);
  });

  test('loses no movement, however many states it sends', async () => {
    const host = await start();
    const page = await join(host);
    const player = at(host.players, 0);
    const connection = await until(() => player.connection, 'the connection');
    for (let sequence = 1; sequence <= 1000; sequence++) page.state(pointerMessage({ sequence, dx: sequence }));
    await until(() => connection.stats.inputsCoalesced > 0, 'states that came too soon');
    // The network may lose a state, so the page sends another one each time.
    const totals = () =>
      player.inputs.flatMap(([kind, state]) => (kind === 'pointer' ? [(state as { totalDx: number }).totalDx] : []));
    let sequence = 1000;
    await until(() => {
      page.state(pointerMessage({ sequence: ++sequence, dx: 5000 }));
      return totals().includes(5000);
    }, 'the newest state');
    expect(totals()).toEqual(totals().sort((a, b) => a - b));
    expect(connection.stats).toMatchObject({ inputsDropped: 0, inputErrors: 0 });
    expect(host.meters.inputsCoalesced).toBe(connection.stats.inputsCoalesced);
  });

  test('presses buttons of a gamepad, and enters a text', async () => {
    const host = await start();
    const page = await join(host);
    const player = at(host.players, 0);
    page.event(Buffer.of(MESSAGE_PAD_BUTTON, 3, 1, 2, 1, 0, 0, 0));
    page.event(Buffer.concat([Buffer.of(MESSAGE_TEXT, 1, 0, 0, 2, 0, 0, 0, 9, 0, 0, 0), Buffer.from('Zoë')]));
    await until(() => player.inputs.length === 2, 'the input');
    expect(player.inputs).toEqual([
      ['padButton', 2, 3, true, 1],
      ['text', 9, 'Zoë'],
    ]);
    expect(player.connection?.stats.inputErrors).toBe(0);
  });

  test('is hot, warm while it is hidden, cold while its seat waits, and hot again when it returns', async () => {
    const host = await start();
    const { meters } = host;
    const page = await join(host);
    const player = at(host.players, 0);
    const connection = await until(() => player.connection, 'the connection');
    const frame = { rtpTimestamp: 0, keyframe: true, inputSequence: 0, inputToSendUs: micro(0) };
    expect(meters.tiers).toEqual({ hot: 1, warm: 0, cold: 0 });
    page.state(heldMessage({ sequence: 1, hidden: true }));
    await until(() => meters.tiers.warm === 1, 'warm');
    page.state(heldMessage({ sequence: 2 }));
    await until(() => player.inputs.length === 2, 'the return of the page');
    // It is hot as soon as it gets a picture.
    expect(meters.tiers).toEqual({ hot: 0, warm: 1, cold: 0 });
    await until(() => connection.sendFrame(accessUnit(100, true), frame), 'a picture');
    expect(meters.tiers).toEqual({ hot: 1, warm: 0, cold: 0 });
    expect(meters.tierChange.hot.count).toBe(1);
    page.close();
    await until(() => meters.tiers.cold === 1, 'cold');
    expect([player.lost, meters.tiers.hot]).toEqual([1, 0]);
    const again = await join(host, page.token);
    expect(meters.tiers).toEqual({ hot: 1, warm: 0, cold: 0 });
    expect([...meters.tierChanges.keys()]).toEqual(['hot warm', 'warm hot', 'hot cold', 'cold hot']);
    again.close();
    await until(() => meters.tiers.cold === 1, 'cold');
    await host.server.close();
    expect(meters.tiers).toEqual({ hot: 0, warm: 0, cold: 0 });
  });

  test('stays for as long as its browser answers probes, and is known to be dead soon after it does not', async () => {
    const host = await start({ idleMsMax: 1000 });
    const { meters } = host;
    const page = await join(host);
    const player = at(host.players, 0);
    const begun = performance.now();
    await until(() => performance.now() - begun > 2500, 'some time');
    expect([player.lost, player.closed]).toEqual([0, []]);
    page.cut();
    await until(() => player.lost > 0, 'the loss');
    expect([meters.tiers.cold, meters.tierChange.cold.count, meters.sessionsEnded.idle]).toEqual([1, 1, 1]);
    expect(meters.tierChange.cold.sumSeconds).toBeGreaterThanOrEqual(1);
  });
});
