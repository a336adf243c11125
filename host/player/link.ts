import { CHANNEL_EVENTS, CHANNEL_STATE } from '../base/protocol.ts';
import type { Arrival } from './arrival.ts';
import { type LinkFailure, readRefusal, SILENT } from './refusal.ts';
import { type AskedSeat, leaveSeat, type PromisedSeat, requestSeat, type ViewQuery } from './seat-request.ts';
import type { TokenSource } from './token-source.ts';

export type { LinkFailure } from './refusal.ts';
export type { ViewQuery } from './seat-request.ts';

export type HostLinkHooks = {
  /**
   * Called when the server has accepted the offer. `tokens` take the page back to its seat: the first once this connection has
   * it, the second until then. `iceServers` are for the next attempt, if this one finds no path.
   */
  accepted(tokens: readonly string[], iceServers: RTCIceServer[]): void;
  /** Called when both data channels to the host are open. */
  open(): void;
  /** Called for each message from the host on either data channel. */
  message(data: ArrayBuffer): void;
  /** Called when the connection to the host has ended. This happens once, or not at all if `close` was called before. */
  failed(failure: LinkFailure): void;
};

export type LinkOptions = {
  /** URL of the WHEP signalling endpoint. */
  url: string;
  /** Whether the page takes the game's sound. */
  takesSound: boolean;
  /** The header HEADER_PAGE of the request. */
  page?: string | undefined;
  /** Returns the player's token for a request. */
  token?: TokenSource | undefined;
  /** Servers through which the page reaches a host whose own addresses it cannot reach. */
  iceServers?: RTCIceServer[] | undefined;
  /** The carry ticket of another server. */
  carry?: string | undefined;
  /** Whether the line to the server may be dead. */
  isBlind?: boolean | undefined;
  /** Whether the connection is only prepared: it asks for a seat when `again` is called. */
  waits?: boolean | undefined;
  /** Whether the last connection to the host used TCP, so that no UDP passes, unless the network is another one. */
  isTcp?: boolean | undefined;
  hooks: HostLinkHooks;
};

/** The host's candidates for UDP in an SDP answer. */
const UDP_CANDIDATES = /^a=candidate:\S+ 1 UDP .*\r\n/gm;
/** A connection that used TCP last tries UDP after this time. */
const UDP_MS = 500;

/** A way for messages to the host. */
export type LinkChannel = { readonly readyState: string; send(message: ArrayBufferView<ArrayBuffer>): void };

/** The page's end of one connection to the host. Another attempt to connect needs another object. */
export interface Link {
  /** Takes messages that must arrive, in order. */
  readonly events: LinkChannel;
  /** Takes messages of which only the newest counts. */
  readonly state: LinkChannel;
  /** The token with which the page can return to the seat of this connection; undefined before the server's answer. */
  readonly token: string | undefined;
  /** For how many milliseconds the seat waits for the page if this connection is lost. */
  readonly holdMs: number;
  /** Whether the server has answered the request for a connection. */
  readonly isAnswered: boolean;
  /** Shows the game's picture in an element, and hands its sound over. Call it when the connection is open. */
  show(video: HTMLVideoElement, sound?: { attach(stream: MediaStream): void }): void;
  /**
   * Connects. Failures go to the hook `failed`.
   * @param tokens the page's return tokens, the newest first; undefined if it will not return
   */
  start(query: ViewQuery, tokens: readonly string[] | undefined): Promise<void>;
  /**
   * Sends the request that the server has not answered again, because it may be stuck in a line that was dead. Sends it for the first
   * time if the connection was only prepared.
   * @param isBlind whether the line to the server may still be dead
   */
  again(isBlind: boolean): void;
  /** Ends the connection as failed, so that the page tries to connect again. */
  fail(message: string): void;
  /**
   * Closes the connection to the host without calling a hook. Idempotent.
   * @param leave whether the player leaves the game (`seat`), or only this page, which may be about to load again (`page`).
   * The server learns that with a DELETE request, which also works while the page is being closed. By default the seat waits.
   */
  close(leave?: 'seat' | 'page'): void;
  /** Returns statistics of the receiver of the pictures. */
  getStats(): Promise<RTCStatsReport>;
  /** Returns the RTP timestamp of a picture that is shown, if the browser tells it. */
  rtpTimestampOf(shown: VideoFrameCallbackMetadata): number | undefined;
  /** Returns when a picture that is shown arrived, valid until the next call; undefined if that is not known. */
  arrivalOf(shown: VideoFrameCallbackMetadata): Arrival | undefined;
}

/**
 * The part that all connections to the host have in common: asking the server for a seat, and the one end that each of them has.
 */
