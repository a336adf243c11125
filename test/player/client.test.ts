import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { MESSAGE_FRAME, MESSAGE_PING, MESSAGE_PONG, type Notice } from '../../host/base/protocol.ts';
import { at } from '../at.ts';
import {
  answers,
  client,
  connect,
  FakePeer,
  frameMessage,
  latencies,
  notices,
  notify,
  play,
  refusal,
  requests,
  setUp,
  showFrame,
  states,
  tearDown,
} from './stand-in.ts';

beforeEach(setUp);
afterEach(tearDown);

describe('signalling', () => {
  test('the client posts its offer with the size and rate that the player asks for, and applies the answer', async () => {
    await connect();
    expect(requests[0]).toMatchObject({ method: 'POST', url: '/whep?size=640x360&fps=30' });
    expect(at(requests, 0).init).toMatchObject({ body: 'offer', headers: { 'content-type': 'application/sdp' } });
    const peer = at(FakePeer.all, 0);
    expect(peer.answer).toBe('answer');
    expect(peer.receiver.jitterBufferTarget).toBe(0);
    expect(peer.channels.map(({ label, options }) => [label, options])).toEqual([
      ['events', { ordered: true }],
      ['state', { ordered: false, maxRetransmits: 0 }],
    ]);
  });

  test('the client sends no parameters if the player asks for nothing', async () => {
    client.connect({});
    await vi.advanceTimersByTimeAsync(0);
    expect(at(requests, 0).url).toBe('/whep?');
  });

  test('the client leaves with a DELETE request that outlives the page', async () => {
    await play();
    client.leave();
    expect(requests[1]).toMatchObject({ method: 'DELETE', url: '/whep/1', init: { keepalive: true } });
    expect(at(FakePeer.all, 0).closed).toBe(true);
    expect(states.at(-1)).toBe('idle');
  });

  test('a page that is closed or reloaded says that it may return', async () => {
    await play();
    client.suspend();
    expect(requests[1]).toMatchObject({ method: 'DELETE', url: '/whep/1?hold', init: { keepalive: true } });
  });

  test.each([
    [400, 'NL_REQUEST', 'fps must be a whole number'],
    [409, 'NL_PAGE_VERSION', 'load the page again'],
  ])('the client ends after status %i with the code %s, because nothing will change', async (status, code, message) => {
    answers.push(() => refusal(status, code, message));
    await connect();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states).toEqual(['connecting 1', `ended ${code}: ${message}`]);
    expect(requests).toHaveLength(1);
  });

  test.each([
    [403, '<html>'],
    [404, '{"code":7}'],
    [410, 'null'],
    [200, 'not created'],
    [201, 'created without a location'],
    [502, ''],
    [503, '{"code":"NL_HALF_OPEN","message":"many players are connecting"}'],
    [500, '{"code":"NL_CONNECTION","message":"the server failed"}'],
  ])('the client goes on after an answer with status %i and the body %s', async (status, body) => {
    answers.push(() => new Response(body, { status }));
    await connect();
    await vi.advanceTimersByTimeAsync(250);
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'POST']);
    at(FakePeer.all, -1).open();
    showFrame(1, 1);
    expect(states.at(-1)).toBe('playing');
  });

  test.each([
    ['the site is refused', () => refusal(403, 'NL_ORIGIN', 'no'), { message: 'no', code: 'NL_ORIGIN' }],
    ['the host has another name', () => refusal(421, 'NL_HOST', 'no'), { message: 'no', code: 'NL_HOST' }],
    ['the address is wrong', () => new Response('<html>', { status: 404 }), { code: 'NL_ANSWER', status: 404 }],
    ['a network has a login page', () => new Response('<html>'), { code: 'NL_ANSWER', status: 200 }],
  ])('while %s, the client says so and tries again at intervals up to half a minute', async (_, answer, obstacle) => {
    answers.push(...Array.from({ length: 200 }, () => answer));
    await connect();
    for (const pause of [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      const before = requests.length;
      await vi.advanceTimersByTimeAsync(pause - 1);
      expect(requests).toHaveLength(before);
      await vi.advanceTimersByTimeAsync(1);
      expect(requests).toHaveLength(before + 1);
      expect(client.state).toMatchObject({ kind: 'connecting', ...obstacle });
    }
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(requests).toHaveLength(10 + 120);
    answers.length = 0;
    await vi.advanceTimersByTimeAsync(30_000);
    at(FakePeer.all, -1).open();
    showFrame(1, 1);
    expect(client.state).toEqual({ kind: 'playing' });
  });

  test('a proxy in front of a server that starts is asked every 5 s, and the page says that the server is not ready', async () => {
    answers.push(...Array.from({ length: 1000 }, () => () => new Response('<html>', { status: 502 })));
    await connect();
    expect(client.state).toEqual({
      kind: 'connecting',
      attempt: 2,
      message: 'The server is not ready yet.',
      status: 502,
    });
    await vi.advanceTimersByTimeAsync(12_750);
    const before = requests.length;
    await vi.advanceTimersByTimeAsync(50_000);
    expect(requests).toHaveLength(before + 10);
  });

  test('a player who comes back is not kept waiting by a proxy that lost the server for a moment', async () => {
    await play({ hold: 30_000 });
    answers.push(...Array.from({ length: 200 }, () => () => new Response('<html>', { status: 404 })));
    at(FakePeer.all, 0).closeEvents();
    await vi.advanceTimersByTimeAsync(1500);
    const offers = () => requests.filter(({ method }) => method === 'POST').length;
    expect(offers()).toBeGreaterThanOrEqual(6);
    answers.length = 0;
    const before = offers();
    await vi.advanceTimersByTimeAsync(300);
    expect(offers()).toBe(before + 1);
  });

  test('the client ends in a browser without WebRTC', async () => {
    vi.stubGlobal('RTCPeerConnection', undefined);
    await connect();
    await vi.dynamicImportSettled();
    expect(states.at(-1)).toMatch(/^ended NL_BROWSER/);
  });
});

