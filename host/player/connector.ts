import { systemClock } from '../base/clock.ts';
import { QUERY_WATCH } from '../base/protocol.ts';
import { type Milli, milli } from '../base/time.ts';
import { decodableCodec } from './codecs.ts';
import {
  HostLink,
  type Link,
  type LinkFailure,
  type LinkOptions,
  parametersOf,
  returnHeader,
  type ViewQuery,
} from './link.ts';
import type { LineProbe } from './probe.ts';
import { foreignAnswer, readRefusal } from './refusal.ts';
import type { SocketLink } from './socket-link.ts';
import type { ReturnTokens } from './tokens.ts';

export type ConnectorHooks = {
  /** Called when an attempt to connect begins. `attempt` counts from 1. */
  trying(attempt: number): void;
  /** Called when an attempt has failed for the given reason. The next one, number `attempt`, follows unless this calls `stop`. */
  failing(failure: LinkFailure, attempt: number): void;
  /** Called with the page's position in the queue for a seat: 1 is the next. */
  waiting(position: number): void;
  /** Called when a connection is open. It is the caller's from then on. */
  opened(link: Link): void;
  /** Called when no attempt can succeed. */
  refused(failure: LinkFailure): void;
  /** Called for each message of a connection that was opened. */
  message(link: Link, data: ArrayBuffer): void;
  /** Called when a connection that was opened has ended. */
  lost(link: Link, failure: LinkFailure): void;
};

/** A way to the host: WebRTC to its own addresses, WebRTC to these or through a TURN server, and a WebSocket. */
type Door = 'direct' | 'relayed' | 'socket';

/** The pause after the first failed attempt. It doubles with each further one, up to RETRY_MS_MAX. */
const RETRY_MS = 250;
const RETRY_MS_MAX = 5000;
/** The longest pause while attempts fail for a reason that lasts. */
const LASTING_RETRY_MS_MAX = 30_000;
/** The longest pause while a seat waits for the page. */
const RETURN_MS_MAX = 300;
/** The time that the server has to answer an offer, which may include the start of a game. */
const ANSWER_MS = 8000;
/** The same while a seat waits for the page: its game runs, and a request that got stuck in a dead line must not delay another. */
const RETURN_ANSWER_MS = 2500;
/** After the answer, an attempt that does not connect within this time fails. ICE tries more and more rarely to find a path. */
const CONNECT_MS = 4000;
/** The same for a trial of a door while a worse one is known to let a connection pass. The player waits meanwhile. */
const BETTER_DOOR_MS = 1000;
/** The server answers questions about the queue within 10 s. */
const QUEUE_MS_MAX = 20_000;
/** Shortest time between two questions about the queue to which the answer was the same. */
const QUEUE_MS_MIN = 250;

/**
 * Connects the page to the host, again and again until that succeeds, or the server refuses for a reason that will not pass. If
 * no seat is free, the page waits in the server's queue.
 */
export class Connector {
  readonly #url: string;
  readonly #takesSound: boolean;
  readonly #spectates: boolean;
  readonly #hooks: ConnectorHooks;
  /** Tells this page from others that have the same tokens. */
  readonly #page = randomId();
  /** Whether the page takes its seat even if another page plays there. */
  #takesOver = false;
  #tokens: ReturnTokens | undefined;
  #query: ViewQuery = {};
  #attempt = 0;
  #isRunning = false;
  /** Until when a seat waits for the page. */
  #heldUntil = milli(0);
  /** The attempt that is being made. */
  #link: Link | undefined;
  /** Looks whether the line is back while a seat waits for the page and the server does not answer. */
  #probe: LineProbe | undefined;
  /** The probe's class, which a page loads when it plays: it is of no use before the first connection. */
  #Probe: typeof LineProbe | undefined;
  /** The class for the door `socket`, and the attempt that waits until it is loaded. Few pages need it. */
  #SocketLink: typeof SocketLink | undefined;
  #loading: object | undefined;
  /** The door through which the next attempt goes. */
  #door: Door = 'direct';
  /** The door that let a connection pass last. It is taken first whenever the line comes back. */
  #provenDoor: Door = 'direct';
  /** Whether the page only looks if there is a better door than the WebSocket now, because the network may be another one. */
  #isTrial = false;
  /** Whether this browser can decode what comes over a WebSocket. */
  #canDecode = false;
  /** Servers through which a page can reach the host, as the host has named them. */
  #iceServers: RTCIceServer[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Ends the wait in the queue. */
  #queue: AbortController | undefined;

  /**
   * @param url URL of the WHEP signalling endpoint
   * @param options.takesSound whether the page takes the game's sound
   * @param options.spectates whether the page only watches the game
   */
  constructor(url: string, options: { takesSound: boolean; spectates: boolean }, hooks: ConnectorHooks) {
    this.#url = url;
    this.#takesSound = options.takesSound;
    this.#spectates = options.spectates;
    this.#hooks = hooks;
    void decodableCodec().then((codec) => {
      // All spectators share a picture in H.264.
      this.#canDecode = codec === 'h264' || (codec !== undefined && !options.spectates);
    });
  }

