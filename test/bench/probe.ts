import type { Page } from 'playwright-core';
import type { Explained } from './seats.ts';

export interface Probe {
  /** Milliseconds from dispatching a key event to the callback of the first picture that shows it. */
  callbackMs: number[];
  /**
   * Milliseconds from dispatching a key event until the browser expects the first picture that shows it on the screen
   * (expectedDisplayTime of requestVideoFrameCallback).
   */
  displayMs: number[];
  /** The inputs whose stages the page knows, and that were the newest ones in their pictures. */
  explained: Explained[];
  /** Number of pictures shown, and the time in which they were counted. */
  pictures: number;
  seconds: number;
}

/** The part of the page's client that the probes use. */
interface Client {
  onLatency: ((ms: number) => void) | undefined;
  onPicture:
    | ((times: { rtpTimestamp: number; sentAt: number; shownAt: number; stages: Float64Array }) => void)
    | undefined;
}

/**
 * Presses and releases a key at random times in a page that plays latency.wasm, and finds the first picture that shows each
 * change. Runs inside the page. It reads a pixel of the pictures; the latency depends on nothing that the host reports.
 */
export function probeLatency(page: Page, seconds: number): Promise<Probe> {
  return page.evaluate(async (duration) => {
    const video = document.querySelector('video');
    if (!video) throw new Error('the page has no video');
    // A page that is not of Nearlight has no client.
    const { nearlight = {} as Client } = globalThis as unknown as { nearlight?: Client };
    const luma = new Uint8Array(4 * 4 * 4);
    const probe: Probe = { callbackMs: [], displayMs: [], explained: [], pictures: 0, seconds: 0 };
    // The stages of pictures by RTP timestamp. The message that tells them may come after the picture.
    const known = new Map<number, { sentAt: number; stages: number[] }>();
    const found: { rtpTimestamp: number; sentAt: number; measuredMs: number }[] = [];
    nearlight.onPicture = ({ rtpTimestamp, sentAt, stages }) =>
      void known.set(rtpTimestamp, { sentAt, stages: [...stages] });
    // Copy only 4x4 pixels of the decoded frame, in any format. Drawing the frame to a canvas would convert all of it.
    const isWhite = async (): Promise<boolean> => {
      const frame = new VideoFrame(video);
      const { width, height } = frame.visibleRect ?? { width: 0, height: 0 };
      // Two neighbouring pixels share their colour, so a copy begins at an even one.
      const rect = { x: (width >> 2) * 2, y: (height >> 2) * 2, width: 4, height: 4 };
      await frame.copyTo(luma, { rect });
      frame.close();
      const [brightness = 0] = luma;
      return brightness > 127;
    };
    let down = false;
    let sentAt = 0;
    let waiting = false;
    const toggle = (): void => {
      down = !down;
      waiting = true;
      sentAt = performance.now();
      window.dispatchEvent(
        new KeyboardEvent(down ? 'keydown' : 'keyup', {
          code: 'KeyW',
          key: 'w',
          bubbles: true,
        }),
      );
    };
    const begun = performance.now();
    await new Promise<void>((resolve) => {
      const look = async (_now: number, frame: VideoFrameCallbackMetadata): Promise<void> => {
        const now = performance.now();
        const ended = now - begun >= duration * 1000;
        probe.pictures++;
        if (!ended) video.requestVideoFrameCallback(look);
        if (waiting && (await isWhite()) === down && waiting) {
          waiting = false;
          probe.callbackMs.push(now - sentAt);
          probe.displayMs.push(frame.expectedDisplayTime - sentAt);
          found.push({ rtpTimestamp: frame.rtpTimestamp ?? -1, sentAt, measuredMs: now - sentAt });
          if (!ended) setTimeout(toggle, 10 + Math.random() * 50);
        }
        if (ended) resolve();
      };
      video.requestVideoFrameCallback(look);
      toggle();
    });
    probe.seconds = (performance.now() - begun) / 1000;
    nearlight.onPicture = undefined;
    for (const { rtpTimestamp, sentAt: keyAt, measuredMs } of found) {
      const picture = known.get(rtpTimestamp);
      // If the page has sent another input after the key, the picture's stages are those of that input.
      if (picture && Math.abs(picture.sentAt - keyAt) < 1) probe.explained.push({ measuredMs, stages: picture.stages });
    }
    return probe;
  }, seconds);
}

/** Plays the game `arena` and collects the latency of each input, which the player's page itself measures by RTP timestamp. */
export function playArena(page: Page, seconds: number): Promise<Probe> {
  return page.evaluate(async (duration) => {
    const video = document.querySelector('video');
    if (!video) throw new Error('the page has no video');
    const { nearlight } = globalThis as unknown as { nearlight: Client };
    const probe: Probe = { callbackMs: [], displayMs: [], explained: [], pictures: 0, seconds: 0 };
    nearlight.onLatency = (ms) => probe.callbackMs.push(ms);
    nearlight.onPicture = ({ sentAt, shownAt, stages }) =>
      void probe.explained.push({ measuredMs: shownAt - sentAt, stages: [...stages] });
    const begun = performance.now();
    const count = (): void => {
      probe.pictures++;
      video.requestVideoFrameCallback(count);
    };
    video.requestVideoFrameCallback(count);
    for (let step = 0; performance.now() - begun < duration * 1000; step++) {
      const code = ['KeyW', 'KeyD', 'KeyS', 'KeyA'][(step >> 1) % 4] ?? '';
      window.dispatchEvent(
        new KeyboardEvent(step % 2 ? 'keyup' : 'keydown', {
          code,
          bubbles: true,
        }),
      );
      await new Promise((resolve) => setTimeout(resolve, 30 + Math.random() * 60));
    }
    probe.seconds = (performance.now() - begun) / 1000;
    nearlight.onLatency = nearlight.onPicture = undefined;
    return probe;
  }, seconds);
}