export abstract class SeatLink implements Link {
  abstract readonly events: LinkChannel;
  abstract readonly state: LinkChannel;
  protected readonly options: LinkOptions;
  readonly #abort = new AbortController();
  /** Gives up the request that the server has not answered; undefined before the first one. */
  #asking: AbortController | undefined;
  #isBlind: boolean | undefined;
  #waits: boolean;
  /** Sends the request of a connection that was only prepared. */
  #go: () => void = () => {};
  /** The seat that the server has promised; undefined until it has answered. */
  #seat: PromisedSeat | undefined;
  #isClosed = false;

  constructor(options: LinkOptions) {
    this.options = options;
    this.#isBlind = options.isBlind;
    this.#waits = options.waits ?? false;
  }

  get token(): string | undefined {
    return this.#seat?.tokens[0];
  }

  get holdMs(): number {
    return this.#seat?.holdMs ?? 0;
  }

  get isAnswered(): boolean {
    return this.#seat !== undefined;
  }

  abstract show(video: HTMLVideoElement, sound?: { attach(stream: MediaStream): void }): void;
  abstract getStats(): Promise<RTCStatsReport>;
  abstract rtpTimestampOf(shown: VideoFrameCallbackMetadata): number | undefined;
  abstract arrivalOf(shown: VideoFrameCallbackMetadata): Arrival | undefined;

