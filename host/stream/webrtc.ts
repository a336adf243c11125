import { randomInt } from 'node:crypto';
import type { DataChannel, PeerConnection } from 'node-datachannel';
import { systemClock } from '../base/clock.ts';
import { CHANNEL_EVENTS, CHANNEL_STATE } from '../base/protocol.ts';
import { AudioTrack } from './audio.ts';
import { type Endpoint, endpointsOf, passwordOf, replaceCandidates, ufragOf } from './candidate.ts';
import { type ConnectionOptions, PageConnection } from './connection.ts';
import { FrameMessages } from './frame-messages.ts';
import { connectionError, openPeer, type StreamIds, type VideoTrack } from './media.ts';
import { NOTICE_BYTES_MAX, sendMessage } from './messages.ts';
import type { Offer } from './offer.ts';
import type { AudioInfo, FrameInfo, PlayerConnection, VideoCodec } from './player.ts';
import type { Relay } from './relay.ts';
import { type ReservedPath, reservePath, withReserved } from './reserved-path.ts';
import { VideoSender } from './sender.ts';

/** Packets of a connection pass the relay for this long after its end. */
const LINGER_MS = 250;

export interface WebRtcConnectionOptions extends ConnectionOptions {
  offer: Offer;
  /** The relay through which all packets go. */
  relay: Relay;
  /** The addresses at which pages reach the relay, the most preferred first. */
  endpoints: readonly Endpoint[];
}

/**
 * The WebRTC connection to one page. It sends one video track, and one of sound if the page takes it, and accepts the two data
 * channels that the page opens. It closes itself if no packet of the page arrives within `iceMsMax`, or if the page does not
 * connect within `connectMsMax`.
 */
