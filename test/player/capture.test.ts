import { readFileSync } from 'node:fs';
import type { Download, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { fileNameFor } from '../../host/player/download.ts';
import { eventually } from '../wait.ts';
import { shoot, startVisits } from './visit.ts';

/** The F8 and F9 keys as the game would get them. */
const [F8, F9] = ['key 65', 'key 66'];

let visits: Awaited<ReturnType<typeof startVisits>>;

beforeAll(async () => {
  visits = await startVisits();
});

afterAll(() => visits?.close());

test('a file is named after the game and the time, without characters that file systems refuse', () => {
  const at = new Date(2026, 2, 1, 8, 5, 9);
  expect(fileNameFor('arena', at, 'png')).toBe('arena 2026-03-01 08.05.09.png');
  expect(fileNameFor('../a:b\\c*"<>|?', at, 'png')).toBe('abc 2026-03-01 08.05.09.png');
  expect(fileNameFor('竞技场 2', at, 'mp4')).toBe('竞技场 2 2026-03-01 08.05.09.mp4');
  expect(fileNameFor('::', at, 'png')).toBe('game 2026-03-01 08.05.09.png');
  expect(fileNameFor('x'.repeat(99), at, 'png').length).toBe(60 + ' 2026-03-01 08.05.09.png'.length);
});

describe('a screenshot', () => {
  test('its key saves the picture at its full size, and the game does not get the key', async () => {
    const page = await visits.visit();
    await page.keyboard.down('KeyW');
    await page.waitForFunction(isLight);
    const saved = page.waitForEvent('download');
    await page.keyboard.press('F9');
    const file = await saved;
    expect(file.suggestedFilename()).toMatch(/^Arena \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\.png$/);
    const picture = sharp(await file.path());
    expect(await picture.metadata()).toMatchObject({ format: 'png', width: 640, height: 360 });
    const { channels } = await picture.stats();
    expect(must(channels[1], 'green').mean).toBeGreaterThan(150);
    expect(await page.textContent('.caption')).toBe('Screenshot saved');
    expect(visits.seat().pressed).not.toContain(F9);
  });

  test('another key can be chosen, and the first one is a key of the game then', async () => {
    const page = await visits.visit();
    await page.click('nav .settings');
    await page.click('#setting-key');
    expect(await page.textContent('#setting-key')).toBe('Press a key…');
    await page.keyboard.press('F8');
    expect(await page.textContent('#setting-key')).toBe('F8');
    await page.keyboard.press('Escape');
    const saved = page.waitForEvent('download');
    await page.keyboard.press('F8');
    await saved;
    await page.keyboard.press('F9');
    await eventually(() => expect(visits.seat().pressed).toContain(F9));
    expect(visits.seat().pressed).not.toContain(F8);
  });
});

describe('a recording', () => {
  test('it holds picture and sound, goes on through a change of the picture, and is saved when it stops', async () => {
    const page = await visits.visit({ prepare: forbidFiles });
    await page.keyboard.press('KeyQ');
    void visits.seat().sing();
    await page.waitForSelector('#loudness', { state: 'visible' });
    await page.click('nav .record');
    await page.waitForSelector('.recording', { state: 'visible' });
    await page.waitForFunction(() => document.querySelector('.recording .time')?.textContent === '0:01');
    await shoot(page, 'recording');
    await page.click('nav .settings');
    await page.selectOption('#setting-size', '848x480');
    await page.waitForFunction(() => document.querySelector('video')?.videoWidth === 848);
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => document.querySelector('.recording .time')?.textContent === '0:03');
    const saved = page.waitForEvent('download');
    await page.click('nav .record');
    const found = await play(page, await saved);
    expect(found).toMatchObject({ width: 640, height: 360 });
    expect(found.seconds).toBeGreaterThan(2.5);
    expect(found.loudness).toBeGreaterThan(0.05);
    expect(await page.isVisible('.recording')).toBe(false);
  });

  test('it is saved when the game ends', async () => {
    const page = await visits.visit({ prepare: forbidFiles });
    await page.click('#card', { position: { x: 5, y: 5 } });
    await page.keyboard.press('Escape');
    await page.evaluate(() => document.exitPointerLock());
    await page.click('nav .record');
    await page.waitForSelector('.recording', { state: 'visible' });
    await page.waitForFunction(() => document.querySelector('.recording .time')?.textContent !== '0:00');
    const saved = page.waitForEvent('download');
    await must(visits.seat().connection, 'connection').end('NL_GUEST_TRAP', 'the game divided by zero', false);
    expect((await play(page, await saved)).seconds).toBeGreaterThan(0.5);
  });

  test('it goes to a file that the player chooses, piece by piece, where the browser can write to one', async () => {
    const page = await visits.visit({ prepare: offerFile });
    await page.keyboard.press('KeyQ');
    await page.click('nav .record');
    await page.waitForFunction(() => written().pieces.length >= 2);
    expect(await page.evaluate(() => written().isClosed)).toBe(false);
    await page.click('nav .record');
    await page.waitForFunction(() => written().isClosed);
    const { name, pieces } = await page.evaluate(() => written());
    expect(name).toMatch(/^Arena .*\.(mp4|webm)$/);
    expect(pieces.reduce((sum, bytes) => sum + bytes)).toBeGreaterThan(1000);
  });

  test('nothing is recorded if the player chooses no file', async () => {
    const page = await visits.visit({ prepare: chooseNothing });
    await page.keyboard.press('KeyQ');
    await page.click('nav .record');
    await page.waitForFunction(() => (globalThis as { asked?: boolean }).asked);
    await page.waitForTimeout(100);
    expect(await page.isVisible('.recording')).toBe(false);
  });
});

