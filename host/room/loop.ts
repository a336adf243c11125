import type { Clock } from '../base/clock.ts';
import { type Milli, milli } from '../base/time.ts';
import type { Submission } from '../engine/engine.ts';
import type { Meters } from '../observe/meters.ts';
import type { Broadcast } from './broadcast.ts';
import type { RoomBus } from './bus.ts';
import { Listeners } from './listeners.ts';
import type { Loaded } from './options.ts';
import { TickSchedule } from './schedule.ts';
import type { Seat } from './seat.ts';
import type { GameSituation } from './situation.ts';
import type { RoomStats } from './stats.ts';
import { TaskQueue } from './tasks.ts';
import type { PlayerView } from './view.ts';

/** A game that has fallen behind makes at most this many simulation ticks in a row before it renders again. */
const CATCH_UP_TICKS_MAX = 8;

export interface LoopOptions {
  clock: Clock;
  /** Simulation ticks per second. */
  tickRate: number;
  /** Number of simulation ticks to make before the first player joins. */
  warmUpTicks: number;
  /** The room's seats; undefined where a seat is free. */
  seats: readonly (Seat | undefined)[];
  stats: RoomStats;
  meters: Meters | undefined;
  /** Messages from other rooms. */
  bus: Pick<RoomBus, 'deliver'>;
  /** The picture that spectators share. */
  broadcast: Pick<Broadcast, 'view' | 'sound' | 'isHeard' | 'nextFrame' | 'takeFrame'>;
  situation: Pick<GameSituation, 'frame'>;
  /** Returns the running module, which is replaced when the room recovers from a lost GPU. */
  game(): Loaded;
  isClosing(): boolean;
  /** Called after the first simulation tick. */
  onFirstTick?(): void;
}

/**
 * The loop of one game: it ticks the simulation at a fixed rate, renders each player's frames at the player's own rate, and
 * runs other tasks in between. Time comes from the clock alone, so the same loop serves a host, a browser tab and a test.
 */
export class GameLoop {
  readonly tasks = new TaskQueue();
  readonly #options: LoopOptions;
  readonly #ticks: TickSchedule;
  readonly #listeners: Listeners;
  #hasTicked = false;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#listeners = new Listeners(options.seats, options.tickRate, options.broadcast);
    this.#ticks = new TickSchedule(options.tickRate, options.clock.now());
  }

  /** When the next simulation tick is due. */
  get nextTick(): Milli {
    return this.#ticks.next;
  }

  /**
   * Runs the tasks, ticks and frames that are due, then waits for the next.
   * @throws NearlightError if the module or its commands fail
   */
  async step(): Promise<void> {
    const { clock, seats, stats, warmUpTicks } = this.#options;
    for (let task = this.tasks.take(); task && !this.#isClosing; task = this.tasks.take()) await task();
    if (stats.ticks >= warmUpTicks && seats.every((seat) => seat === undefined)) {
      await this.#rest();
      return;
    }
    this.#pace();
    for (let ticks = 0; ticks < CATCH_UP_TICKS_MAX && this.#ticks.isDue(clock.now()) && !this.#isClosing; ticks++)
      await this.#tick();
    for (const seat of seats) if (seat?.takeFrame(clock.now()) && !this.#isClosing) await this.#render(seat, seat.view);
    await this.#renderBroadcast();
    if (!this.#isClosing) await clock.until(this.#nextDue());
  }

  /** Executes the commands that the module submitted in one call. @throws NearlightError as Replay.start */
  async replay(submission: Submission): Promise<void> {
    if (submission.commands.length > 0) await this.#options.game().replay.start(submission);
  }

  get #isClosing(): boolean {
    return this.#options.isClosing();
  }

  /**
   * Shifts each player's frames to keep in step with the player's display. Simulation ticks shift with the first player's
   * frames, so that those frames show a tick that was just made.
   */
  #pace(): void {
    const now = this.#options.clock.now();
    let isFirst = true;
    for (const seat of this.#options.seats) {
      if (!seat?.view) continue;
      const stepMs = seat.pace(now);
      if (isFirst) this.#ticks.shift(stepMs);
      isFirst = false;
    }
  }

  /** Waits, while there is no player, for a task or for the room's end. The simulation stands still meanwhile. */
  async #rest(): Promise<void> {
    if (this.tasks.isEmpty && !this.#isClosing) await this.tasks.nextWake();
    this.#ticks.restart(this.#options.clock.now());
  }

  /** Returns when the next simulation tick or player's frame is due. */
  #nextDue(): Milli {
    let next: number = this.#ticks.next;
    for (const seat of this.#options.seats) if (seat?.isWatching) next = Math.min(next, seat.nextFrame);
    const { view, nextFrame } = this.#options.broadcast;
    if (view?.ready) next = Math.min(next, nextFrame);
    return milli(next);
  }

  async #tick(): Promise<void> {
    const { clock, seats, stats, meters, bus, situation } = this.#options;
    const { instance } = this.#options.game();
    const begun = clock.now();
    situation.frame(begun);
    stats.tickLateMs.add(begun - this.#ticks.next);
    for (const seat of seats) {
      if (!seat?.departed) seat?.input.write(instance, seat.number);
      seat?.timing.beginTick(seat.input.sequence, begun);
    }
    bus.deliver(instance);
    const called = instance.tick(stats.ticks, this.#listeners.of(stats.ticks));
    for (const seat of seats) seat?.input.endTick();
    const submission = await called;
    // The tick counts even if the GPU is lost from here on, because it is part of the state that the room recovers.
    stats.ticks++;
    stats.tickMs.add(clock.now() - begun);
    if (submission.sound) this.#listeners.play(submission.sound);
    await this.replay(submission);
    if (!this.#hasTicked) this.#options.onFirstTick?.();
    this.#hasTicked = true;
    const ended = clock.now();
    for (const seat of seats) {
      seat?.timing.endTick(ended);
      // Without a connection, the requests wait.
      if (seat?.connection) seat.requests.flush(ended);
    }
    const skipped = this.#ticks.advance(ended);
    stats.ticksSkipped += skipped;
    this.#listeners.skip(stats.ticks, skipped);
    if (meters) meters.ticksSkipped += skipped;
  }

  /** Draws what spectators see, which is the view of the first player. */
  async #renderBroadcast(): Promise<void> {
    const { clock, seats, broadcast } = this.#options;
    const watched = seats.find((seat) => seat?.joined && !seat.closed);
    if (watched && !this.#isClosing && broadcast.takeFrame(clock.now()))
      await this.#render(watched, broadcast.view, () => broadcast.view);
  }

  /** Draws what the player of a seat sees into a view, unless another view has taken its place meanwhile. */
  async #render(
    seat: Seat,
    view: PlayerView | undefined,
    current: () => PlayerView | undefined = () => seat.view,
  ): Promise<void> {
    const { clock, stats } = this.#options;
    const { instance, replay } = this.#options.game();
    if (!view?.ready) return;
    const begun = clock.now();
    seat.input.write(instance, seat.number);
    const { sequence } = seat.input;
    const times = seat.timing.read(seat.input, begun);
    const { surface } = view;
    const { width, height } = surface.texture;
    const submission = await instance.render(seat.number, width, height);
    const rendered = clock.now();
    stats.renderMs.add(rendered - begun);
    if (seat.closed || current() !== view) {
      // The module counts on the objects that it has made in this call.
      if (!this.#isClosing) await replay.startUnseen(submission, surface.texture);
      return;
    }
    const compilation = replay.start(submission, surface);
    if (compilation) await compilation;
    stats.replayMs.add(clock.now() - rendered);
    view.present(sequence, begun, times);
  }
}
