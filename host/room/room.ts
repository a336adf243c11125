import type { Phase } from '../base/bus.ts';
import { type ErrorCode, errors, GuestExit, NearlightError } from '../base/errors.ts';
import { canSound } from '../base/sound.ts';
import type { Surface } from '../gpu/replay.ts';
import type { Player, ViewRequest } from '../stream/player.ts';
import { Broadcast } from './broadcast.ts';
import { RoomBus } from './bus.ts';
import { asFailure } from './failure.ts';
import type { PlayerInput } from './input.ts';
import { GameLoop } from './loop.ts';
import { PlayerMoves } from './moves.ts';
import type { Loaded, Resumed, RoomOptions } from './options.ts';
import { PixelBudget } from './pixels.ts';
import { Recovery } from './recovery.ts';
import { answerText } from './requests.ts';
import type { Seat } from './seat.ts';
import { type Farewell, Seating } from './seating.ts';
import { GameSituation } from './situation.ts';
import { createRoomStats, type RoomStats, summarize } from './stats.ts';

/** Limits where no settings give them, as in a browser tab. */
const MESSAGES_PER_SECOND = 100;
const DATA_BYTES = 2 ** 20;

/** A game's state between two ticks, and the players that it knows. */
export interface SavedMatch extends Resumed {
  readonly state: Uint8Array;
  /** Number of ticks that the game has made. */
  readonly ticks: number;
}

/** A match as its room saves it. */
export interface RoomSave extends SavedMatch {
  /** Whether the state has all players. It lacks one who is between this game and another, and who may come back. */
  readonly isWhole: boolean;
}

/**
 * One running module and its players. The module's simulation ticks at a fixed rate, and each player gets pictures of the
 * player's own size and rate. The game's time stands still while no player is there, except for the warm-up ticks.
 */
export class Room {
  readonly name: string;
  /** Resolves when the room has ended, with the error that ended it, or with undefined after close(). */
  readonly ended: Promise<NearlightError | undefined>;
  readonly stats: RoomStats;
  /** The players of `RoomOptions.resumed`. Each of them has no connection and may return. */
  readonly resumed: readonly Player[];
  /** Takes the state of players out of the room, and puts it in. */
  readonly moves: PlayerMoves;
  /** Called when the room's module has hung the GPU. The room may have ended before, for another reason. */
  onHung: () => void = () => {};
  readonly #options: RoomOptions;
  /** The running module. Another one takes its place when the room recovers from a lost GPU. */
  #game: Loaded;
  readonly #seating: Seating;
  readonly #broadcast: Broadcast;
  readonly #bus: RoomBus;
  readonly #loop: GameLoop;
  readonly #recovery: Recovery;
  #error: NearlightError | undefined;
  #closing: Promise<void> | undefined;
  /** The reason that players get when the room closes. Set when it starts to close. */
  #farewell: Farewell | undefined;
  readonly #end: (error: NearlightError | undefined) => void;

