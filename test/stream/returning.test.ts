import { afterEach, describe, expect, test } from 'vitest';
import { NearlightError } from '../../host/base/errors.ts';
import { HEADER_HOLD, HEADER_RETURN, MESSAGE_KEY } from '../../host/base/protocol.ts';
import { createToken } from '../../host/stream/returns.ts';
import { at } from '../at.ts';
import { type Fixture, RecordedPlayer, startServer } from './fixture.ts';
import { heldMessage, Peer, until } from './peer.ts';

const fixtures: Fixture[] = [];
const peers: Peer[] = [];

async function start(...args: Parameters<typeof startServer>): Promise<Fixture> {
  const fixture = await startServer(...args);
  fixtures.push(fixture);
  return fixture;
}

async function join({ server }: Fixture, options: Parameters<Peer['join']>[1] = { tokens: 'new' }): Promise<Peer> {
  const peer = new Peer();
  peers.push(peer);
  await peer.join(server.url, options);
  return peer;
}

/** Asks for a position in the queue. */
async function ask({ server }: Fixture, tokens: string): Promise<{ position: number; token: string; code?: string }> {
  const response = await fetch(`${server.url}whep/queue`, { method: 'POST', headers: { [HEADER_RETURN]: tokens } });
  return response.json() as Promise<{ position: number; token: string; code?: string }>;
}

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.close();
  for (const { server } of fixtures.splice(0)) await server.close();
});

test('a page whose connection was lost takes back its own seat at once, with another token', async () => {
  const fixture = await start();
  const { players, server } = fixture;
  const first = await join(fixture);
  await join(fixture);
  expect(first.token).toMatch(/^[\w-]{22}$/);
  first.close();
  await until(() => players[0]?.lost === 1, 'the loss');
  expect([players[0]?.closed, server.held]).toEqual([[], 1]);
  const second = await join(fixture, { tokens: first.token, query: '?size=640x360&fps=30' });
  expect([players.length, players[0]?.width, server.held]).toEqual([2, 640, 0]);
  expect(second.token).not.toBe(first.token);
  expect(at(second.notices, 0)).toMatchObject({ kind: 'joined', seat: 0 });
});

test('the ghost of a page gives way when the page has connected again, and not before', async () => {
  const fixture = await start();
  const { players } = fixture;
  const ghost = await join(fixture);
  const offering = new Peer();
  peers.push(offering);
  const headers = { 'content-type': 'application/sdp', [HEADER_RETURN]: ghost.token };
  const answer = await fetch(`${fixture.server.url}whep`, { method: 'POST', headers, body: await offering.offer() });
  expect([answer.status, answer.headers.get(HEADER_HOLD)]).toEqual([201, '30000']);
  ghost.events.sendMessageBinary(Buffer.of(MESSAGE_KEY, 4, 1, 0, 1, 0, 0, 0));
  await until(() => players[0]?.inputs.length === 1, 'input of the ghost');
  const page = await join(fixture, { tokens: ghost.token });
  await until(() => ghost.peerState !== 'connected', 'the end of the ghost');
  expect([players.length, players[0]?.closed]).toEqual([1, []]);
  await until(() => page.state.isOpen(), 'the state channel');
  page.state.sendMessageBinary(heldMessage({ sequence: 1, keys: [5] }));
  await until(() => players[0]?.inputs.length === 2, 'input of the page');
});

test('a forged or used token, and one whose seat is gone, mean a new seat', async () => {
  const fixture = await start({ offersPerSecondMax: 1000, addressOffersPerSecondMax: 1000, returnMsMax: 200 });
  const first = await join(fixture);
  const second = await join(fixture, { tokens: first.token });
  expect(fixture.players).toHaveLength(1);
  await join(fixture, { tokens: first.token });
  await join(fixture, { tokens: createToken() });
  await join(fixture, { tokens: 'x'.repeat(1000) });
  expect(fixture.players).toHaveLength(4);
  second.close();
  await until(() => at(fixture.players, 0).closed.length > 0, 'the end of the wait');
  await join(fixture, { tokens: second.token });
  expect(fixture.players).toHaveLength(5);
});

