import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Config, readConfig } from '../../host/base/config.ts';
import { createJavaScriptEngine } from '../../host/engine/javascript.ts';
import { type Gpu, openGpu } from '../../host/gpu/dawn.ts';
import { Meters } from '../../host/observe/meters.ts';
import { Launch } from '../../host/play/launch.ts';
import { openRoom, roomOptions } from '../../host/play/room.ts';
import { type Servers, serve } from '../../host/play/server.ts';
import { buildPlayer } from '../../host/player/build.ts';
import { Audience } from '../../host/room/audience.ts';
import { PixelBudget } from '../../host/room/pixels.ts';
import type { Room } from '../../host/room/room.ts';
import { openGame, pictureColour, startBrowser } from './host.ts';

const config: Config = { ...readConfig({}), host: '127.0.0.1', port: 0, operatorPort: 0, seed: 7 };
const log = () => {};
const engine = createJavaScriptEngine();
const meters = new Meters();
const pixels = new PixelBudget(Number.POSITIVE_INFINITY);
const audience = new Audience(10_000);
let browser: Browser;
let gpu: Gpu;
let servers: Servers;

async function show(name: string): Promise<Room> {
  const module = await readFile(join(import.meta.dirname, `../../build/${name}.wasm`));
  const launcher = new Launch({
    playable: { name, module, assets: new Uint8Array(0) },
    engine,
    gpu,
    config,
    session: { seed: config.seed, tickRate: config.tickRate, seats: config.maxPlayers },
    log,
  });
  const room = await openRoom(launcher, roomOptions({ name, config, log, gpu, meters, pixels }));
  audience.show(room, true);
  return room;
}

beforeAll(async () => {
  const files = await buildPlayer();
  [browser, gpu] = await Promise.all([startBrowser(), openGpu({ hardwareRequired: false, log })]);
  servers = await serve({ config, log, gpu, engine, lobby: audience, meters, files });
});

afterAll(async () => {
  await browser?.close();
  await audience.close();
  await servers?.close();
  gpu?.close();
});

test('a game is replaced while its player stays connected; the picture is dimmed until the new game draws', async () => {
  const first = await show('latency');
  const page = await browser.newPage();
  await page.addInitScript(() => {
    const peers: RTCPeerConnection[] = [];
    Object.assign(window, { peers });
    window.RTCPeerConnection = class extends RTCPeerConnection {
      constructor(options?: RTCConfiguration) {
        super(options);
        peers.push(this);
      }
    };
  });
  await page.goto(`${servers.players.url}?size=640x360`);
  await page.waitForFunction(() => document.body.dataset.state === 'playing');
  await page.click('#play');
  await page.keyboard.down('KeyW');
  await expect.poll(async () => (await pictureColour(page))[0]).toBeGreaterThan(245);
  await first.close('NL_ROOM_ENDED');
  await page.waitForSelector('[data-paused] #interval');
  expect(await page.isVisible('#interval')).toBe(true);
  expect(await page.evaluate(() => document.body.dataset.state)).toBe('playing');

  await show('triangle');
  await expect.poll(async () => (await pictureColour(page))[0], { interval: 20 }).toBeLessThan(200);
  await page.waitForSelector('body:not([data-paused])');
  expect(await page.title()).toContain('triangle');
  const shown = await page.evaluate(() => nearlight.stats().framesShown);
  await expect.poll(() => page.evaluate(() => nearlight.stats().framesShown)).toBeGreaterThan(shown + 20);
  const peers = await page.evaluate(() =>
    (window as unknown as { peers: RTCPeerConnection[] }).peers.map((peer) => peer.connectionState),
  );
  expect(peers).toEqual(['connected']);
  await page.close();
});

test('a spectator sees who plays, that no one does, and the next game, without a click', async () => {
  for (const room of audience.rooms) await room.close('NL_ROOM_ENDED');
  const first = await show('triangle');
  const watcher = await browser.newPage();
  await watcher.goto(`${servers.players.url}?size=320x180&spectate`);
  await watcher.waitForSelector('[data-paused] #interval');
  expect(await watcher.textContent('#interval')).toContain('No one plays now');
  const player = await openGame(browser, `${servers.players.url}?size=320x180`);
  const shown = () => watcher.evaluate(() => nearlight.stats().framesShown);
  await expect.poll(shown).toBeGreaterThan(5);
  await watcher.waitForSelector('body:not([data-paused])');
  await first.close('NL_ROOM_ENDED');
  await watcher.waitForSelector('[data-paused] #interval');
  expect(await watcher.textContent('#interval')).toContain('The next game starts soon');
  await show('triangle');
  await watcher.waitForSelector('body:not([data-paused])');
  const before = await shown();
  await expect.poll(shown).toBeGreaterThan(before + 20);
  await player.close();
  await watcher.waitForSelector('[data-paused] #interval');
  await watcher.close();
});

test('a page that arrives between two games joins the next one without a click', async () => {
  for (const room of audience.rooms) await room.close('NL_ROOM_ENDED');
  const opening = openGame(browser, `${servers.players.url}?size=320x180`);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await show('triangle');
  await (await opening).close();
});