describe('attempts', () => {
  const unreachable = () => Promise.reject(new TypeError('fetch failed'));

  test('between two games, attempts to connect are repeated whenever the server says, without a limit', async () => {
    const between = () => refusal(503, 'NL_ROOM_ENDED', 'the game is being replaced', { 'retry-after': '1' });
    answers.push(...Array.from({ length: 200 }, () => between));
    await connect();
    expect(states).toEqual(['connecting 1', 'connecting 2: the game is being replaced']);
    await vi.advanceTimersByTimeAsync(999);
    expect(requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(199_001);
    expect(requests).toHaveLength(201);
    at(FakePeer.all, -1).open();
    showFrame(1, 1);
    expect(states.at(-1)).toBe('playing');
  });

  test('an unreachable server is tried again at growing intervals up to 5 s, for as long as it takes', async () => {
    answers.push(...Array.from({ length: 1000 }, () => unreachable));
    await connect();
    for (const pause of [250, 500, 1000, 2000, 4000, 5000, 5000]) {
      const before = requests.length;
      await vi.advanceTimersByTimeAsync(pause - 1);
      expect(requests).toHaveLength(before);
      await vi.advanceTimersByTimeAsync(1);
      expect(requests).toHaveLength(before + 1);
    }
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(requests).toHaveLength(8 + 720);
    answers.length = 0;
    await vi.advanceTimersByTimeAsync(5000);
    at(FakePeer.all, -1).open();
    showFrame(1, 1);
    expect(states.at(-1)).toBe('playing');
  });

  test('the client connects at once when the network or the page comes back', async () => {
    answers.push(...Array.from({ length: 20 }, () => unreachable));
    await connect();
    await vi.advanceTimersByTimeAsync(60_000);
    const before = requests.length;
    client.wake();
    await vi.advanceTimersByTimeAsync(0);
    expect(requests).toHaveLength(before + 1);
    // The pauses grow from the shortest again.
    await vi.advanceTimersByTimeAsync(250);
    expect(requests).toHaveLength(before + 2);
  });

  test('a request that is stuck in a dead line is given up when the network comes back, an answered offer is not', async () => {
    answers.push(() => new Promise(() => {}));
    await connect();
    client.wake();
    await vi.advanceTimersByTimeAsync(0);
    expect([requests.length, at(FakePeer.all, 0).closed]).toEqual([2, true]);
    client.wake();
    await vi.advanceTimersByTimeAsync(0);
    expect([requests.length, at(FakePeer.all, 1).closed]).toEqual([2, false]);
  });

  test('an attempt fails if the server does not answer within 8 s, or if no connection follows within 4 s', async () => {
    answers.push(() => new Promise(() => {}));
    await connect();
    await vi.advanceTimersByTimeAsync(7999);
    expect(requests).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(251);
    expect(requests).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(3999);
    expect(requests).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(501);
    expect(requests.map(({ method }) => method)).toEqual(['POST', 'POST', 'POST']);
  });

  test('a connection is lost if no picture arrives within 8 s', async () => {
    await connect();
    at(FakePeer.all, 0).open();
    const pong = setInterval(() => at(FakePeer.all, 0).say(Buffer.from([MESSAGE_PONG])), 500);
    await vi.advanceTimersByTimeAsync(7999);
    expect(states).toEqual(['connecting 1']);
    await vi.advanceTimersByTimeAsync(1);
    expect(states).toEqual(['connecting 1', 'connecting 2']);
    clearInterval(pong);
  });

  test('the client connects again at once, and after a pause if two connections in a row did not last', async () => {
    await play();
    for (let i = 0; i < 40; i++) {
      await vi.advanceTimersByTimeAsync(250);
      at(FakePeer.all, 0).say(Buffer.from([MESSAGE_PONG]));
    }
    at(FakePeer.all, 0).closeEvents();
    expect(states.at(-1)).toBe('reconnecting 1');
    expect(FakePeer.all).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(0);
    at(FakePeer.all, 1).open();
    showFrame(1, 1);
    at(FakePeer.all, 1).closeEvents();
    expect(FakePeer.all).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(0);
    at(FakePeer.all, 2).open();
    showFrame(1, 1);
    at(FakePeer.all, 2).closeEvents();
    await vi.advanceTimersByTimeAsync(499);
    expect(FakePeer.all).toHaveLength(3);
    await vi.advanceTimersByTimeAsync(1);
    expect(FakePeer.all).toHaveLength(4);
  });

  test('the client does not connect again after the server has said that this cannot succeed', async () => {
    await play();
    const ended: Notice = { kind: 'ended', code: 'NL_INPUT', message: 'reload the page', retry: false };
    notify(0, ended);
    at(FakePeer.all, 0).closeEvents();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(notices).toEqual([ended]);
    expect(states.at(-1)).toBe('ended NL_INPUT: reload the page');
    expect(requests.map(({ method }) => method)).toEqual(['POST']);
  });

  test('the statistics count what the host has dropped, and name the tier', async () => {
    await play();
    expect(client.stats()).toMatchObject({ tier: 'hot', inputsDropped: 0 });
    for (const count of [1, 7]) notify(0, { kind: 'dropped', code: 'NL_INPUT_RATE', message: 'too much', count });
    client.setHidden(true);
    expect(client.stats()).toMatchObject({ tier: 'warm', inputsDropped: 8 });
    expect(notices).toHaveLength(2);
  });

  test('the client says why the server ended the connection, and connects again when the server says', async () => {
    await play();
    notify(0, {
      kind: 'ended',
      code: 'NL_SHUTDOWN',
      message: 'the server is shutting down',
      retry: true,
      afterMs: 1500,
    });
    expect(states.at(-1)).toBe('reconnecting 2: the server is shutting down');
    await vi.advanceTimersByTimeAsync(1499);
    expect(requests).toHaveLength(1);
    answers.push(unreachable);
    await vi.advanceTimersByTimeAsync(1);
    expect(requests).toHaveLength(2);
    expect(states.at(-1)).toBe('reconnecting 3: the server is shutting down');
  });
});

describe('figures', () => {
  test('the figures give the latency from an input to the picture that shows it', async () => {
    await play();
    client.input.key(4, true);
    await vi.advanceTimersByTimeAsync(30);
    at(FakePeer.all, 0).say(frameMessage({ rtp: 7000, input: 3, serverUs: 12_500 }));
    showFrame(7000, 2);
    expect(latencies.at(-1)).toEqual([3, 30]);
    expect(client.stats()).toMatchObject({
      latencyP50: 30,
      latencyP99: 30,
      serverP50: 12.5,
      width: 1280,
      framesShown: 2,
    });
  });

  test('the figures count pictures that the video callback missed', async () => {
    await play();
    showFrame(2, 2);
    showFrame(5, 5);
    expect(client.stats().framesShown).toBe(5);
    await vi.advanceTimersByTimeAsync(1000);
    expect(client.stats().fps).toBeCloseTo(5, 5);
  });

  test('the figures give the round-trip time of a ping', async () => {
    await play();
    const sent = at(FakePeer.all, 0).channels.flatMap((channel) => channel.sent);
    const ping = must(
      sent.find(([type]) => type === MESSAGE_PING),
      'ping',
    );
    await vi.advanceTimersByTimeAsync(17);
    ping[0] = MESSAGE_PONG;
    at(FakePeer.all, 0).say(ping);
    expect(client.stats().rtt).toBe(17);
  });

  test('the client ignores messages that are too short', async () => {
    await play();
    for (const bytes of [[], [MESSAGE_FRAME], [MESSAGE_PONG], [99]]) at(FakePeer.all, 0).say(Buffer.from(bytes));
    expect(client.stats().rtt).toBeNaN();
    expect(states.at(-1)).toBe('playing');
  });
});
