import { type ErrorCode, errors, NearlightError } from '../base/errors.ts';
import { joinedNotice } from '../base/protocol.ts';
import type { Submission } from '../engine/engine.ts';
import type { Player, PlayerConnection, Situation, ViewRequest } from '../stream/player.ts';
import type { Broadcast } from './broadcast.ts';
import { isGpuLoss } from './failure.ts';
import { clearRecord, PlayerInput } from './input.ts';
import { openSound } from './listeners.ts';
import type { GameLoop } from './loop.ts';
import type { Loaded, RoomOptions } from './options.ts';
import type { PixelBudget } from './pixels.ts';
import { Seat } from './seat.ts';

/** The picture of a player who has not asked for one yet. */
const NO_VIEW: ViewRequest = { width: 16, height: 16, fps: 1 };

/** The arguments for PlayerConnection.end: why a player's connection ends, and whether the page may connect again. */
export type Farewell = readonly [code: ErrorCode, message: string, retry: boolean];

export interface SeatingOptions
  extends Pick<RoomOptions, 'name' | 'clock' | 'config' | 'actions' | 'createView' | 'createSound' | 'log'> {
  pixels: Pick<PixelBudget, 'grant'>;
  broadcast: Pick<Broadcast, 'rest'>;
  situation: Situation;
  loop(): Pick<GameLoop, 'tasks' | 'replay' | 'nextTick'>;
  /** Returns the running module. */
  game(): Loaded;
  /** @throws NearlightError NL_ROOM_ENDED */
  checkRunning(): void;
  /** Whether the room has ended or is ending. */
  isClosed(): boolean;
  /** The reason that a player gets who connects while the room closes; undefined while it is open. */
  farewell(): Farewell | undefined;
  /** Whether the room has lost the GPU and has not recovered yet. */
  isRecovering(): boolean;
}

/** The seats of a room: gives them to players, keeps them for players who have lost their connection, and frees them. */
export class Seating {
  /** The seats by number; undefined where one is free. */
  readonly seats: (Seat | undefined)[];
  readonly #options: SeatingOptions;

  constructor(options: SeatingOptions) {
    this.#options = options;
    this.seats = new Array(options.config.maxPlayers).fill(undefined);
  }

  /** Number of seats that players have taken. */
  get taken(): number {
    return this.seats.reduce((count, seat) => count + (seat === undefined ? 0 : 1), 0);
  }

  /** The seats whose players are connected and have joined. */
  get playing(): Seat[] {
    return this.seats.filter((seat) => seat?.connection !== undefined && seat.joined && !seat.closed) as Seat[];
  }

  /** Checks that a player could take a seat now. @throws NearlightError NL_ROOM_FULL, NL_ROOM_ENDED */
  checkFree(): void {
    const { name, checkRunning } = this.#options;
    checkRunning();
    if (!this.seats.includes(undefined))
      throw new NearlightError('NL_ROOM_FULL', `all ${this.seats.length} seats of ${name} are taken`);
  }

  /** Gives a page a seat; see Room.accept. @throws NearlightError NL_ROOM_FULL, NL_ROOM_ENDED */
  accept(request: ViewRequest, input = new PlayerInput(this.#options.clock)): Player {
    this.checkFree();
    const { pixels, game } = this.#options;
    const number = this.seats.indexOf(undefined);
    const seat = new Seat({
      number,
      wanted: request,
      grant: pixels.grant(request),
      input,
      instance: () => game().instance,
    });
    this.seats[number] = seat;
    seat.grant.onChange = () => this.#fit(seat);
    return this.#playerOf(seat);
  }

  /**
   * Keeps a seat for a player of a match whose state the module has restored. The player joins the module before its next tick.
   * @returns the player, who has no connection
   */
  resume(number: number): Player {
    const { clock, pixels, loop, game } = this.#options;
    const grant = pixels.grant(NO_VIEW);
    grant.release();
    const input = new PlayerInput(clock);
    const seat = new Seat({ number, wanted: NO_VIEW, grant, input, instance: () => game().instance });
    seat.joined = true;
    this.seats[number] = seat;
    // The player's page may connect meanwhile, and gets its pictures when it has joined.
    loop().tasks.add(async () => {
      if (!seat.closed) await this.#enter(seat);
    });
    return this.#playerOf(seat);
  }

  /** Lets the player of a seat join the game, if the module does not have the player yet. */
  async enter(seat: Seat): Promise<void> {
    if (!seat.joined && !seat.closed) await this.#enter(seat);
  }

  /** Takes the player of a seat out of the game. The seat stays the player's. */
  async depart(seat: Seat): Promise<void> {
    const { loop } = this.#options;
    seat.requests.endText();
    await loop().replay(await this.#exit(seat));
  }

  /** Shows the game again to a player who has departed and come back. */
  showAgain(seat: Seat): void {
    const { connection, view } = seat;
    if (connection && view) view.requestKeyframe();
    else if (connection) this.#show(seat, connection);
  }

  /** Joins the player of a seat to a module that has replaced the one that the player had joined. */
  async enterAgain(seat: Seat): Promise<void> {
    // The view of a player who has departed is closed. Another one is opened if the player comes back.
    if (seat.departed) seat.view = undefined;
    if (!seat.joined || seat.closed) return;
    await this.#enter(seat);
    if (seat.connection) this.#show(seat, seat.connection);
  }

  #playerOf(seat: Seat): Player {
    const { loop, isClosed, situation } = this.#options;
    return {
      ...this.#describe(seat),
      input: seat.input,
      situation,
      onConnected: (connection) => this.#connect(seat, connection),
      onKeyframe: () => seat.view?.requestKeyframe(),
      onFeedback: (feedback) => seat.view?.feedback(feedback),
      onClosed: () => loop().tasks.add(() => this.#leave(seat)),
      onLost: () => this.#hold(seat),
      canReturn: () => !isClosed() && !seat.closed,
      return: (request) => this.#return(seat, request),
    };
  }

  #describe(seat: Seat): Pick<Player, 'seat' | 'seats' | 'game' | 'width' | 'height' | 'fps' | 'wanted' | 'actions'> {
    const { request, wanted } = seat;
    const { name, actions } = this.#options;
    const more = { ...(wanted ? { wanted } : {}), ...(actions?.length ? { actions } : {}) };
    const fps = Math.round(request.fps);
    return { ...request, fps, game: name, seat: seat.number, seats: this.seats.length, ...more };
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
    const farewell = this.#options.farewell();
    if (farewell) void connection.end(...farewell);
    else {
      // The picture may have changed while the page was connecting.
      this.#describeAgain(seat);
      this.#options.loop().tasks.add(() => this.#join(seat, connection));
    }
  }

  async #join(seat: Seat, connection: PlayerConnection): Promise<void> {
    const { name, log } = this.#options;
    if (seat.closed) return;
    if (seat.departed) {
      // The page was away when its player moved.
      if (seat.departed.notice) connection.notify(seat.departed.notice);
      return;
    }
    if (!seat.joined) {
      await this.#enter(seat);
      log('info', `${name}: seat ${seat.number} was taken; players: ${this.taken}`, {
        room: name,
        player: seat.number,
      });
    }
    this.#show(seat, connection);
  }

