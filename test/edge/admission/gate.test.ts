import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Config, readConfig } from '../../../host/base/config.ts';
import { JOIN_STEPS } from '../../../host/base/join-steps.ts';
import type { Pass } from '../../../host/base/pass.ts';
import { milli } from '../../../host/base/time.ts';
import { type GateOptions, type OpenedGate, openGate } from '../../../host/edge/admission/gate.ts';
import { REASONS } from '../../../host/edge/admission/reasons.ts';
import type { JoinRisk } from '../../../host/edge/admission/risk.ts';
import { Meters } from '../../../host/observe/meters.ts';
import { createMetrics } from '../../../host/observe/metrics.ts';
import type { Join } from '../../../host/stream/gate.ts';
import { Issuer } from '../issuer.ts';

const PLAY: Join = { kind: 'play', client: '192.0.2.1' };
/** No server listens at this port, which belongs to the service discard. */
const NOWHERE = 'http://127.0.0.1:9';

let issuer: Issuer;
const gates: OpenedGate[] = [];

beforeAll(async () => {
  issuer = await Issuer.open();
});
afterAll(() => issuer.close());
afterEach(async () => {
  issuer.instead = undefined;
  for (const gate of gates.splice(0)) await gate.close();
});

async function open(settings: Partial<Config> = {}, more: Partial<GateOptions> = {}) {
  const clock = { ms: 0 };
  const lines: string[] = [];
  const meters = new Meters();
  const game = { id: 'arena', isRunning: true, players: 0, seats: 10 };
  const tokens = { admission: 'token', oidcIssuer: issuer.url, oidcAudience: 'games' };
  const gate = await openGate({
    config: { ...readConfig({}), ...tokens, ...settings },
    log: (_, line) => void lines.push(line),
    meters,
    game: () => game,
    clock: { now: () => milli(clock.ms) },
    ...more,
  });
  gates.push(gate);
  const count = (step: (typeof JOIN_STEPS)[number], reason = 'ok') => meters.joinDecisions[step].get(reason);
  /** Takes a player through the steps before the seat. */
  const join = async (claims = {}, asked = PLAY): Promise<Pass> => {
    const pass = await gate.identify(await issuer.token(claims));
    await gate.judge(pass, asked);
    return pass;
  };
  return { gate, clock, game, lines, meters, count, join };
}

test('a player with a token of the issuer passes each step once, and each is timed and counted', async () => {
  const { join, count, meters } = await open();
  expect((await join()).account).toEqual({ id: 'ada', role: 'player' });
  for (const step of ['token', 'account', 'policy'] as const)
    expect([step, count(step), meters.joinSteps[step].count]).toEqual([step, 1, 1]);
  expect([count('risk'), count('ticket')]).toEqual([0, 0]);
});

test('every reason is known to the metrics before it occurs, with its step', async () => {
  const { meters } = await open();
  const text = await createMetrics(meters, {
    build: {},
    seats: () => ({ all: 0, taken: 0 }),
    coldStart: () => ({}),
  })();
  for (const [reason, { step }] of Object.entries(REASONS))
    expect(text).toContain(`nearlight_admission_decisions_total{step="${step}",code="${reason}"} 0\n`);
  for (const step of JOIN_STEPS) {
    expect(text).toContain(`nearlight_admission_decisions_total{step="${step}",code="ok"} 0\n`);
    expect(text).toContain(`nearlight_admission_step_seconds_count{step="${step}"} 0\n`);
  }
});

test('a refusal has one code for the page and one for the log, which gets a line in ten seconds for each', async () => {
  const { gate, clock, lines, count } = await open();
  for (let i = 0; i < 5; i++)
    await expect(gate.identify(undefined)).rejects.toMatchObject({ code: 'NL_TOKEN_MISSING', reason: 'token-missing' });
  await expect(gate.identify('nonsense')).rejects.toMatchObject({ code: 'NL_TOKEN', reason: 'token-malformed' });
  clock.ms = 9999;
  await expect(gate.identify(undefined)).rejects.toThrow();
  expect([count('token', 'token-missing'), count('token', 'token-malformed'), count('token')]).toEqual([6, 1, 0]);
  expect(lines).toEqual([
    'a join was refused: token-missing (NL_TOKEN_MISSING)',
    expect.stringMatching(/^a join was refused: token-malformed \(NL_TOKEN\): /),
  ]);
  clock.ms = 10_000;
  await expect(gate.identify(undefined)).rejects.toThrow();
  expect(lines.at(-1)).toBe('a join was refused: token-missing (NL_TOKEN_MISSING), after 5 more that were not logged');
});

test.each([
  ['a player whose role is another', { role: 'guest' }, PLAY, {}, 'policy-join'],
  ['a tenth player, but not an eleventh', {}, PLAY, { players: 10, seats: 64 }, 'policy-join'],
  ['a spectator while the game does not run', {}, { ...PLAY, kind: 'watch' }, { isRunning: false }, 'policy-render'],
  ['a spectator whose role is another', { role: 'guest' }, { ...PLAY, kind: 'watch' }, {}, 'policy-render'],
  ['a returning player whose role is another', { role: 'guest' }, { ...PLAY, kind: 'return' }, {}, 'policy-render'],
] as const)('the policies refuse %s', async (_, claims, asked, facts, reason) => {
  const { game, join, count } = await open();
  Object.assign(game, facts);
  await expect(join(claims, asked)).rejects.toMatchObject({ code: 'NL_POLICY', reason });
  expect(count('policy', reason)).toBe(1);
});

