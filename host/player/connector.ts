import { systemClock } from '../base/clock.ts';
import { QUERY_WATCH } from '../base/protocol.ts';
import { type Milli, milli } from '../base/time.ts';
import { decodableCodec } from './codecs.ts';
import type { ConnectorHooks } from './connector-hooks.ts';
import { HostLink, type Link, type LinkFailure, type LinkOptions } from './link.ts';
import type { LineProbe } from './probe.ts';
import { foreignAnswer, readRefusal, SILENT } from './refusal.ts';
import { parametersOf, randomId, returnHeader, type ViewQuery } from './seat-request.ts';
import type { SocketLink } from './socket-link.ts';
import type { ReturnTokens } from './tokens.ts';

/** A way to the host: WebRTC to its own addresses, WebRTC to these or through a TURN server, and a WebSocket. */
type Door = 'direct' | 'relayed' | 'socket';

/** The pause after the first failed attempt. It doubles with each further one, up to RETRY_MS_MAX. */
const RETRY_MS = 250;
const RETRY_MS_MAX = 5000;
/** The longest pause while attempts fail for a reason that lasts. */
const LASTING_RETRY_MS_MAX = 30_000;
/** The longest pause while a seat waits for the page, or another server is to take it. */
const RETURN_MS_MAX = 300;
/** The time that the server has to answer an offer, which may include the start of a game. */
const ANSWER_MS = 8000;
/** The same while a seat waits for the page: its game runs, and a request that got stuck in a dead line must not delay another. */
const RETURN_ANSWER_MS = 2500;
/** A page that another server has sent tries so often in a hurry. After that it waits in the queue, or as long as any other. */
const CARRY_TRIES = 12;
/** After the answer, an attempt that does not connect within this time fails. ICE tries more and more rarely to find a path. */
const CONNECT_MS = 4000;
/** The same for a trial of a door while a worse one is known to let a connection pass. The player waits meanwhile. */
const BETTER_DOOR_MS = 1000;

/**
 * Connects the page to the host, again and again until that succeeds, or the server refuses for a reason that will not pass. If
 * no seat is free, the page waits in the server's queue.
 */
export class Connector {
  /** URL of the WHEP signalling endpoint. Counts from the next attempt on. */
  url: string;
  readonly #takesSound: boolean;
  readonly #spectates: boolean;
  readonly #hooks: ConnectorHooks;
  /** Tells this page from others with the same tokens. */
  readonly #page = randomId();
  /** Whether the page takes its seat even if another page plays there. */
  #takesOver = false;
  #isTcp = false;
  /** The carry ticket with which another server has sent the page here; '' if it has sent the page without one. */
  #carry: string | undefined;
  #tokens: ReturnTokens | undefined;
  #query: ViewQuery = {};
  #attempt = 0;
  #isRunning = false;
  /** Until when a seat waits for the page. */
  #heldUntil = milli(0);
  /** The attempt that is being made, and its door. */
  #link: Link | undefined;
  #linkDoor: Door = 'direct';
  /** Whether the browser may have asked the TURN server for that attempt over a line that was dead, which takes seconds then. */
  #isStuck = false;
  /** An attempt that has asked for nothing yet, in case that the host has been silent for too long. */
  #prepared: Link | undefined;
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
    this.url = url;
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

  /** Whether the page looks if the server answers, and does nothing else. */
  get isLooking(): boolean {
    return this.#probe !== undefined && !this.#isRunning;
  }