  constructor(options: RoomOptions) {
    const { name, clock, config, instance, replay, meters, ticks = 0, warmUpTicks = 0 } = options;
    this.name = name;
    this.#options = options;
    this.#game = { instance, replay };
    this.stats = createRoomStats(meters);
    this.stats.ticks = ticks;
    const { promise, resolve } = Promise.withResolvers<NearlightError | undefined>();
    this.ended = promise;
    this.#end = resolve;
    const situation = new GameSituation(config, (isFight) => {
      meters?.countSituation(isFight ? 'fight' : 'calm');
      options.log('debug', `${name}: ${isFight ? 'a team fight begins' : 'the team fight ends'}`);
    });
    const shared = {
      ...options,
      situation,
      pixels: options.pixels ?? new PixelBudget(Number.POSITIVE_INFINITY),
      loop: () => this.#loop,
      game: () => this.#game,
    };
    this.#bus = new RoomBus({
      ...options,
      counts: meters?.bus,
      phase: options.resumed?.phase,
      messagesPerSecondMax: config.busMessagesPerSecondMax ?? MESSAGES_PER_SECOND,
      // The module gets its messages in the memory for bulk data, which it shares with mapped bytes.
      bytesMax: (config.dataBytesMax ?? DATA_BYTES) / 4,
      ticks: () => this.stats.ticks,
    });
    this.#broadcast = new Broadcast({
      ...shared,
      seats: config.maxPlayers,
      hasSound: () => this.#game.instance.hasSound === true && canSound(config.tickRate),
      wake: () => this.#loop.tasks.wake(),
    });
    this.#seating = new Seating({
      ...shared,
      broadcast: this.#broadcast,
      checkRunning: () => this.#checkRunning(),
      isRecovering: () => this.#recovery.isPending,
      farewell: () => this.#farewell,
      isClosed: () => this.isClosed,
    });
    this.moves = new PlayerMoves({ ...shared, seating: this.#seating, ended: this.ended });
    this.#recovery = new Recovery({
      ...shared,
      broadcast: this.#broadcast,
      bus: this.#bus,
      seating: this.#seating,
      replace: (game) => {
        this.#game = game;
        this.#listen(game);
      },
      isClosed: () => this.isClosed,
    });
    this.#loop = new GameLoop({
      clock,
      tickRate: config.tickRate,
      warmUpTicks,
      seats: this.#seating.seats,
      stats: this.stats,
      meters,
      broadcast: this.#broadcast,
      situation,
      bus: this.#bus,
      game: shared.game,
      isClosing: () => this.isClosed,
      ...(options.onFirstTick ? { onFirstTick: options.onFirstTick } : {}),
    });
    this.resumed = (options.resumed?.seats ?? []).map((number) => this.#seating.resume(number));
    this.#listen(this.#game);
    void this.#run();
  }

  /** Whether the room has ended or is ending. */
  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  /** Number of seats that players have taken. */
  get players(): number {
    return this.#seating.taken;
  }

  get seats(): number {
    return this.#seating.seats.length;
  }

  /** Phase of the match; undefined if the module has set none. */
  get phase(): Phase | undefined {
    return this.#bus.phase;
  }

  /** The seats whose players are connected and have joined. */
  get playing(): readonly Pick<Seat, 'number' | 'input' | 'connection'>[] {
    return this.#seating.playing;
  }

  /** Returns the statistics of the game and of each player's frames as plain data. Times are in milliseconds. */
  status(): object {
    return {
      name: this.name,
      phase: this.phase,
      players: this.players,
      seats: this.seats,
      spectators: this.#broadcast.spectators,
      ...summarize(this.stats),
      views: this.#seating.seats.flatMap((seat) =>
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
    this.#seating.checkFree();
  }

  /**
   * Gives a page a player's seat in the game. The player's picture may be smaller than the page asks for.
   * @param input the object that receives the player's input, if the caller already has one
   * @throws NearlightError NL_ROOM_FULL, NL_ROOM_ENDED
   */
  accept(request: ViewRequest, input?: PlayerInput): Player {
    return this.#seating.accept(request, input);
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
  save(): Promise<RoomSave | undefined> {
    const saved = Promise.withResolvers<RoomSave | undefined>();
    this.#loop.tasks.add(async () => {
      // If the module fails while it saves, the promise `ended` of its instance ends the room.
      const state = await this.#game.instance.save().catch(() => undefined);
      const seats = this.#seating.seats.flatMap((seat) => (seat?.joined && !seat.closed ? [seat.number] : []));
      const isWhole = !this.moves.isBetween;
      saved.resolve(state && { state, ticks: this.stats.ticks, seats, phase: this.phase, isWhole });
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
    return Promise.race([this.#recovery.begin(reason, causedElsewhere), this.ended.then(() => {})]);
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
      onRumble: (number, effect) => this.#seating.seats[number]?.requests.rumble(effect),
      onText: (number, request) => {
        const seat = this.#seating.seats[number];
        if (seat?.joined && !seat.closed) seat.requests.requestText(request);
        else answerText(instance, { ...request, text: undefined });
      },
      onTextEnd: (number) => this.#seating.seats[number]?.requests.endText(),
      onBus: (request) => this.#bus.request(request),
    });
  }

  async #run(): Promise<void> {
    try {
      while (!this.#closing) await this.#loop.step().catch((error: unknown) => this.#recovery.wait(error));
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(cause: unknown): void {
    if (this.#closing) return;
    const error = asFailure(cause);
    this.#error = error;
    this.#options.meters?.countEndedGame(error.code);
    const isRegularEnd = error instanceof GuestExit && error.status === 0;
    this.#options.log(isRegularEnd ? 'info' : 'error', `${this.name} has ended: ${error.message}`, {
      room: this.name,
    });
    this.#closing = this.#release(error.code, `${errors[error.code].text}: ${error.detail}`);
  }

  async #release(code: ErrorCode, message: string): Promise<void> {
    const farewell: Farewell = [code, message, true];
    this.#farewell = farewell;
    this.#loop.tasks.wake();
    const { instance, replay } = this.#game;
    const seats = this.#seating.seats.filter((seat) => seat !== undefined);
    const connections = [...seats.map((seat) => seat.connection), this.#broadcast];
    await Promise.allSettled(connections.map((connection) => connection?.end(...farewell)));
    const streams = seats.flatMap((seat) => [seat.view, seat.sound]);
    await Promise.allSettled([...streams, this.#broadcast].map((stream) => stream?.close()));
    await instance.close();
    replay.destroy();
    for (const seat of seats) seat.grant.release();
    this.#broadcast.release();
    this.#bus.close();
    this.#seating.seats.fill(undefined);
    this.#end(this.#error);
  }

  /** @throws NearlightError NL_ROOM_ENDED */
  #checkRunning(): void {
    if (this.#closing) throw new NearlightError('NL_ROOM_ENDED', this.#error?.detail ?? `${this.name} is closed`);
  }

  /** Whether a player or a free seat is there, from which a picture can be drawn. */
  #hasViewpoint(): boolean {
    return this.#seating.seats.some((seat) => seat === undefined || (seat.joined && !seat.closed));
  }

  async #draw(surface: Surface): Promise<void> {
    const { instance, replay } = this.#game;
    const { width, height } = surface.texture;
    const { seats } = this.#seating;
    const player = seats.find((seat) => seat?.joined && !seat.closed);
    const number = player?.number ?? seats.indexOf(undefined);
    if (!player) {
      await this.#loop.replay(await instance.join(number));
      await this.#loop.replay(await instance.tick(this.stats.ticks++));
    }
    await replay.start(await instance.render(number, width, height), surface);
    if (!player) await this.#loop.replay(await instance.leave(number));
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
