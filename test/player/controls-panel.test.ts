import { join } from 'node:path';
import { build } from 'esbuild';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const FOLDER = join(import.meta.dirname, '../../host/player');
/** Puts the panel into a shadow root, and the controls and the keys that reach the page into global variables. */
const SOURCE = `
import { ControlSettings } from './controls.ts';
import { ControlsPanel } from './controls-panel.ts';
import { ENGLISH } from './labels.ts';
import { ENGLISH_TOOLS } from './tool-labels.ts';
const controls = new ControlSettings();
const host = document.body.appendChild(document.createElement('div'));
const root = host.attachShadow({ mode: 'open' });
const show = (more) => new ControlsPanel({ container: root, controls, labels: { ...ENGLISH, ...ENGLISH_TOOLS }, ...more });
const panel = show({});
const keys = [];
addEventListener('keydown', (event) => keys.push(event.code));
Object.assign(globalThis, { controls, panel, keys, show });
`;

let browser: Browser;
let script: string;
let page: Page;

beforeAll(async () => {
  const stdin = { contents: SOURCE, resolveDir: FOLDER };
  const { outputFiles } = await build({ stdin, bundle: true, write: false, format: 'iife', logLevel: 'silent' });
  script = outputFiles[0]?.text ?? '';
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--headless=new'] });
});
afterAll(() => browser?.close());

beforeEach(async () => {
  for (const context of browser.contexts()) await context.close();
  page = await (await browser.newContext()).newPage();
  await page.addScriptTag({ content: script });
});

const values = () => page.evaluate('controls.values') as Promise<Record<string, unknown>>;
const keys = () => page.evaluate('keys');

describe('the panel for the controls', () => {
  test('the panel shows the controls and changes them', async () => {
    expect(await page.getByLabel('Mouse sensitivity').inputValue()).toBe('1');
    await page.getByLabel('Mouse sensitivity').fill('2.5');
    await page.getByLabel('Invert up and down').check();
    expect(await values()).toMatchObject({ mouseSensitivity: 2.5, invertY: true, leftHanded: false });
    await page.evaluate('controls.set({ deadZone: 0.25, leftHanded: true })');
    expect(await page.getByLabel('Dead zone of sticks').inputValue()).toBe('0.25');
    expect(await page.getByLabel('Left-handed touch controls').isChecked()).toBe(true);
    await page.getByRole('button', { name: 'Usual controls' }).click();
    expect(await page.getByLabel('Mouse sensitivity').inputValue()).toBe('1');
    expect(await page.getByLabel('Invert up and down').isChecked()).toBe(false);
  });

  test('the panel changes a key by two presses, which do not reach the page, and takes the change back', async () => {
    await page.getByRole('button', { name: 'Change a key' }).click();
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('KeyW');
    expect([(await values()).keys, await keys()]).toEqual([{ ArrowUp: 'KeyW' }, []]);
    expect(await page.getByRole('listitem').textContent()).toContain('ArrowUp → KeyW');
    await page.keyboard.press('KeyA');
    expect(await keys()).toEqual(['KeyA']);
    await page.getByRole('button', { name: 'Remove' }).click();
    expect((await values()).keys).toEqual({});
  });

  test('the panel lists the actions of a game by name, and a press of a key changes one', async () => {
    await page.evaluate('panel.detach()');
    const actions = [
      { names: { en: 'Jump', zh: '跳跃' }, keys: ['Space'], buttons: [16] },
      { names: { en: 'Forward', zh: '前进' }, keys: ['KeyW', 'ArrowUp'], buttons: [] },
      { names: { en: 'Fire' }, keys: [], buttons: [0] },
    ];
    await page.evaluate(`show(${JSON.stringify({ actions, language: 'zh' })})`);
    expect(await page.getByRole('listitem').allTextContents()).toEqual(['跳跃Space', '前进W · ↑']);
    expect(await page.getByRole('button', { name: 'Change a key' }).count()).toBe(0);
    await page.getByRole('button', { name: '跳跃: Space' }).click();
    expect(await page.getByRole('listitem').allTextContents()).toEqual(['跳跃Press a key…', '前进W · ↑']);
    await page.keyboard.press('KeyW');
    expect(await page.getByRole('listitem').allTextContents()).toEqual(['跳跃W', '前进Space · ↑']);
    expect([(await values()).keys, await keys()]).toEqual([{ KeyW: 'Space', Space: 'KeyW' }, []]);
    // The keyboard stays at the button, and a second press of it is the game's.
    expect(await page.evaluate('document.activeElement.shadowRoot.activeElement.textContent')).toBe('W');
    await page.getByRole('button', { name: '前进' }).click();
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: '前进' }).click();
    await page.getByRole('button', { name: '跳跃' }).click();
    await page.keyboard.press('Space');
    expect((await values()).keys).toEqual({});
    await page.getByRole('button', { name: 'Usual controls' }).click();
    expect(await page.getByRole('listitem').allTextContents()).toEqual(['跳跃Space', '前进W · ↑']);
  });

  test('Escape and the button itself end the wait for a key, and so does the end of the panel', async () => {
    for (const end of [
      () => page.keyboard.press('Escape'),
      () => page.getByRole('button', { name: /Press the key/ }).click(),
      () => page.evaluate('panel.detach()'),
    ]) {
      await page.getByRole('button', { name: 'Change a key' }).click();
      await end();
      await page.keyboard.press('KeyB');
      expect(await keys()).toEqual(['KeyB']);
      expect((await values()).keys).toEqual({});
      await page.evaluate('keys.length = 0');
    }
    expect(await page.getByRole('button').count()).toBe(0);
  });
});