  async start(query: ViewQuery, tokens: readonly string[] | undefined): Promise<void> {
    try {
      await this.connect(query, tokens);
    } catch (error) {
      // A request without an answer fails with a TypeError.
      if (error instanceof TypeError) this.end(await this.#explainSilence());
      else this.fail(`The connection could not be set up: ${error}`);
    }
  }

  /** Finds out why a server of another site does not answer. That takes a part of the page which few pages need. */
  async #explainSilence(): Promise<LinkFailure> {
    const { url } = this.options;
    const page = globalThis.location;
    if (!page || new URL(url, page.href).origin === page.origin) return SILENT;
    const loaded = await import('./silent-host.ts').catch(() => undefined);
    return loaded ? loaded.explainSilence(url, this.#abort.signal, { SILENT, readRefusal }) : SILENT;
  }

  again(isBlind: boolean): void {
    const asking = this.#asking;
    this.#isBlind = isBlind;
    this.#asking = undefined;
    this.#waits = false;
    this.#go();
    asking?.abort();
  }

  fail(message: string): void {
    this.end({ code: 'NL_CONNECTION', message, isFinal: false });
  }

  close(leave?: 'seat' | 'page'): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#abort.abort();
    this.#asking?.abort();
    this.shut();
    if (leave !== undefined && this.#seat) leaveSeat(this.#seat.location, leave);
  }

  protected get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Connects. @throws Error if that fails, TypeError if the server does not answer */
  protected abstract connect(query: ViewQuery, tokens: readonly string[] | undefined): Promise<void>;

  /** Closes what belongs to the connection. Called once. */
  protected abstract shut(): void;

  /**
   * Asks the server for a seat, and ends the connection if the server refuses.
   * @param path the place below the signalling endpoint to ask at
   * @returns undefined if the connection has ended
   */
  protected async request(path: string, asked: AskedSeat): Promise<PromisedSeat | undefined> {
    const seat = await this.#ask(path, asked);
    if (this.#isClosed) return undefined;
    if ('failure' in seat) {
      this.end(seat.failure);
      return undefined;
    }
    this.#seat = seat;
    this.options.hooks.accepted(seat.tokens, seat.iceServers);
    return seat;
  }

  async #ask(path: string, asked: AskedSeat): ReturnType<typeof requestSeat> {
    const { url, page, carry } = this.options;
    if (this.#waits) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#go = resolve;
      await promise;
    }
    const asking = new AbortController();
    this.#asking = asking;
    try {
      return await requestSeat(url + path, {
        ...asked,
        isBlind: this.#isBlind,
        page,
        carry,
        token: await this.options.token?.(),
        signal: asking.signal,
      });
    } catch (error) {
      if (this.#asking === asking || this.#isClosed) throw error;
      return this.#ask(path, asked);
    }
  }

  /** Closes the connection, and calls the hook `failed`, unless it was closed before. */
  protected end(failure: LinkFailure): void {
    if (this.#isClosed) return;
    this.close();
    this.options.hooks.failed(failure);
  }
}

/**
 * The page's end of one connection to the host: an RTCPeerConnection, its two data channels and its signalling, which
 * follows WHEP (draft-ietf-wish-whep).
 */
export class HostLink extends SeatLink {
  readonly events: LinkChannel;
  readonly state: LinkChannel;
  readonly #peer: RTCPeerConnection;
  readonly #receiver: RTCRtpReceiver;
  #picture: MediaStream | undefined;
  #sound: MediaStream | undefined;
  /** Messages that arrived before both channels were open. */
  #early: ArrayBuffer[] = [];
  #opened = false;

  constructor(options: LinkOptions) {
    super(options);
    const { takesSound, iceServers } = options;
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle', ...(iceServers ? { iceServers } : {}) });
    this.#peer = peer;
    this.#receiver = peer.addTransceiver('video', { direction: 'recvonly' }).receiver;
    if ('jitterBufferTarget' in this.#receiver) this.#receiver.jitterBufferTarget = 0;
    if (takesSound) {
      const { receiver } = peer.addTransceiver('audio', { direction: 'recvonly' });
      if ('jitterBufferTarget' in receiver) receiver.jitterBufferTarget = 0;
    }
    this.events = this.#channel(CHANNEL_EVENTS, { ordered: true });
    this.state = this.#channel(CHANNEL_STATE, { ordered: false, maxRetransmits: 0 });
    peer.ontrack = (event) => {
      const stream = event.streams[0] ?? new MediaStream([event.track]);
      if (event.track.kind === 'audio') this.#sound = stream;
      else this.#picture = stream;
    };
    peer.onconnectionstatechange = () => {
      // A connection that is only disconnected may recover by itself.
      if (peer.connectionState === 'failed') this.fail('The connection was lost.');
    };
  }

  show(video: HTMLVideoElement, sound?: { attach(stream: MediaStream): void }): void {
    if (this.#sound) sound?.attach(this.#sound);
    if (!this.#picture) return;
    video.srcObject = this.#picture;
    // A browser may refuse to play the video before the player's first click. `autoplay` tries again then.
    video.play().catch(() => {});
  }

  /**
   * Sends the SDP offer and applies the server's answer. The offer needs no ICE candidates, because the server offers its own and
   * the page connects to these.
   */
  protected async connect(query: ViewQuery, tokens: readonly string[] | undefined): Promise<void> {
    const offer = withStereo(await this.#peer.createOffer());
    const body = { type: 'application/sdp', text: offer.sdp };
    const [seat] = await Promise.all([
      this.request('', { query, tokens, body }),
      this.#peer.setLocalDescription(offer),
    ]);
    if (!seat) return;
    // Checks of UDP that get no answer would delay those of TCP.
    const udp = (this.options.isTcp && seat.answer.match(UDP_CANDIDATES)) || [];
    const sdp = udp.reduce((text, line) => text.replace(line, ''), seat.answer);
    await this.#peer.setRemoteDescription({ type: 'answer', sdp });
    if (udp.length > 0) setTimeout(() => this.#tryUdp(udp), UDP_MS);
  }

  #tryUdp(lines: readonly string[]): void {
    for (const line of lines)
      this.#peer.addIceCandidate({ candidate: line.trim().slice(2), sdpMLineIndex: 0 }).catch(() => {});
  }

  protected shut(): void {
    this.#peer.close();
  }

  rtpTimestampOf({ rtpTimestamp }: VideoFrameCallbackMetadata): number | undefined {
    return rtpTimestamp;
  }

  arrivalOf(shown: VideoFrameCallbackMetadata): Arrival {
    return shown;
  }

  getStats(): Promise<RTCStatsReport> {
    return this.#receiver.getStats();
  }

  #channel(label: string, options: RTCDataChannelInit): RTCDataChannel {
    const channel = this.#peer.createDataChannel(label, options);
    channel.binaryType = 'arraybuffer';
    channel.onmessage = (event: MessageEvent<unknown>) => {
      if (!(event.data instanceof ArrayBuffer) || this.isClosed) return;
      if (this.#opened) this.options.hooks.message(event.data);
      else this.#early.push(event.data);
    };
    channel.onopen = () => {
      const both = this.events.readyState === 'open' && this.state.readyState === 'open';
      if (both) this.#setOpen();
    };
    channel.onclose = () => this.fail('The connection was lost.');
    return channel;
  }

  #setOpen(): void {
    if (this.#opened || this.isClosed) return;
    this.#opened = true;
    this.options.hooks.open();
    for (const data of this.#early.splice(0)) if (!this.isClosed) this.options.hooks.message(data);
  }
}

/** Asks for both channels of Opus. Without `stereo=1` in its own offer, Chromium decodes one channel alone. */
function withStereo({ type, sdp = '' }: RTCSessionDescriptionInit): RTCSessionDescriptionInit & { sdp: string } {
  const [, opus] = /^a=rtpmap:(\d+) opus\/48000\/2/im.exec(sdp) ?? [];
  return { type, sdp: opus === undefined ? sdp : sdp.replace(`a=fmtp:${opus} `, `a=fmtp:${opus} stereo=1;`) };
}
