import type { Page } from 'playwright-core';

/** Size and rate of the streams that are compared. */
export const WIDTH = 848;
export const HEIGHT = 480;
export const FPS = 60;
/** Most bits per second of a stream. Without a limit, Nearlight would use twice as many on a fast line. */
export const BITRATE = Math.round(0.3 * WIDTH * HEIGHT * FPS);

/** One game or several, each streamed to a page of its own. */
export interface Streamed {
  pages: readonly Page[];
  /** The processes whose descendants, together with them, run the games and stream them. */
  pids: readonly number[];
  /** Milliseconds from starting the first process to the first picture in a page. */
  startMs: number;
  stop(): Promise<unknown>;
}

/** Makes a page remember its connections, so that `receivedPictures` can ask them. Call it before the page is loaded. */
export function watchConnections(page: Page): Promise<unknown> {
  return page.addInitScript(() => {
    const connections: RTCPeerConnection[] = [];
    class Watched extends RTCPeerConnection {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        connections.push(this);
      }
    }
    Object.assign(globalThis, { connections, RTCPeerConnection: Watched });
  });
}

/**
 * Returns how many pictures the connections of a page have received so far. These are counted rather than the pictures shown, because
 * the pages of all viewers share the processor with the games.
 */
export function receivedPictures(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const { connections } = globalThis as unknown as { connections: RTCPeerConnection[] };
    let pictures = 0;
    for (const connection of connections)
      for (const report of (await connection.getStats()).values())
        if (report.type === 'inbound-rtp' && report.kind === 'video') pictures += report.framesReceived ?? 0;
    return pictures;
  });
}

/** Resolves when the video of a page has shown its first picture. */
export function firstPicture(page: Page, timeout: number): Promise<unknown> {
  return page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0, undefined, { timeout });
}
