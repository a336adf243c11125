import type { Notice } from '../base/protocol.ts';
import type { PlayerState } from './state.ts';
import type { TokenSource } from './token-source.ts';
import type { TokenStorage } from './tokens.ts';

export type PlayerClientOptions = {
  /** The element that shows the game's picture. It needs the attributes muted, autoplay and playsinline. */
  video: HTMLVideoElement;
  /** Takes the game's sound. Without it, the page asks the host for none. */
  sound?: { attach(stream: MediaStream): void };
  /** Whether the page only watches the game, and has no seat. Default: it plays. */
  spectates?: boolean;
  /** Returns the player's token, if the host asks for one. */
  token?: TokenSource | undefined;
  /** URL of the WHEP signalling endpoint. Default: `whep`, relative to the page. */
  url?: string;
  /** Where the page keeps the tokens with which it returns to its seat after a reload. Default: nowhere */
  storage?: TokenStorage | undefined;
  /** Name under which the page keeps them. Default: the path of the document. */
  storageName?: string;
  onState?(state: PlayerState): void;
  onNotice?(notice: Notice): void;
  /** Called before the element shows the picture of another connection. It shows nothing until the first one arrives. */
  onExchange?(): void;
};
