import { randomInt } from 'node:crypto';
import type { DataChannel, PeerConnection } from 'node-datachannel';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import type { ErrorCode } from '../base/errors.ts';
import { CHANNEL_EVENTS, CHANNEL_STATE, type CloseReason, type Notice } from '../base/protocol.ts';
import { addCandidates, type Endpoint, endpointsOf, ufragOf } from './candidate.ts';
import { InputReader } from './input.ts';
import { KeyframeLimiter } from './keyframe.ts';
import { connectionError, openPeer, type VideoTrack } from './media.ts';
import { FrameMessage, noticeMessage, sendMessage } from './messages.ts';
import type { Offer } from './offer.ts';
import type { ConnectionStats, Feedback, FrameInfo, Player, PlayerConnection } from './player.ts';
import type { Relay } from './relay.ts';
import { RTCP_FEEDBACK, RTCP_KEYFRAME, readRtcp } from './rtcp.ts';

export interface WebRtcConnectionOptions {
  offer: Offer;
  player: Player;
  config: Config;
  /** The relay that forwards packets for pages that cannot reach this host's own addresses. */
  relay?: Relay | undefined;
  /** Logs a warning. */
  warn(message: string): void;
  /** Called when the page has connected, before the player's onConnected. */
  onConnected(): void;
  /** Called once when the connection has closed, after the player's onClosed. */
  onClosed(reason: CloseReason): void;
}

/**
 * The WebRTC connection to one page. It sends one video track and accepts the two data channels that the page opens.
 * It closes itself if the page leaves, is silent for `idleMsMax`, does not connect within `connectMsMax`, or sends too
 * many messages that cannot be read.
 */
export class WebRtcConnection implements PlayerConnection {
  readonly stats: ConnectionStats = {
    framesSent: 0,
    framesDropped: 0,
    bytesSent: 0,
    inputErrors: 0,
    lossFraction: 0,
    rembBitsPerSecond: 0,
  };
  readonly #options: WebRtcConnectionOptions;
  readonly #input: InputReader;
  readonly #ssrc = randomInt(1, 2 ** 32);
  readonly #feedback: Feedback = { lossFraction: 0, rembBitsPerSecond: 0 };
  readonly #frameMessage = new FrameMessage();
  readonly #keyframes: KeyframeLimiter;
  readonly #closed = Promise.withResolvers<void>();
  #phase: 'connecting' | 'connected' | 'ending' | 'closed' = 'connecting';
  readonly #peer: PeerConnection;
  readonly #video: VideoTrack;
  /** The ICE user fragment of the SDP answer. The relay recognises the page's packets by it. */
  #ufrag: string | undefined;
  #events: DataChannel | undefined;
  #state: DataChannel | undefined;
  #lastHeardAt = systemClock.now();
  #silenceTimer: NodeJS.Timeout;
  #endTimer: NodeJS.Timeout | undefined;
  #endReason: CloseReason = 'page';
  /** Whether the page can decode nothing until it gets a keyframe, because none was sent yet or a frame was dropped. */
  #needsKeyframe = true;

