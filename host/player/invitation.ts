import { Dialog } from './dialog.ts';
import { make, makeDrawing } from './dom.ts';
import { encodeQr } from './qr.ts';
import type { ToolLabels } from './tool-labels.ts';

/** Width of the light margin that readers of a QR code need, in modules. */
const MARGIN = 4;
/** Names of this computer in URLs, which are no use to others. */
const LOCAL = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/;
/** Parameters of a page's URL that are about one player's picture, and not about the game. */
const OWN_PARAMETERS = ['size', 'fps', 'bitrate', 'muted', 'controls', 'spectate'];

export type InvitationOptions = {
  container: ParentNode & Node;
  labels(): ToolLabels;
  onClose?(): void;
  signal: AbortSignal;
};

/** The dialog with the link to the game, which a player copies, shares, or shows to a phone as a QR code. */
export class Invitation {
  readonly #options: InvitationOptions;
  readonly #dialog: Dialog;

  constructor(options: InvitationOptions) {
    this.#options = options;
    const { container, signal, onClose } = options;
    this.#dialog = new Dialog({ container, signal, name: 'invitation', ...(onClose ? { onClose } : {}) });
  }

  get isOpen(): boolean {
    return this.#dialog.isOpen;
  }

  open(): void {
    const labels = this.#options.labels();
    const link = shareableUrl();
    const code = encodeQr(link);
    const field = make('input', { type: 'url', readonly: true, value: link, 'aria-label': labels.link });
    field.addEventListener('focus', () => field.select());
    const status = make('p', { class: 'status', role: 'status' });
    const copy = make('button', { type: 'button', class: 'plain' }, labels.copy);
    copy.addEventListener('click', () => void this.#copy(field, status));
    const canShare = typeof navigator.share === 'function';
    const share = canShare ? make('button', { type: 'button', class: 'plain' }, labels.share) : undefined;
    // The player may close the browser's own dialog without sharing.
    share?.addEventListener('click', () => void navigator.share({ url: link, title: document.title }).catch(() => {}));
    const local = LOCAL.test(new URL(link).hostname) ? make('p', { class: 'warning' }, labels.inviteLocal) : undefined;
    const content = [
      make('p', {}, labels.inviteText),
      code && drawQr(code, labels.qrCode),
      field,
      make('div', { class: 'actions always' }, copy, share),
      local,
      status,
    ];
    this.#dialog.show({
      title: labels.invite,
      close: labels.close,
      content: content.filter((node) => node !== undefined),
    });
    copy.focus();
  }

  async #copy(field: HTMLInputElement, status: HTMLElement): Promise<void> {
    const { copied, copyFailed } = this.#options.labels();
    try {
      await navigator.clipboard.writeText(field.value);
      status.textContent = copied;
    } catch {
      // A page without HTTPS has no clipboard.
      field.focus();
      status.textContent = copyFailed;
    }
  }
}

/** Returns the URL of this document for other players, who have pictures of their own. */
function shareableUrl(): string {
  const url = new URL(location.href);
  url.hash = '';
  for (const name of OWN_PARAMETERS) url.searchParams.delete(name);
  return url.href;
}

/** Draws a QR code with its margin, dark on light whatever the colours of the page. */
export function drawQr(code: readonly (readonly boolean[])[], label: string): SVGElement {
  const path = code.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  const side = code.length + 2 * MARGIN;
  const box = { viewBox: `${-MARGIN} ${-MARGIN} ${side} ${side}` };
  return makeDrawing({ ...box, class: 'qr', role: 'img', 'aria-label': label }, path);
}