type Written = { name: string; pieces: number[]; isClosed: boolean };
declare function written(): Written;

/** Runs in the page. Takes away the browser's way to write to files, so that recordings stay in memory. */
function forbidFiles(): void {
  Object.assign(globalThis, { showSaveFilePicker: undefined });
}

/** Runs in the page. Stands in for the player who chooses a file, and for the file. */
function offerFile(): void {
  const state: Written = { name: '', pieces: [], isClosed: false };
  const file = {
    write: async (piece: Blob) => void state.pieces.push(piece.size),
    close: async () => {
      state.isClosed = true;
    },
  };
  Object.assign(globalThis, {
    written: () => state,
    showSaveFilePicker: async ({ suggestedName }: { suggestedName: string }) => {
      state.name = suggestedName;
      return { createWritable: async () => file };
    },
  });
}

/** Runs in the page. Stands in for the player who closes the browser's dialog. */
function chooseNothing(): void {
  Object.assign(globalThis, {
    showSaveFilePicker: async () => {
      Object.assign(globalThis, { asked: true });
      throw new DOMException('', 'AbortError');
    },
  });
}

/** Runs in the page. Tells whether the picture is light, because a key is down. */
function isLight(): boolean {
  const context = new OffscreenCanvas(1, 1).getContext('2d');
  const video = document.querySelector('video');
  if (!context || !video) return false;
  context.drawImage(video, 0, 0, 1, 1);
  return (context.getImageData(0, 0, 1, 1).data[1] ?? 0) > 150;
}

/** Plays a recording in the browser. Returns its length, its size, and the loudness of its sound. */
async function play(page: Page, file: Download) {
  const bytes = readFileSync(await file.path()).toString('base64');
  expect(bytes.length).toBeGreaterThan(1000);
  // The page of the game may play nothing but its own stream.
  const player = await page.context().newPage();
  return player.evaluate(async (text) => {
    const data = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const sound = await new OfflineAudioContext(1, 1, 48_000).decodeAudioData(data.slice().buffer);
    const samples = sound.getChannelData(0);
    const loudness = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
    const video = document.createElement('video');
    video.src = URL.createObjectURL(new Blob([data]));
    await new Promise((resolve, reject) => {
      video.onloadedmetadata = resolve;
      video.onerror = () => reject(video.error);
    });
    return { seconds: sound.duration, loudness, width: video.videoWidth, height: video.videoHeight };
  }, bytes);
}
