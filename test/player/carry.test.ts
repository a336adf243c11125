import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CARRY_TYPE, type Notice } from '../../host/base/protocol.ts';
import { at } from '../at.ts';
import {
  answers,
  FakePeer,
  JOINED,
  notices,
  notify,
  play,
  refusal,
  requests,
  returnOf,
  setUp,
  showFrame,
  states,
  tearDown,
} from './stand-in.ts';

beforeEach(setUp);
afterEach(tearDown);

const MOVED: Notice = { kind: 'moved', game: 'test', token: 'there', holdMs: 30_000, why: 'update' };
const TOKENS = ['there,token', 'there,token'];

const draining = () => refusal(503, 'NL_DRAINING', 'it is being updated', { 'retry-after': '1' });
const full = () => refusal(503, 'NL_ROOM_FULL', 'all seats are taken');
const asked = () => requests.filter(({ method }) => method === 'POST').slice(1);
const bodyOf = (n: number) => String(at(asked(), n).init.body);
const typeOf = (n: number) => (at(asked(), n).init.headers as Record<string, string>)['content-type'];

/** Plays, and is sent on to another server with a ticket in these parts. */
async function goOn(parts = ['tic', 'ket'], moved = MOVED): Promise<void> {
  await play({ hold: 30_000 });
  notify(0, JOINED);
  for (const part of parts) notify(0, { kind: 'carry', part });
  notify(0, moved);
}

/** Opens the connection of the attempt with this number, and lets its first picture come. */
function open(index: number): void {
  at(FakePeer.all, index).open();
  notify(index, JOINED);
  showFrame(2, 1);
}

test('a page whose server ends goes on at the same address with its ticket, and shows the last picture meanwhile', async () => {
  await goOn();
  expect(asked()).toHaveLength(0);
  // Pages go on at different times.
  await vi.advanceTimersByTimeAsync(125);
  expect(asked()).toHaveLength(1);
  expect([typeOf(0), JSON.parse(bodyOf(0))]).toEqual([CARRY_TYPE, { sdp: 'offer', carry: 'ticket' }]);
  expect([at(asked(), 0).url, returnOf(at(asked(), 0).init)]).toEqual(['/whep?size=640x360&fps=30', TOKENS[0]]);
  expect(at(FakePeer.all, 0).closed).toBe(false);
  open(1);
  expect(at(FakePeer.all, 0).closed).toBe(true);
  expect(states).toEqual(['connecting 1', 'playing']);
  // The server that has ended hears no DELETE, which another one would get.
  expect(requests.filter(({ method }) => method === 'DELETE')).toEqual([]);
  // A site does not learn the ticket.
  expect(notices.map(({ kind }) => kind)).toEqual(['joined', 'moved', 'joined']);
});

test('a page without a ticket goes on as a new player, without a click', async () => {
  await goOn([]);
  await vi.advanceTimersByTimeAsync(125);
  expect([typeOf(0), bodyOf(0)]).toEqual(['application/sdp', 'offer']);
  open(1);
  expect(states).toEqual(['connecting 1', 'playing']);
});

test('a page goes to the address that the server names, and forgets the tokens of its own', async () => {
  await goOn(['ticket'], { ...MOVED, url: 'https://play.example/whep' });
  await vi.advanceTimersByTimeAsync(125);
  expect(at(asked(), 0).url).toBe('https://play.example/whep?size=640x360&fps=30');
  expect(returnOf(at(asked(), 0).init)).toBe('there');
});

test('a page that finds a server which ends too, or has no seat, tries again soon with the same ticket', async () => {
  await goOn();
  answers.push(draining, full, draining);
  await vi.advanceTimersByTimeAsync(1400);
  expect(asked()).toHaveLength(4);
  for (let n = 0; n < 4; n++) expect(JSON.parse(bodyOf(n)).carry).toBe('ticket');
  open(FakePeer.all.length - 1);
  expect(states).toEqual(['connecting 1', 'playing']);
});

test('a page whose ticket is refused goes on without it', async () => {
  await goOn();
  answers.push(() => refusal(409, 'NL_CARRY', 'it has expired'));
  await vi.advanceTimersByTimeAsync(600);
  expect([typeOf(0), typeOf(1)]).toEqual([CARRY_TYPE, 'application/sdp']);
  open(FakePeer.all.length - 1);
  expect(states.at(-1)).toBe('playing');
});

test('a page that finds no server says so after some seconds, and tries at intervals that grow', async () => {
  await goOn();
  answers.push(...Array.from({ length: 1000 }, () => draining));
  await vi.advanceTimersByTimeAsync(3000);
  expect(states).toEqual(['connecting 1', 'playing']);
  await vi.advanceTimersByTimeAsync(5000);
  expect(states.at(-1)).toMatch(/^reconnecting \d+: it is being updated/);
  const before = asked().length;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked().length - before).toBeLessThanOrEqual(61);
  answers.length = 0;
  await vi.advanceTimersByTimeAsync(1100);
  open(FakePeer.all.length - 1);
  expect(states.at(-1)).toBe('playing');
});

test('if all servers are full for some seconds, the page waits in the queue', async () => {
  await goOn();
  answers.push(...Array.from({ length: 12 }, () => full));
  answers.push(() => new Response(JSON.stringify({ position: 3, token: 'place' })));
  await vi.advanceTimersByTimeAsync(4500);
  expect(states).toContain('waiting 3');
});
