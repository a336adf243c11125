import { randomInt } from 'node:crypto';
import datachannel, { type PeerConnection, type RtpPacketizationConfig, type Track } from 'node-datachannel';
import { AUDIO_RATE } from '../../renderer/contract/abi.ts';
import type { AudioOffer } from './offer.ts';
import type { AudioInfo } from './player.ts';
import { Redundancy } from './redundancy.ts';
import { type PacketFeedback, type ReceiverReport, RTCP_FEEDBACK, readRtcp } from './rtcp.ts';

/** A page that loses a larger fraction of the packets gets each packet twice. */
const LOSS_HIGH = 0.01;
/** Lost packets of sound are not sent again, because they would come too late. */
const NOTHING: PacketFeedback = { onMissing() {}, onArrivals() {} };

/**
 * The sound that goes to one page: Opus over RTP (RFC 7587). It is a media stream of its own, because a browser delays the
 * picture to keep it in step with sound of the same stream.
 */
export class AudioTrack {
  readonly ssrc = randomInt(1, 2 ** 32);
  readonly track: Track;
  readonly #rtp: RtpPacketizationConfig;
  readonly #redundancy: Redundancy | undefined;
  readonly #report: ReceiverReport = { lossFraction: 0, rembBitsPerSecond: 0 };
  /** Objects that the WebRTC library needs. Holding them here keeps them from being garbage-collected. */
  readonly #handlers: readonly object[];

  /** Adds the track to a connection whose offer is not applied yet. @throws Error if the WebRTC library refuses */
  constructor(peer: PeerConnection, offer: AudioOffer) {
    const audio = new datachannel.Audio(offer.mid, 'SendOnly');
    if (offer.redundantType > 0)
      audio.addAudioCodec(offer.redundantType, 'red', `${offer.payloadType}/${offer.payloadType}`);
    audio.addOpusCodec(offer.payloadType, offer.formatParameters);
    audio.addSSRC(this.ssrc, 'nearlight', 'nearlight-sound', 'sound');
    this.track = peer.addTrack(audio);
    const type = offer.redundantType || offer.payloadType;
    this.#rtp = new datachannel.RtpPacketizationConfig(this.ssrc, 'nearlight', type, AUDIO_RATE);
    if (offer.redundantType > 0) this.#redundancy = new Redundancy(offer.payloadType);
    const packetizer = new datachannel.RtpPacketizer(this.#rtp);
    const reporter = new datachannel.RtcpSrReporter(this.#rtp);
    packetizer.addToChain(reporter);
    this.track.setMediaHandler(packetizer);
    this.#handlers = [audio, packetizer, reporter];
  }

  /** Sends a packet of Opus. @returns false if the track is not open */
  send(packet: Uint8Array, { rtpTimestamp }: AudioInfo): boolean {
    if (this.#handlers.length === 0 || !this.track.isOpen()) return false;
    this.#rtp.timestamp = rtpTimestamp >>> 0;
    const payload = this.#redundancy?.wrap(packet, rtpTimestamp) ?? packet;
    try {
      // The WebRTC library declares the type Buffer but accepts any Uint8Array.
      return this.track.sendMessageBinary(payload as Buffer);
    } catch {
      // The page has left and the track is closed, but the WebRTC library has not reported it yet.
      return false;
    }
  }

  /** Has each packet with RTCP of the page passed to `onRtcp`. */
  listen(onRtcp: (packet: Buffer) => void): void {
    this.track.onMessage(onRtcp);
    // The WebRTC library frees a track only after it has called a listener for its end.
    this.track.onClosed(() => {});
  }

  /** Reads how many packets the page has lost. While there are many, each packet repeats the one before. */
  readRtcp(packet: Buffer): void {
    const found = readRtcp(packet, this.ssrc, this.#report, NOTHING);
    if (found & RTCP_FEEDBACK && this.#redundancy) this.#redundancy.enabled = this.#report.lossFraction > LOSS_HIGH;
  }

  close(): void {
    this.track.close();
  }
}