test('the policies let in the tenth player, a spectator and a returning player of a full game', async () => {
  const { game, join } = await open();
  game.players = 9;
  await join();
  game.players = 10;
  await join({ sub: 'bob' }, { ...PLAY, kind: 'watch' });
  await join({ sub: 'cleo' }, { ...PLAY, kind: 'return' });
});

test.each([
  ['none', undefined, true],
  ['waiting', 'waiting', true],
  ['active', 'active', false],
  ['ended', 'ended', false],
])('the policies see the phase of a match at a join: %s', async (_, phase, isLetIn) => {
  const { game, join } = await open();
  Object.assign(game, { phase });
  if (isLetIn) await join();
  else await expect(join()).rejects.toMatchObject({ code: 'NL_POLICY', reason: 'policy-join' });
  // Those who watch or return get the pictures of a game that runs.
  await join({ sub: 'bob' }, { ...PLAY, kind: 'watch' });
  await join({ sub: 'cleo' }, { ...PLAY, kind: 'return' });
});

test('a full game is not a matter for the policies, because its players can wait in the queue', async () => {
  const { game, join, count } = await open();
  Object.assign(game, { players: 4, seats: 4 });
  await expect(join()).rejects.toMatchObject({ code: 'NL_ROOM_FULL' });
  expect([count('seat', 'room-full'), count('policy'), count('policy', 'policy-join')]).toEqual([1, 0, 0]);
});

test('while OPA does not answer, new players are refused, and those who watch or return go on', async () => {
  const { join, lines } = await open({ opaUrl: NOWHERE });
  await expect(join()).rejects.toMatchObject({ code: 'NL_POLICY_DOWN', reason: 'policy-down' });
  await join({ sub: 'bob' }, { ...PLAY, kind: 'watch' });
  await join({ sub: 'cleo' }, { ...PLAY, kind: 'return' });
  expect(lines.filter((line) => line.includes('cannot be evaluated'))).toHaveLength(1);
});

test('a player in the match never loses it because a service is down, even where every policy refuses then', async () => {
  const { gate, join } = await open({ opaUrl: NOWHERE, policyFailOpen: 'gaming' });
  const pass = await join();
  issuer.instead = { status: 500, text: '' };
  await gate.judge(pass, { ...PLAY, kind: 'return' });
  await expect(gate.judge(pass, { ...PLAY, kind: 'watch' })).rejects.toMatchObject({ reason: 'policy-down' });
});

test('an account joins as often, and has as many places, as the settings say', async () => {
  const { clock, gate, join } = await open({ accountSeatsMax: 1, accountJoinsPerSecondMax: 1 });
  for (let i = 0; i < 4; i++) await join();
  await expect(join()).rejects.toMatchObject({ code: 'NL_ACCOUNT_RATE', reason: 'account-rate' });
  await join({ sub: 'bob' });
  clock.ms = 1000;
  const pass = await join();
  pass.check();
  pass.take();
  clock.ms = 60_000;
  await expect(gate.identify(await issuer.token())).rejects.toMatchObject({ code: 'NL_ACCOUNT_FULL' });
  pass.free();
  await join();
});

test('risk rules are asked after the policies, about those who play and watch', async () => {
  const asked: unknown[] = [];
  const risk: JoinRisk = {
    failsOpen: false,
    assess: (input) => {
      asked.push(input);
      return input.user.id === 'mallory' ? { allowed: false, rule: 'velocity' } : { allowed: true };
    },
  };
  const { join, count, lines } = await open({}, { risk, now: () => Date.now() });
  await join();
  await join({ sub: 'bob' }, { ...PLAY, kind: 'return' });
  await expect(join({ role: 'guest' })).rejects.toMatchObject({ reason: 'policy-join' });
  await expect(join({ sub: 'mallory' })).rejects.toMatchObject({ code: 'NL_RISK', reason: 'risk' });
  expect(asked).toHaveLength(2);
  expect(asked[0]).toMatchObject({ action: 'join', user: { id: 'ada' }, client: '192.0.2.1', seats: 10 });
  expect([count('risk'), count('risk', 'risk')]).toEqual([1, 1]);
  expect(lines.at(-1)).toBe('a join was refused: risk (NL_RISK): rule velocity');
});

test.each([
  [true, undefined],
  [false, { code: 'NL_RISK', reason: 'risk-failed' }],
])('risk rules that fail let players in: %j', async (failsOpen, refusal) => {
  const assess = () => Promise.reject(new Error('trap'));
  const { join } = await open({}, { risk: { failsOpen, assess } });
  if (refusal) await expect(join()).rejects.toMatchObject(refusal);
  else await join();
});

test('where anyone may join, there are no tickets, and only the steps of the server are counted', async () => {
  const { gate, count } = await open({ admission: 'open' });
  expect(gate.tickets).toBeUndefined();
  await gate.judge(await gate.identify(undefined), PLAY);
  expect(await gate.measure('seat', () => 7)).toBe(7);
  await expect(gate.measure('seat', () => Promise.reject(new Error('x')))).rejects.toThrow('x');
  expect(JOIN_STEPS.map((step) => count(step))).toEqual([0, 0, 0, 0, 0, 0, 1]);
});

test('a gate for tokens does not open without an issuer', async () => {
  await expect(open({ oidcIssuer: '' })).rejects.toThrow('NL_SETTING');
});
