/** Players of a host whose seats a fleet gives away, on the real server without a browser. */
import * as jose from 'jose';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Config, readConfig } from '../../../host/base/config.ts';
import { fleetGate } from '../../../host/edge/admission/fleet-gate.ts';
import { FleetTickets } from '../../../host/edge/admission/fleet-ticket.ts';
import { openGate } from '../../../host/edge/admission/gate.ts';
import { createSigningKey, TicketSigner } from '../../../host/fleet/allocate/tickets.ts';
import { Meters } from '../../../host/observe/meters.ts';
import { RecordedPlayer, startServer } from '../../stream/fixture.ts';
import { Peer, until } from '../../stream/peer.ts';
import { Issuer } from '../issuer.ts';

const signer = new TicketSigner(createSigningKey());
let issuer: Issuer;
beforeAll(async () => {
  issuer = await Issuer.open();
});
afterAll(() => issuer.close());

async function start(settings: Partial<Config> = {}) {
  const seated: RecordedPlayer[] = [];
  const spectators: RecordedPlayer[] = [];
  const meters = new Meters();
  const config = { ...readConfig({}), ...settings };
  const game = () => ({ id: 'test', isRunning: true, players: seated.length, seats: 4 });
  const opened = await openGate({ config, log: () => {}, meters, game });
  onTestFinished(() => opened.close());
  const tickets = new FleetTickets({ jose, keys: [signer.publicKey], audience: 'pod-1' });
  const { server } = await startServer(settings, {
    gate: fleetGate(opened, tickets),
    meters,
    admit: async (view) => () => {
      const player = new RecordedPlayer(seated.length, view);
      seated.push(player);
      return player;
    },
    watch: async (view) => () => {
      const spectator = new RecordedPlayer(-1, view);
      spectators.push(spectator);
      return spectator;
    },
  });
  onTestFinished(() => server.close());
  const join = async (options: Parameters<Peer['join']>[1] = {}) => {
    const peer = new Peer();
    onTestFinished(() => peer.close());
    await peer.join(server.url, options);
    return peer;
  };
  const post = async (path: string, bearer?: string) => {
    const headers = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
    const response = await fetch(`${server.url}whep/${path}`, { method: 'POST', headers });
    return { status: response.status, body: await response.json() };
  };
  return { seated, spectators, tickets, join, post, meters };
}

function ticket(index = 0, id = 'ada'): Promise<string> {
  const account = { id, role: 'player' };
  return signer.sign('pod-1', { account, reservation: 'r1', index, until: Date.now() + 30_000 });
}

test('new players need a ticket of the fleet, and spectators and those who return need none', async () => {
  const { seated, spectators, tickets, join, post, meters } = await start();
  const first = await join({ bearer: await ticket(), tokens: 'new' });
  expect([seated.length, tickets.arrived]).toEqual([1, { r1: 1 }]);
  await expect(join()).rejects.toThrow('401 {"code":"NL_TICKET","message":"this game gives seats to those');
  expect(await post('ticket')).toMatchObject({ status: 404 });
  expect(await post('queue')).toMatchObject({ status: 401, body: { code: 'NL_TICKET' } });
  await join({ query: '?watch' });
  first.close();
  await until(() => seated[0]?.lost === 1, 'the loss');
  await join({ tokens: first.token });
  expect([seated.length, spectators.length, tickets.arrived]).toEqual([1, 1, { r1: 1 }]);
  expect(meters.joinDecisions.ticket.get('fleet-missing')).toBe(1);
});

test('where players need tokens, a ticket stands in for one, and the policies hold', async () => {
  const { seated, join, post } = await start({ admission: 'token', oidcIssuer: issuer.url, oidcAudience: 'games' });
  const token = await issuer.token();
  await expect(join({ bearer: token })).rejects.toThrow('NL_TICKET');
  expect(await post('ticket', token)).toMatchObject({ status: 401, body: { code: 'NL_TICKET' } });
  expect(await post('queue', token)).toMatchObject({ status: 401, body: { code: 'NL_TICKET' } });
  await join({ bearer: await ticket() });
  expect(seated).toHaveLength(1);
  const guest = signer.sign('pod-1', {
    account: { id: 'eve', role: 'guest' },
    reservation: 'r1',
    index: 1,
    until: Date.now() + 30_000,
  });
  await expect(join({ bearer: await guest })).rejects.toThrow('403 {"code":"NL_POLICY"');
  await join({ bearer: token, query: '?watch' });
});

test('a ticket whose player does not get a seat does not count as an arrival', async () => {
  const { seated, tickets, join } = await start({
    accountSeatsMax: 1,
    admission: 'token',
    oidcIssuer: issuer.url,
    oidcAudience: 'games',
  });
  await join({ bearer: await ticket(0) });
  await expect(join({ bearer: await ticket(1) })).rejects.toThrow('NL_ACCOUNT_FULL');
  expect([seated.length, tickets.arrived]).toEqual([1, { r1: 1 }]);
  await join({ bearer: await ticket(2, 'bob') });
  expect(tickets.arrived).toEqual({ r1: 2 });
});