test('a page that does not say that it can return gets no token, and its seat is free at once', async () => {
  const fixture = await start();
  const peer = await join(fixture, {});
  expect(peer.token).toBe('');
  peer.close();
  await until(() => at(fixture.players, 0).closed.length > 0, 'the end');
  expect(at(fixture.players, 0).lost).toBe(0);
});

test('a page that leaves frees its seat at once, and one that is reloaded finds it again', async () => {
  const fixture = await start();
  const [leaving, reloading] = [await join(fixture), await join(fixture)];
  expect((await fetch(leaving.location, { method: 'DELETE' })).status).toBe(200);
  expect(at(fixture.players, 0).closed).toEqual(['deleted']);
  expect((await fetch(`${reloading.location}?hold`, { method: 'DELETE' })).status).toBe(200);
  expect([at(fixture.players, 1).closed, at(fixture.players, 1).lost]).toEqual([[], 1]);
  await join(fixture, { tokens: reloading.token });
  expect(fixture.players).toHaveLength(2);
  expect((await fetch(leaving.location, { method: 'DELETE' })).status).toBe(404);
});

test('a player whose game has ended meanwhile gets a seat in the next game', async () => {
  const fixture = await start();
  const first = await join(fixture);
  first.close();
  await until(() => at(fixture.players, 0).lost === 1, 'the loss');
  at(fixture.players, 0).hasEnded = true;
  await join(fixture, { tokens: first.token });
  expect(fixture.players).toHaveLength(2);
});

test('a seat that waits is taken for strangers, and the page that waits in the queue gets it when it is free', async () => {
  let free = 1;
  class CountedPlayer extends RecordedPlayer {
    override onClosed(reason: Parameters<RecordedPlayer['onClosed']>[0]): void {
      free++;
      super.onClosed(reason);
    }
  }
  const seats: CountedPlayer[] = [];
  const fixture = await start(
    { offersPerSecondMax: 1000, addressOffersPerSecondMax: 1000 },
    {
      admit: async (view) => {
        if (free === 0) throw new NearlightError('NL_ROOM_FULL', 'the seat is taken');
        return () => {
          free--;
          const player = new CountedPlayer(0, view);
          seats.push(player);
          return player;
        };
      },
    },
  );
  const owner = await join(fixture);
  owner.close();
  await until(() => seats[0]?.lost === 1, 'the loss');
  await expect(join(fixture)).rejects.toThrow('NL_ROOM_FULL');
  const { position, token } = await ask(fixture, 'new');
  expect([position, (await ask(fixture, 'new')).position, fixture.server.waiting]).toEqual([1, 2, 2]);
  const turn = ask(fixture, token);
  const back = await join(fixture, { tokens: owner.token });
  expect(seats).toHaveLength(1);
  await fetch(back.location, { method: 'DELETE' });
  expect(await turn).toEqual({ position: 0, token });
  // The seat waits for the page whose turn it is, and no one else gets it.
  expect(await ask(fixture, token)).toEqual({ position: 0, token });
  await expect(join(fixture)).rejects.toThrow('NL_ROOM_FULL');
  await join(fixture, { tokens: token });
  expect(seats).toHaveLength(2);
});

test('a page of another site cannot wait in the queue', async () => {
  const { server } = await start();
  const headers = { origin: 'http://example.com' };
  const response = await fetch(`${server.url}whep/queue`, { method: 'POST', headers });
  expect(response.status).toBe(403);
  expect((await fetch(`${server.url}whep/queue`)).status).toBe(405);
});

