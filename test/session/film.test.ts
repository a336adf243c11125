import { describe, expect, it } from 'vitest';
import type { Submission } from '../../host/engine/engine.ts';
import { countFrames, type FilmOptions, film, idle } from '../../host/session/film.ts';
import type { Call } from '../../host/session/format.ts';
import { PendingReplies } from '../../host/session/pending.ts';
import { FakeInstance } from '../room/fake.ts';

type Shoot = Partial<Omit<FilmOptions, 'instance'>> & { instance?: FakeInstance };

/** Films a stand-in for a game. Resolves with the number of pictures taken, and the calls made to the game. */
async function shoot(options: Shoot = {}): Promise<{ made: number; calls: string[] }> {
  const instance = options.instance ?? new FakeInstance(4);
  const made = await film({
    calls: idle(),
    tickRate: 120,
    fps: 60,
    frames: 3,
    at: 0,
    width: 64,
    height: 36,
    pending: new PendingReplies(),
    run: () => {},
    onFrame: async () => {},
    ...options,
    instance,
  });
  return { made, calls: instance.calls };
}

const ticks = (first: number, count: number): Call[] =>
  Array.from({ length: count }, (_, n) => ({ kind: 'tick', tick: first + n }));
const renders = (calls: string[]): number[] =>
  calls.flatMap((name, index) =>
    name.startsWith('render') ? [calls.slice(0, index).filter((other) => other.startsWith('tick')).length] : [],
  );

describe('a film takes its pictures in simulated time:', () => {
  it('a film takes a picture after every other tick at 120 ticks and 60 pictures per second', async () => {
    const { made, calls } = await shoot();
    expect(made).toBe(3);
    expect(calls).toEqual([
      'join 0',
      'tick 0',
      'render 0 64x36',
      'tick 1',
      'tick 2',
      'render 0 64x36',
      'tick 3',
      'tick 4',
      'render 0 64x36',
    ]);
  });

  it.each<[string, Shoot, number[]]>([
    ['from a given time on', { at: 0.1 }, [13, 15, 17]],
    ['more often than the game ticks', { tickRate: 30 }, [1, 1, 2]],
    ['at a rate that does not divide the tick rate', { fps: 50, frames: 6 }, [1, 3, 5, 8, 10, 13]],
    ['only one', { frames: 1, at: 1 }, [121]],
  ])('%s', async (_, options, after) => {
    expect(renders((await shoot(options)).calls)).toEqual(after);
  });

  it('until the calls end', async () => {
    const calls: Call[] = [{ kind: 'join', seat: 2 }, ...ticks(0, 4)];
    expect(await shoot({ calls, frames: Number.POSITIVE_INFINITY })).toMatchObject({ made: 2 });
  });

  it('until it is aborted', async () => {
    const stop = new AbortController();
    const onFrame = async (frame: number) => void (frame === 4 && stop.abort());
    expect(await shoot({ frames: 1000, signal: stop.signal, onFrame })).toMatchObject({ made: 5 });
  });
});

describe('the view of a film', () => {
  const calls: Call[] = [
    ...ticks(0, 4),
    { kind: 'join', seat: 2 },
    { kind: 'render', seat: 2, width: 8, height: 8 },
    ...ticks(4, 2),
    { kind: 'join', seat: 1 },
    { kind: 'leave', seat: 2 },
    ...ticks(6, 2),
  ];

  it('a film shows the view of a player who is present, and its time stands still while there is none', async () => {
    const found = await shoot({ calls, frames: 10 });
    expect(found.calls.filter((name) => name.startsWith('render'))).toEqual(['render 2 64x36', 'render 1 64x36']);
    expect(renders(found.calls)).toEqual([5, 7]);
  });

  it('a film shows the view of the given seat', async () => {
    expect((await shoot({ calls, frames: 10, seat: 1 })).calls.filter((name) => name.startsWith('render'))).toEqual([
      'render 1 64x36',
    ]);
    expect((await shoot({ calls, frames: 10, seat: 3 })).made).toBe(0);
  });
});

it.each([
  [{ tickRate: 120, fps: 60, at: 0 }],
  [{ tickRate: 120, fps: 50, at: 0.01 }],
  [{ tickRate: 30, fps: 60, at: 0 }],
  [{ tickRate: 120, fps: 60, at: 9 }],
  [{ tickRate: 120, fps: 60, at: 0, seat: 3 }],
])('countFrames counts as many pictures as film takes: %j', async (options) => {
  const calls: Call[] = [...ticks(0, 5), { kind: 'join', seat: 2 }, ...ticks(5, 9), { kind: 'leave', seat: 2 }];
  const { made } = await shoot({ ...options, calls, frames: Number.POSITIVE_INFINITY });
  expect(countFrames(calls, options)).toBe(made);
});

describe('replies of the GPU', () => {
  /** The commands `onSubmittedWorkDone`, which leads to a reply, and `submit`, which does not. */
  const asking: Submission = { commands: Uint32Array.of((2 << 16) | 37, 7, (1 << 16) | 36), data: new Uint8Array() };

  it('replies of the GPU arrive before the game goes on', async () => {
    const pending = new PendingReplies();
    const order: string[] = [];
    const instance = new FakeInstance(1);
    instance.onTick = () => order.push('tick');
    instance.join = async () => asking;
    const run = () => {
      order.push('submitted');
      setTimeout(() => {
        order.push('replied');
        pending.received();
      }, 20);
    };
    await shoot({ instance, pending, run, frames: 1 });
    expect(order).toEqual(['submitted', 'replied', 'tick']);
  });

  it('all who wait for the replies of the GPU go on when they have arrived', async () => {
    const pending = new PendingReplies();
    pending.expect(asking);
    const waiting = [pending.settled(), pending.settled()];
    pending.received();
    await Promise.all(waiting);
  });

  it('replies of the GPU are not waited for if none is pending', async () => {
    const pending = new PendingReplies();
    await pending.settled();
    pending.expect(asking);
    pending.received();
    await pending.settled();
  });
});

describe('the sound of a film', () => {
  it('is that of the filmed seat, in every tick from the first picture on', async () => {
    const instance = new FakeInstance(4);
    const heard: number[] = [];
    const onSound = async (samples: Float32Array) => void heard.push(samples.length / 2);
    await shoot({ instance, at: 0.1, frames: 3, onSound });
    // The pictures follow ticks 12, 14 and 16, counted from 0.
    expect(instance.listened).toEqual(['0', '0', '0', '0', '0']);
    expect(heard).toEqual([400, 400, 400, 400, 400]);
    const other = new FakeInstance(4);
    const calls: Call[] = [...ticks(0, 3), { kind: 'join', seat: 2 }, ...ticks(3, 4)];
    await shoot({ instance: other, calls, seat: 2, frames: 9, onSound });
    expect(other.listened).toEqual(['2', '2', '2', '2']);
  });

  it('is not mixed if no one takes it, or below ten ticks a second', async () => {
    const silent = new FakeInstance(4);
    await shoot({ instance: silent });
    const slow = new FakeInstance(4);
    await shoot({ instance: slow, tickRate: 9, onSound: async () => {} });
    expect([silent.listened, slow.listened]).toEqual([[], []]);
  });
});
