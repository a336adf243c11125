import { type ErrorCode, NearlightError } from '../base/errors.ts';
import { type CloseReason, joinedNotice } from '../base/protocol.ts';
import type {
  AudioInfo,
  ConnectionStats,
  Feedback,
  FrameInfo,
  InputSink,
  Player,
  PlayerConnection,
  PointerState,
  ViewRequest,
} from '../stream/player.ts';
import type { Room } from './room.ts';

const TOTALS = ['totalDx', 'totalDy', 'totalWheelX', 'totalWheelY'] as const;

/**
 * The players and spectators of a pod. They keep their connections while the pod replaces its game, wait in between, and get places in
 * the next game.
 */
export class Audience {
  readonly #players = new Set<KeptPlayer>();
  readonly #holdMs: number;
  readonly #restartMs: () => number;
  /** Whether the last game has ended in a way after which the next one may come late. */
  #isLate = false;
  #room: Room | undefined;
  /** Whether players wait for another game when the current one ends. */
  #keepsPlayers = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /**
   * @param holdMs how long players wait for the next game, after it was expected
   * @param restartMs returns how long it takes about until the next game starts, if the one before has failed
   */
  constructor(holdMs: number, restartMs: () => number = () => 0) {
    this.#holdMs = holdMs;
    this.#restartMs = restartMs;
  }

  /** The room of the running game, as an array; empty while no game runs. */
  get rooms(): Room[] {
    return this.#room ? [this.#room] : [];
  }

  /** Number of players and spectators, both those in the running game and those who wait for the next one. */
  get size(): number {
    return this.#players.size;
  }

  /**
   * Gives a page a player's seat in the running game.
   * @throws NearlightError NL_ROOM_FULL, NL_ROOM_ENDED while there is no game, NL_SHUTDOWN
   */
  async accept(game: string | undefined, request: ViewRequest): Promise<Player> {
    return (await this.admit(game, request))();
  }

  /**
   * Checks that the running game has a free seat. Returns a function that takes a seat in the game that runs then.
   * @throws NearlightError as accept
   */
  async admit(_game: string | undefined, request: ViewRequest): Promise<() => Player> {
    this.#running().checkFree();
    return () => this.#keep(request, (room, wanted) => room.accept(wanted));
  }

  /**
   * Returns a function that lets a page watch the game that runs then, and those that follow. @throws NearlightError as Room.watch
   */
  async watch(_game: string | undefined, request: ViewRequest): Promise<() => Player> {
    return () => this.#keep(request, (room, wanted) => room.watch(wanted));
  }

