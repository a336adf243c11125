import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { NearlightPlayer } from '../../host/player/element.ts';
import { at } from '../at.ts';
import { eventually, WAIT_MS_MAX } from '../wait.ts';
import { SHORT_HOLD_MS, startGame } from './game.ts';
import { countResources } from './resources.ts';
import { openSite, type Site } from './site.ts';

type Game = Awaited<ReturnType<typeof startGame>>;

const FLAGS = ['--no-sandbox', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-sync'];

let browser: Browser;
let site: Site;
/** Two hosts that let the site's pages play, and one that does not. */
let game: Game;
let other: Game;
let strict: Game;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  site = await openSite();
  [game, other, strict] = await Promise.all([
    startGame({ allowedOrigins: site.origin }),
    startGame({ allowedOrigins: '*' }),
    startGame(),
  ]);
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: [...FLAGS, '--headless=new'] });
});

afterAll(async () => {
  await browser?.close();
  for (const each of [game, other, strict]) await each?.close();
  site?.close();
});

beforeEach(() => {
  complaints = [];
  for (const each of [game, other, strict]) {
    each.refuse = false;
    each.config.returnMsMax = SHORT_HOLD_MS;
    each.seats.length = each.spectators.length = 0;
  }
});

afterEach(async () => {
  await page?.context().close();
  await until(() => [game, other].every(({ seats }) => seats.every(({ closed }) => closed !== undefined)));
});

describe('a site that embeds the player', () => {
  test('plays from another origin with one script and one element, and hears of states and its seat', async () => {
    await open(`${script()}<nearlight-player id="a" src="${game.url}" size="320x180" fps="30"></nearlight-player>`, {
      before: `<script>
        globalThis.heard = [];
        for (const type of ['statechange', 'seat', 'notice'])
          document.addEventListener(type, ({ detail }) => heard.push([type, detail]), { capture: true });
      </script>`,
    });
    await plays('a');
    const heard = await page.evaluate(() => (globalThis as unknown as { heard: [string, object][] }).heard);
    expect(heard.filter(([type]) => type === 'statechange').map(([, state]) => state)).toEqual([
      { kind: 'connecting', attempt: 1 },
      { kind: 'playing' },
    ]);
    const picture = { width: 320, height: 180, fps: 30 };
    expect(heard.filter(([type]) => type === 'seat')).toEqual([
      ['seat', { seat: 0, seats: 4, game: 'Arena', ...picture }],
    ]);
    expect(heard.filter(([type]) => type === 'notice')).toMatchObject([['notice', { kind: 'joined', ...picture }]]);
    await page.waitForFunction(() => (player('a').stats()?.framesShown ?? 0) > 3);
    expect(complaints).toEqual([]);
  });

  test('the example in the documentation works', async () => {
    const text = readFileSync(join(import.meta.dirname, '../../host/player/PLAYER.md'), 'utf8');
    const [, example = ''] = /```html\n([\s\S]*?)```/.exec(text) ?? [];
    site.html = example.replaceAll('https://games.example/', game.url).replace('1280x720', '320x180');
    await visit();
    await page.waitForFunction(() => document.getElementById('state')?.textContent === 'playing');
    expect(await page.title()).toBe('Player 1 of 4');
    await page.click('#leave');
    await until(() => at(game.seats, 0).closed === 'deleted');
    await page.waitForFunction(() => document.getElementById('state')?.textContent === 'idle');
    expect(complaints).toEqual([]);
  });

  test('keys are for the game only while the element has the focus', async () => {
    await open(
      `${script()}<input id="text"><nearlight-player id="a" src="${game.url}" size="320x180"></nearlight-player>`,
    );
    await plays('a');
    await page.keyboard.press('KeyW');
    await page.click('#text');
    await page.keyboard.type('wasd ');
    expect(await page.inputValue('#text')).toBe('wasd ');
    expect(at(game.seats, 0).pressed).toEqual([]);
    await page.click('#play');
    await page.keyboard.press('KeyD');
    await until(() => at(game.seats, 0).pressed.includes('key 7'));
  });

  test('a page of a site that a host does not allow gets neither the script nor a seat', async () => {
    await open(`<script type="module" src="${strict.url}player.js"></script><nearlight-player></nearlight-player>`);
    await until(() => complaints.some((text) => text.includes('player.js')));
    expect(await page.evaluate(() => customElements.get('nearlight-player') === undefined)).toBe(true);
    await open(`${script()}<nearlight-player id="a" src="${strict.url}"></nearlight-player>`);
    await page.waitForFunction(() => 'code' in player('a').state);
    expect(await page.evaluate(() => player('a').state)).toMatchObject({ kind: 'connecting', code: 'NL_ORIGIN' });
    expect(strict.seats).toHaveLength(0);
    await page.waitForSelector('#again', { state: 'visible' });
    expect(await page.textContent('#message')).toContain(`ALLOWED_ORIGINS=${site.origin}`);
  });
});

