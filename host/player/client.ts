import { systemClock } from '../base/clock.ts';
import { MESSAGE_HELD, MESSAGE_NOTICE, type Notice } from '../base/protocol.ts';
import { type Milli, milli } from '../base/time.ts';
import type { PlayerClientOptions } from './client-options.ts';
import { Connector } from './connector.ts';
import { ENGLISH } from './labels.ts';
import type { Link, LinkChannel, LinkFailure, ViewQuery } from './link.ts';
import { ConnectionMeter } from './meter.ts';
import { SilenceWatch } from './silence.ts';
import type { StageHistory } from './stage-history.ts';
import type { PictureTimes } from './stages.ts';
import type { PlayerState, PlayerStats } from './state.ts';
import { tierOf } from './tier.ts';
import { ReturnTokens } from './tokens.ts';
import { InputWriter } from './writer.ts';

/** A connection is lost if it shows no picture within this time. */
const FIRST_PICTURE_MS = 8000;
/** A connection on which the game was played for this time has lasted. After two in a row that did not, there is a pause. */
const STABLE_MS = 10_000;
const BEAT_MS = 100;
/** A host that was slow, or a line that was dead for a moment, has this time to bring a message after an answer elsewhere. */
const GRACE_MS = 50;
/** Pages whose server ends at the same time go on within this time, at random. */
const SPREAD_MS = 250;
/** A page whose server ends shows the last picture for so many attempts before it says that it connects. */
const QUIET_TRIES = 12;
/** An answer to a ping that is older says nothing about the line now. TCP delivers what was sent before a cut long after it. */
const FRESH_MS = 1500;
/** Why a change of the picture fails if the seat is the player's no longer. */
const SEAT_TAKEN: LinkFailure = { code: 'NL_ROOM_FULL', message: 'All seats are taken.', isFinal: false };

/** Plays a game: connects to the host, connects again whenever the connection is lost, and sends input. */
export class PlayerClient {
  /** Takes the player's input and sends it to the host. */
  readonly input: InputWriter;
  /** Called for each input when the first picture that contains it is shown. Must be quick, because it runs between frames. */
  onLatency: ((latencyMs: Milli, sequence: number) => void) | undefined;
  /** Called for each picture that is the first to show an input, with the times of its stages. The object is reused. */
  onPicture: ((times: Readonly<PictureTimes>) => void) | undefined;
  readonly #options: PlayerClientOptions;
  readonly #connector: Connector;
  readonly #meter: ConnectionMeter;
  readonly #text = new TextDecoder();
  #state: PlayerState = { kind: 'idle' };
  #query: ViewQuery = {};
  /** The same as the page asked for it, with a game of its own host. */
  #asked: ViewQuery = {};
  #takesOver = false;
  /** A change of the picture that is being made: what the page asked for before, and the function that reports the result. */
  #change: { former: ViewQuery; settle(failure?: LinkFailure): void } | undefined;
  #tokens = new ReturnTokens('', undefined);
  /** The connection on which the game is played. While the host is silent, another one may be opened. */
  #link: Link | undefined;
  #isHidden = false;
  /** Whether the page waits until it is shown before it connects. */
  #waitsUntilShown = false;
  /** Whether the game was played since the last call of `connect`. */
  #hasPlayed = false;
  /** Number of connections in a row that did not last. */
  #failures = 0;
  /** Why the last attempt failed that did so for a reason which the page shows. */
  #reason: Pick<LinkFailure, 'code' | 'message' | 'isLasting' | 'status'> | undefined;
  #playingSince = milli(0);
  #heldUntil: Milli | undefined;
  #pictureTimer: ReturnType<typeof setTimeout> | undefined;
  #beatTimer: ReturnType<typeof setInterval> | undefined;
  #frameCallback = 0;
  readonly #silence = new SilenceWatch();
  /** Number of inputs that the host has dropped since the page connected for the first time. */
  #inputsDropped = 0;
  /** Whether the host has answered on the connection since the page began to open another one. */
  #isBack = false;
  /** The token of the seat in the game to which the player has moved, until the page is connected there. */
  #movingTo: string | undefined;
  /** The carry ticket of which the server has sent this much; '' if there is none. */
  #carry = '';
  /** Number of attempts that the page makes without a word after its player has moved. */
  #quietTries = 1;
  /** Name of the game to which the player has moved since the last call of `connect`. */
  #movedGame: string | undefined;

