import { CHANNEL_EVENTS, CHANNEL_STATE } from '../stream/protocol.ts';

/** What a player asks for, as the page's address writes it (`size` is WIDTHxHEIGHT); the server checks it, and has defaults. */
export type View = { size?: string | undefined; fps?: number | string | undefined; game?: string | undefined };

/**
 * Why a connection ended. `again` asks for another attempt without the player's doing, `retry` offers one. `waitMs` is there where the
 * server says when to ask again: nothing is wrong then.
 */
export type Failure = { code: string; message: string; retry: boolean; again: boolean; waitMs?: number };

export type ConnectionHooks = {
  /** Both channels are open. */
  open(): void;
  /** A message on either channel. */
  message(data: ArrayBuffer): void;
  /** Called once, unless `close` came first. */
  failed(failure: Failure): void;
};

const DISCONNECTED_MS = 2000; // ICE may recover by itself within this time

/** One attempt: a peer connection, its two channels, and its signalling in the shape of WHEP (draft-ietf-wish-whep). */
export class Connection {
  readonly events: RTCDataChannel;
  readonly state: RTCDataChannel;
  readonly #peer: RTCPeerConnection;
  readonly #hooks: ConnectionHooks;
  readonly #url: string;
  readonly #abort = new AbortController();
  #receiver: RTCRtpReceiver;
  #location = '';
  #opened = false;
  #closed = false;
  #lost: ReturnType<typeof setTimeout> | undefined;

  /** `url` is the signalling endpoint, `video` the element that shows the picture. */
  constructor({ url, video, hooks }: { url: string; video: HTMLVideoElement; hooks: ConnectionHooks }) {
    this.#url = url;
    this.#hooks = hooks;
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.#peer = peer;
    this.#receiver = peer.addTransceiver('video', { direction: 'recvonly' }).receiver;
    if ('jitterBufferTarget' in this.#receiver) this.#receiver.jitterBufferTarget = 0;
    this.events = this.#channel(CHANNEL_EVENTS, { ordered: true });
    this.state = this.#channel(CHANNEL_STATE, { ordered: false, maxRetransmits: 0 });
    peer.ontrack = (event) => {
      video.srcObject = event.streams[0] ?? new MediaStream([event.track]);
      video.play().catch(() => {}); // refused until the player's first click; `autoplay` tries again
    };
    peer.onconnectionstatechange = () => this.#connectionState();
  }

  /** Offers, and applies the answer. Failures reach the hook. Does not wait for candidates of its own: the answer holds the server's. */
  async start(view: View): Promise<void> {
    try {
      const offer = await this.#peer.createOffer();
      await this.#peer.setLocalDescription(offer);
      const query = new URLSearchParams();
      for (const [name, value] of Object.entries(view)) if (value !== undefined) query.set(name, String(value));
      const response = await fetch(`${this.#url}?${query}`, {
        method: 'POST',
        headers: { 'content-type': 'application/sdp' },
        body: offer.sdp ?? '',
        signal: this.#abort.signal,
      });
      if (response.status !== 201) return this.#fail(await refusal(response));
      this.#location = response.headers.get('location') ?? '';
      await this.#peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    } catch (error) {
      const unreachable = error instanceof TypeError;
      this.fail(unreachable ? 'The server does not answer.' : `The connection could not be set up: ${error}`);
    }
  }

  /** Ends the attempt as a failure of the connection, worth another attempt. */
  fail(message: string): void {
    this.#fail({ code: 'NL_CONNECTION', message, retry: true, again: true });
  }

  /** Closes without calling a hook; `leave` tells the server, even from a page that is being closed. */
  close({ leave = true } = {}): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#lost);
    this.#abort.abort();
    this.#peer.close();
    if (!leave || this.#location === '') return;
    fetch(this.#location, { method: 'DELETE', keepalive: true }).catch(() => {}); // the server also notices by itself
  }

  getStats(): Promise<RTCStatsReport> {
    return this.#receiver.getStats();
  }

  #channel(label: string, options: RTCDataChannelInit): RTCDataChannel {
    const channel = this.#peer.createDataChannel(label, options);
    channel.binaryType = 'arraybuffer';
    channel.onmessage = (event: MessageEvent<unknown>) => {
      if (event.data instanceof ArrayBuffer && !this.#closed) this.#hooks.message(event.data);
    };
    channel.onopen = () => {
      const both = this.events.readyState === 'open' && this.state.readyState === 'open';
      if (!both || this.#opened || this.#closed) return;
      this.#opened = true;
      this.#hooks.open();
    };
    channel.onclose = () => this.fail('The connection was lost.');
    return channel;
  }

  #connectionState(): void {
    const state = this.#peer.connectionState;
    clearTimeout(this.#lost);
    if (state === 'failed') this.fail('The connection was lost.');
    if (state === 'disconnected') this.#lost = setTimeout(() => this.fail('The connection was lost.'), DISCONNECTED_MS);
  }

  #fail(failure: Failure): void {
    if (this.#closed) return;
    this.close();
    this.#hooks.failed(failure);
  }
}

/** A refused offer in plain words: the server's, or the status where a proxy answered in its place. */
async function refusal(response: Response): Promise<Failure> {
  const { status } = response;
  const said: { code?: unknown; message?: unknown } = await response.json().catch(() => ({}));
  const retry = status >= 500 || status === 429;
  const coded = typeof said?.code === 'string' && typeof said.message === 'string';
  if (!coded) {
    return {
      code: 'NL_CONNECTION',
      message: `The server answered with status ${status}.`,
      retry,
      again: status >= 500,
    };
  }
  const [code, message] = [said.code as string, said.message as string];
  const prefix = `${code}: `;
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN); // never a date, from this server
  return {
    code,
    message: message.startsWith(prefix) ? message.slice(prefix.length) : message,
    retry,
    again: status >= 500 && status !== 503, // 503: no seat, or shutting down; asking again at once would not help
    ...(seconds >= 0 ? { waitMs: seconds * 1000 } : {}),
  };
}
