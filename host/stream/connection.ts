import { randomInt } from 'node:crypto';
import type { DataChannel, PeerConnection } from 'node-datachannel';
import type { Config } from '../base/config.ts';
import { type ErrorCode, NearlightError } from '../base/errors.ts';
import { addCandidates, type Endpoint, endpointsOf, ufragOf } from './candidate.ts';
import { InputReader } from './input.ts';
import { addVideoTrack, createPeer, type VideoTrack } from './media.ts';
import type { Offer } from './offer.ts';
import type { CloseReason, ConnectionStats, Feedback, FrameInfo, Player, PlayerConnection } from './player.ts';
import { CHANNEL_EVENTS, CHANNEL_STATE, FRAME_BYTES, MESSAGE_FRAME, MESSAGE_NOTICE, type Notice } from './protocol.ts';
import type { Relay } from './relay.ts';
import { RTCP_FEEDBACK, RTCP_KEYFRAME, readRtcp } from './rtcp.ts';

export interface ConnectionOptions {
  offer: Offer;
  player: Player;
  config: Config;
  /** Another way in. */
  relay?: Relay | undefined;
  /** One line about what a person should know of. */
  warn(message: string): void;
  /** Called when the page has connected, before the player's onConnected. */
  onConnected(): void;
  /** Called once, after the player's onClosed. */
  onClosed(reason: CloseReason): void;
}

/**
 * One page's WebRTC connection: a video track to it, and the data channels that it opens. Ends itself when the page leaves, is
 * silent for `idleMsMax`, does not connect within `connectMsMax` or sends what cannot be read.
 */
export class Connection implements PlayerConnection {
  readonly stats: ConnectionStats = {
    framesSent: 0,
    framesDropped: 0,
    bytesSent: 0,
    inputErrors: 0,
    lossFraction: 0,
    rembBitsPerSecond: 0,
  };
  readonly #options: ConnectionOptions;
  readonly #input: InputReader;
  readonly #ssrc = randomInt(1, 2 ** 32);
  readonly #feedback: Feedback = { lossFraction: 0, rembBitsPerSecond: 0 };
  readonly #frameMessage = Buffer.alloc(FRAME_BYTES);
  readonly #closed = Promise.withResolvers<void>();
  #phase: 'connecting' | 'connected' | 'ending' | 'closed' = 'connecting';
  readonly #peer: PeerConnection;
  readonly #video: VideoTrack;
  /** By which the relay knows the page. */
  #ufrag: string | undefined;
  #events: DataChannel | undefined;
  #state: DataChannel | undefined;
  #heardAt = performance.now();
  #silenceTimer: NodeJS.Timeout;
  #endTimer: NodeJS.Timeout | undefined;
  #endReason: CloseReason = 'page';
  #keyframeAt = Number.NEGATIVE_INFINITY;
  #keyframeTimer: NodeJS.Timeout | undefined;
  /** A frame was dropped or none was sent yet: what refers to earlier frames cannot be decoded until a keyframe is sent. */
  #broken = true;

