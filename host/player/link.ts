import { CHANNEL_EVENTS, CHANNEL_STATE } from '../base/protocol.ts';

/**
 * The picture and the game that a page asks for, as in its address: `size` is WIDTHxHEIGHT. The server checks the values
 * and has defaults for missing ones.
 */
export type ViewQuery = { size?: string | undefined; fps?: number | string | undefined; game?: string | undefined };

/** Why a connection to the host ended. */
export type LinkFailure = {
  code: string;
  message: string;
  /** Whether to offer the player another attempt. */
  retry: boolean;
  /** Whether to make another attempt without asking the player. */
  again: boolean;
  /** Set if nothing is wrong and the server only asked the page to come back after this time. */
  waitMs?: number;
};

export type HostLinkHooks = {
  /** Called when both data channels are open. */
  open(): void;
  /** Called for each message on either channel. */
  message(data: ArrayBuffer): void;
  /** Called when the link has ended. This happens once, or not at all if `close` was called before. */
  failed(failure: LinkFailure): void;
};

/** ICE gets this time to recover from a lost connection by itself. */
const DISCONNECTED_MS = 2000;

/**
 * The page's end of one connection to the host: an RTCPeerConnection, its two data channels and its signalling, which
 * follows WHEP (draft-ietf-wish-whep). Another attempt to connect needs another link.
 */
export class HostLink {
  readonly events: RTCDataChannel;
  readonly state: RTCDataChannel;
  readonly #peer: RTCPeerConnection;
  readonly #hooks: HostLinkHooks;
  readonly #url: string;
  readonly #abort = new AbortController();
  readonly #receiver: RTCRtpReceiver;
  /** Address of this link on the server; empty until the server has accepted the offer. */
  #location = '';
  #opened = false;
  #closed = false;
  #disconnectedTimer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param options.url address of the signalling endpoint
   * @param options.video element that shows the picture
   */
  constructor({ url, video, hooks }: { url: string; video: HTMLVideoElement; hooks: HostLinkHooks }) {
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
      // A browser may refuse to play before the player's first click. `autoplay` tries again then.
      video.play().catch(() => {});
    };
    peer.onconnectionstatechange = () => this.#checkConnection();
  }

  /**
   * Sends the offer and applies the server's answer. Failures go to the hook. The offer needs no candidates, because the
   * server offers its own and the page connects to these.
   */
  async start(query: ViewQuery): Promise<void> {
    try {
      const offer = await this.#peer.createOffer();
      await this.#peer.setLocalDescription(offer);
      const parameters = new URLSearchParams();
      for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
      const response = await fetch(`${this.#url}?${parameters}`, {
        method: 'POST',
        headers: { 'content-type': 'application/sdp' },
        body: offer.sdp ?? '',
        signal: this.#abort.signal,
      });
      if (response.status !== 201) return this.#fail(await readRefusal(response));
      this.#location = response.headers.get('location') ?? '';
      await this.#peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    } catch (error) {
      const unreachable = error instanceof TypeError;
      this.fail(unreachable ? 'The server does not answer.' : `The connection could not be set up: ${error}`);
    }
  }

  /** Ends the link as a failed connection, so that another attempt is made. */
  fail(message: string): void {
    this.#fail({ code: 'NL_CONNECTION', message, retry: true, again: true });
  }

  /**
   * Closes the link without calling a hook. Idempotent.
   * @param options.leave whether to tell the server, which also works while the page is being closed
   */
  close({ leave = true } = {}): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#disconnectedTimer);
    this.#abort.abort();
    this.#peer.close();
    if (!leave || this.#location === '') return;
    // If this fails, the server notices the silence.
    fetch(this.#location, { method: 'DELETE', keepalive: true }).catch(() => {});
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

  #checkConnection(): void {
    const state = this.#peer.connectionState;
    clearTimeout(this.#disconnectedTimer);
    if (state === 'failed') this.fail('The connection was lost.');
    if (state === 'disconnected')
      this.#disconnectedTimer = setTimeout(() => this.fail('The connection was lost.'), DISCONNECTED_MS);
  }

  #fail(failure: LinkFailure): void {
    if (this.#closed) return;
    this.close();
    this.#hooks.failed(failure);
  }
}

/** Reads why the server refused an offer. A proxy may have answered in its place; then only the status is known. */
async function readRefusal(response: Response): Promise<LinkFailure> {
  const { status } = response;
  const body: { code?: unknown; message?: unknown } = await response.json().catch(() => ({}));
  const retry = status >= 500 || status === 429;
  const { code, message } = body ?? {};
  if (typeof code !== 'string' || typeof message !== 'string')
    return {
      code: 'NL_CONNECTION',
      message: `The server answered with status ${status}.`,
      retry,
      again: status >= 500,
    };
  const prefix = `${code}: `;
  // Our server always sends seconds, never a date.
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return {
    code,
    message: message.startsWith(prefix) ? message.slice(prefix.length) : message,
    retry,
    // A server without a free seat, or that is shutting down, answers 503. Another attempt at once would not help.
    again: status >= 500 && status !== 503,
    ...(seconds >= 0 ? { waitMs: seconds * 1000 } : {}),
  };
}
