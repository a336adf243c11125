import { randomInt } from 'node:crypto';
import type { DataChannel, PeerConnection } from 'node-datachannel';
import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { type ErrorCode, NearlightError } from '../base/errors.ts';
import { CHANNEL_EVENTS, CHANNEL_STATE, type CloseReason, joinedNotice, type Notice } from '../base/protocol.ts';
import { AudioTrack } from './audio.ts';
import { type Endpoint, endpointsOf, replaceCandidates, ufragOf } from './candidate.ts';
import { InputReader } from './input.ts';
import { KeyframeLimiter } from './keyframe.ts';
import { connectionError, openPeer, type StreamIds, type VideoTrack } from './media.ts';
import { FrameMessage, NOTICE_BYTES_MAX, noticeMessage, sendMessage } from './messages.ts';
import type { Offer } from './offer.ts';
import {
  type AudioInfo,
  emptyStats,
  type Feedback,
  type FrameInfo,
  type Player,
  type PlayerConnection,
} from './player.ts';
import type { Relay } from './relay.ts';
import { VideoSender } from './sender.ts';

/** Packets of a connection pass the relay for this long after its end. */
const LINGER_MS = 250;

export interface WebRtcConnectionOptions {
  offer: Offer;
  /** Takes a player's seat. Called when the page has connected. @throws NearlightError, which the page gets as the reason */
  seat(): Player;
  config: Config;
  /** The relay through which all packets go. */
  relay: Relay;
  /** The addresses at which pages reach the relay, the most preferred first. */
  endpoints: readonly Endpoint[];
  /** Logs a warning. */
  warn(message: string): void;
  /** Called when the page has connected and has a seat, before the player's onConnected. */
  onConnected(): void;
  /** Called once when the connection has closed. The owner decides whether the player may return to the seat. */
  onClosed(reason: CloseReason): void;
}

/**
 * The WebRTC connection to one page. It sends one video track, and one of sound if the page takes it, and accepts the two data
 * channels that the page opens.
 * The player gets a seat when the page has connected. The connection closes itself if no packet of the page arrives within
 * `iceMsMax`, or if the page does not connect within `connectMsMax`, leaves, is silent for `idleMsMax`, or sends too many
 * messages that cannot be read.
 */
export class WebRtcConnection implements PlayerConnection {
  readonly stats = emptyStats();
  readonly #options: WebRtcConnectionOptions;
  /** The player's seat and the reader of the page's input; undefined until the page has connected. */
  #player: Player | undefined;
  #input: InputReader | undefined;
  /** Number of data channels that the page opened without need. */
  #channelErrors = 0;
  readonly #beganAt = systemClock.now();
  readonly #streams: StreamIds = { ssrc: randomInt(1, 2 ** 31), rtxSsrc: randomInt(2 ** 31, 2 ** 32) };
  readonly #frameMessage = new FrameMessage();
  readonly #keyframes: KeyframeLimiter;
  readonly #closed = Promise.withResolvers<void>();
  #phase: 'connecting' | 'connected' | 'ending' | 'closed' = 'connecting';
  readonly #peer: PeerConnection;
  readonly #video: VideoTrack;
  readonly #sender: VideoSender;
  readonly #audio: AudioTrack | undefined;
  readonly sendAudio: PlayerConnection['sendAudio'];
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