  /** Whether the page is connecting, or waits to do so. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  /**
   * Starts to connect.
   * @param options.attempt number of attempts that have failed before
   * @param options.delayMs pause before the first attempt; by default none, or if more than one has failed, that after `attempt`
   * @param options.heldUntil until when a seat waits for the page
   * @param options.takesOver whether the page takes its seat even if another page plays there
   */
  start(
    query: ViewQuery,
    options: {
      tokens: ReturnTokens;
      attempt: number;
      delayMs?: number | undefined;
      heldUntil?: Milli | undefined;
      takesOver?: boolean;
    },
  ): void {
    this.stop();
    const { tokens, attempt, heldUntil = milli(0), takesOver = false } = options;
    this.#takesOver = takesOver;
    this.#query = query;
    this.#tokens = tokens;
    this.#attempt = attempt;
    this.#heldUntil = heldUntil;
    this.#isRunning = true;
    const delayMs = options.delayMs ?? (attempt > 1 ? this.#pauseMs() : 0);
    if (delayMs > 0) this.#schedule(delayMs);
    else this.#try();
  }

  /** Connects now if the page waits before its next attempt, because the network or the page has just come back. */
  hurry(): void {
    // The network may be another one, which lets WebRTC pass. A relayed connection takes the direct way if there is one.
    if (this.#provenDoor === 'socket' && typeof RTCPeerConnection !== 'undefined')
      this.#hurry(this.#iceServers.length > 0 ? 'relayed' : 'direct', { isTrial: true });
    else this.#hurry(this.#provenDoor);
  }

  /**
   * @param options.isTrial whether the door is only tried
   * @param options.isAlive whether the line to the server is known to be alive
   */
  #hurry(door: Door, { isTrial = false, isAlive = false } = {}): void {
    if (!this.#isRunning || this.#queue || this.#link?.isAnswered) return;
    this.#link?.close();
    this.#attempt = 0;
    this.#door = door;
    this.#isTrial = isTrial;
    this.#try(isAlive);
  }

  /** Stops connecting. The connection that was opened last stays open. */
  stop(): void {
    this.#isRunning = false;
    clearTimeout(this.#timer);
    this.#loading = undefined;
    this.#stopProbe();
    this.#link?.close();
    this.#link = undefined;
    this.#queue?.abort();
    this.#queue = undefined;
  }

  /** @param isAlive whether the line to the server is known to be alive */
  #try(isAlive = !this.#isHeld): void {
    clearTimeout(this.#timer);
    this.#loading = undefined;
    if (this.#isSocket && !this.#SocketLink) {
      void this.#loadSocketLink().then((isNext) => isNext && this.#try(isAlive));
      return;
    }
    this.#attempt++;
    this.#hooks.trying(this.#attempt);
    const tokens = this.#tokens;
    let link: Link;
    const options: LinkOptions = {
      url: this.#url,
      takesSound: this.#takesSound,
      page: this.#takesOver ? `${this.#page};take` : this.#page,
      iceServers: this.#iceServers,
      isBlind: !isAlive,
      hooks: {
        accepted: (found, iceServers) => {
          tokens?.add(...found);
          this.#iceServers = iceServers;
          this.#stopProbe();
          this.#limit(link, this.#isTrial ? BETTER_DOOR_MS : CONNECT_MS);
        },
        open: () => this.#onOpen(link),
        message: (data) => this.#hooks.message(link, data),
        failed: (failure) => this.#onFailure(link, failure),
      },
    };
    try {
      link = this.#createLink(options);
    } catch (error) {
      // A browser makes no further RTCPeerConnection while too many closed ones were not yet collected as garbage.
      this.#takeNextDoor();
      this.#goOn(asFailure(error));
      return;
    }
    this.#link = link;
    this.#limit(link, this.#isHeld ? RETURN_ANSWER_MS : ANSWER_MS);
    if (this.#isHeld && this.#Probe)
      this.#probe ??= new this.#Probe(`${this.#url}/line`, () => this.#hurry(this.#provenDoor, { isAlive: true }));
    if (this.#spectates) void link.start({ ...this.#query, [QUERY_WATCH]: '' }, undefined);
    else void link.start(this.#query, tokens?.list ?? []);
  }

  /** Creates a connection through the door whose turn it is. */
  #createLink(options: LinkOptions): Link {
    const { iceServers, ...others } = options;
    if (this.#isSocket && this.#SocketLink) return new this.#SocketLink(others);
    return new HostLink(this.#door === 'relayed' ? { ...others, iceServers } : others);
  }

  get #isSocket(): boolean {
    return this.#door === 'socket' || typeof RTCPeerConnection === 'undefined';
  }

  /** Loads the class for the door `socket`. If that fails, the page tries again later. @returns whether an attempt comes next */
  async #loadSocketLink(): Promise<boolean> {
    const loading = {};
    this.#loading = loading;
    this.#SocketLink = (await import('./socket-link.ts').catch(() => undefined))?.SocketLink;
    if (this.#loading !== loading) return false;
    if (!this.#SocketLink) this.#schedule(this.#pauseMs());
    return this.#SocketLink !== undefined;
  }

  /** Takes the next door, because the server has answered but no packet has found its way. */
  #takeNextDoor(): void {
    const last = this.#canDecode ? 'socket' : 'direct';
    const next = { direct: this.#iceServers.length > 0 ? 'relayed' : last, relayed: last, socket: 'direct' } as const;
    this.#door = this.#isTrial ? this.#provenDoor : next[this.#door];
    this.#isTrial = false;
  }

  #stopProbe(): void {
    this.#probe?.stop();
    this.#probe = undefined;
  }

  #onOpen(link: Link): void {
    clearTimeout(this.#timer);
    this.#stopProbe();
    this.#link = undefined;
    this.#isRunning = this.#isTrial = false;
    this.#provenDoor = this.#door;
    void import('./probe.ts').then(
      (part) => {
        this.#Probe = part.LineProbe;
      },
      () => {},
    );
    this.#hooks.opened(link);
  }

  #onFailure(link: Link, failure: LinkFailure): void {
    if (link !== this.#link) {
      this.#hooks.lost(link, failure);
      return;
    }
    this.#link = undefined;
    if (link.isAnswered && failure.code === 'NL_CONNECTION') this.#takeNextDoor();
    // This browser has no format of video that the host can send over WebRTC. It may decode one that comes another way.
    const isUnplayable = failure.code === 'NL_OFFER' && this.#door !== 'socket' && this.#canDecode;
    if (isUnplayable) this.#door = 'socket';
    this.#goOn(isUnplayable ? { ...failure, isFinal: false, waitMs: 0 } : failure);
  }

  /** Decides what follows on a failed attempt. */
  #goOn(failure: LinkFailure): void {
    clearTimeout(this.#timer);
    if (failure.isFinal) {
      this.stop();
      this.#hooks.refused(failure);
    } else if (failure.code === 'NL_ROOM_FULL' && !this.#queue && !this.#spectates) void this.#waitForSeat();
    else {
      this.#queue = undefined;
      this.#schedule(failure.waitMs ?? this.#pauseMs(failure.isLasting ? LASTING_RETRY_MS_MAX : RETRY_MS_MAX));
      this.#hooks.failing(failure, this.#attempt + 1);
    }
  }

  /** Asks for the page's position in the queue until a seat is free, then takes the seat. */
  async #waitForSeat(): Promise<void> {
    const queue = new AbortController();
    this.#queue = queue;
    let known = 0;
    try {
      while (this.#queue === queue) {
        const askedAt = systemClock.now();
        const position = await this.#askPosition(queue.signal);
        if (this.#queue !== queue) return;
        if (position === 0) break;
        this.#hooks.waiting(position);
        const pauseMs = askedAt + QUEUE_MS_MIN - systemClock.now();
        if (position === known && pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
        known = position;
      }
      if (this.#queue !== queue) return;
      this.#queue = undefined;
      this.#try();
    } catch (error) {
      if (this.#queue === queue) this.#goOn(asFailure(error));
    }
  }

  /** @throws a LinkFailure if the server refuses, or an Error if it does not answer */
  async #askPosition(signal: AbortSignal): Promise<number> {
    const response = await fetch(`${this.#url}/queue?${parametersOf(this.#query)}`, {
      method: 'POST',
      headers: returnHeader(this.#tokens?.list ?? []),
      signal: AbortSignal.any([signal, AbortSignal.timeout(QUEUE_MS_MAX)]),
    });
    if (response.status !== 200) throw new Refusal(await readRefusal(response));
    const answer: { position?: unknown; token?: unknown } = await response.json().catch(() => ({}));
    const { position, token } = answer ?? {};
    if (typeof position !== 'number' || typeof token !== 'string') throw new Refusal(foreignAnswer(response.status));
    this.#tokens?.add(token);
    return position;
  }

  #limit(link: Link, ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => link.fail('The server does not answer.'), ms);
  }

  get #isHeld(): boolean {
    return systemClock.now() < this.#heldUntil;
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => this.#try(), delayMs);
  }

  /** Returns the pause before the next attempt. It is random, so that pages do not all come back at the same moment. */
  #pauseMs(msMax = RETRY_MS_MAX): number {
    const longest = this.#isHeld ? RETURN_MS_MAX : msMax;
    const pauseMs = Math.min(longest, RETRY_MS * 2 ** Math.min(10, Math.max(0, this.#attempt - 1)));
    return pauseMs * (0.5 + Math.random());
  }
}

/** Returns a name that no other page has. Unlike randomUUID, it needs no secure context. */
function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A refusal of the server as an error. */
class Refusal extends Error {
  readonly failure: LinkFailure;
  constructor(failure: LinkFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

function asFailure(error: unknown): LinkFailure {
  if (error instanceof Refusal) return error.failure;
  return { code: 'NL_CONNECTION', message: 'The server does not answer.', isFinal: false };
}
