import type { Browser, Page } from 'playwright-core';
import { CHROMIUM, type HostProcess, startBrowser, startHostProcess } from '../e2e/host.ts';
import { eventually, WAIT_MS_MAX } from '../wait.ts';
import { Network } from './network.ts';
import { type Program, startCoturn } from './programs.ts';
import { PICTURE_MESSAGES, traceSteps } from './trace.ts';

/** The ways that a page's packets can take, and what the page calls them. */
export const DOORS = { udp: 'UDP', tcp: 'TCP', turn: 'TURN', socket: 'WebSocket' } as const;
export type Door = keyof typeof DOORS;

const SECRET = 'a secret of this test';

/** A host and a page that plays on it through one door, with a network between them. */
export interface Playing {
  readonly network: Network;
  readonly host: HostProcess;
  readonly browser: Browser;
  readonly page: Page;
  /** Returns what the page calls the door that it uses now; '' if it does not know. */
  door(): Promise<string>;
  close(): Promise<void>;
}

/**
 * Starts a host and a browser on machines of their own, and plays through a door.
 * @param options.module path of the game
 * @param options.query of the page's URL
 */
export async function playThrough(door: Door, options: { module: string; query: string }): Promise<Playing> {
  const network = Network.open();
  const closing: (() => unknown)[] = [() => network.close()];
  const close = async () => {
    for (const each of closing.splice(0).reverse()) await each();
  };
  try {
    const { hostAddress, operatorAddress, onHost } = network;
    let turn: Program | undefined;
    if (door === 'turn') {
      turn = await startCoturn(SECRET, { enter: onHost, addresses: [hostAddress, operatorAddress] });
      closing.push(turn.stop);
    }
    const environment = {
      HOST: hostAddress,
      ADMISSION: 'open',
      OPERATOR_HOST: operatorAddress,
      LOG_LEVEL: 'debug',
      MAX_PLAYERS: '1',
      ...(turn ? { TURN_URLS: `turn:${hostAddress}:${turn.port}?transport=tcp`, TURN_SECRET: SECRET } : {}),
    };
    const command = [...onHost, process.execPath, 'host/cli/main.ts'];
    const host = await startHostProcess([options.module], environment, command);
    closing.push(() => host.stop());
    // Browsers decode pictures themselves only for pages that came over HTTPS or from this machine.
    const secure = `--unsafely-treat-insecure-origin-as-secure=${new URL(host.url).origin}`;
    const browser = await startBrowser([secure], network.pageProgram(CHROMIUM).program);
    closing.push(() => browser.close());
    if (door !== 'udp') await network.refuseUdp();
    // Without a GPU, animations of the pages would take most of the machine.
    const context = await browser.newContext({ reducedMotion: 'reduce' });
    await context.addInitScript(traceSteps, PICTURE_MESSAGES);
    if (door === 'turn') await context.addInitScript(onlyRelayed);
    if (door === 'socket') await context.addInitScript(hideHost);
    const page = await context.newPage();
    await page.goto(host.url + options.query);
    await page.waitForSelector('[data-state="playing"]', { timeout: WAIT_MS_MAX });
    const find = () =>
      page.evaluate(
        () => (globalThis as unknown as { nearlight: { stats(): { door: string } } }).nearlight.stats().door,
      );
    await eventually(async () => {
      const found = await find();
      if (found !== DOORS[door]) throw new Error(`the page plays over ${found || 'an unknown door'}, not ${door}`);
    });
    return { network, host, browser, page, door: find, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Runs in the page. Only relayed packets find their way then, as in a network that lets nothing else pass. */
function onlyRelayed(): void {
  const Peer = RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Peer {
    constructor(configuration?: RTCConfiguration) {
      super({ ...configuration, iceTransportPolicy: 'relay' });
    }
  };
}

/** Runs in the page. Takes the host's addresses out of its SDP answers, as if no packet of WebRTC could reach them. */
export function hideHost(): void {
  const Peer = RTCPeerConnection;
  globalThis.RTCPeerConnection = class extends Peer {
    override setRemoteDescription({ type, sdp = '' }: RTCSessionDescriptionInit): Promise<void> {
      return super.setRemoteDescription({ type, sdp: sdp.replace(/a=candidate:.*\r\n/g, '') });
    }
  };
}