  /** @throws NearlightError NL_CONNECTION if the library refuses the offer; the player's onClosed is not called then */
  constructor(options: ConnectionOptions) {
    const { offer, player, config } = options;
    this.#options = options;
    this.#input = new InputReader({
      sink: player.input,
      config,
      pong: (message) => send(this.#state, message),
      now: () => performance.now(),
    });
    let peer: PeerConnection | undefined;
    try {
      peer = createPeer(config);
      this.#video = addVideoTrack(peer, offer, this.#ssrc);
      this.#peer = peer;
    } catch (error) {
      peer?.close();
      throw connectionError(error);
    }
    this.#listen();
    this.#silenceTimer = setTimeout(() => this.#checkSilence(), config.connectMsMax);
  }

  /**
   * Applies the offer and gathers addresses.
   * @returns the answer, complete with candidates
   * @throws NearlightError NL_CONNECTION; the connection is closed then
   */
  async answer(): Promise<string> {
    const peer = this.#peer;
    const gathered = Promise.withResolvers<void>();
    peer.onGatheringStateChange((state) => {
      if (state === 'complete') gathered.resolve();
    });
    try {
      peer.setRemoteDescription(this.#options.offer.sdp, 'offer');
      peer.setLocalDescription('answer');
      await Promise.race([gathered.promise, this.#closed.promise]);
      const own = this.#phase === 'closed' ? undefined : peer.localDescription()?.sdp;
      const sdp = own && this.#reachable(own);
      if (!sdp?.includes('a=candidate:')) throw new Error('no address could be offered to the page; try again');
      return sdp;
    } catch (error) {
      this.close('failed');
      throw connectionError(error);
    }
  }

  /** The answer with the addresses besides the machine's own. */
  #reachable(sdp: string): string {
    const { config, relay } = this.#options;
    const endpoints: Endpoint[] = [];
    const [own] = endpointsOf(sdp);
    if (config.iceAddress !== '' && own) endpoints.push({ address: config.iceAddress, port: own.port });
    this.#ufrag = ufragOf(sdp);
    if (relay && this.#ufrag !== undefined) {
      relay.admit(this.#ufrag);
      endpoints.push({ address: relay.address, port: relay.port });
    }
    return addCandidates(sdp, endpoints);
  }

  sendFrame(accessUnit: Uint8Array, info: FrameInfo): boolean {
    if (this.#phase !== 'connected') return false;
    if ((this.#broken && !info.keyframe) || this.#isCongested() || !this.#sendVideo(accessUnit, info.rtpTimestamp)) {
      this.#broken = true;
      this.stats.framesDropped++;
      this.#requestKeyframe();
      return false;
    }
    this.#broken = false;
    this.stats.framesSent++;
    this.stats.bytesSent += accessUnit.byteLength;
    this.#sendFrameInfo(accessUnit.byteLength, info);
    return true;
  }

  end(code: ErrorCode, message: string, retry: boolean): Promise<void> {
    return this.finish({ kind: 'ended', code, message, retry }, 'host');
  }

  /** Sends a last notice, gives the page `closeMsMax` to read it and leave, then closes for `reason`. */
  finish(notice: Notice, reason: CloseReason): Promise<void> {
    if (this.#phase === 'connecting') this.close(reason);
    if (this.#phase === 'connected') {
      this.#phase = 'ending';
      this.#endReason = reason;
      this.notify(notice);
      this.#endTimer = setTimeout(() => this.close(reason), this.#options.config.closeMsMax);
    }
    return this.#closed.promise;
  }

  /** Closes at once; does nothing if it is closed. */
  close(reason: CloseReason): void {
    if (this.#phase === 'closed') return;
    const final = this.#phase === 'ending' ? this.#endReason : reason;
    this.#phase = 'closed';
    clearTimeout(this.#silenceTimer);
    clearTimeout(this.#endTimer);
    clearTimeout(this.#keyframeTimer);
    if (this.#ufrag !== undefined) this.#options.relay?.dismiss(this.#ufrag);
    // The peer first: closing a channel of a live association waits for a packet to be written.
    this.#peer.close();
    this.#events?.close();
    this.#state?.close();
    this.#video.track.close();
    this.#events = undefined;
    this.#state = undefined;
    this.#guard(() => this.#options.player.onClosed(final));
    this.#options.onClosed(final);
    this.#closed.resolve();
  }

  #listen(): void {
    this.#peer.onStateChange((state) => {
      if (state === 'disconnected' || state === 'closed') this.close('page');
      else if (state === 'failed') this.close('failed');
    });
    this.#peer.onDataChannel((channel) => this.#adopt(channel));
    this.#video.track.onOpen(() => this.#tryConnected());
    this.#video.track.onMessage((packet) => this.#guard(() => this.#readRtcp(packet)));
    // The library keeps a track or channel alive until a listener has heard of its end.
    this.#video.track.onClosed(() => {});
  }

  #adopt(channel: DataChannel): void {
    const label = channel.getLabel();
    channel.onClosed(() => {
      if (channel === this.#events) this.close('page');
    });
    if (this.#phase === 'closed') {
      channel.close();
      return;
    }
    if (label === CHANNEL_EVENTS && !this.#events) this.#events = channel;
    else if (label === CHANNEL_STATE && !this.#state) this.#state = channel;
    else {
      channel.close();
      this.#input.errors++;
      this.#checkInput();
      return;
    }
    channel.onMessage((message) => this.#guard(() => this.#readInput(label, message)));
    channel.onOpen(() => this.#tryConnected());
    this.#tryConnected();
  }

  #tryConnected(): void {
    if (this.#phase !== 'connecting' || !this.#video.track.isOpen() || !this.#events?.isOpen()) return;
    this.#phase = 'connected';
    const { seat, seats, width, height, fps, game } = this.#options.player;
    this.notify({ kind: 'joined', seat, seats, width, height, fps, game });
    this.#heard();
    this.#checkSilence();
    this.#options.onConnected();
    this.#guard(() => this.#options.player.onConnected(this));
  }

  #readInput(label: string, message: string | Buffer | ArrayBuffer): void {
    if (this.#phase !== 'connected') return;
    this.#heard();
    if (!this.#input.read(label, message)) this.#checkInput();
  }

  #checkInput(): void {
    this.stats.inputErrors = this.#input.errors;
    if (this.#input.errors < this.#options.config.inputErrorsMax) return;
    const message = `${this.#input.errors} messages could not be read; reload the page to get its current version`;
    void this.finish({ kind: 'ended', code: 'NL_INPUT', message, retry: false }, 'input');
  }

  #readRtcp(packet: Buffer): void {
    if (this.#phase !== 'connected') return;
    this.#heard();
    const found = readRtcp(packet, this.#ssrc, this.#feedback);
    if (found & RTCP_KEYFRAME) this.#requestKeyframe();
    if (!(found & RTCP_FEEDBACK)) return;
    this.stats.lossFraction = this.#feedback.lossFraction;
    this.stats.rembBitsPerSecond = this.#feedback.rembBitsPerSecond;
    this.#options.player.onFeedback(this.#feedback);
  }

  #requestKeyframe(): void {
    if (this.#keyframeTimer || this.#phase !== 'connected') return;
    const wait = this.#keyframeAt + this.#options.config.keyframeMsMin - performance.now();
    if (wait > 0) {
      this.#keyframeTimer = setTimeout(() => {
        this.#keyframeTimer = undefined;
        this.#requestKeyframe();
      }, Math.ceil(wait));
      return;
    }
    this.#keyframeAt = performance.now();
    this.#guard(() => this.#options.player.onKeyframe());
  }

  /** Its receiver reports about once a second while it is reachable, so silence means that packets do not arrive. */
  #isCongested(): boolean {
    const { channelBytesMax, stallMsMax } = this.#options.config;
    const waiting = (this.#state?.bufferedAmount() ?? 0) + (this.#events?.bufferedAmount() ?? 0);
    return waiting > channelBytesMax || performance.now() - this.#heardAt > stallMsMax;
  }

  #sendVideo(accessUnit: Uint8Array, rtpTimestamp: number): boolean {
    this.#video.rtp.timestamp = rtpTimestamp >>> 0;
    try {
      // The declared type is narrower than what the library takes: any view of bytes.
      return this.#video.track.sendMessageBinary(accessUnit as Buffer);
    } catch {
      // Between the page's leaving and the notice of it, the track is closed already.
      return false;
    }
  }

  #sendFrameInfo(bytes: number, info: FrameInfo): void {
    const message = this.#frameMessage;
    message[0] = MESSAGE_FRAME;
    message[1] = info.keyframe ? 1 : 0;
    message.writeUInt32LE(info.rtpTimestamp >>> 0, 4);
    message.writeUInt32LE(info.inputSequence >>> 0, 8);
    message.writeUInt32LE(Math.min(Math.max(Math.round(info.inputToSendUs), 0), 0xffffffff), 12);
    message.writeUInt32LE(bytes, 16);
    send(this.#state, message);
  }

  notify(notice: Notice): void {
    const text = Buffer.from(JSON.stringify(notice));
    send(this.#events, Buffer.concat([Buffer.of(MESSAGE_NOTICE), text]));
  }

  #heard(): void {
    this.#heardAt = performance.now();
  }

  #checkSilence(): void {
    if (this.#phase === 'connecting') {
      this.close('timeout');
      return;
    }
    clearTimeout(this.#silenceTimer);
    const left = this.#heardAt + this.#options.config.idleMsMax - performance.now();
    if (left <= 0) {
      const message = 'nothing was heard from the page';
      void this.finish({ kind: 'ended', code: 'NL_CONNECTION', message, retry: true }, 'idle');
    } else this.#silenceTimer = setTimeout(() => this.#checkSilence(), Math.ceil(left));
  }

  /** Runs what must not throw into the library; a fault ends this connection alone. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#options.warn(`connection of seat ${this.#options.player.seat} failed: ${error}`);
      this.close('failed');
    }
  }
}

function send(channel: DataChannel | undefined, message: Buffer): void {
  try {
    if (channel?.isOpen()) channel.sendMessageBinary(message);
  } catch {
    // A channel may close between the question and the sending; its end is reported separately.
  }
}

function connectionError(error: unknown): NearlightError {
  if (error instanceof NearlightError) return error;
  return new NearlightError('NL_CONNECTION', error instanceof Error ? error.message : String(error), { cause: error });
}