  /** @throws NearlightError NL_CONNECTION if the WebRTC library refuses the offer */
  constructor(options: WebRtcConnectionOptions) {
    const { offer, config } = options;
    this.#options = options;
    this.#keyframes = new KeyframeLimiter(config.keyframeMsMin, () => {
      if (this.#phase === 'connected') this.#guard(() => this.#player?.onKeyframe());
    });
    const { peer, video } = openPeer(config, offer, this.#streams);
    this.#peer = peer;
    this.#video = video;
    this.#audio = addAudio(peer, offer);
    if (this.#audio) this.sendAudio = (packet, info) => this.#sendAudio(packet, info);
    this.#sender = new VideoSender({
      offer,
      streams: this.#streams,
      clock: systemClock,
      clockOriginMs: performance.timeOrigin,
      bitsPerSecondMax: config.bitrateMax,
      send: (packet) => this.#sendPacket(packet),
      onKeyframe: () => this.#keyframes.request(),
      onFeedback: (feedback) => this.#onFeedback(feedback),
    });
    this.#listen();
    this.#silenceTimer = setTimeout(() => this.#checkSilence(), config.iceMsMax);
  }

  /** The ICE user fragment of the page's offer. */
  get remoteUfrag(): string {
    return ufragOf(this.#options.offer.sdp) ?? '';
  }

  /**
   * Applies the page's SDP offer.
   * @returns the SDP answer, with the relay's addresses as its ICE candidates
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
      const sdp = own && this.#admit(own);
      if (sdp === undefined) throw new Error('the connection ended before it was set up; try again');
      return sdp;
    } catch (error) {
      this.close('failed');
      throw connectionError(error);
    }
  }

  /** Lets the relay pass the page's packets on, and puts the relay's addresses into the SDP answer in place of ICE's own. */
  #admit(sdp: string): string | undefined {
    const { relay, endpoints, config } = this.#options;
    const [target] = endpointsOf(sdp);
    const ufrag = ufragOf(sdp);
    if (target === undefined || ufrag === undefined) return undefined;
    this.#ufrag = ufrag;
    relay.admit(ufrag, target, (packet, now) => this.#sender.noteDeparted(packet, now));
    const answer = replaceCandidates(sdp, endpoints);
    // The WebRTC library allows the page messages as long as those that it may send itself.
    return answer.replace(/^a=max-message-size:.*/m, `a=max-message-size:${config.inputBytesMax}`);
  }

  sendFrame(accessUnit: Uint8Array, info: FrameInfo): boolean {
    if (this.#phase !== 'connected') return false;
    const isDecodable = info.keyframe || !this.#needsKeyframe;
    if (!isDecodable || this.#isCongested() || !this.#sender.sendFrame(accessUnit, info)) {
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

  get ready(): boolean {
    return this.#sender.ready;
  }

  limitBitrate(bitsPerSecondMax: number): void {
    this.#sender.limit(bitsPerSecondMax);
  }

  notify(notice: Notice): void {
    const bytesMax = Math.min(this.#events?.maxMessageSize() ?? 0, NOTICE_BYTES_MAX);
    sendMessage(this.#events, noticeMessage(notice, bytesMax));
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
    this.#input?.close();
    this.#keyframes.cancel();
    this.#sender.close();
    // The peer connection closes first: closing a data channel of a live SCTP association blocks until a packet is written.
    this.#peer.close();
    this.#dismiss();
    this.#events?.close();
    this.#state?.close();
    this.#video.track.close();
    this.#audio?.close();
    this.#events = undefined;
    this.#state = undefined;
    this.#guard(() => this.#options.onClosed(final));
    this.#closed.resolve();
  }

  /** Lets the relay forget the page when the last packet, which tells the page about the end, has passed. */
  #dismiss(): void {
    const { relay } = this.#options;
    const ufrag = this.#ufrag;
    if (ufrag !== undefined) setTimeout(() => relay.dismiss(ufrag), LINGER_MS).unref();
  }

  #listen(): void {
    this.#peer.onStateChange((state) => {
      if (state === 'disconnected' || state === 'closed') this.close('page');
      else if (state === 'failed') this.close('failed');
    });
    this.#peer.onIceStateChange((state) => {
      if (state === 'connected') this.#extendLimit();
    });
    this.#peer.onDataChannel((channel) => this.#adopt(channel));
    this.#video.track.onOpen(() => this.#checkConnected());
    this.#video.track.onMessage((packet) => this.#guard(() => this.#readRtcp(packet)));
    // The WebRTC library frees a track or channel only after it has called a listener for its end.
    this.#video.track.onClosed(() => {});
    this.#audio?.listen((packet) => this.#guard(() => this.#readAudioRtcp(packet)));
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
      this.#channelErrors++;
      this.#checkInputErrors();
      return;
    }
    channel.onMessage((message) => this.#guard(() => this.#readInput(label, message)));
    channel.onOpen(() => this.#checkConnected());
    this.#checkConnected();
  }

  /** Gives the page, whose packets arrive now, the rest of `connectMsMax` to connect. */
  #extendLimit(): void {
    if (this.#phase !== 'connecting') return;
    const leftMs = this.#beganAt + this.#options.config.connectMsMax - systemClock.now();
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(() => this.#checkSilence(), Math.max(0, leftMs));
  }

  #checkConnected(): void {
    if (this.#phase !== 'connecting' || !this.#video.track.isOpen() || !this.#events?.isOpen()) return;
    const player = this.#takeSeat();
    if (!player) return;
    this.#phase = 'connected';
    const { config } = this.#options;
    this.#player = player;
    this.#input = new InputReader({
      sink: player.input,
      config,
      pong: (message) => sendMessage(this.#state, message),
      clock: systemClock,
    });
    this.notify(joinedNotice(player));
    this.#noteHeard();
    this.#checkSilence();
    this.#options.onConnected();
    this.#guard(() => player.onConnected(this));
  }

  /** Takes a seat. If there is none, it sends the page the reason and ends the connection. */
  #takeSeat(): Player | undefined {
    try {
      return this.#options.seat();
    } catch (error) {
      const { code, detail } = connectionError(error);
      if (!(error instanceof NearlightError)) this.#options.warn(`a player could not be seated: ${error}`);
      this.#phase = 'connected';
      void this.finish({ kind: 'ended', code, message: detail, retry: true }, 'refused');
      return undefined;
    }
  }

  #readInput(label: string, message: string | Buffer | ArrayBuffer): void {
    if (this.#phase !== 'connected' || !this.#input) return;
    this.#noteHeard();
    if (!this.#input.read(label, message)) this.#checkInputErrors();
  }

  #checkInputErrors(): void {
    const errors = this.#channelErrors + (this.#input?.errors ?? 0);
    this.stats.inputErrors = errors;
    if (errors < this.#options.config.inputErrorsMax) return;
    const message = `the host could not read ${errors} messages of this page; reload it to get the current version`;
    void this.finish({ kind: 'ended', code: 'NL_INPUT', message, retry: false }, 'input');
  }

  #readRtcp(packet: Buffer): void {
    if (this.#phase !== 'connected') return;
    this.#noteHeard();
    this.#sender.receive(packet);
    this.stats.packetsResent = this.#sender.packetsResent;
  }

  #onFeedback(feedback: Readonly<Feedback>): void {
    Object.assign(this.stats, feedback);
    this.#player?.onFeedback(feedback);
  }

  #readAudioRtcp(packet: Buffer): void {
    if (this.#phase !== 'connected') return;
    this.#noteHeard();
    this.#audio?.readRtcp(packet);
  }

  #sendAudio(packet: Uint8Array, info: AudioInfo): boolean {
    return this.#phase === 'connected' && !this.#isCongested() && !!this.#audio?.send(packet, info);
  }

  /** Tells whether packets do not arrive: too much data waits, or the page's receiver reports (one a second) have stopped. */
  #isCongested(): boolean {
    const { channelBytesMax, stallMsMax } = this.#options.config;
    const waitingBytes = (this.#state?.bufferedAmount() ?? 0) + (this.#events?.bufferedAmount() ?? 0);
    return waitingBytes > channelBytesMax || systemClock.now() - this.#lastHeardAt > stallMsMax;
  }

  #sendPacket(packet: Buffer): boolean {
    try {
      return this.#video.track.sendMessageBinary(packet);
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
      this.#options.warn(`the connection of seat ${this.#player?.seat ?? '-'} failed: ${error}`);
      this.close('failed');
    }
  }
}

/** Adds a track of sound to a connection if the page has offered to take one. @throws NearlightError NL_CONNECTION */
function addAudio(peer: PeerConnection, { audio }: Offer): AudioTrack | undefined {
  try {
    return audio && new AudioTrack(peer, audio);
  } catch (error) {
    peer.close();
    throw connectionError(error);
  }
}
