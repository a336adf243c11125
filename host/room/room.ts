import { type ErrorCode, errors, GuestExit, NearlightError } from '../base/errors.ts';
import { joinedNotice } from '../base/protocol.ts';
import { canSound } from '../base/sound.ts';
import type { Surface } from '../gpu/replay.ts';
import type { Player, PlayerConnection, ViewRequest } from '../stream/player.ts';
import { Broadcast } from './broadcast.ts';
import { asFailure, isGpuLoss } from './failure.ts';
import { clearRecord, PlayerInput } from './input.ts';
import { openSound } from './listeners.ts';
import { GameLoop } from './loop.ts';
import type { Loaded, RoomOptions } from './options.ts';
import { PixelBudget } from './pixels.ts';
import { Recoveries } from './recoveries.ts';
import { answerText } from './requests.ts';
import { Seat } from './seat.ts';
import { createRoomStats, type RoomStats, summarize } from './stats.ts';

/** The arguments for PlayerConnection.end: why a player's connection ends, and whether the page may connect again. */
type Farewell = readonly [code: ErrorCode, message: string, retry: boolean];

/**
 * One running module and its players. The module's simulation ticks at a fixed rate, and each player gets pictures of the
 * player's own size and rate. The game's time stands still while no player is there, except for the warm-up ticks.
 */
export class Room {
  readonly name: string;
  /** Resolves when the room has ended, with the error that ended it, or with undefined after close(). */
  readonly ended: Promise<NearlightError | undefined>;
  readonly stats: RoomStats;
  /** Called when the room's module has hung the GPU. The room may have ended before, for another reason. */
  onHung: () => void = () => {};
  readonly #options: RoomOptions;
  /** The running module. Another one takes its place when the room recovers from a lost GPU. */
  #game: Loaded;
  readonly #seats: (Seat | undefined)[];
  readonly #pixels: PixelBudget;
  readonly #broadcast: Broadcast;
  readonly #loop: GameLoop;
  #error: NearlightError | undefined;
  #closing: Promise<void> | undefined;
  readonly #recoveries = new Recoveries();
  /** True from the loss of the GPU until the room has recovered. Meanwhile a player whose video fails is not disconnected. */
  #isRecovering = false;
  /** Whether a recovery from the loss of the GPU waits among the loop's tasks. */
  #isRecoveryQueued = false;
  /** The game's state, from its being saved for a recovery until it is restored. The GPU may be lost again in between. */
  #saved: Uint8Array | undefined;
  /** Whether the game cannot recover from the loss of the GPU. */
  #isLost = false;
  /** The reason that players get when the room closes. Set when it starts to close. */
  #farewell: Farewell | undefined;
  readonly #end: (error: NearlightError | undefined) => void;

