import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { carryOn } from '../stream/carried.ts';
import { Peer, until } from '../stream/peer.ts';
import { sleep } from '../wait.ts';
import { type Cluster, openCluster } from './cluster.ts';
import { figure } from './figures.ts';
import { gameObjects, manifest, moduleOf } from './game.ts';

const NAMESPACE = 'test-rollout';
/** Number of pods, each of which two players share on average. */
const PODS = Number(process.env.ROLLOUT_PODS ?? 20);
const PLAYERS = 2 * PODS;
const ROUNDS = Number(process.env.ROLLOUT_ROUNDS ?? 3);
const QUERY = '?size=64x64&fps=5';
/** No player may be without a picture for longer than this. */
const GAP_MS_MAX = 2000;
const LOOK_MS = 10;

let cluster: Cluster;
let url: string;
let isOver = false;
const players: Player[] = [];

/** A page that plays on whatever becomes of its pod. */
class Player {
  peer: Peer;
  /** Times between two pictures since the last call of `takeGap`, the longest one. */
  #gapMs = 0;
  #pictures = 0;
  #pictureAt = performance.now();
  /** Number of times that the page was sent to another pod. */
  moves = 0;
  readonly #timer: NodeJS.Timeout;

  private constructor(peer: Peer) {
    this.peer = peer;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    void this.#follow();
  }

  /** Joins through the Service, at the first pod that has a free seat. */
  static async join(): Promise<Player> {
    let reason = '';
    return cluster
      .until(async () => {
        const peer = new Peer({ address: cluster.address });
        try {
          await peer.join(url, { query: QUERY, tokens: 'new', alone: true });
        } catch (error) {
          peer.close();
          reason = String(error);
          return false;
        }
        peer.beat();
        await until(() => peer.pictures > 0, 'pictures');
        return new Player(peer);
      }, 'a seat')
      .catch((error: Error) => {
        throw new Error(`${error.message}: ${reason}`);
      });
  }

  takeGap(): number {
    const gapMs = this.#gapMs;
    this.#gapMs = 0;
    return gapMs;
  }

  close(): void {
    clearInterval(this.#timer);
    this.peer.close();
  }

  async #follow(): Promise<void> {
    while (!isOver) {
      if (this.peer.notices.some(({ kind }) => kind === 'moved')) {
        const carried = await carryOn(this.peer, url, QUERY, cluster.address);
        this.peer = carried.peer;
        this.#pictures = 0;
        this.moves++;
      }
      await sleep(LOOK_MS);
    }
  }

  #look(): void {
    const now = performance.now();
    const { pictures } = this.peer;
    if (pictures > this.#pictures) {
      this.#gapMs = Math.max(this.#gapMs, now - this.#pictureAt);
      this.#pictureAt = now;
    }
    this.#pictures = pictures;
  }
}

beforeAll(async () => {
  cluster = openCluster();
  const image = await cluster.push('latency:1', moduleOf('latency'));
  const env = {
    MAX_PLAYERS: '4',
    DRAIN_SECONDS_MAX: '5',
    CARRY_KEY: randomBytes(32).toString('hex'),
    ADDRESS_OFFERS_PER_SECOND_MAX: '100',
    OFFERS_PER_SECOND_MAX: '100',
  };
  const objects = gameObjects({ namespace: NAMESPACE, image, replicas: PODS, env, cpu: '10m' });
  // All players of the test have one address, which affinity would keep at one pod.
  for (const { kind, spec } of objects)
    if (kind === 'Service') Object.assign(spec, { sessionAffinity: 'None', sessionAffinityConfig: null });
  await cluster.apply(manifest(objects));
  await cluster.kubectl('rollout', 'status', 'deployment/arena', '-n', NAMESPACE, '--timeout=300s');
  url = await cluster.url({ namespace: NAMESPACE, name: 'arena', port: 'http' });
  for (let n = 0; n < PLAYERS; n++) players.push(await Player.join());
});

afterAll(async () => {
  isOver = true;
  for (const player of players) player.close();
  await cluster.kubectl('delete', 'namespace', NAMESPACE, '--timeout=180s');
});

/** Checks that all play now, and that no one was without a picture for too long. */
async function expectPlaying(what: string): Promise<void> {
  for (const { peer } of players) {
    const { pictures } = peer;
    await until(() => peer.pictures > pictures || peer.notices.some(({ kind }) => kind === 'moved'), 'a picture');
  }
  const gaps = players.map((player) => player.takeGap());
  figure(`${what}: longest time of each player without a picture`, 'ms', gaps);
  expect(Math.max(...gaps)).toBeLessThan(GAP_MS_MAX);
}

it('all players have pictures before anything happens', () => expectPlaying('no update'));

it.each(Array.from({ length: ROUNDS }, (_, round) => round + 1))(
  'fault 4: an update of all pods, round %i, sends each player on without a click',
  async (round) => {
    const before = players.map(({ moves }) => moves);
    await cluster.kubectl('rollout', 'restart', 'deployment/arena', '-n', NAMESPACE);
    await cluster.kubectl('rollout', 'status', 'deployment/arena', '-n', NAMESPACE, '--timeout=600s');
    await cluster.until(() => players.every(({ moves }, n) => moves > (before[n] ?? 0)), 'all players on other pods');
    await expectPlaying(`update ${round}`);
  },
);

it('fault 4: a scale-down sends the players of the pods that end to others', async () => {
  await cluster.kubectl('scale', 'deployment/arena', '-n', NAMESPACE, `--replicas=${Math.ceil((3 * PODS) / 4)}`);
  await cluster.until(async () => {
    const { items } = await cluster.get<{ items: unknown[] }>('pods', '-n', NAMESPACE);
    return items.length === Math.ceil((3 * PODS) / 4);
  }, 'the end of the pods');
  await expectPlaying('scale-down');
});