describe('several players on one page', () => {
  test('two players of two hosts, and two of one host, have a seat each, and keys go to the one with the focus', async () => {
    const small = 'size="320x180" fps="30"';
    await open(`${script()}
      <nearlight-player id="a" src="${game.url}" ${small}></nearlight-player>
      <nearlight-player id="b" src="${other.url}" ${small}></nearlight-player>
      <nearlight-player id="c" src="${other.url}" ${small}></nearlight-player>`);
    for (const id of ['a', 'b', 'c']) await plays(id);
    expect([game.seats.length, other.seats.length]).toEqual([1, 2]);
    await focus('b');
    await page.keyboard.press('KeyW');
    await until(() => other.seats.some(({ pressed }) => pressed.includes('key 26')));
    expect([...game.seats, ...other.seats].filter(({ pressed }) => pressed.length > 0)).toHaveLength(1);
    // Each host has only its own tokens, and no two players share one.
    const stored = await page.evaluate(() => Object.entries(sessionStorage));
    expect(new Set(stored.map(([, tokens]) => tokens)).size).toBe(3);
    const { port } = new URL(game.url);
    expect(stored.filter(([name]) => name.includes(`:${port}/`))).toHaveLength(1);
  });

  test('after a reload each player comes back to its own seat', async () => {
    for (const each of [game, other]) each.config.returnMsMax = 30_000;
    const small = 'size="320x180" fps="30"';
    await open(`${script()}
      <nearlight-player id="a" src="${other.url}" ${small}></nearlight-player>
      <nearlight-player id="b" src="${other.url}" ${small}></nearlight-player>`);
    for (const id of ['a', 'b']) await plays(id);
    await page.reload();
    for (const id of ['a', 'b']) await plays(id);
    expect(other.seats).toHaveLength(2);
    await page.evaluate(() => document.body.replaceChildren());
  });
});

describe('a player that is removed', () => {
  test('leaves no connection, listener, timer or wake lock, and plays again when it is put back', async () => {
    await open(script(), { before: `<script>(${countResources})()</script>` });
    await page.waitForFunction(() => customElements.get('nearlight-player') !== undefined);
    // Playwright has listeners of its own.
    const before = await resources();
    await page.evaluate((src) => {
      const element = document.createElement('nearlight-player');
      Object.assign(element, { id: 'a', src, size: '320x180' });
      document.body.append(element);
    }, game.url);
    await plays('a');
    const { timeouts: _, ...used } = await resources();
    for (const [name, count] of Object.entries(used)) expect(count, name).toBeGreaterThan(before[name] ?? 0);
    await page.evaluate(() => {
      const element = player('a');
      Object.assign(globalThis, { kept: element });
      element.remove();
    });
    await until(() => at(game.seats, 0).closed === 'deleted');
    await eventually(async () => expect(await resources()).toEqual(before));
    expect(await page.evaluate(() => kept.state.kind)).toBe('idle');
    expect(await page.evaluate(() => kept.shadowRoot?.childElementCount)).toBe(0);
    await page.evaluate(() => document.body.append(kept));
    await plays('a');
    expect(await resources()).toMatchObject(used);
    expect(game.seats).toHaveLength(2);
    expect(complaints).toEqual([]);
  });

  test('a player that a script moves to another place goes on with its connection', async () => {
    await open(`${script()}<div></div><nearlight-player id="a" src="${game.url}" size="320x180"></nearlight-player>`);
    await plays('a');
    await page.evaluate(() => document.querySelector('div')?.append(player('a')));
    const shown = await page.evaluate(() => player('a').stats()?.framesShown ?? 0);
    await page.waitForFunction((before) => (player('a').stats()?.framesShown ?? 0) > before + 10, shown);
    expect(game.seats).toHaveLength(1);
    expect(at(game.seats, 0).lost).toBe(0);
  });
});

