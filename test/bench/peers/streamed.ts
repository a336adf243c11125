import type { Page } from 'playwright-core';

/** Size and rate of the streams that are compared. */
export const WIDTH = 848;
export const HEIGHT = 480;
export const FPS = 60;
/** Most bits per second of a stream. Without a limit, Nearlight would use twice as many on a fast line. */
export const BITRATE = Math.round(0.3 * WIDTH * HEIGHT * FPS);

/** How long a game may take to start. Beside others that draw as fast as they can, a browser needs minutes. */
export const START_MS_MAX = 300_000;

/** One game or several, each streamed to a page of its own. */
export interface Streamed {
  pages: readonly Page[];
  /** The processes whose descendants, together with them, run the games and stream them. */
  pids: readonly number[];
  /** Milliseconds from starting the processes to the first picture in a page. With several pages, it depends on their order. */
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

/** The pictures that a page has received so far, and the size of the newest one. */
export interface Received {
  pictures: number;
  width: number;
  height: number;
}

/**
 * Asks the connections of a page what they have received. Pictures received are counted rather than pictures shown, because the pages of all
 * viewers share the processor with the games.
 */
export function askReceived(page: Page): Promise<Received> {
  return page.evaluate(async () => {
    const { connections } = globalThis as unknown as { connections: RTCPeerConnection[] };
    const received = { pictures: 0, width: 0, height: 0 };
    for (const connection of connections)
      for (const report of (await connection.getStats()).values()) {
        if (report.type !== 'inbound-rtp' || report.kind !== 'video') continue;
        received.pictures += report.framesReceived ?? 0;
        received.width = report.frameWidth ?? received.width;
        received.height = report.frameHeight ?? received.height;
      }
    return received;
  });
}

/** Resolves when the video of a page has shown its first picture. */
export function firstPicture(page: Page): Promise<unknown> {
  return page.waitForFunction(() => (document.querySelector('video')?.currentTime ?? 0) > 0, undefined, {
    timeout: START_MS_MAX,
  });
}
