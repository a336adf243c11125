import { type ErrorCode, errors, GuestExit, NearlightError } from '../base/errors.ts';
import type { Submission } from '../engine/engine.ts';
import type { Surface } from '../gpu/replay.ts';
import type { Player, PlayerConnection, ViewRequest } from '../stream/player.ts';
import { clearRecord } from './input.ts';
import type { Loaded, RoomOptions } from './options.ts';
import { Renewals } from './renewals.ts';
import { Seat } from './seat.ts';
import { roomStats, summaries } from './stats.ts';

/** Ticks that a late room makes up for in a row; beyond BEHIND_MS_MAX it lets them go. */
const CATCH_UP_MAX = 8;
const BEHIND_MS_MAX = 250;

/**
 * One module instance and its players: a simulation at a fixed rate, and a picture per player at the player's own size and rate.
 * While nobody plays, time stands still, but for the first few ticks.
 */
export class Room {
  readonly name: string;
  /** Resolves once: with the error that ended the room, or undefined after close(). */
  readonly ended: Promise<NearlightError | undefined>;
  readonly stats: ReturnType<typeof roomStats>;
  /** Set by who keeps the room: its module has hung the GPU, and may have ended before for another reason. */
  onHung: () => void = () => {};
  #options: RoomOptions;
  readonly #seats: (Seat | undefined)[];
  readonly #tickMs: number;
  /** Joins and leaves, which wait for their turn at the module. */
  readonly #turns: (() => Promise<void>)[] = [];
  #wake: () => void = () => {};
  #nextTick = 0;
  #error: NearlightError | undefined;
  #closing: Promise<void> | undefined;
  readonly #renewals = new Renewals();
  /** Views fail with a lost GPU; their players stay. */
  #renewing = false;
  #renewalDue = false;
  /** What players are told once the room closes. */
  #farewell: readonly [code: ErrorCode, message: string, retry: boolean] | undefined;
  #end!: (error: NearlightError | undefined) => void;

  constructor(options: RoomOptions) {
    this.name = options.name;
    this.#options = options;
    this.#seats = new Array(options.config.maxPlayers).fill(undefined);
    this.#tickMs = 1000 / options.config.tickRate;
    this.stats = roomStats(options.meters);
    this.stats.ticks = options.ticks ?? 0;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#attend(options);
    this.#nextTick = options.clock.now();
    void this.#begin();
  }

  /** It has ended, or is about to. */
  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  /** Seats that are taken. */
  get players(): number {
    return this.#seats.reduce((count, seat) => count + (seat === undefined ? 0 : 1), 0);
  }

  get seats(): number {
    return this.#seats.length;
  }