describe('the attributes and methods of a player', () => {
  test('changes of size and rate keep the seat and cause one new connection', async () => {
    game.config.returnMsMax = 30_000;
    await open(`${script()}<nearlight-player id="a" src="${game.url}" size="320x180"></nearlight-player>`);
    await plays('a');
    await page.evaluate(() => {
      const element = player('a');
      element.size = '640x360';
      element.fps = 30;
    });
    await until(() => at(game.seats, 0).views.length === 2);
    await plays('a');
    expect(at(game.seats, 0).views).toMatchObject([{ width: 320 }, { width: 640, height: 360, fps: 30 }]);
    expect(game.seats).toHaveLength(1);
    await page.evaluate(() => player('a').disconnect());
  });

  test('another host or game frees the seat at once', async () => {
    for (const each of [game, other]) each.config.returnMsMax = 30_000;
    await open(`${script()}<nearlight-player id="a" src="${game.url}" size="320x180"></nearlight-player>`);
    await plays('a');
    await page.evaluate(() => {
      player('a').game = 'chess';
    });
    await until(() => game.seats.length === 2 && at(game.seats, 0).closed === 'deleted');
    await plays('a');
    await page.evaluate((url) => {
      player('a').src = url;
    }, other.url);
    await until(() => other.seats.length === 1 && at(game.seats, 1).closed === 'deleted');
    await plays('a');
    await page.evaluate(() => player('a').remove());
  });

  test('without src it is idle, and an src that cannot be a host ends with a reason', async () => {
    await open(`${script()}<nearlight-player id="a"></nearlight-player>`);
    await page.waitForFunction(() => player('a').state.kind === 'idle');
    const thrown = await page.evaluate(() => {
      const element = player('a');
      const name = (act: () => unknown): string => {
        try {
          return String(act());
        } catch (error) {
          return (error as Error).name;
        }
      };
      return [
        () => element.connect(),
        () => element.setVolume(0.5),
        () => element.setVolume(2),
        () => element.setVolume(Number.NaN),
        () => element.stats(),
        () => element.disconnect(),
      ].map(name);
    });
    const state = 'InvalidStateError';
    expect(thrown).toEqual([state, state, 'RangeError', 'RangeError', 'undefined', 'undefined']);
    for (const src of ['javascript:alert(1)', 'ftp://games.example/', 'http://']) {
      await page.evaluate((url) => {
        player('a').src = url;
      }, src);
      await page.waitForFunction(() => player('a').state.kind === 'ended');
      expect(await page.evaluate(() => player('a').state)).toMatchObject({ code: 'NL_REQUEST' });
    }
  });

  test('the attribute muted follows the player and the site, and controls="none" leaves the picture alone', async () => {
    await open(`${script()}<nearlight-player id="a" src="${game.url}" size="320x180" muted></nearlight-player>`);
    await plays('a');
    void at(game.seats, 0).sing();
    await page.waitForSelector('[data-sound="off"]', { timeout: WAIT_MS_MAX });
    await page.click('#play');
    await page.keyboard.press('Escape');
    await page.evaluate(() => player('a').shadowRoot?.getElementById('speaker')?.click());
    expect(await page.evaluate(() => player('a').hasAttribute('muted'))).toBe(false);
    await page.evaluate(() => player('a').setVolume(0));
    expect(await page.evaluate(() => [player('a').muted, player('a').volume])).toEqual([true, 0]);
    await page.evaluate(() => player('a').setVolume(0.5));
    expect(await page.evaluate(() => [player('a').muted, player('a').volume])).toEqual([false, 0.5]);
    expect(await page.isVisible('#bar')).toBe(true);
    await page.evaluate(() => {
      player('a').controls = 'none';
    });
    expect(await page.isVisible('#bar')).toBe(false);
    expect(await page.isVisible('#picture')).toBe(true);
  });

  test('spectate watches without a seat', async () => {
    await open(`${script()}<nearlight-player id="a" src="${game.url}" size="320x180" spectate></nearlight-player>`);
    await plays('a');
    expect([game.seats.length, game.spectators.length]).toEqual([0, 1]);
    await page.waitForFunction(() => (player('a').stats()?.framesShown ?? 0) > 10);
    expect(await page.isVisible('#card')).toBe(false);
    await page.evaluate(() => player('a').remove());
    await until(() => at(game.spectators, 0).closed !== undefined);
  });

  test('disconnect frees the seat and leaves a button that connects again', async () => {
    await open(`${script()}<nearlight-player id="a" src="${game.url}" size="320x180"></nearlight-player>`);
    await plays('a');
    await page.evaluate(() => player('a').disconnect());
    await until(() => at(game.seats, 0).closed === 'deleted');
    expect(await kind('a')).toBe('idle');
    await page.click('#play');
    await plays('a');
    expect(game.seats).toHaveLength(2);
  });
});

declare global {
  function player(id: string): NearlightPlayer;
  var kept: NearlightPlayer;
}

/** The script by which a page of the site gets the element. */
function script(): string {
  return `<script type="module" src="${game.url}player.js"></script>`;
}

/** Opens a page of the site. `before` runs before everything else. */
async function open(body: string, { before = '' } = {}): Promise<void> {
  site.html = `<!doctype html><html lang="en"><title>site</title>${before}${body}`;
  await visit();
}

async function visit(): Promise<void> {
  await page?.context().close();
  page = await (await browser.newContext({ viewport: { width: 800, height: 600 } })).newPage();
  await page.addInitScript(() => {
    globalThis.player = (id) => document.getElementById(id) as NearlightPlayer;
  });
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`${site.origin}/play/`);
}

const kind = (id: string) => page.evaluate((name) => player(name).state?.kind, id);
const focus = (id: string) => page.evaluate((name) => player(name).focus(), id);

async function plays(id: string): Promise<void> {
  await page.waitForFunction((name) => player(name).state?.kind === 'playing', id, { timeout: WAIT_MS_MAX });
}

async function until(done: () => boolean): Promise<void> {
  await eventually(() => expect(done(), `${done}`).toBe(true));
}

/** Returns how many of each resource are in use. */
async function resources(): Promise<Record<string, number>> {
  return page.evaluate(() => {
    const { counted } = globalThis as unknown as { counted: Record<string, Set<unknown>> };
    return Object.fromEntries(Object.entries(counted).map(([name, set]) => [name, set.size]));
  });
}
