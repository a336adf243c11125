import { expect, test } from 'vitest';
import { Random } from '../../random.ts';
import { StandInApi } from '../api.ts';
import { NAMESPACE, podNamed } from '../rig.ts';
import { allocateUnderKills, checkPromises, type KillsOptions } from './leaders.ts';

const PODS = 24;
const SEATS = 10;

async function scenario(more: Partial<KillsOptions>) {
  const api = await StandInApi.open();
  api.faults.latencyMs = 2;
  for (let n = 0; n < PODS; n++) api.put(`${NAMESPACE}/pods`, podNamed(`p${n}`, { node: `n${n % 3}` }));
  const options: KillsOptions = {
    access: { url: api.url },
    namespace: NAMESPACE,
    seats: SEATS,
    kills: 12,
    atATime: 4,
    leaders: 1,
    lifeMsMax: 40,
    random: new Random(13),
    ...more,
  };
  const promised = await allocateUnderKills(options);
  return { promised, ...(await checkPromises(promised, options)) };
}

test('a leader that is killed at random points sells no seat twice, and loses none', async () => {
  const { promised, reserved } = await scenario({});
  expect(promised.length).toBeGreaterThan(PODS);
  // All seats are given away in the end, apart from those that are too few for the last requests.
  expect(reserved).toBeGreaterThan(PODS * (SEATS - 3));
});

test('two that both believe that they lead sell no seat twice', async () => {
  const { promised, reserved } = await scenario({ leaders: 2, kills: 3 });
  expect(promised.length).toBeGreaterThan(PODS);
  expect(reserved).toBeGreaterThan(PODS * (SEATS - 3));
});