test('a server that closes frees the seats that wait, sends the queue away, and says when to come back', async () => {
  const fixture = await start();
  const [away, playing] = [await join(fixture), await join(fixture)];
  away.close();
  await until(() => at(fixture.players, 0).lost === 1, 'the loss');
  await fixture.server.close();
  expect(fixture.players.map(({ closed }) => closed)).toEqual([['shutdown'], ['shutdown']]);
  expect(await playing.ended()).toMatchObject({ code: 'NL_SHUTDOWN', retry: true, afterMs: 1000 });
});

test('keys are released when the page is silent, and act again when it says that they are held', async () => {
  const fixture = await start({ inputSilenceMsMax: 200 });
  const peer = await join(fixture);
  const player = at(fixture.players, 0);
  await until(() => peer.state.isOpen(), 'the state channel');
  peer.events.sendMessageBinary(Buffer.of(MESSAGE_KEY, 4, 1, 0, 1, 0, 0, 0));
  await until(() => player.inputs.at(-1)?.[0] === 'releaseAll', 'the release');
  peer.state.sendMessageBinary(heldMessage({ sequence: 2, keys: [4] }));
  await until(() => player.inputs.at(-1)?.[0] === 'held', 'the key');
});

describe('a tab that the browser has duplicated, with the return token of the first', () => {
  const [FIRST, SECOND] = ['1'.repeat(32), '2'.repeat(32)];

  test('finds the seat in use while the first tab is there', async () => {
    const fixture = await start();
    const first = await join(fixture, { tokens: 'new', page: FIRST });
    first.beat();
    await expect(join(fixture, { tokens: first.token, page: SECOND })).rejects.toThrow(/^409 .*NL_SEAT_IN_USE/);
    expect([fixture.players.length, fixture.players[0]?.lost, first.peerState]).toEqual([1, 0, 'connected']);
    // The same page may open another connection to its seat at any time.
    const again = await join(fixture, { tokens: first.token, page: FIRST });
    expect(fixture.players).toHaveLength(1);
    expect(again.notices[0]).toMatchObject({ seat: 0 });
  });

  test('takes the seat if its player wants that, tells the first tab, and the first can take it back', async () => {
    const fixture = await start();
    const first = await join(fixture, { tokens: 'new', page: FIRST });
    const second = await join(fixture, { tokens: first.token, page: `${SECOND};take` });
    expect(fixture.players).toHaveLength(1);
    expect(await first.ended()).toMatchObject({ code: 'NL_SEAT_IN_USE', retry: false });
    second.beat();
    // The token of the first tab no longer counts by itself.
    await join(fixture, { tokens: first.token, page: FIRST });
    expect(fixture.players).toHaveLength(2);
    await join(fixture, { tokens: first.token, page: `${FIRST};take` });
    expect(fixture.players).toHaveLength(2);
    expect(await second.ended()).toMatchObject({ code: 'NL_SEAT_IN_USE' });
  });

  test('takes the seat of a first tab that is gone without a word', async () => {
    const fixture = await start();
    const ghost = await join(fixture, { tokens: 'new', page: FIRST });
    ghost.beat();
    await until(() => ghost.answers.length > 2, 'answers to pings');
    ghost.beat(false);
    await join(fixture, { tokens: ghost.token, page: SECOND });
    expect(fixture.players).toHaveLength(1);
  });

  test('takes the seat of a first tab that says that it is being closed', async () => {
    const fixture = await start();
    const first = await join(fixture, { tokens: 'new', page: FIRST });
    first.beat();
    await fetch(`${first.location}?hold`, { method: 'DELETE' });
    await join(fixture, { tokens: first.token, page: SECOND });
    expect(fixture.players).toHaveLength(1);
  });

  test.each(['', 'x', `${'1'.repeat(15)}`, `${'1'.repeat(65)}`, `${'1'.repeat(32)};give`, '1 2'])(
    'the name "%s" of a page means nothing, as if it had none',
    async (name) => {
      const fixture = await start();
      const first = await join(fixture, { tokens: 'new', page: FIRST });
      first.beat();
      await join(fixture, { tokens: first.token, page: name });
      expect(fixture.players).toHaveLength(1);
    },
  );
});