  /** @throws NearlightError NL_CONNECTION if the WebRTC library refuses the offer; the player's onClosed is not called then */
  constructor(options: WebRtcConnectionOptions) {
    const { offer, player, config } = options;
    this.#options = options;
    this.#input = new InputReader({
      sink: player.input,
      config,
      pong: (message) => sendMessage(this.#state, message),
      clock: systemClock,
    });
    this.#keyframes = new KeyframeLimiter(config.keyframeMsMin, () => {
      if (this.#phase === 'connected') this.#guard(() => player.onKeyframe());
    });
    const { peer, video } = openPeer(config, offer, this.#ssrc);
    this.#peer = peer;
    this.#video = video;
    this.#listen();
    this.#silenceTimer = setTimeout(() => this.#checkSilence(), config.connectMsMax);
  }

  /**
   * Applies the page's SDP offer.
   * @returns the SDP answer, with all ICE candidates
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
      const sdp = own && this.#addOtherAddresses(own);
      if (!sdp?.includes('a=candidate:')) throw new Error('this host found no address to offer to the page; try again');
      return sdp;
    } catch (error) {
      this.close('failed');
      throw connectionError(error);
    }
  }

  /** Adds the address in the setting ICE_ADDRESS and the relay's to an SDP answer that has this machine's own addresses. */
  #addOtherAddresses(sdp: string): string {
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
    const isDecodable = info.keyframe || !this.#needsKeyframe;
    if (!isDecodable || this.#isCongested() || !this.#sendVideo(accessUnit, info.rtpTimestamp)) {
      this.#needsKeyframe = true;
      this.stats.framesDropped++;
      this.#keyframes.request();
      return false;
    }
    this.#needsKeyframe = false;
    this.stats.framesSent++;
    this.stats.bytesSent += accessUnit.byteLength;
    sendMessage(this.#state, this.#frameMessage.write(info, accessUnit.byteLength));
    return true;
  }

  notify(notice: Notice): void {
    sendMessage(this.#events, noticeMessage(notice));
  }

  end(code: ErrorCode, message: string, retry: boolean): Promise<void> {
    return this.finish({ kind: 'ended', code, message, retry }, 'host');
  }

  /** Sends a last notice, gives the page `closeMsMax` to read it and leave, then closes the connection. */
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

  /** Closes the connection to the page at once. Idempotent. */
  close(reason: CloseReason): void {
    if (this.#phase === 'closed') return;
    const final = this.#phase === 'ending' ? this.#endReason : reason;
    this.#phase = 'closed';
    clearTimeout(this.#silenceTimer);
    clearTimeout(this.#endTimer);
    this.#keyframes.cancel();
    if (this.#ufrag !== undefined) this.#options.relay?.dismiss(this.#ufrag);
    // The peer connection closes first: closing a data channel of a live SCTP association blocks until a packet is written.
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
    this.#video.track.onOpen(() => this.#checkConnected());
    this.#video.track.onMessage((packet) => this.#guard(() => this.#readRtcp(packet)));
    // The WebRTC library frees a track or channel only after it has called a listener for its end.
    this.#video.track.onClosed(() => {});
  }

  /** Takes over a data channel that the page opened, or closes it if it is not one of the protocol's two. */
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
      this.#checkInputErrors();
      return;
    }
    channel.onMessage((message) => this.#guard(() => this.#readInput(label, message)));
    channel.onOpen(() => this.#checkConnected());
    this.#checkConnected();
  }

  #checkConnected(): void {
    if (this.#phase !== 'connecting' || !this.#video.track.isOpen() || !this.#events?.isOpen()) return;
    this.#phase = 'connected';
    const { seat, seats, width, height, fps, game } = this.#options.player;
    this.notify({ kind: 'joined', seat, seats, width, height, fps, game });
    this.#noteHeard();
    this.#checkSilence();
    this.#options.onConnected();
    this.#guard(() => this.#options.player.onConnected(this));
  }

  #readInput(label: string, message: string | Buffer | ArrayBuffer): void {
    if (this.#phase !== 'connected') return;
    this.#noteHeard();
    if (!this.#input.read(label, message)) this.#checkInputErrors();
  }

  #checkInputErrors(): void {
    const { errors } = this.#input;
    this.stats.inputErrors = errors;
    if (errors < this.#options.config.inputErrorsMax) return;
    const message = `the host could not read ${errors} messages of this page; reload it to get the current version`;
    void this.finish({ kind: 'ended', code: 'NL_INPUT', message, retry: false }, 'input');
  }

  #readRtcp(packet: Buffer): void {
    if (this.#phase !== 'connected') return;
    this.#noteHeard();
    const found = readRtcp(packet, this.#ssrc, this.#feedback);
    if (found & RTCP_KEYFRAME) this.#keyframes.request();
    if (!(found & RTCP_FEEDBACK)) return;
    this.stats.lossFraction = this.#feedback.lossFraction;
    this.stats.rembBitsPerSecond = this.#feedback.rembBitsPerSecond;
    this.#options.player.onFeedback(this.#feedback);
  }

  /** Tells whether packets do not arrive: too much data waits, or the page's receiver reports (one a second) have stopped. */
  #isCongested(): boolean {
    const { channelBytesMax, stallMsMax } = this.#options.config;
    const waitingBytes = (this.#state?.bufferedAmount() ?? 0) + (this.#events?.bufferedAmount() ?? 0);
    return waitingBytes > channelBytesMax || systemClock.now() - this.#lastHeardAt > stallMsMax;
  }

  #sendVideo(accessUnit: Uint8Array, rtpTimestamp: number): boolean {
    this.#video.rtp.timestamp = rtpTimestamp >>> 0;
    try {
      // The WebRTC library declares the type Buffer but accepts any Uint8Array.
      return this.#video.track.sendMessageBinary(accessUnit as Buffer);
    } catch {
      // The page has left and the video track is closed, but the WebRTC library has not reported it yet.
      return false;
    }
  }

  #noteHeard(): void {
    this.#lastHeardAt = systemClock.now();
  }

  #checkSilence(): void {
    if (this.#phase === 'connecting') {
      this.close('timeout');
      return;
    }
    clearTimeout(this.#silenceTimer);
    const leftMs = this.#lastHeardAt + this.#options.config.idleMsMax - systemClock.now();
    if (leftMs <= 0) {
      const message = 'the page sent nothing for too long';
      void this.finish({ kind: 'ended', code: 'NL_CONNECTION', message, retry: true }, 'idle');
    } else this.#silenceTimer = setTimeout(() => this.#checkSilence(), Math.ceil(leftMs));
  }

  /** Runs code for the WebRTC library, which must not see an exception. An exception ends the page's connection alone. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#options.warn(`the connection of seat ${this.#options.player.seat} failed: ${error}`);
      this.close('failed');
    }
  }
}
