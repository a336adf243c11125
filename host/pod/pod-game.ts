import { must } from '../base/assert.ts';
import { NearlightError } from '../base/errors.ts';
import type { Instance, Submission } from '../engine/engine.ts';
import { createReplayFor, type Launcher } from '../play/launch.ts';
import type { roomOptions } from '../play/room.ts';
import type { Loaded, RoomOptions } from '../room/options.ts';
import { Room } from '../room/room.ts';
import type { PlayerConnection } from '../stream/player.ts';
import { type ColdStart, sinceRequest } from './cold-start.ts';
import { copy, type Resumption } from './resumption.ts';
import type { LoadedGame } from './runner.ts';

interface PodGameOptions {
  instance: Instance;
  launcher: Launcher;
  options: ReturnType<typeof roomOptions>;
  /** The match of an earlier container, which the instance has restored; undefined for a new match. */
  resumption: Resumption | undefined;
  /** Loads the game's module again after the GPU was lost. */
  reload(): Promise<Loaded>;
  /** Called after the game has moved to another guest process, whose id is then the game's `pid`. */
  renewed(): void;
  /** Whether players stay connected when the game ends. */
  hold: boolean;
  /** Record in which to note when each phase of the container's start was complete. */
  coldStart: ColdStart;
  /** Lets players join the room, which runs the game and sends each of them a picture. */
  show(room: Room): Promise<void>;
  /** Lets players play on for a while in a game that is to stop. Resolves when it should stop. Without it, it stops at once. */
  drain?: (() => Promise<unknown>) | undefined;
  /** Called before the room of a game that was asked to stop is closed. */
  stopping(room: Room): Promise<void>;
  /** Called when the game has ended. */
  gone(): void;
}

/** The game of a container: a loaded module and, once the game has begun, the room that players join. */
export class PodGame implements LoadedGame {
  readonly ended: Promise<NearlightError | undefined>;
  readonly #options: PodGameOptions;
  readonly #resolveEnded: (error: NearlightError | undefined) => void;
  #pid: number;
  #pids: readonly number[];
  #room: Room | undefined;
  #stopping: Promise<void> | undefined;
  #isDraining = false;

  constructor(options: PodGameOptions) {
    this.#options = options;
    this.#pid = pidOf(options.instance);
    this.#pids = options.instance.pids;
    const { promise, resolve } = Promise.withResolvers<NearlightError | undefined>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    void this.ended.then(() => options.gone());
    void options.instance.ended.then((error) => {
      if (!this.#room) this.#resolveEnded(error);
    });
  }

  get pid(): number {
    return this.#pid;
  }

  get pids(): readonly number[] {
    return this.#pids;
  }

  /**
   * Runs the game's first tick before the GPU work of its `init`, because that work may take as long as the rest of the start. A match that
   * goes on has made ticks already.
   */
  async begin(): Promise<void> {
    const { instance, coldStart, resumption } = this.#options;
    try {
      const submissions = resumption?.submissions ?? [copy(instance.initial), copy(await instance.tick(0))];
      coldStart.firstTickMs = sinceRequest(coldStart);
      setImmediate(() => void this.#open(submissions).catch((error: unknown) => this.#fail(error)));
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  drain(): boolean {
    const { drain } = this.#options;
    if (!drain || this.#isDraining || !this.#room || this.#room.isClosed) return false;
    this.#isDraining = true;
    void drain().then(() => this.stop());
    return true;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const { instance, hold, stopping } = this.#options;
    if (this.#room && !this.#room.isClosed) await stopping(this.#room);
    if (this.#room) await this.#room.close(hold ? 'NL_ROOM_ENDED' : 'NL_SHUTDOWN');
    else await instance.close();
    this.#resolveEnded(undefined);
  }

  /** Executes the GPU commands that the module has submitted so far, then opens the room that players join. */
  async #open(submissions: readonly Submission[]): Promise<void> {
    if (this.#stopping) return;
    const { instance, launcher, options, coldStart, show, resumption } = this.#options;
    const replay = createReplayFor(instance, launcher);
    try {
      for (const submission of submissions) if (submission.commands.length > 0) await replay.start(submission);
    } catch (error) {
      replay.destroy();
      throw error;
    }
    const createView: RoomOptions['createView'] = (request, connection, onError) =>
      options.createView(request, this.#notingFirstFrame(connection), onError);
    const { actions = [] } = launcher;
    const reload = () => this.#reload();
    const { match } = resumption ?? {};
    const progress = match ? { ticks: match.ticks, resumed: match, warmUpTicks: 0 } : { ticks: 1 };
    const room = new Room({ ...options, ...progress, instance, replay, actions, createView, reload });
    this.#room = room;
    void room.ended.then((error) => this.#resolveEnded(error));
    await show(room);
    coldStart.readyMs = sinceRequest(coldStart);
  }

  async #reload(): Promise<Loaded> {
    const loaded = await this.#options.reload();
    this.#pid = pidOf(loaded.instance);
    this.#pids = loaded.instance.pids;
    this.#options.renewed();
    return loaded;
  }

  #fail(error: unknown): void {
    const reason =
      error instanceof NearlightError
        ? error
        : new NearlightError('NL_GUEST_PROTOCOL', String(error), { cause: error });
    void (this.#room?.close('NL_ROOM_ENDED') ?? this.#options.instance.close());
    this.#resolveEnded(reason);
  }

  /** Wraps a player's connection so that it notes when the first picture is sent. */
  #notingFirstFrame(connection: PlayerConnection): PlayerConnection {
    const { coldStart } = this.#options;
    if (coldStart.firstFrameMs !== undefined) return connection;
    return {
      codec: connection.codec,
      notify: (notice) => connection.notify(notice),
      end: (code, message, retry) => connection.end(code, message, retry),
      get stats() {
        return connection.stats;
      },
      sendAudio: connection.sendAudio,
      get ready() {
        return connection.ready;
      },
      limitBitrate: (bitsPerSecondMax) => connection.limitBitrate(bitsPerSecondMax),
      sendFrame(accessUnit, info) {
        const sent = connection.sendFrame(accessUnit, info);
        if (sent) coldStart.firstFrameMs ??= sinceRequest(coldStart);
        return sent;
      },
    };
  }
}

/** Returns the id of the game's guest process. A pod always runs its game on WasmEdge, in such a process. */
function pidOf(instance: Instance): number {
  return must(instance.pid, 'guest process');
}