  /**
   * Starts to connect.
   * @param options.attempt number of attempts that have failed before
   * @param options.delayMs pause before the first attempt; by default none, or if more than one has failed, that after `attempt`
   * @param options.heldUntil until when a seat waits for the page
   * @param options.takesOver whether the page takes its seat even if another page plays there
   * @param options.isTcp whether the last connection used TCP
   * @param options.isAlive whether the line to the server is known to be alive. Default: unless a seat waits for the page
   * @param options.carry the carry ticket with which another server sends the page here; '' if it sends the page without one
   */
  start(
    query: ViewQuery,
    options: {
      tokens: ReturnTokens;
      attempt: number;
      delayMs?: number | undefined;
      heldUntil?: Milli | undefined;
      takesOver?: boolean;
      isTcp?: boolean;
      isAlive?: boolean | undefined;
      carry?: string | undefined;
    },
  ): void {
    // A connection that was prepared is of use for the same picture alone.
    if (query !== this.#query) this.stop();
    else this.#halt();
    const { tokens, attempt, heldUntil = milli(0), takesOver = false, isTcp = false, isAlive } = options;
    this.#isTcp = isTcp;
    this.#takesOver = takesOver;
    this.#query = query;
    this.#tokens = tokens;
    this.#attempt = attempt;
    this.#heldUntil = heldUntil;
    this.#carry = options.carry;
    this.#isRunning = true;
    const delayMs = options.delayMs ?? (attempt > 1 ? this.#pauseMs() : 0);
    if (delayMs > 0) this.#schedule(delayMs);
    else this.#try(isAlive);
  }

  /**
   * Looks whether the server answers, until that is so or `stop` is called, and prepares a connection for that case.
   * @param isTcp whether the last connection used TCP
   * @param roundTripMs round trip of that connection, if it is known
   */
  look(isTcp = this.#isTcp, roundTripMs?: number): void {
    if (!this.#Probe || this.#probe) return;
    this.#probe = new this.#Probe(`${this.url}/line`, () => this.#onAnswer(), roundTripMs);
    this.#isTcp = isTcp;
    if (this.#isRunning || this.#isSocket || this.#door === 'relayed') return;
    this.#prepared = this.#create({ waits: true });
    if (this.#prepared) this.#ask(this.#prepared);
  }

  /** The server answers. A request that it has not answered is stuck, and is sent again. */
  #onAnswer(): void {
    if (!this.#isRunning) this.#hooks.answering();
    else if (this.#link && !this.#link.isAnswered && this.#isReusable(this.#provenDoor))
      this.#askAgain(this.#link, true);
    else this.#hurry(this.#provenDoor, { isAlive: true });
  }

  /**
   * Whether the attempt that is being made can use a door as well as another attempt. Through a TURN server it cannot: the browser has
   * asked that server over the line that was dead.
   */
  #isReusable(door: Door): boolean {
    return this.#linkDoor === door && door !== 'relayed';
  }

  /** Connects now if the page waits before its next attempt, because the network or the page has just come back. */
  hurry(): void {
    // The network may be another one, which lets WebRTC pass. A relayed connection takes the direct way if there is one.
    if (this.#provenDoor === 'socket' && typeof RTCPeerConnection !== 'undefined')
      this.#hurry(this.#iceServers.length > 0 ? 'relayed' : 'direct', { isTrial: true });
    else this.#hurry(this.#provenDoor);
  }

  #hurry(door: Door, { isTrial = false, isAlive = false } = {}): void {
    if (!this.#isRunning || this.#queue || (this.#link?.isAnswered && !(isAlive && this.#isStuck))) return;
    const former = this.#link;
    this.#attempt = 0;
    this.#door = door;
    this.#isTrial = isTrial;
    this.#try(isAlive);
    // Closing takes some milliseconds.
    former?.close();
  }

  /** Stops connecting and looking. The connection that was opened last stays open. */
  stop(): void {
    this.#stopProbe();
    this.#prepared?.close();
    this.#prepared = undefined;
    this.#halt();
  }

  #halt(): void {
    this.#isRunning = false;
    clearTimeout(this.#timer);
    this.#loading = undefined;
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
    this.#isStuck = !isAlive && this.#door === 'relayed';
    this.#attempt++;
    this.#hooks.trying(this.#attempt);
    const prepared = this.#prepared;
    const link = prepared ?? this.#create({ isBlind: !isAlive });
    this.#prepared = undefined;
    if (!link) {
      this.#takeNextDoor();
      this.#goOn(SILENT);
      return;
    }
    this.#link = link;
    this.#linkDoor = this.#door;
    if (this.#isHeld && !isAlive) this.look();
    if (this.#isHeld && this.#isReusable(this.#door)) this.#limitAnswer(link);
    else this.#limit(link, this.#isHurried ? RETURN_ANSWER_MS : ANSWER_MS);
    if (prepared) link.again(!isAlive);
    else this.#ask(link);
  }

  #ask(link: Link): void {
    if (this.#spectates) void link.start({ ...this.#query, [QUERY_WATCH]: '' }, undefined);
    else void link.start(this.#query, this.#tokens?.list ?? []);
  }

  /** @returns an attempt that was not started; undefined if the browser refuses to make a connection */
  #create(how: Pick<LinkOptions, 'isBlind' | 'waits'>): Link | undefined {
    const tokens = this.#tokens;
    const options: LinkOptions = {
      ...how,
      url: this.url,
      takesSound: this.#takesSound,
      token: this.#hooks.token,
      page: this.#takesOver ? `${this.#page};take` : this.#page,
      iceServers: this.#iceServers,
      isTcp: this.#isTcp,
      carry: this.#carry,
      hooks: {
        accepted: (found, iceServers) => {
          tokens?.add(...found);
          this.#iceServers = iceServers;
          if (!this.#isStuck) this.#stopProbe();
          if (link) this.#limit(link, this.#isTrial ? BETTER_DOOR_MS : CONNECT_MS);
        },
        open: () => link && this.#onOpen(link),
        message: (data) => link && this.#hooks.message(link, data),
        failed: (failure) => link && this.#onFailure(link, failure),
      },
    };
    let link: Link | undefined;
    try {
      link = this.#createLink(options);
    } catch {
      // A browser makes no further RTCPeerConnection while too many closed ones were not yet collected as garbage.
    }
    return link;
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
    this.#link = this.#carry = undefined;
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
    if (link === this.#prepared) this.#prepared = undefined;
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
    const { code } = failure;
    if (code === 'NL_CARRY') {
      // No server takes the player's state. The player can still play.
      this.#carry = '';
      this.#schedule(0);
    } else if (this.#carry !== undefined && this.#isHurried && /DRAINING|ROOM/.test(code)) {
      // The next answer may come from another server behind the same address.
      this.#schedule(this.#pauseMs());
    } else if (failure.isFinal) {
      this.stop();
      this.#hooks.refused(failure);
    } else if (code === 'NL_ROOM_FULL' && !this.#queue && !this.#spectates) void this.#waitForSeat();
    else {
      this.#queue = undefined;
      this.#schedule(failure.waitMs ?? this.#pauseMs(failure.isLasting ? LASTING_RETRY_MS_MAX : RETRY_MS_MAX));
      this.#hooks.failing(failure, this.#attempt + 1);
    }
  }

  /** Waits in the queue, of which few pages know, until a seat is free, then takes the seat. */
  async #waitForSeat(): Promise<void> {
    const queue = new AbortController();
    this.#queue = queue;
    let failure: LinkFailure | undefined;
    try {
      const { waitForSeat } = await import('./queue.ts');
      const asked = { url: this.url, query: this.#query, tokens: this.#tokens, signal: queue.signal };
      const onPosition = (position: number) => this.#hooks.waiting(position);
      const parts = { parametersOf, returnHeader, readRefusal, foreignAnswer };
      failure = await waitForSeat({ ...asked, token: this.#hooks.token, onPosition }, parts);
    } catch {
      failure = SILENT;
    }
    if (this.#queue !== queue) return;
    if (failure) return this.#goOn(failure);
    this.#queue = undefined;
    this.#try();
  }

  #askAgain(link: Link, isAlive: boolean): void {
    if (!isAlive) this.look();
    link.again(!isAlive);
    this.#limitAnswer(link);
  }

  /** Has a request sent again that got no answer in time: its connection may be stuck, and the attempt is still of use. */
  #limitAnswer(link: Link): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#askAgain(link, false), this.#isHeld ? RETURN_ANSWER_MS : ANSWER_MS);
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

  /** Whether a place is expected for the page, so that it does not wait for long. */
  get #isHurried(): boolean {
    return this.#isHeld || (this.#carry !== undefined && this.#attempt < CARRY_TRIES);
  }

  /** Returns the pause before the next attempt. It is random, so that pages do not all come back at the same moment. */
  #pauseMs(msMax = RETRY_MS_MAX): number {
    const longest = this.#isHurried ? RETURN_MS_MAX : msMax;
    const pauseMs = Math.min(longest, RETRY_MS * 2 ** Math.min(10, Math.max(0, this.#attempt - 1)));
    return pauseMs * (0.5 + Math.random());
  }
}