  constructor(options: RoomOptions) {
    const { name, clock, config, instance, replay, meters, ticks = 0, warmUpTicks = 0 } = options;
    this.name = name;
    this.#options = options;
    this.#game = { instance, replay };
    this.#seats = new Array(config.maxPlayers).fill(undefined);
    this.#pixels = options.pixels ?? new PixelBudget(Number.POSITIVE_INFINITY);
    this.stats = createRoomStats(meters);
    this.stats.ticks = ticks;
    const { promise, resolve } = Promise.withResolvers<NearlightError | undefined>();
    this.ended = promise;
    this.#end = resolve;
    this.#broadcast = new Broadcast({
      ...options,
      seats: config.maxPlayers,
      pixels: this.#pixels,
      hasSound: () => this.#game.instance.hasSound === true && canSound(config.tickRate),
      wake: () => this.#loop.tasks.wake(),
    });
    this.#loop = new GameLoop({
      clock,
      tickRate: config.tickRate,
      warmUpTicks,
      seats: this.#seats,
      stats: this.stats,
      meters,
      broadcast: this.#broadcast,
      game: () => this.#game,
      isClosing: () => this.isClosed,
    });
    this.#listen(this.#game);
    void this.#run();
  }

  /** Whether the room has ended or is ending. */
  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  /** Number of seats that players have taken. */
  get players(): number {
    return this.#seats.reduce((count, seat) => count + (seat === undefined ? 0 : 1), 0);
  }

  get seats(): number {
    return this.#seats.length;
  }

  /** Returns the statistics of the game and of each player's frames as plain data. Times are in milliseconds. */
  status(): object {
    return {
      name: this.name,
      players: this.players,
      seats: this.#seats.length,
      spectators: this.#broadcast.spectators,
      ...summarize(this.stats),
      views: this.#seats.flatMap((seat) =>
        seat?.view ? [{ seat: seat.number, ...seat.request, ...summarize(seat.view.stats), ...soundOf(seat) }] : [],
      ),
    };
  }

  /** Checks that a page could watch now. @throws NearlightError NL_SPECTATORS, NL_ROOM_ENDED */
  checkWatchable(): void {
    this.#checkRunning();
    this.#broadcast.checkFree();
  }

  /** Lets a page watch what the first player sees. @throws NearlightError NL_SPECTATORS, NL_ROOM_ENDED */
  watch(request: ViewRequest): Player {
    this.#checkRunning();
    return this.#broadcast.admit(request);
  }

  /** Checks that a player could take a seat now. @throws NearlightError NL_ROOM_FULL, NL_ROOM_ENDED */
  checkFree(): void {
    this.#checkRunning();
    if (!this.#seats.includes(undefined))
      throw new NearlightError('NL_ROOM_FULL', `all ${this.#seats.length} seats of ${this.name} are taken`);
  }

  /**
   * Gives a page a player's seat in the game. The player's picture may be smaller than the page asks for.
   * @param input the object that receives the player's input, if the caller already has one
   * @throws NearlightError NL_ROOM_FULL, NL_ROOM_ENDED
   */
  accept(request: ViewRequest, input = new PlayerInput(this.#options.clock)): Player {
    this.checkFree();
    const number = this.#seats.indexOf(undefined);
    const seat = new Seat({
      number,
      wanted: request,
      grant: this.#pixels.grant(request),
      input,
      instance: () => this.#game.instance,
    });
    this.#seats[number] = seat;
    seat.grant.onChange = () => this.#fit(seat);
    return this.#playerOf(seat);
  }

  /**
   * Draws one picture of the game into `surface`: what the first player sees or, if there is no player, what a player who
   * joins for a moment would see.
   * @throws NearlightError with the reason if the room ends, NL_GPU_LOST if the surface's GPU was lost, or NL_ROOM_FULL if
   * every seat is taken by a player who has not joined yet
   */
  picture(surface: Surface): Promise<void> {
    const drawn = Promise.withResolvers<void>();
    const game = this.#game;
    this.#loop.tasks.add(async () => {
      try {
        // After a recovery from the loss of the GPU, the surface still belongs to the lost device.
        if (game !== this.#game) throw new NearlightError('NL_GPU_LOST', 'try again');
        if (!this.#hasViewpoint()) {
          drawn.reject(new NearlightError('NL_ROOM_FULL', 'every player is still joining; try again'));
          return;
        }
        await this.#draw(surface);
        drawn.resolve();
      } catch (error) {
        drawn.reject(error);
        if (game === this.#game) throw error;
      }
    });
    const ended = this.ended.then((error) => {
      throw error ?? new NearlightError('NL_ROOM_ENDED', `${this.name} is closed`);
    });
    return Promise.race([drawn.promise, ended]);
  }

  /** Saves the game's state between two ticks. Resolves with undefined if the module saves none, or the room ends meanwhile. */
  save(): Promise<{ state: Uint8Array; ticks: number } | undefined> {
    const saved = Promise.withResolvers<{ state: Uint8Array; ticks: number } | undefined>();
    this.#loop.tasks.add(async () => {
      // If the module fails while it saves, the promise `ended` of its instance ends the room.
      const state = await this.#game.instance.save().catch(() => undefined);
      saved.resolve(state && { state, ticks: this.stats.ticks });
    });
    return Promise.race([saved.promise, this.ended.then(() => undefined)]);
  }

  /**
   * Recovers from the loss of the GPU: loads the module again with its saved state, while the players stay. The room ends
   * with NL_GPU_LOST if it cannot recover or has recovered too often. Resolves when the room has recovered or ended.
   * @param options.causedElsewhere another room is known to have lost the GPU, so the recovery does not count against the limit
   */
  recover(reason: string, { causedElsewhere = false } = {}): Promise<void> {
    if (this.#closing) return this.#closing;
    this.#isRecovering = true;
    this.#isRecoveryQueued = true;
    const done = Promise.withResolvers<void>();
    // All other tasks need the GPU, so the recovery comes first.
    this.#loop.tasks.addFirst(() => this.#recover(reason, causedElsewhere).finally(done.resolve));
    return Promise.race([done.promise, this.ended.then(() => {})]);
  }

  /** Ends the game: sends `code` to the players as the reason, then frees the module and its GPU objects. Idempotent. */
  close(code: 'NL_SHUTDOWN' | 'NL_ROOM_ENDED' | 'NL_GPU_LOST' = 'NL_SHUTDOWN'): Promise<void> {
    this.#closing ??= this.#release(code, errors[code].text);
    return this.#closing;
  }

  /** Listens for failures of the module or of its GPU commands, which end the room, and for measured times. */
  #listen({ instance, replay }: Loaded): void {
    void instance.ended.then((error) => {
      if (error && instance === this.#game.instance) this.#fail(error);
    });
    replay.observe({
      onCheck: (ms) => this.stats.checkMs.add(ms),
      onGpu: (ms, renders) => this.#addGpuTime(ms, renders),
      onError: (error) => this.#fail(error),
      onHung: () => this.onHung(),
      onRumble: (number, effect) => this.#seats[number]?.requests.rumble(effect),
      onText: (number, request) => {
        const seat = this.#seats[number];
        if (seat?.joined && !seat.closed) seat.requests.requestText(request);
        else answerText(instance, { ...request, text: undefined });
      },
      onTextEnd: (number) => this.#seats[number]?.requests.endText(),
    });
  }

  async #run(): Promise<void> {
    try {
      while (!this.#closing) await this.#loop.step().catch((error: unknown) => this.#waitForRecovery(error));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** If the game's loop failed because the GPU was lost, waits until `recover` is called. @throws every other error again */
  async #waitForRecovery(error: unknown): Promise<void> {
    if (!isGpuLoss(error) || !this.#options.reload || this.#isLost) throw error;
    while (!this.#isRecoveryQueued && !this.#closing) await this.#loop.tasks.nextWake();
  }

  async #recover(reason: string, causedElsewhere: boolean): Promise<void> {
    this.#isRecoveryQueued = false;
    const { instance, replay } = this.#game;
    const { reload, clock } = this.#options;
    const isAllowed = causedElsewhere || this.#recoveries.allow(clock.now());
    if (reload && isAllowed) this.#saved ??= await instance.save();
    const state = isAllowed ? this.#saved : undefined;
    this.#isLost = !reload || !state;
    if (!reload || !state) throw new NearlightError('NL_GPU_LOST', reason);
    const seats = this.#seats.filter((seat) => seat !== undefined);
    await Promise.allSettled([...seats.map((seat) => seat.view?.close()), this.#broadcast.close()]);
    for (const seat of seats) seat.requests.drop();
    this.#game = await reload();
    this.#listen(this.#game);
    replay.destroy();
    await instance.close();
    await this.#loop.replay(await this.#game.instance.restore(state));
    this.#saved = undefined;
    this.#isRecovering = false;
    for (const seat of seats) {
      if (!seat.joined || seat.closed) continue;
      await this.#enter(seat);
      if (seat.connection) this.#show(seat, seat.connection);
    }
    void this.#broadcast.open();
    this.#options.log('warn', `${this.name} has recovered from the loss of the GPU: ${reason}`);
  }

  #fail(cause: unknown): void {
    if (this.#closing) return;
    const error = asFailure(cause);
    this.#error = error;
    this.#options.meters?.countEndedGame(error.code);
    const isRegularEnd = error instanceof GuestExit && error.status === 0;
    this.#options.log(isRegularEnd ? 'info' : 'error', `${this.name} has ended: ${error.message}`);
    this.#closing = this.#release(error.code, `${errors[error.code].text}: ${error.detail}`);
  }

  async #release(code: ErrorCode, message: string): Promise<void> {
    const farewell: Farewell = [code, message, true];
    this.#farewell = farewell;
    this.#loop.tasks.wake();
    const { instance, replay } = this.#game;
    const seats = this.#seats.filter((seat) => seat !== undefined);
    const connections = [...seats.map((seat) => seat.connection), this.#broadcast];
    await Promise.allSettled(connections.map((connection) => connection?.end(...farewell)));
    const streams = seats.flatMap((seat) => [seat.view, seat.sound]);
    await Promise.allSettled([...streams, this.#broadcast].map((stream) => stream?.close()));
    await instance.close();
    replay.destroy();
    for (const seat of seats) seat.grant.release();
    this.#broadcast.release();
    this.#seats.fill(undefined);
    this.#end(this.#error);
  }

  /** @throws NearlightError NL_ROOM_ENDED */
  #checkRunning(): void {
    if (this.#closing) throw new NearlightError('NL_ROOM_ENDED', this.#error?.detail ?? `${this.name} is closed`);
  }

  #playerOf(seat: Seat): Player {
    return {
      ...this.#describe(seat),
      input: seat.input,
      onConnected: (connection) => this.#connect(seat, connection),
      onKeyframe: () => seat.view?.requestKeyframe(),
      onFeedback: (feedback) => seat.view?.feedback(feedback),
      onClosed: () => this.#loop.tasks.add(() => this.#leave(seat)),
      onLost: () => this.#hold(seat),
      canReturn: () => !this.isClosed && !seat.closed,
      return: (request) => this.#return(seat, request),
    };
  }

  #describe(seat: Seat): Pick<Player, 'seat' | 'seats' | 'game' | 'width' | 'height' | 'fps' | 'wanted' | 'actions'> {
    const { request, wanted } = seat;
    const { actions } = this.#options;
    const more = { ...(wanted ? { wanted } : {}), ...(actions?.length ? { actions } : {}) };
    const fps = Math.round(request.fps);
    return { ...request, fps, game: this.name, seat: seat.number, seats: this.#seats.length, ...more };
  }

  /** Gives a player other pictures, because another player has come or left, or the host is late. Tells the player if they change. */
  #fit(seat: Seat): void {
    if (seat.closed) return;
    seat.fit();
    this.#describeAgain(seat);
  }

  #describeAgain(seat: Seat): void {
    const { connection } = seat;
    if (connection && seat.notePicture()) connection.notify(joinedNotice(this.#describe(seat)));
  }

  #connect(seat: Seat, connection: PlayerConnection): void {
    seat.connection = connection;
    if (this.#farewell) void connection.end(...this.#farewell);
    else {
      // The picture may have changed while the page was connecting.
      this.#describeAgain(seat);
      this.#loop.tasks.add(() => this.#join(seat, connection));
    }
  }

  async #join(seat: Seat, connection: PlayerConnection): Promise<void> {
    if (seat.closed) return;
    if (!seat.joined) {
      await this.#enter(seat);
      this.#options.log('info', `${this.name}: seat ${seat.number} was taken; players: ${this.players}`);
    }
    this.#show(seat, connection);
  }

  /** Says to the game that a player has the seat. */
  async #enter(seat: Seat): Promise<void> {
    const submission = await this.#game.instance.join(seat.number);
    // If the GPU is lost from here on, the recovery joins this player again.
    seat.joined = true;
    this.#broadcast.rest(false);
    await this.#loop.replay(submission);
  }

  /** Starts to send pictures over a connection. The game goes on meanwhile, because opening the video encoder takes a while. */
  #show(seat: Seat, connection: PlayerConnection): void {
    const game = this.#game;
    // A recovery from the loss of the GPU, or the player's return over another connection, creates another view.
    const isCurrent = () => game === this.#game && !this.#isRecovering && seat.connection === connection;
    const drop = (error: unknown): void => {
      // If the game survives the loss of the GPU, it gives the player another view.
      if (isCurrent() && !isGpuLoss(error)) this.#dropView(seat, error);
    };
    if (!isCurrent()) return;
    this.#options
      .createView(seat.request, connection, drop)
      .then(async (view) => {
        if (seat.closed || this.#closing || !isCurrent()) await view.close();
        else seat.begin(view, this.#loop.nextTick);
      })
      .catch(drop);
    const isOver = () => this.isClosed || seat.connection !== connection;
    if (game.instance.hasSound) openSound(seat, connection, this.#options, isOver);
  }

  /** Keeps the seat of a player whose connection was lost, at the cost of its input record alone. */
  #hold(seat: Seat): void {
    seat.connection = undefined;
    seat.requests.renew();
    seat.input.releaseAll(seat.input.sequence);
    seat.grant.release();
    this.#loop.tasks.add(() => this.#closeStreams(seat));
    this.#options.log('info', `${this.name}: seat ${seat.number} waits for its player`);
  }

  #return(seat: Seat, wanted: ViewRequest): Player {
    this.#checkRunning();
    if (seat.closed) throw new NearlightError('NL_ROOM_ENDED', `${this.name} is closed`);
    if (seat.connection) this.#hold(seat);
    seat.grant.release();
    seat.renew({ wanted, grant: this.#pixels.grant(wanted), input: new PlayerInput(this.#options.clock) });
    seat.grant.onChange = () => this.#fit(seat);
    return this.#playerOf(seat);
  }

  async #closeStreams(seat: Seat): Promise<void> {
    const { view, sound } = seat;
    seat.view = seat.sound = undefined;
    seat.soundRequested = false;
    await view?.close();
    await sound?.close();
  }

  async #leave(seat: Seat): Promise<void> {
    seat.closed = true;
    await this.#closeStreams(seat);
    seat.grant.release();
    const { instance } = this.#game;
    seat.requests.endText();
    const submission = seat.joined ? await instance.leave(seat.number) : undefined;
    clearRecord(instance, seat.number);
    this.#seats[seat.number] = undefined;
    this.#broadcast.rest(!this.#seats.some((other) => other?.joined));
    this.#options.log('info', `${this.name}: seat ${seat.number} is free; players: ${this.players}`);
    if (submission) await this.#loop.replay(submission);
  }

  /** Whether a player or a free seat is there, from which a picture can be drawn. */
  #hasViewpoint(): boolean {
    return this.#seats.some((seat) => seat === undefined || (seat.joined && !seat.closed));
  }

  async #draw(surface: Surface): Promise<void> {
    const { instance, replay } = this.#game;
    const { width, height } = surface.texture;
    const player = this.#seats.find((seat) => seat?.joined && !seat.closed);
    const number = player?.number ?? this.#seats.indexOf(undefined);
    if (!player) {
      await this.#loop.replay(await instance.join(number));
      await this.#loop.replay(await instance.tick(this.stats.ticks++));
    }
    await replay.start(await instance.render(number, width, height), surface);
    if (!player) await this.#loop.replay(await instance.leave(number));
  }

  #dropView(seat: Seat, cause: unknown): void {
    const error = cause instanceof NearlightError ? cause : new NearlightError('NL_ENCODER', String(cause), { cause });
    this.#options.log('error', `${this.name}: seat ${seat.number}: ${error.message}`);
    void seat.connection?.end(error.code, `${errors[error.code].text}: ${error.detail}`, true);
  }

  #addGpuTime(ms: number, renders: number): void {
    this.stats.gpuMs.add(ms);
    const { meters } = this.#options;
    if (meters) meters.gpuMs = (meters.gpuMs ?? 0) + ms * renders;
  }
}

/** Returns the statistics of a player's sound, for the status page. */
function soundOf({ sound }: Seat): object {
  return sound ? { sound: summarize(sound.stats) } : {};
}