  /** Says to the game that a player has the seat. */
  async #enter(seat: Seat): Promise<void> {
    const { game, broadcast, loop } = this.#options;
    const submission = await game().instance.join(seat.number);
    // If the GPU is lost from here on, the recovery joins this player again.
    seat.joined = true;
    broadcast.rest(false);
    await loop().replay(submission);
  }

  /** Says to the game that the seat is free. */
  async #exit(seat: Seat): Promise<Submission> {
    const { broadcast } = this.#options;
    const { instance } = this.#options.game();
    const submission = await instance.leave(seat.number);
    clearRecord(instance, seat.number);
    seat.joined = false;
    broadcast.rest(!this.seats.some((other) => other?.joined));
    return submission;
  }

  /** Starts to send pictures over a connection. The game goes on meanwhile, because opening the video encoder takes a while. */
  #show(seat: Seat, connection: PlayerConnection): void {
    const { createView, loop, isClosed, isRecovering } = this.#options;
    const game = this.#options.game();
    // A recovery from the loss of the GPU, or the player's return over another connection, creates another view.
    const isCurrent = () => game === this.#options.game() && !isRecovering() && seat.connection === connection;
    const drop = (error: unknown): void => {
      // If the game survives the loss of the GPU, it gives the player another view.
      if (isCurrent() && !isGpuLoss(error)) this.#dropView(seat, error);
    };
    if (!isCurrent()) return;
    createView(seat.request, connection, drop)
      .then(async (view) => {
        if (seat.closed || isClosed() || !isCurrent()) await view.close();
        else seat.begin(view, loop().nextTick);
      })
      .catch(drop);
    const isOver = () => isClosed() || seat.connection !== connection;
    if (game.instance.hasSound) openSound(seat, connection, this.#options, isOver);
  }

  #dropView(seat: Seat, cause: unknown): void {
    const { name, log } = this.#options;
    const error = cause instanceof NearlightError ? cause : new NearlightError('NL_ENCODER', String(cause), { cause });
    log('error', `${name}: seat ${seat.number}: ${error.message}`, { room: name, player: seat.number });
    void seat.connection?.end(error.code, `${errors[error.code].text}: ${error.detail}`, true);
  }

  /** Keeps the seat of a player whose connection was lost, at the cost of its input record alone. */
  #hold(seat: Seat): void {
    const { name, loop, log } = this.#options;
    seat.connection = undefined;
    seat.requests.renew();
    seat.input.releaseAll(seat.input.sequence);
    seat.grant.release();
    loop().tasks.add(() => this.#closeStreams(seat));
    log('info', `${name}: seat ${seat.number} waits for its player`, { room: name, player: seat.number });
  }

  #return(seat: Seat, wanted: ViewRequest): Player {
    const { name, clock, pixels, checkRunning } = this.#options;
    checkRunning();
    if (seat.closed) throw new NearlightError('NL_ROOM_ENDED', `${name} is closed`);
    if (seat.connection) this.#hold(seat);
    seat.grant.release();
    seat.renew({ wanted, grant: pixels.grant(wanted), input: new PlayerInput(clock) });
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
    const { name, game, broadcast, loop, log } = this.#options;
    seat.closed = true;
    await this.#closeStreams(seat);
    seat.grant.release();
    seat.requests.endText();
    const submission = seat.joined ? await this.#exit(seat) : undefined;
    clearRecord(game().instance, seat.number);
    this.seats[seat.number] = undefined;
    broadcast.rest(!this.seats.some((other) => other?.joined));
    log('info', `${name}: seat ${seat.number} is free; players: ${this.taken}`, { room: name, player: seat.number });
    if (submission) await loop().replay(submission);
  }
}