export class WebRtcConnection extends PageConnection {
  readonly #options: WebRtcConnectionOptions;
  readonly #streams: StreamIds = {
    ssrc: randomInt(1, 2 ** 30),
    repairSsrc: randomInt(2 ** 30, 2 ** 31),
    rtxSsrc: randomInt(2 ** 31, 2 ** 32),
  };
  readonly #frameMessages: FrameMessages;
  readonly #peer: PeerConnection;
  readonly #video: VideoTrack;
  readonly #sender: VideoSender;
  readonly #audio: AudioTrack | undefined;
  readonly codec: VideoCodec;
  readonly sendAudio: PlayerConnection['sendAudio'];
  /** The ICE user fragment of the SDP answer. The relay recognises the page's packets by it. */
  #ufrag: string | undefined;
  #reserved: ReservedPath | undefined;
  #events: DataChannel | undefined;
  #state: DataChannel | undefined;

  /** @throws NearlightError NL_CONNECTION if the WebRTC library refuses the offer */
  constructor(options: WebRtcConnectionOptions) {
    const { offer, config } = options;
    super(options, config.iceMsMax);
    this.#options = options;
    this.codec = offer.codec;
    try {
      const { peer, video } = openPeer(config, offer, this.#streams);
      this.#peer = peer;
      this.#video = video;
      this.#audio = addAudio(peer, offer);
    } catch (error) {
      this.abandon();
      throw error;
    }
    if (this.#audio) this.sendAudio = (packet, info) => this.#sendAudio(packet, info);
    this.#frameMessages = new FrameMessages({
      send: (message) => sendMessage(this.#state, message),
      pace: options.meters.pace,
    });
    this.#sender = new VideoSender({
      offer,
      streams: this.#streams,
      clock: systemClock,
      clockOriginMs: performance.timeOrigin,
      bitsPerSecondMax: config.bitrateMax,
      send: (packet) => this.#sendPacket(packet),
      counts: options.meters.packets,
      onResponse: (ms) => options.meters.roundTrip.add(ms),
      onKeyframe: () => this.requestKeyframe(),
      onFeedback: (feedback) => this.tellFeedback(feedback),
      onFrameSent: (rtpTimestamp, now) => this.#frameMessages.finish(rtpTimestamp, now),
    });
    this.#listen();
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
      const reserved = await this.#reservePath();
      if (!this.isClosed) {
        const { sdp: offered } = this.#options.offer;
        peer.setRemoteDescription(reserved ? withReserved(offered, reserved) : offered, 'offer');
        peer.setLocalDescription('answer');
      }
      await Promise.race([gathered.promise, this.closed]);
      const own = this.isClosed ? undefined : peer.localDescription()?.sdp;
      const sdp = own && this.#admit(own);
      if (sdp === undefined) throw new Error('the connection ended before it was set up; try again');
      return sdp;
    } catch (error) {
      this.close('failed');
      throw connectionError(error);
    }
  }

  /** Opens a socket for the page's first address. Without one, the page connects a little later. */
  async #reservePath(): Promise<ReservedPath | undefined> {
    const reserved = await reservePath().catch(() => undefined);
    if (this.isClosed) reserved?.close();
    else this.#reserved = reserved;
    return reserved;
  }

  /** Lets the relay pass the page's packets on, and puts the relay's addresses into the SDP answer in place of ICE's own. */
  #admit(sdp: string): string | undefined {
    const { relay, endpoints, config, offer } = this.#options;
    const [target] = endpointsOf(sdp);
    const ufrag = ufragOf(sdp);
    const password = passwordOf(sdp);
    if (target === undefined || ufrag === undefined || password === undefined) return undefined;
    this.#ufrag = ufrag;
    relay.admit(ufrag, {
      target,
      password,
      reserved: this.#reserved,
      remote: { ufrag: this.remoteUfrag, password: passwordOf(offer.sdp) ?? '' },
      // A client without data channels has little to send while it watches, so a pause does not mean that the line was dead.
      onArrival: offer.watches ? () => this.noteSign() : () => this.notePacket(),
      onDeparture: (packet, now) => this.#sender.noteDeparted(packet, now),
    });
    const answer = replaceCandidates(sdp, endpoints);
    // The WebRTC library allows the page messages as long as those that it may send itself.
    return answer.replace(/^a=max-message-size:.*/m, `a=max-message-size:${config.inputBytesMax}`);
  }

  get ready(): boolean {
    return this.#sender.ready;
  }

  limitBitrate(bitsPerSecondMax: number): void {
    this.#sender.limit(bitsPerSecondMax);
  }

  protected sendVideo(accessUnit: Uint8Array, info: FrameInfo): boolean {
    this.#frameMessages.add(info, accessUnit.byteLength, systemClock.now());
    return this.#sender.sendFrame(accessUnit, info);
  }

  protected send(message: Buffer, { reliable }: { reliable: boolean }): void {
    sendMessage(reliable ? this.#events : this.#state, message);
  }

  protected override resume(): void {
    this.#sender.resume();
  }

  protected get waitingBytes(): number {
    return (this.#state?.bufferedAmount() ?? 0) + (this.#events?.bufferedAmount() ?? 0);
  }

  protected get noticeBytesMax(): number {
    return Math.min(this.#events?.maxMessageSize() ?? 0, NOTICE_BYTES_MAX);
  }

  /** Sends a check of ICE, which any WebRTC client answers by itself (RFC 8445, 7.3). */
  protected probe(): void {
    if (this.#ufrag !== undefined) this.#options.relay.probe(this.#ufrag);
  }

  protected override ignore(): void {
    if (this.#ufrag !== undefined) this.#options.relay.mute(this.#ufrag);
  }

  protected shut(): void {
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
  }

  /** Lets the relay forget the page when the last packet, which tells the page about the end, has passed. */
  #dismiss(): void {
    const { relay } = this.#options;
    const ufrag = this.#ufrag;
    this.#reserved?.close();
    if (ufrag !== undefined) setTimeout(() => relay.dismiss(ufrag), LINGER_MS).unref();
  }

  #listen(): void {
    this.#peer.onStateChange((state) => {
      if (state === 'disconnected' || state === 'closed') this.close('page');
      else if (state === 'failed') this.close('failed');
    });
    this.#peer.onIceStateChange((state) => {
      if (state === 'connected') this.extendLimit();
    });
    this.#peer.onDataChannel((channel) => this.#adopt(channel));
    this.#video.track.onOpen(() => this.#checkConnected());
    this.#video.track.onMessage((packet) => this.guard(() => this.#readRtcp(packet)));
    // The WebRTC library frees a track or channel only after it has called a listener for its end.
    this.#video.track.onClosed(() => {});
    this.#audio?.listen((packet) => this.guard(() => this.#readAudioRtcp(packet)));
  }

  /** Takes over a data channel that the page opened, or closes it if it is not one of the protocol's two. */
  #adopt(channel: DataChannel): void {
    const label = channel.getLabel();
    channel.onClosed(() => {
      if (channel === this.#events) this.close('page');
    });
    if (this.isClosed) {
      channel.close();
      return;
    }
    if (label === CHANNEL_EVENTS && !this.#events) this.#events = channel;
    else if (label === CHANNEL_STATE && !this.#state) this.#state = channel;
    else {
      channel.close();
      this.noteFault();
      return;
    }
    channel.onMessage((message) => this.guard(() => this.readInput(label, message)));
    channel.onOpen(() => this.#checkConnected());
    this.#checkConnected();
  }

  #checkConnected(): void {
    const hasChannels = this.#options.offer.watches || this.#events?.isOpen();
    if (this.#video.track.isOpen() && hasChannels) this.begin();
  }

  #readRtcp(packet: Buffer): void {
    if (!this.isConnected) return;
    this.noteHeard();
    this.#sender.receive(packet);
    this.stats.packetsResent = this.#sender.packetsResent;
    this.stats.repairsSent = this.#sender.repairsSent;
  }

  #readAudioRtcp(packet: Buffer): void {
    if (!this.isConnected) return;
    this.noteHeard();
    this.#audio?.readRtcp(packet);
  }

  #sendAudio(packet: Uint8Array, info: AudioInfo): boolean {
    return this.isConnected && !this.isCongested && !!this.#audio?.send(packet, info);
  }

  #sendPacket(packet: Buffer): boolean {
    try {
      return this.#video.track.sendMessageBinary(packet);
    } catch {
      // The page has left and the video track is closed, but the WebRTC library has not reported it yet.
      return false;
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