  /** Figures of the room and of each player's picture, as plain data; times in milliseconds. */
  status(): object {
    return {
      name: this.name,
      players: this.players,
      seats: this.#seats.length,
      ...summaries(this.stats),
      views: this.#seats.flatMap((seat) =>
        seat?.view
          ? [
              {
                seat: seat.number,
                ...seat.request,
                ...summaries(seat.view.stats),
              },
            ]
          : [],
      ),
    };
  }

  /**
   * Gives a seat to a page.
   * @throws NearlightError NL_ROOM_FULL, NL_ROOM_ENDED
   */
  accept(request: ViewRequest): Player {
    if (this.#closing) throw new NearlightError('NL_ROOM_ENDED', this.#error?.detail ?? `${this.name} is closed`);
    const number = this.#seats.indexOf(undefined);
    if (number < 0)
      throw new NearlightError('NL_ROOM_FULL', `all ${this.#seats.length} seats of ${this.name} are taken`);
    const seat = new Seat(number, request);
    this.#seats[number] = seat;
    return {
      ...request,
      seat: number,
      seats: this.#seats.length,
      game: this.name,
      input: seat.input,
      onConnected: (connection) => this.#connected(seat, connection),
      onKeyframe: () => seat.view?.requestKeyframe(),
      onFeedback: (feedback) => seat.view?.feedback(feedback),
      onClosed: () => this.#turn(() => this.#leave(seat)),
    };
  }

  /**
   * Draws what a player sees or, with nobody there, what somebody would who looks in for a moment.
   * @throws NearlightError why the room has ended
   */
  picture(surface: Surface): Promise<void> {
    const drawn = Promise.withResolvers<void>();
    const { instance } = this.#options;
    this.#turn(async () => {
      try {
        // The surface is of a GPU that is lost.
        if (instance !== this.#options.instance) throw new NearlightError('NL_GPU_LOST', 'try again');
        await this.#draw(surface);
        drawn.resolve();
      } catch (error) {
        drawn.reject(error);
        if (instance === this.#options.instance) throw error;
      }
    });
    const ended = this.ended.then((error) => {
      throw error ?? new NearlightError('NL_ROOM_ENDED', `${this.name} is closed`);
    });
    return Promise.race([drawn.promise, ended]);
  }

  /**
   * Goes on after the GPU was lost: the module is loaded once more, with the state that it saves, and its players stay.
   * Where that is not possible, or has been too often, the room ends with NL_GPU_LOST; what others' work has caused does not
   * count. Resolves when either is done.
   */
  renew(why: string, { foreign = false } = {}): Promise<void> {
    if (this.#closing) return this.#closing;
    this.#renewing = true;
    const done = Promise.withResolvers<void>();
    this.#renewalDue = true;
    // Before all other turns, which need the GPU.
    this.#turns.unshift(() => this.#renew(why, foreign).finally(done.resolve));
    this.#wake();
    return Promise.race([done.promise, this.ended.then(() => {})]);
  }

  /** Ends the room: players are told `code`, then everything of the room is released. Idempotent. */
  close(code: 'NL_SHUTDOWN' | 'NL_ROOM_ENDED' | 'NL_GPU_LOST' = 'NL_SHUTDOWN'): Promise<void> {
    this.#closing ??= this.#release(code, errors[code].text);
    return this.#closing;
  }

  /** Listens to what may end the room. */
  #attend({ instance, replay }: Loaded): void {
    void instance.ended.then((error) => {
      if (error && instance === this.#options.instance) this.#fail(error);
    });
    replay.observe({
      onCheck: (ms) => this.stats.checkMs.add(ms),
      onGpu: (ms, renders) => this.#gpuTime(ms, renders),
      onError: (error) => this.#fail(error),
      onHung: () => this.onHung(),
    });
  }

  async #renew(why: string, foreign: boolean): Promise<void> {
    this.#renewalDue = false;
    const { instance, replay, reload, clock } = this.#options;
    const again = foreign || this.#renewals.next(clock.now());
    const state = reload && again ? await instance.save() : undefined;
    if (!reload || !state) throw new NearlightError('NL_GPU_LOST', why);
    const seats = this.#seats.filter((seat) => seat !== undefined);
    await Promise.allSettled(seats.map((seat) => seat.view?.close()));
    const loaded = await reload();
    this.#options = { ...this.#options, ...loaded };
    this.#attend(loaded);
    replay.destroy();
    await instance.close();
    await this.#replay(await loaded.instance.restore(state));
    this.#renewing = false;
    for (const seat of seats)
      if (seat.joined && !seat.closed && seat.connection) await this.#join(seat, seat.connection);
    this.#options.log('warn', `${this.name} goes on after the GPU was lost: ${why}`);
  }

  #fail(cause: unknown): void {
    if (this.#closing) return;
    const error =
      cause instanceof NearlightError ? cause : new NearlightError('NL_GUEST_PROTOCOL', String(cause), { cause });
    this.#error = error;
    this.#options.meters?.gameEnded(error.code);
    const well = error instanceof GuestExit && error.status === 0;
    this.#options.log(well ? 'info' : 'error', `${this.name} has ended: ${error.message}`);
    this.#closing = this.#release(error.code, `${errors[error.code].text}: ${error.detail}`);
  }

  async #release(code: ErrorCode, message: string): Promise<void> {
    const farewell = [code, message, true] as const;
    this.#farewell = farewell;
    this.#wake();
    const { instance, replay } = this.#options;
    const seats = this.#seats.filter((seat) => seat !== undefined);
    await Promise.allSettled(seats.map((seat) => seat.connection?.end(...farewell)));
    await Promise.allSettled(seats.map((seat) => seat.view?.close()));
    await instance.close();
    replay.destroy();
    this.#seats.fill(undefined);
    this.#end(this.#error);
  }

  #turn(turn: () => Promise<void>): void {
    this.#turns.push(turn);
    this.#wake();
  }

  /** A page that connects while its room ends, or after, is told as the others are. */
  #connected(seat: Seat, connection: PlayerConnection): void {
    seat.connection = connection;
    if (this.#farewell) void connection.end(...this.#farewell);
    else this.#turn(() => this.#join(seat, connection));
  }

  async #join(seat: Seat, connection: PlayerConnection): Promise<void> {
    if (seat.closed) return;
    const { instance, createView } = this.#options;
    const joined = await instance.join(seat.number);
    // Also where the GPU is lost now: the room joins whom it has once more when it is renewed.
    seat.joined = true;
    await this.#replay(joined);
    // A renewal opens another view in the place of one that is not ready by then.
    const isCurrent = () => instance === this.#options.instance && !this.#renewing;
    const drop = (error: unknown): void => {
      if (isCurrent()) this.#dropView(seat, error);
    };
    // The encoder takes a while to open: the game goes on meanwhile.
    createView(seat.request, connection, drop)
      .then(async (view) => {
        if (seat.closed || this.#closing || !isCurrent()) await view.close();
        else seat.begin(view, this.#nextTick);
      })
      .catch(drop);
    this.#options.log('info', `${this.name}: seat ${seat.number} taken, ${this.players} playing`);
  }

  async #leave(seat: Seat): Promise<void> {
    seat.closed = true;
    await seat.view?.close();
    const { instance } = this.#options;
    const left = seat.joined ? await instance.leave(seat.number) : undefined;
    clearRecord(instance.inputs, seat.number);
    this.#seats[seat.number] = undefined;
    this.#options.log('info', `${this.name}: seat ${seat.number} left, ${this.players} playing`);
    if (left) await this.#replay(left);
  }

  async #draw(surface: Surface): Promise<void> {
    const { instance, replay } = this.#options;
    const { width, height } = surface.texture;
    const player = this.#seats.find((seat) => seat?.joined && !seat.closed);
    const number = player?.number ?? this.#seats.indexOf(undefined);
    if (!player) {
      await this.#replay(await instance.join(number));
      await this.#replay(await instance.tick(this.stats.ticks++));
    }
    await replay.start(await instance.render(number, width, height), surface);
    if (!player) await this.#replay(await instance.leave(number));
  }

  #dropView(seat: Seat, cause: unknown): void {
    const error = cause instanceof NearlightError ? cause : new NearlightError('NL_ENCODER', String(cause), { cause });
    this.#options.log('error', `${this.name}: seat ${seat.number}: ${error.message}`);
    void seat.connection?.end(error.code, `${errors[error.code].text}: ${error.detail}`, true);
  }

  async #begin(): Promise<void> {
    try {
      while (!this.#closing) await this.#step().catch((error: unknown) => this.#outlive(error));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Where a step failed with the GPU, what comes next is to renew, or the end. @throws any other error again */
  async #outlive(error: unknown): Promise<void> {
    const lost = error instanceof NearlightError && error.code === 'NL_GPU_LOST';
    const failed = this.#renewing && !this.#renewalDue;
    if (!lost || !this.#options.reload || failed) throw error;
    while (!this.#renewalDue && !this.#closing)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  async #step(): Promise<void> {
    const { clock } = this.#options;
    for (let turn = this.#turns.shift(); turn && !this.#closing; turn = this.#turns.shift()) await turn();
    if (this.players === 0 && this.stats.ticks >= (this.#options.warmUpTicks ?? 0)) {
      await this.#rest();
      return;
    }
    this.#pace();
    for (let ticks = 0; ticks < CATCH_UP_MAX && clock.now() >= this.#nextTick && !this.#closing; ticks++)
      await this.#tick();
    for (const seat of this.#seats) if (seat?.due(clock.now()) && !this.#closing) await this.#render(seat);
    if (!this.#closing) await clock.until(this.#next());
  }

  /** Keeps frames in step with the players' displays; ticks follow the first player's, so that its frames show fresh ticks. */
  #pace(): void {
    let first = true;
    for (const seat of this.#seats) {
      if (!seat?.view) continue;
      const shift = seat.pace(this.#options.clock.now());
      if (first) this.#nextTick += shift;
      first = false;
    }
  }

  /** Waits for a turn or the end; the simulation then goes on from that moment. */
  async #rest(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#turns.length > 0 || this.#closing) resolve();
    });
    this.#wake = () => {};
    this.#nextTick = this.#options.clock.now();
  }

  /** When something is to be done next. */
  #next(): number {
    let next = this.#nextTick;
    for (const seat of this.#seats) if (seat?.view?.ready) next = Math.min(next, seat.nextFrame);
    return next;
  }

  async #tick(): Promise<void> {
    const { clock, instance, meters } = this.#options;
    const begun = clock.now();
    this.stats.tickLateMs.add(begun - this.#nextTick);
    this.#writeInputs();
    const called = instance.tick(this.stats.ticks);
    for (const seat of this.#seats) seat?.input.consumed();
    const submission = await called;
    // Also where the GPU is lost now: the state that the room goes on from has the tick.
    this.stats.ticks++;
    this.stats.tickMs.add(clock.now() - begun);
    await this.#replay(submission);
    this.#nextTick += this.#tickMs;
    const behind = clock.now() - this.#nextTick;
    if (behind > BEHIND_MS_MAX) {
      const skipped = Math.floor(behind / this.#tickMs);
      this.stats.ticksSkipped += skipped;
      if (meters) meters.ticksSkipped += skipped;
      this.#nextTick += skipped * this.#tickMs;
    }
  }

  async #render(seat: Seat): Promise<void> {
    const { clock, instance, replay } = this.#options;
    const view = seat.view;
    if (!view?.ready) return;
    const begun = clock.now();
    seat.input.write(instance.inputs, seat.number);
    const sequence = seat.input.sequence;
    const submission = await instance.render(seat.number, seat.request.width, seat.request.height);
    const rendered = clock.now();
    this.stats.renderMs.add(rendered - begun);
    if (seat.closed) return;
    const compilation = replay.start(submission, view.surface);
    if (compilation) await compilation;
    this.stats.replayMs.add(clock.now() - rendered);
    view.present(sequence, begun);
  }

  #gpuTime(ms: number, renders: number): void {
    this.stats.gpuMs.add(ms);
    const { meters } = this.#options;
    if (meters) meters.gpuMs = (meters.gpuMs ?? 0) + ms * renders;
  }

  #writeInputs(): void {
    for (const seat of this.#seats) seat?.input.write(this.#options.instance.inputs, seat.number);
  }

  async #replay(submission: Submission): Promise<void> {
    if (submission.commands.length > 0) await this.#options.replay.start(submission);
  }
}
