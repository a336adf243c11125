import datachannel, { type PeerConnection, type RtpPacketizationConfig, type Track } from 'node-datachannel';
import { must } from '../../../host/base/assert.ts';
import { readConfig } from '../../../host/base/config.ts';
import { readOffer } from '../../../host/stream/offer.ts';
import { emptyStats, type FrameInfo, type Player, type PlayerConnection } from '../../../host/stream/player.ts';
import { type PacketFeedback, RTCP_KEYFRAME, readRtcp } from '../../../host/stream/rtcp.ts';
import { PLAYOUT_DELAY } from '../../stream/peer.ts';
import { eventually } from '../../wait.ts';

const SSRC = 1;
const CLOCK_HZ = 90_000;
const PAYLOAD_BYTES_MAX = 1200;
/** Reports of single packets, which this sender leaves to the library. */
const UNUSED: PacketFeedback = { onMissing() {}, onArrivals() {} };

/**
 * Sends video as a program does that leaves RTP to libdatachannel: its packetizer, its answers to lost packets (NACK), and the
 * receiver's own estimate of the bandwidth (REMB) as the bitrate.
 */
export class LibrarySender implements PlayerConnection {
  readonly codec = 'h264';
  readonly stats = emptyStats();
  readonly #peer: PeerConnection;
  readonly #track: Track;
  readonly #rtp: RtpPacketizationConfig;
  /** Objects that the library needs and does not keep from being garbage-collected. */
  readonly kept: readonly object[];
  readonly #offer: string;

  constructor(sdp: string, player: Player) {
    const offer = readOffer(sdp, readConfig({}));
    this.#offer = offer.sdp;
    this.#peer = new datachannel.PeerConnection('library', {
      iceServers: [],
      disableAutoNegotiation: true,
      bindAddress: '127.0.0.1',
    });
    const video = new datachannel.Video(offer.mid, 'SendOnly');
    video.addH264Codec(offer.payloadType, offer.formatParameters);
    video.addSSRC(SSRC, 'library', 'library', 'video');
    const delayId = offer.extensions.playoutDelay;
    if (delayId > 0) video.parseSdpLine(`a=extmap:${delayId} ${PLAYOUT_DELAY}`);
    this.#track = this.#peer.addTrack(video);
    const rtp = new datachannel.RtpPacketizationConfig(SSRC, 'library', offer.payloadType, CLOCK_HZ);
    Object.assign(rtp, { playoutDelayId: delayId, playoutDelayMin: 0, playoutDelayMax: 0 });
    this.#rtp = rtp;
    const packetizer = new datachannel.H264RtpPacketizer('StartSequence', rtp, PAYLOAD_BYTES_MAX);
    const [reporter, responder] = [new datachannel.RtcpSrReporter(rtp), new datachannel.RtcpNackResponder()];
    packetizer.addToChain(reporter);
    packetizer.addToChain(responder);
    this.#track.setMediaHandler(packetizer);
    this.kept = [video, packetizer, reporter, responder];
    const report = { lossFraction: 0, rembBitsPerSecond: 0 };
    this.#track.onMessage((packet) => {
      if (readRtcp(packet, SSRC, report, UNUSED) & RTCP_KEYFRAME) player.onKeyframe();
      const { lossFraction, rembBitsPerSecond } = report;
      if (rembBitsPerSecond > 0) player.onFeedback({ lossFraction, videoBitsPerSecond: rembBitsPerSecond, queueMs: 0 });
    });
  }

  /** Returns the SDP answer with the candidates. */
  async answer(): Promise<string> {
    this.#peer.setRemoteDescription(this.#offer, 'offer');
    this.#peer.setLocalDescription('answer');
    return eventually(() => {
      const sdp = must(this.#peer.localDescription()?.sdp, 'answer');
      if (!sdp.includes('a=candidate')) throw new Error('there is no candidate yet');
      return sdp;
    });
  }

  connected(): Promise<void> {
    return eventually(() => {
      if (!this.#track.isOpen()) throw new Error('the track is not open');
    });
  }

  get ready(): boolean {
    return this.#track.isOpen();
  }

  sendFrame(accessUnit: Uint8Array, { rtpTimestamp }: FrameInfo): boolean {
    this.#rtp.timestamp = rtpTimestamp;
    return this.#track.sendMessageBinary(Buffer.from(accessUnit));
  }

  limitBitrate(): void {}
  notify(): void {}
  async end(): Promise<void> {}

  close(): void {
    this.#peer.close();
    this.#track.close();
  }
}
