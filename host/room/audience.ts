import { type ErrorCode, NearlightError } from '../base/errors.ts';
import type {
  CloseReason,
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
 * The players of a place where games come and go: while there is none, those who are connected wait, and the next room
 * seats them. A pod's sandbox keeps its players so, while its container is replaced.
 */
export class Audience {
  readonly #places = new Set<Place>();
  readonly #holdMs: number;
  #room: Room | undefined;
  #hold = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** @param holdMs for how long players wait for a game */
  constructor(holdMs: number) {
    this.#holdMs = holdMs;
  }

  /** The room that is played, if there is one. */
  get rooms(): Room[] {
    return this.#room ? [this.#room] : [];
  }

  /** Pages that have a place, seated or waiting. */
  get size(): number {
    return this.#places.size;
  }

  /**
   * Gives a page a place.
   * @throws NearlightError NL_ROOM_FULL, NL_ROOM_ENDED while there is no game, NL_SHUTDOWN
   */
  async accept(_game: string | undefined, request: ViewRequest): Promise<Player> {
    if (this.#closed) throw new NearlightError('NL_SHUTDOWN', 'try again in a moment');
    if (!this.#room) throw new NearlightError('NL_ROOM_ENDED', 'the game is being replaced; try again in a moment');
    const place: Place = new Place(request, this.#room.accept(request), {
      holds: () => this.#hold && !this.#closed,
      gone: () => this.#places.delete(place),
    });
    this.#places.add(place);
    return place;
  }

  /** Shows a game: who waits is seated, as far as there are seats. `hold`: its players wait when it ends. */
  show(room: Room, hold: boolean): void {
    clearTimeout(this.#timer);
    this.#room = room;
    this.#hold = hold;
    for (const place of this.#places) place.seatIn(room);
    void room.ended.then((error) => {
      if (this.#room !== room) return;
      this.#room = undefined;
      if (!this.#closed) this.#timer = setTimeout(() => this.#sendAway(error), this.#holdMs);
    });
  }

  /** Sends everybody away. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#room?.close();
    await this.#sendAway(undefined);
  }

  async #sendAway(error: NearlightError | undefined): Promise<void> {
    const code = error?.code ?? (this.#closed ? 'NL_SHUTDOWN' : 'NL_ROOM_ENDED');
    const message = error?.detail ?? 'no other game came in its place';
    await Promise.all([...this.#places].map((place) => place.dismiss(code, message)));
  }
}

interface Owner {
  /** Whether the end of a room leaves its players here. */
  holds(): boolean;
  gone(): void;
}

type Totals = Pick<PointerState, (typeof TOTALS)[number]>;

/** A page's place: what its connection knows as its player, and what a room knows as its connection. */
class Place implements Player {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly input: InputSink;
  readonly #owner: Owner;
  #player: Player;
  #seated = true;
  #connection: PlayerConnection | undefined;
  /** Why the page has to go, where it had not connected yet when that was decided. */
  #farewell: readonly [code: ErrorCode, message: string, retry: boolean] | undefined;
  /** The page counts its movement from its connection on, a room from the page's coming: what was moved before counts in neither. */
  readonly #before: Totals = { totalDx: 0, totalDy: 0, totalWheelX: 0, totalWheelY: 0 };
  readonly #pointer: PointerState = { x: 0.5, y: 0.5, ...this.#before, axes: [0, 0, 0, 0], locked: false };
  readonly #totals: Totals = { ...this.#before };

  constructor(request: ViewRequest, player: Player, owner: Owner) {
    this.width = request.width;
    this.height = request.height;
    this.fps = request.fps;
    this.#player = player;
    this.#owner = owner;
    const sink = () => this.#player.input;
    this.input = {
      key: (usage, down, sequence) => sink().key(usage, down, sequence),
      button: (button, down, sequence) => sink().button(button, down, sequence),
      releaseAll: (sequence) => sink().releaseAll(sequence),
      pointer: (state, sequence) => sink().pointer(this.#since(state), sequence),
      pace: (slackMs) => sink().pace(slackMs),
    };
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

  onConnected(connection: PlayerConnection): void {
    this.#connection = connection;
    if (this.#farewell) void connection.end(...this.#farewell);
    else this.#player.onConnected(this.#through(connection));
  }

  onKeyframe(): void {
    if (this.#seated) this.#player.onKeyframe();
  }

  onFeedback(feedback: Readonly<Feedback>): void {
    if (this.#seated) this.#player.onFeedback(feedback);
  }

  onClosed(reason: CloseReason): void {
    this.#owner.gone();
    if (this.#seated) this.#player.onClosed(reason);
  }

  /** Takes a seat of the next room, with nothing held down, and plays on over the same connection. */
  seatIn(room: Room): void {
    if (this.#farewell) return;
    try {
      this.#player = room.accept(this);
      this.#seated = true;
    } catch (error) {
      this.#seated = false;
      const { code, detail } = error as NearlightError;
      // A game that ended as it came leaves its players waiting for the next.
      if (code !== 'NL_ROOM_ENDED') void this.dismiss(code, detail);
      return;
    }
    Object.assign(this.#before, this.#totals);
    const connection = this.#connection;
    if (!connection) return;
    const { seat, seats, width, height, fps, game } = this;
    connection.notify({ kind: 'joined', seat, seats, width, height, fps, game });
    this.#player.onConnected(this.#through(connection));
  }

  async dismiss(code: ErrorCode, message: string): Promise<void> {
    this.#farewell = [code, message, true];
    await this.#connection?.end(...this.#farewell);
  }

  /** The state with totals that began with the room. */
  #since(state: PointerState): PointerState {
    const pointer = Object.assign(this.#pointer, state);
    for (const total of TOTALS) {
      this.#totals[total] = state[total];
      pointer[total] = (state[total] - this.#before[total]) | 0;
    }
    return pointer;
  }

  /** The connection as a room sees it: the room's end need not be the connection's. */
  #through(connection: PlayerConnection): PlayerConnection {
    const player = this.#player;
    const isCurrent = () => player === this.#player;
    return {
      sendFrame: (accessUnit: Uint8Array, info: FrameInfo) => isCurrent() && connection.sendFrame(accessUnit, info),
      notify: (notice) => connection.notify(notice),
      get stats(): Readonly<ConnectionStats> {
        return connection.stats;
      },
      end: async (code, message, retry) => {
        if (!isCurrent()) return;
        // What one player's encoder does concerns that player.
        if (code === 'NL_ENCODER' || !this.#owner.holds()) return connection.end(code, message, retry);
        this.#seated = false;
        connection.notify({ kind: 'paused', code, message });
      },
    };
  }
}