  /** Lets a page into the running game, and later into those that follow. */
  #keep(request: ViewRequest, enter: Owner['enter'], seated = enter(this.#running(), request)): KeptPlayer {
    const player: KeptPlayer = new KeptPlayer(request, seated, {
      enter,
      keepsPlayers: () => this.#keepsPlayers && !this.#closed,
      restartMs: this.#restartMs,
      remove: () => this.#players.delete(player),
    });
    this.#players.add(player);
    return player;
  }

  #running(): Room {
    if (this.#closed) throw new NearlightError('NL_SHUTDOWN', 'try again in a moment');
    if (!this.#room) {
      const seconds = this.#isLate ? Math.ceil(this.#restartMs() / 1000) : 0;
      const when =
        seconds > 0 ? `it starts again in about ${seconds} s` : 'it is being replaced; try again in a moment';
      throw new NearlightError('NL_ROOM_ENDED', when);
    }
    return this.#room;
  }

  /**
   * Makes a room's game the running one and gives its seats to the waiting players. In a match that goes on, they have the seats of before.
   * @param keepsPlayers whether the players wait for another game when this one ends
   * @returns the players of such a match who are not among those who wait. None of them has a connection.
   */
  show(room: Room, keepsPlayers: boolean): Player[] {
    clearTimeout(this.#timer);
    this.#room = room;
    this.#keepsPlayers = keepsPlayers;
    const absent = this.#seat([...this.#players], room);
    void room.ended.then((error) => {
      if (this.#room !== room) return;
      this.#room = undefined;
      this.#isLate = isFailure(error?.code);
      const restartMs = this.#isLate ? this.#restartMs() : 0;
      if (!this.#closed) this.#timer = setTimeout(() => this.#dismissAll(error), restartMs + this.#holdMs);
    });
    return absent.map((player) => {
      const { width, height, fps } = player;
      return this.#keep({ width, height, fps }, (next, wanted) => next.accept(wanted), player);
    });
  }

  /** Gives players their places in a room. Returns the players of the room's match who are not among them. */
  #seat(players: readonly KeptPlayer[], room: Room): Player[] {
    const resumed = new Map(room.resumed.map((player) => [player.seat, player]));
    const others: KeptPlayer[] = [];
    for (const player of players) {
      const own = player.game === room.name ? resumed.get(player.seat) : undefined;
      if (own) {
        resumed.delete(own.seat);
        player.seatIn(room, own);
      } else others.push(player);
    }
    for (const player of others) player.seatIn(room);
    return [...resumed.values()];
  }

  /** Ends the running game and every player's connection. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#room?.close();
    await this.#dismissAll(undefined);
  }

  async #dismissAll(error: NearlightError | undefined): Promise<void> {
    const code = error?.code ?? (this.#closed ? 'NL_SHUTDOWN' : 'NL_ROOM_ENDED');
    const message = error?.detail ?? 'the game ended, and no other game started in its place';
    await Promise.all([...this.#players].map((player) => player.dismiss(code, message)));
  }
}

/** Whether a game has ended by itself. One that was asked to end has another one in its place at once. */
function isFailure(code: ErrorCode | undefined): boolean {
  return code !== undefined && code !== 'NL_ROOM_ENDED' && code !== 'NL_SHUTDOWN';
}

interface Owner {
  /** Gives a page its place in a game: a seat, or that of a spectator. @throws NearlightError */
  enter(room: Room, request: ViewRequest): Player;
  /** Whether players stay connected when their room ends. */
  keepsPlayers(): boolean;
  /** Returns how long it takes about until the next game starts, if the one before has failed. */
  restartMs(): number;
  /** Forgets a player whose connection has closed. */
  remove(): void;
}

type Totals = Pick<PointerState, (typeof TOTALS)[number]>;

/**
 * A player who stays connected from one game to the next. The object stands between a page's connection and a game's room:
 * the connection sees it as its player, and the room sees it as the player's connection.
 */
class KeptPlayer implements Player {
  readonly input: InputSink;
  #request: ViewRequest;
  readonly #owner: Owner;
  #player: Player;
  #isSeated = true;
  #connection: PlayerConnection | undefined;
  /** Hands over the newest input that waits at the connection. */
  #flush: (() => void) | undefined;
  /** The arguments for PlayerConnection.end, set when the player is dismissed, perhaps before the page has connected. */
  #farewell: readonly [code: ErrorCode, message: string, retry: boolean] | undefined;
  /**
   * A page sends its total pointer movement since its connection began, but a game expects the movement since the player
   * got the seat. These are the totals at the time of seating, which are subtracted.
   */
  readonly #totalsAtSeating: Totals = { totalDx: 0, totalDy: 0, totalWheelX: 0, totalWheelY: 0 };
  /** The newest totals of pointer and wheel movement that the page has sent. */
  readonly #totals: Totals = { ...this.#totalsAtSeating };
  readonly #pointer: PointerState = { x: 0.5, y: 0.5, ...this.#totals, axes: [0, 0, 0, 0], locked: false };

  constructor(request: ViewRequest, player: Player, owner: Owner) {
    this.#request = request;
    this.#player = player;
    this.#owner = owner;
    const sink = () => this.#player.input;
    this.input = {
      key: (usage, down, sequence) => sink().key(usage, down, sequence),
      button: (button, down, sequence) => sink().button(button, down, sequence),
      padButton: (pad, button, down, sequence) => sink().padButton(pad, button, down, sequence),
      releaseAll: (sequence) => sink().releaseAll(sequence),
      held: (state, ...when) => sink().held(state, ...when),
      pointer: (state, ...when) => sink().pointer(this.#sinceSeating(state), ...when),
      text: (number, text, sequence) => sink().text(number, text, sequence),
      pace: (slackMs) => sink().pace(slackMs),
      onRead: (flush) => {
        this.#flush = flush;
        sink().onRead?.(flush);
      },
    };
  }

  get width(): number {
    return this.#player.width;
  }

  get height(): number {
    return this.#player.height;
  }

  get fps(): number {
    return this.#player.fps;
  }

  get wanted(): Player['wanted'] {
    return this.#player.wanted;
  }

  get seat(): number {
    return this.#player.seat;
  }

  get seats(): number {
    return this.#player.seats;
  }

  get game(): string {
    return this.#player.game;
  }

  get situation(): Player['situation'] {
    return this.#isSeated ? this.#player.situation : undefined;
  }

  get actions(): Player['actions'] {
    return this.#player.actions;
  }

  onConnected(connection: PlayerConnection): void {
    this.#connection = connection;
    if (this.#farewell) void connection.end(...this.#farewell);
    else this.#player.onConnected(this.#connectionForRoom(connection));
  }

  onKeyframe(): void {
    if (this.#isSeated) this.#player.onKeyframe();
  }

  onFeedback(feedback: Readonly<Feedback>): void {
    if (this.#isSeated) this.#player.onFeedback(feedback);
  }

  onClosed(reason: CloseReason): void {
    this.#owner.remove();
    if (this.#isSeated) this.#player.onClosed(reason);
  }

  onLost(): void {
    this.#connection = undefined;
    if (this.#isSeated) this.#player.onLost();
  }

  /** Between two games a player may return, too, and then waits for the next game. */
  canReturn(): boolean {
    return !this.#farewell;
  }

  return(request: ViewRequest): Player {
    this.#connection = undefined;
    this.#request = request;
    if (this.#isSeated && this.#player.canReturn()) this.#player = this.#player.return(request);
    // The new connection counts its movement from zero.
    for (const totals of [this.#totals, this.#totalsAtSeating]) for (const total of TOTALS) totals[total] = 0;
    return this;
  }

  /**
   * Seats the player in the next game's room, over the same connection. No key counts as held down there.
   * @param own the player's seat in a match that goes on
   */
  seatIn(room: Room, own?: Player): void {
    if (this.#farewell) return;
    try {
      this.#player = own ? own.return(this.#request) : this.#owner.enter(room, this.#request);
      this.#isSeated = true;
    } catch (error) {
      this.#isSeated = false;
      const { code, detail } = error as NearlightError;
      // If the new game has already ended too, the players wait for the next one.
      if (code !== 'NL_ROOM_ENDED') void this.dismiss(code, detail);
      return;
    }
    Object.assign(this.#totalsAtSeating, this.#totals);
    const connection = this.#connection;
    if (!connection) return;
    if (this.#flush) this.#player.input.onRead?.(this.#flush);
    connection.notify(joinedNotice(this));
    this.#player.onConnected(this.#connectionForRoom(connection));
  }

  /** Ends the player's connection now, or as soon as the page connects. */
  async dismiss(code: ErrorCode, message: string): Promise<void> {
    this.#farewell = [code, message, true];
    await this.#connection?.end(...this.#farewell);
  }

  /** Returns the pointer's state with totals that start at zero in the current room. Valid until the next call. */
  #sinceSeating(state: PointerState): PointerState {
    const pointer = Object.assign(this.#pointer, state);
    for (const total of TOTALS) {
      this.#totals[total] = state[total];
      pointer[total] = (state[total] - this.#totalsAtSeating[total]) | 0;
    }
    return pointer;
  }

  /** Wraps the page's connection for the current room. When that room ends it, the page may stay for the next game. */
  #connectionForRoom(connection: PlayerConnection): PlayerConnection {
    const player = this.#player;
    const isCurrent = () => player === this.#player;
    return {
      codec: connection.codec,
      sendFrame: (accessUnit: Uint8Array, info: FrameInfo) => isCurrent() && connection.sendFrame(accessUnit, info),
      sendAudio:
        connection.sendAudio &&
        ((packet: Uint8Array, info: AudioInfo) => isCurrent() && !!connection.sendAudio?.(packet, info)),
      get ready(): boolean {
        return isCurrent() && connection.ready;
      },
      limitBitrate: (bitsPerSecondMax) => connection.limitBitrate(bitsPerSecondMax),
      notify: (notice) => connection.notify(notice),
      get stats(): Readonly<ConnectionStats> {
        return connection.stats;
      },
      end: async (code, message, retry) => {
        if (!isCurrent()) return;
        // A failed video encoder concerns this player alone, and does not end the room.
        if (code === 'NL_ENCODER' || !this.#owner.keepsPlayers()) return connection.end(code, message, retry);
        this.#isSeated = false;
        const afterMs = isFailure(code) ? Math.round(this.#owner.restartMs()) : 0;
        connection.notify({ kind: 'paused', code, message, ...(afterMs > 0 ? { afterMs } : {}) });
      },
    };
  }
}