  constructor(options: PlayerClientOptions) {
    this.#options = options;
    this.#meter = new ConnectionMeter({
      onSample: (latencyMs, sequence) => this.onLatency?.(latencyMs, sequence),
      onPicture: (times) => this.onPicture?.(times),
    });
    this.input = new InputWriter({
      event: (message, sequence) => {
        if (!options.spectates) this.#send(this.#link?.events, message, sequence);
      },
      state: (message, sequence) => {
        if (!options.spectates || message[0] === MESSAGE_HELD) this.#send(this.#link?.state, message, sequence);
      },
    });
    const { url = 'whep', sound, spectates = false, token } = options;
    const kind = { takesSound: sound !== undefined, spectates };
    this.#connector = new Connector(url, kind, {
      token,
      trying: (attempt) => {
        if (!this.#change) this.#showProgress(attempt);
      },
      failing: (failure, attempt) => {
        if (this.#change) return this.#undoChange(failure);
        if (this.#isSeeking && systemClock.now() >= (this.#heldUntil ?? 0)) return this.#goHome();
        this.#noteReason(failure);
        this.#showProgress(attempt);
      },
      waiting: (position) => {
        if (this.#change) return this.#undoChange(SEAT_TAKEN);
        this.#setState({ kind: 'waiting', position });
      },
      opened: (link) => this.#adopt(link),
      refused: (failure) => {
        if (this.#change) this.#undoChange(failure);
        else if (this.#isSeeking && failure.code !== 'NL_SEAT_IN_USE') this.#goHome();
        else this.#end(failure);
      },
      message: (link, data) => {
        if (link === this.#link) this.#onMessage(data);
      },
      lost: (link, failure) => {
        if (link !== this.#link) return;
        if (this.#movingTo !== undefined) return this.#drop();
        this.#expectHold();
        // While the picture changes, the host may close the former connection before the page knows that the other one is open.
        if (this.#change) this.#drop();
        else this.#lose(failure);
      },
      answering: () => void setTimeout(() => this.#replace(), GRACE_MS),
    });
  }

  get state(): PlayerState {
    return this.#state;
  }

  /**
   * Connects to the host, and again after each loss. Closes an earlier connection. Reports through `onState`. A page that is
   * hidden connects when it is shown.
   * @param options.takesOver whether the page takes its seat even if another page plays there, as in a tab that was duplicated
   */
  connect(query: ViewQuery, { takesOver = false } = {}): void {
    const { url = 'whep', storageName = `nearlight ${globalThis.location?.pathname}`, storage } = this.#options;
    this.#stop();
    this.#asked = query;
    this.#takesOver = takesOver;
    this.#tokens = new ReturnTokens(`${storageName} ${query.game ?? ''}`, storage);
    // A page that is loaded again after its player has moved looks for the player there.
    const { place } = this.#tokens;
    this.#connector.url = place?.url ?? url;
    this.#movedGame = place?.game;
    this.#query = this.#there(query);
    this.#hasPlayed = false;
    this.#failures = 0;
    this.#reason = undefined;
    this.#heldUntil = place && milli(systemClock.now() + place.holdMs);
    this.#waitsUntilShown = this.#isHidden;
    if (!('requestVideoFrameCallback' in this.#options.video)) {
      this.#end({ code: 'NL_BROWSER', message: ENGLISH.oldBrowser });
    } else if (this.#waitsUntilShown) {
      this.#setState({ kind: 'connecting', attempt: 1, message: ENGLISH.waitsUntilShown });
    } else this.#reconnect();
  }

  /**
   * Asks for another picture without leaving the game, which goes on over the current connection until another one with the new
   * picture is open. If the page plays no game now, it asks for that picture when it connects.
   * @param query names the same game as before
   * @returns why the host refused, in which case the picture stays as it was; undefined if the change was made
   */
  change(query: ViewQuery): Promise<LinkFailure | undefined> {
    const former = this.#change?.former ?? this.#query;
    this.#settleChange();
    this.#asked = query;
    this.#query = this.#there(query);
    if (!this.#link || this.#movingTo !== undefined) {
      if (this.#connector.isRunning) this.#reconnect();
      return Promise.resolve(undefined);
    }
    return new Promise((settle) => {
      this.#change = { former, settle };
      this.#connector.start(this.#query, { tokens: this.#tokens, attempt: 0 });
    });
  }

  /** Leaves the game and frees the seat. */
  leave(): void {
    this.#stop('seat');
    this.#tokens.clear();
    this.#setState({ kind: 'idle' });
  }

  /** Leaves the game because the page is being closed. The seat waits for a moment, in case the page is only loaded again. */
  suspend(): void {
    this.#stop('page');
    this.#setState({ kind: 'idle' });
  }

  /** Says whether the page is hidden. The host draws nothing for a hidden page, and a page that never played does not connect. */
  setHidden(isHidden: boolean): void {
    if (this.#isHidden === isHidden) return;
    this.#isHidden = isHidden;
    this.input.hide(isHidden);
    clearTimeout(this.#pictureTimer);
    if (isHidden) return;
    this.#meter.restart();
    if (this.#waitsUntilShown) this.connect(this.#asked);
    else this.wake();
  }

  /** Looks after the connection now, because the network has changed or the page has come back. */
  wake(): void {
    this.#connector.hurry();
    if (!this.#link) return;
    this.#silence.suspect(this.#isWaiting);
    this.#meter.ping();
  }

  /** The times of the pictures of the last minute, by stage. */
  get history(): StageHistory {
    return this.#meter.history;
  }

  stats(): PlayerStats {
    return {
      ...this.#meter.stats(this.#options.video),
      tier: tierOf(this.#state, this.#isHidden),
      inputsDropped: this.#inputsDropped,
    };
  }

  /**
   * Follows the player to another game, or goes on at another server because this one ends. The current connection shows the last picture
   * until the other one is open. In the second case the page keeps its tokens: this server may start again with the same match.
   */
  #follow({ url, game, token, holdMs, why }: Notice & { kind: 'moved' }): void {
    if (this.#movingTo === token) return;
    this.#movingTo = token;
    this.#quietTries = why ? QUIET_TRIES : 1;
    this.#settleChange();
    this.#connector.stop();
    this.#failures = 0;
    this.#reason = undefined;
    if (url !== undefined) this.#connector.url = url;
    if (why && url === undefined) this.#tokens.add(token);
    else this.#tokens.move(token, { url: this.#connector.url, game, holdMs });
    if (why) {
      this.#heldUntil = undefined;
      this.#reconnect({ delayMs: Math.random() * SPREAD_MS, carry: this.#carry });
    } else {
      this.#movedGame = game;
      this.#query = this.#there(this.#query);
      this.#heldUntil = milli(systemClock.now() + holdMs);
      this.#reconnect({ isAlive: true });
    }
  }

  /** Returns a request for the game to which the player has moved, if there is one. */
  #there(query: ViewQuery): ViewQuery {
    return this.#movedGame === undefined ? query : { ...query, game: this.#movedGame };
  }

  /** Whether the player has moved, and the page, which was loaded again, has not found the player's seat yet. */
  get #isSeeking(): boolean {
    return this.#tokens.place !== undefined && !this.#hasPlayed;
  }

  /** Gives up a player who has moved, and begins at the page's own host. */
  #goHome(): void {
    this.#tokens.clear();
    this.connect(this.#asked);
  }

  /** Plays over a connection that has just opened. An earlier one is closed. */
  #adopt(link: Link): void {
    const former = this.#link;
    // A server that ends waits for no request of the page, which another server would get.
    const hasMoved = this.#movingTo !== undefined && this.#quietTries === 1;
    this.#movingTo = undefined;
    this.#carry = '';
    const { video } = this.#options;
    this.#silence.open(systemClock.now());
    this.#takesOver = false;
    this.#link = link;
    this.#settleChange();
    this.#meter.open(link);
    if (this.#state.kind === 'playing') this.#options.onExchange?.();
    link.show(video, this.#options.sound);
    video.cancelVideoFrameCallback?.(this.#frameCallback);
    this.#frameCallback = video.requestVideoFrameCallback(this.#frame);
    clearTimeout(this.#pictureTimer);
    if (!this.#isHidden) this.#pictureTimer = setTimeout(() => link.fail(ENGLISH.noPicture), FIRST_PICTURE_MS);
    clearInterval(this.#beatTimer);
    this.#beatTimer = setInterval(this.#beat, BEAT_MS);
    this.input.open();
    this.#meter.ping();
    // Closing takes some milliseconds.
    former?.close(hasMoved ? 'seat' : undefined);
  }

  /** Whether the page waits for the first picture of the connection. A hidden page gets none. */
  get #isWaiting(): boolean {
    return this.#meter.shown === 0 && !this.#isHidden;
  }

  /** Connects again after the connection was lost, or the host has ended it. */
  #lose(failure: Omit<LinkFailure, 'isFinal'>): void {
    const isStable = this.#state.kind === 'playing' && systemClock.now() - this.#playingSince >= STABLE_MS;
    this.#failures = isStable ? 0 : this.#failures + 1;
    this.#noteReason(failure);
    // The last picture is still there when the page hears of it.
    this.#showProgress(this.#failures + 1);
    this.#drop();
    if (!this.#connector.isRunning) this.#reconnect({ delayMs: failure.waitMs });
  }

  /** Starts to connect. A connection that is still open stays so. */
  #reconnect(options?: { delayMs?: number | undefined; isAlive?: boolean; carry?: string }): void {
    this.#isBack = false;
    this.#connector.start(this.#query, {
      ...options,
      tokens: this.#tokens,
      attempt: this.#failures,
      heldUntil: this.#heldUntil,
      takesOver: this.#takesOver,
      isTcp: this.#meter.door === 'TCP',
    });
  }

  #settleChange(failure?: LinkFailure): void {
    this.#change?.settle(failure);
    this.#change = undefined;
  }

  /** Gives up a change of the picture. If the former connection was lost meanwhile, the page connects again as before. */
  #undoChange(failure: LinkFailure): void {
    this.#connector.stop();
    this.#query = this.#change?.former ?? this.#query;
    this.#settleChange(failure);
    if (!this.#link) this.#lose({ code: 'NL_CONNECTION', message: 'The connection was lost.' });
  }

  /** Notes until when the host keeps the page's seat. The host may notice the loss later than the page, but not earlier. */
  #expectHold(): void {
    const holdMs = this.#link?.holdMs ?? 0;
    if (this.#hasPlayed && holdMs > 0) this.#heldUntil ??= milli(systemClock.now() + holdMs);
  }

  /** Notes what the server said. While it says nothing more, the page shows that. */
  #noteReason(failure: Omit<LinkFailure, 'isFinal'>): void {
    if (failure.code !== 'NL_CONNECTION') this.#reason = failure;
  }

  #end({ code, message }: Pick<LinkFailure, 'code' | 'message'>): void {
    this.#stop();
    this.#setState({ kind: 'ended', code, message });
  }

  #stop(leave?: 'seat' | 'page'): void {
    this.#connector.stop();
    this.#settleChange();
    this.#movingTo = undefined;
    this.#waitsUntilShown = false;
    this.#drop(leave);
  }

  /** Closes the connection, and stops all that belongs to it. */
  #drop(leave?: 'seat' | 'page'): void {
    clearTimeout(this.#pictureTimer);
    clearInterval(this.#beatTimer);
    this.#options.video.cancelVideoFrameCallback?.(this.#frameCallback);
    this.input.close();
    this.#meter.close();
    this.#link?.close(leave);
    this.#link = undefined;
  }

  #showProgress(attempt: number): void {
    // While the page follows its player, it shows the last picture.
    if (this.#movingTo !== undefined && attempt <= this.#quietTries) return;
    const { message, code, isLasting, status } = this.#reason ?? {};
    const heldUntil = this.#heldUntil;
    const progress = {
      attempt,
      ...(message === undefined ? {} : { message }),
      ...(isLasting && code !== undefined ? { code } : {}),
      ...(status === undefined ? {} : { status }),
    };
    if (!this.#hasPlayed) this.#setState({ kind: 'connecting', ...progress });
    else this.#setState({ kind: 'reconnecting', ...progress, ...(heldUntil === undefined ? {} : { heldUntil }) });
  }

  #showPlaying(): void {
    clearTimeout(this.#pictureTimer);
    this.#heldUntil = this.#reason = undefined;
    if (this.#state.kind === 'playing') return;
    this.#hasPlayed = true;
    this.#playingSince = systemClock.now();
    this.#setState({ kind: 'playing' });
  }

  #setState(state: PlayerState): void {
    const before = this.#state;
    this.#state = state;
    if (JSON.stringify(state) !== JSON.stringify(before)) this.#options.onState?.(state);
  }

  #send(channel: LinkChannel | undefined, message: Uint8Array<ArrayBuffer>, sequence: number): void {
    if (channel?.readyState !== 'open') return;
    this.#meter.noteSent(sequence);
    channel.send(message);
  }

  #onMessage(data: ArrayBuffer): void {
    this.#silence.hear();
    if (this.#connector.isLooking) this.#connector.stop();
    if (data.byteLength === 0) return;
    const message = new DataView(data);
    if (message.getUint8(0) === MESSAGE_NOTICE) this.#onNotice(JSON.parse(this.#text.decode(new Uint8Array(data, 1))));
    else if (this.#meter.take(message) < FRESH_MS) {
      this.#isBack = true;
      // A hidden page gets no picture.
      if (this.#isHidden) this.#giveUpOther();
    }
  }

  /** Opens another connection if the host still says nothing on this one, although it answers elsewhere: it is not slow. */
  #replace(): void {
    if (!this.#connector.isLooking) return;
    this.#expectHold();
    this.#reconnect({ isAlive: true, delayMs: 0 });
  }

  /** If another connection was being opened because the host was silent, that is given up. */
  #giveUpOther(): void {
    if (this.#change || this.#movingTo !== undefined || !this.#connector.isRunning) return;
    this.#connector.stop();
    if (this.#meter.shown > 0) this.#showPlaying();
  }

  #onNotice(notice: Notice): void {
    // A site does not learn the ticket.
    if (notice.kind === 'carry') {
      this.#carry += notice.part;
      return;
    }
    this.#options.onNotice?.(notice);
    if (notice.kind === 'joined') {
      const token = this.#link?.token;
      if (token !== undefined) this.#tokens.settle(token);
      // A hidden page gets no picture until it is shown.
      if (this.#isHidden) this.#showPlaying();
    } else if (notice.kind === 'dropped') this.#inputsDropped += notice.count;
    else if (notice.kind === 'paused') {
      // No picture comes before the game goes on.
      this.#showPlaying();
    } else if (notice.kind === 'moved') this.#follow(notice);
    else if (notice.kind === 'ended') {
      const { code, message, retry, afterMs } = notice;
      // A host that the player has left has nothing more to say.
      if (this.#movingTo !== undefined) this.#drop();
      else if (retry) this.#lose({ code, message, ...(afterMs === undefined ? {} : { waitMs: afterMs }) });
      else this.#end({ code, message });
    }
  }

  readonly #frame: VideoFrameRequestCallback = (_now, metadata) => {
    this.#frameCallback = this.#options.video.requestVideoFrameCallback(this.#frame);
    this.#meter.show(metadata);
    if (this.#isBack) this.#giveUpOther();
    if (!this.#connector.isRunning) this.#showPlaying();
  };

  readonly #beat = (): void => {
    this.input.heartbeat();
    this.#meter.beat(this.#isHidden);
    const need = this.#silence.beat(this.#isWaiting);
    if (need === 'ask') this.#meter.ping();
    if (need === undefined || this.#connector.isRunning) return;
    if (need === 'look') this.#connector.look(this.#meter.door === 'TCP', this.#meter.roundTripMs);
    if (need !== 'open') return;
    this.#expectHold();
    this.#reconnect();
  };
}
