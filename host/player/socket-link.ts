import { systemClock } from '../base/clock.ts';
import {
  ARRIVED_BYTES,
  AUDIO_HEADER_BYTES,
  FRAME_BYTES,
  MESSAGE_ARRIVED,
  MESSAGE_AUDIO,
  MESSAGE_FRAME,
  MESSAGE_VIDEO,
} from '../base/protocol.ts';
import { type Arrival, ArrivalLog } from './arrival.ts';
import { decodableCodec, rtpTimestampOf, type SocketCodec } from './codecs.ts';
import type { PictureDecoder, SoundDecoder } from './decoder.ts';
import { type LinkChannel, type LinkOptions, SeatLink, type ViewQuery } from './link.ts';

type Decoders = typeof import('./decoder.ts');

/** Close code of a connection that has ended as it should (RFC 6455, 7.4.1). */
const NORMAL = 1000;

/**
 * The page's end of a connection to the host for networks that let no WebRTC pass: a WebSocket. The page decodes pictures and
 * sound itself.
 */
export class SocketLink extends SeatLink {
  readonly events: LinkChannel;
  readonly state: LinkChannel;
  readonly #arrived = new DataView(new ArrayBuffer(ARRIVED_BYTES));
  readonly #arrivals = new ArrivalLog();
  #socket: WebSocket | undefined;
  #picture: PictureDecoder | undefined;
  #sound: SoundDecoder | undefined;
  #bytesReceived = 0;

  constructor(options: LinkOptions) {
    super(options);
    this.#arrived.setUint8(0, MESSAGE_ARRIVED);
    const isOpen = () => this.#socket?.readyState === WebSocket.OPEN;
    const channel: LinkChannel = {
      get readyState() {
        return isOpen() ? 'open' : 'closed';
      },
      send: (message) => this.#socket?.send(message),
    };
    this.events = this.state = channel;
  }

  show(video: HTMLVideoElement, sound?: { attach(stream: MediaStream): void }): void {
    if (!this.#picture) return;
    if (this.#sound) sound?.attach(this.#sound.stream);
    video.srcObject = this.#picture.stream;
    video.play().catch(() => {});
  }

  protected async connect(query: ViewQuery, tokens: readonly string[] | undefined): Promise<void> {
    const codec = await decodableCodec();
    if (!codec) {
      const message = 'This browser cannot decode the picture. A current browser can.';
      this.end({ code: 'NL_BROWSER', message, isFinal: true });
      return;
    }
    // Few pages need the decoders, so they are a part that is loaded when it is needed.
    const decoders = await import('./decoder.ts');
    const seat = await this.request('/socket', { query: { ...query, codec }, tokens });
    if (seat) this.#open(seat.location.replace(/^http/, 'ws'), codec, decoders);
  }

  protected shut(): void {
    this.#socket?.close(NORMAL);
    this.#picture?.close();
    this.#sound?.close();
  }

  async getStats(): Promise<RTCStatsReport> {
    const entry = {
      type: 'inbound-rtp',
      door: 'WebSocket',
      bytesReceived: this.#bytesReceived,
      framesDropped: this.#picture?.framesDropped,
    };
    return new Map([['video', entry]]) as unknown as RTCStatsReport;
  }

  rtpTimestampOf({ mediaTime }: VideoFrameCallbackMetadata): number | undefined {
    return rtpTimestampOf(mediaTime * 1_000_000);
  }

  arrivalOf(shown: VideoFrameCallbackMetadata): Arrival | undefined {
    return this.#arrivals.find(this.rtpTimestampOf(shown));
  }

  #open(url: string, codec: SocketCodec, { PictureDecoder, SoundDecoder }: Decoders): void {
    const { hooks, takesSound } = this.options;
    const socket = new WebSocket(url);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#picture = new PictureDecoder({
      codec,
      onDecoded: (decoded) => this.#arrivals.noteDecoded(decoded, systemClock.now()),
      onError: (error) => this.fail(`A picture could not be decoded: ${error.message}`),
    });
    if (takesSound) this.#sound = SoundDecoder.open();
    socket.onopen = () => {
      if (!this.isClosed) hooks.open();
    };
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (data instanceof ArrayBuffer && !this.isClosed) this.#receive(data);
    };
    socket.onclose = () => this.fail('The connection was lost.');
  }

  #receive(data: ArrayBuffer): void {
    const view = new DataView(data);
    const type = data.byteLength > 0 ? view.getUint8(0) : 0;
    if (type === MESSAGE_VIDEO && data.byteLength > FRAME_BYTES) this.#receivePicture(view);
    else if (type === MESSAGE_AUDIO && data.byteLength > AUDIO_HEADER_BYTES)
      this.#sound?.decode(new Uint8Array(data, AUDIO_HEADER_BYTES), view.getUint32(4, true));
    else this.options.hooks.message(data);
  }

  #receivePicture(view: DataView<ArrayBuffer>): void {
    const rtpTimestamp = view.getUint32(4, true);
    this.#bytesReceived += view.byteLength;
    this.#arrived.setUint32(4, rtpTimestamp, true);
    const now = systemClock.now();
    this.#arrived.setFloat64(8, now, true);
    this.#arrivals.noteReceived(rtpTimestamp, now);
    this.state.send(this.#arrived);
    const isKeyframe = (view.getUint8(1) & 1) !== 0;
    this.#picture?.decode(new Uint8Array(view.buffer, FRAME_BYTES), { isKeyframe, rtpTimestamp });
    const description = view.buffer.slice(0, FRAME_BYTES);
    new DataView(description).setUint8(0, MESSAGE_FRAME);
    this.options.hooks.message(description);
  }
}
