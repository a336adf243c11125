import { NearlightError } from '../base/errors.ts';
import type { Submission } from '../engine/engine.ts';
import { createReplayFor, type Launcher } from '../play/launch.ts';
import type { roomOptions } from '../play/room.ts';
import type { Loaded, RoomOptions } from '../room/options.ts';
import { Room } from '../room/room.ts';
import type { PlayerConnection } from '../stream/player.ts';
import type { Game } from './pod.ts';

/** When a container was asked for, and how long after that things happened, in milliseconds. */
export interface ColdStart {
  createdAt: number;
  loadedMs?: number;
  firstTickMs?: number;
  readyMs?: number;
  firstFrameMs?: number;
}

interface PodGameOptions {
  instance: RoomOptions['instance'];
  launcher: Launcher;
  options: ReturnType<typeof roomOptions>;
  /** Loads the module once more, after its GPU was lost. */
  reload(): Promise<Loaded>;
  /** Told when the game goes on in another guest process, which is `pid` by then. */
  renewed(): void;
  hold: boolean;
  coldStart: ColdStart;
  show(room: Room): Promise<void>;
  gone(): void;
}

/** A loaded module on its way to a room. */
export class PodGame implements Game {
  readonly ended: Promise<NearlightError | undefined>;
  readonly #options: PodGameOptions;
  #pid: number;
  #room: Room | undefined;
  #stopped = false;
  #end!: (error: NearlightError | undefined) => void;

  constructor(options: PodGameOptions) {
    this.#options = options;
    this.#pid = options.instance.pid!;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    void this.ended.then(() => options.gone());
    void options.instance.ended.then((error) => {
      if (!this.#room) this.#end(error);
    });
  }

  get pid(): number {
    return this.#pid;
  }

  /** The first tick comes before what `init` asked of the GPU, which may take as long as all the rest of the start. */
  async begin(): Promise<void> {
    const { instance, coldStart } = this.#options;
    try {
      const initial = copy(instance.initial);
      const first = copy(await instance.tick(0));
      coldStart.firstTickMs = performance.now() - coldStart.createdAt;
      setImmediate(() => void this.#open([initial, first]).catch((error: unknown) => this.#fail(error)));
    } catch (error) {
      this.#fail(error);
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#room) await this.#room.close(this.#options.hold ? 'NL_ROOM_ENDED' : 'NL_SHUTDOWN');
    else await this.#options.instance.close();
    this.#end(undefined);
  }

  async #open(submissions: Submission[]): Promise<void> {
    if (this.#stopped) return;
    const { instance, launcher, options, coldStart, show } = this.#options;
    const replay = createReplayFor(instance, launcher);
    try {
      for (const submission of submissions) if (submission.commands.length > 0) await replay.start(submission);
    } catch (error) {
      replay.destroy();
      throw error;
    }
    const createView: RoomOptions['createView'] = (request, connection, onError) =>
      options.createView(request, this.#firstFrame(connection), onError);
    const room = new Room({ ...options, instance, replay, ticks: 1, createView, reload: () => this.#reload() });
    this.#room = room;
    void room.ended.then((error) => this.#end(error));
    await show(room);
    coldStart.readyMs = performance.now() - coldStart.createdAt;
  }

  async #reload(): Promise<Loaded> {
    const loaded = await this.#options.reload();
    this.#pid = loaded.instance.pid!;
    this.#options.renewed();
    return loaded;
  }

  #fail(error: unknown): void {
    const known =
      error instanceof NearlightError
        ? error
        : new NearlightError('NL_GUEST_PROTOCOL', String(error), { cause: error });
    void (this.#room?.close('NL_ROOM_ENDED') ?? this.#options.instance.close());
    this.#end(known);
  }

  /** The connection, noting when it takes its first picture. */
  #firstFrame(connection: PlayerConnection): PlayerConnection {
    const { coldStart } = this.#options;
    if (coldStart.firstFrameMs !== undefined) return connection;
    return {
      notify: (notice) => connection.notify(notice),
      end: (code, message, retry) => connection.end(code, message, retry),
      get stats() {
        return connection.stats;
      },
      sendFrame(accessUnit, info) {
        const sent = connection.sendFrame(accessUnit, info);
        if (sent) coldStart.firstFrameMs ??= performance.now() - coldStart.createdAt;
        return sent;
      },
    };
  }
}

/** What a call submitted dies with the next call. */
function copy({ commands, data }: Submission): Submission {
  return { commands: commands.slice(), data: data.slice() };
}
