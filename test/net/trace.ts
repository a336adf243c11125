import type { Page } from 'playwright-core';
import { MESSAGE_FRAME, MESSAGE_VIDEO } from '../../host/base/protocol.ts';

/** The first byte of messages that belong to a picture. */
export const PICTURE_MESSAGES: readonly number[] = [MESSAGE_FRAME, MESSAGE_VIDEO];

/** Something that a page's browser did, on the clock of Date.now(). */
interface Step {
  at: number;
  what: string;
}

/** Runs in the page, before its own code. Notes each step on the way to a connection. */
export function traceSteps(pictureMessages: readonly number[]): void {
  const steps: Step[] = [];
  (globalThis as unknown as { steps: Step[] }).steps = steps;
  const note = (what: string): void => {
    steps.push({ at: Date.now(), what });
    if (steps.length > 10_000) steps.splice(0, 5000);
  };
  /** Notes the first message of a channel that belongs to a picture. */
  const noteFrame = (channel: EventTarget): void => {
    const look = (event: Event): void => {
      const { data } = event as MessageEvent<unknown>;
      if (!(data instanceof ArrayBuffer) || !pictureMessages.includes(new Uint8Array(data)[0] ?? 0)) return;
      channel.removeEventListener('message', look);
      note('frame');
    };
    channel.addEventListener('message', look);
  };
  const Peer = RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Peer {
    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      // A knock pretends that the host is a TURN server, with this name.
      if (configuration?.iceServers?.[0]?.username === 'line') {
        this.addEventListener('icecandidateerror', () => note('knock answered'));
        return;
      }
      note('peer');
      this.addEventListener('iceconnectionstatechange', () => note(`ICE ${this.iceConnectionState}`));
      this.addEventListener('connectionstatechange', () => note(`DTLS ${this.connectionState}`));
    }
    override createDataChannel(label: string, options?: RTCDataChannelInit): RTCDataChannel {
      const channel = super.createDataChannel(label, options);
      channel.addEventListener('open', () => note('channel open'));
      noteFrame(channel);
      return channel;
    }
  };
  const request = globalThis.fetch;
  globalThis.fetch = async (...args) => {
    const method = args[1]?.method ?? 'GET';
    note(method);
    const response = await request(...args);
    note(`${method} answered`);
    return response;
  };
  const Socket = globalThis.WebSocket;
  globalThis.WebSocket = class extends Socket {
    constructor(url: string | URL) {
      super(url);
      note('socket');
      this.addEventListener('open', () => note('channel open'));
      noteFrame(this);
    }
  };
}

/** The parts of the way from the line's return to a picture, in the order in which they end. */
export const STAGES = ['knock', 'request', 'answer', 'ICE', 'DTLS', 'channel', 'frame', 'picture'] as const;
export type Stage = (typeof STAGES)[number];

const ENDS: Partial<Record<Stage, string>> = {
  knock: 'knock answered',
  request: 'POST',
  answer: 'POST answered',
  ICE: 'ICE connected',
  DTLS: 'DTLS connected',
  channel: 'channel open',
  frame: 'frame',
};

/** The milliseconds that each stage took, and whether the picture came over a connection from before the cut. */
export interface Way {
  stages: Partial<Record<Stage, number>>;
  isOld: boolean;
  /** All steps, for a person to read. */
  text: string;
}

/** Reads from a page that traces its steps how a picture came back. Times are on the clock of Date.now(). */
export async function wayOf(
  page: Page,
  { mendedAt, pictureAt }: { mendedAt: number; pictureAt: number },
): Promise<Way> {
  const all = await page.evaluate(() => (globalThis as unknown as { steps: Step[] }).steps);
  const steps = all.filter(({ at }) => at >= mendedAt && at <= pictureAt);
  const isOld = !steps.some(({ what }) => what === ENDS.channel);
  const stages: Way['stages'] = {};
  let before = mendedAt;
  for (const stage of STAGES) {
    // The first knock counts, and the last of everything else, because an earlier attempt may have failed.
    const found = stage === 'knock' ? steps.find(({ what }) => what === ENDS[stage]) : undefined;
    const at = stage === 'picture' ? pictureAt : (found ?? steps.findLast(({ what }) => what === ENDS[stage]))?.at;
    if (at === undefined || (isOld && stage !== 'picture')) continue;
    stages[stage] = at - before;
    before = at;
  }
  const shown = all.filter(({ at }) => at >= mendedAt - 1500 && at <= pictureAt + 300);
  return { stages, isOld, text: shown.map(({ at, what }) => `${what} ${at - mendedAt}`).join(', ') };
}
