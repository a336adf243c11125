import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { good } from '../engine/modules.ts';
import { poll, type Rig } from '../k3s/containerd.ts';
import { importLayers } from '../k3s/image.ts';
import { startInstalledRig } from './installed.ts';
import { type LayerEntry, makeLayer } from './layers.ts';

/** Text of a file on the node that only root can read. */
const SECRET = `secret-${randomUUID()}`;
/** Logged by a module that lies on the node and in no image. */
const STRAY = `stray-${randomUUID()}`;
const DONE = 'the attack is done';

let rig: Rig;
/** Folder of the node, outside every image, with the secret in secret.txt and a module in stray.wasm. */
let outside: string;

beforeAll(async () => {
  rig = await startInstalledRig();
  outside = join(rig.folder, 's');
  mkdirSync(outside, { mode: 0o700 });
  writeFileSync(join(outside, 'secret.txt'), SECRET, { mode: 0o600 });
  writeFileSync(join(outside, 'stray.wasm'), logging([], STRAY), { mode: 0o600 });
});
afterAll(() => rig?.close());

/** A game that logs the content of each of these assets that it finds, and then `last`. */
function logging(names: readonly string[], last = DONE): Uint8Array {
  const texts = [...names, last];
  const at = (index: number) => 8192 + 128 * index;
  const data = texts.map((text, index) => `(data (i32.const ${at(index)}) "${text}")`);
  const shows = names.map((name, index) => `(call $show (i32.const ${at(index)}) (i32.const ${name.length}))`);
  const end = `(call $log (i32.const 2) (i32.const ${at(names.length)}) (i32.const ${last.length}))`;
  return good({
    fields: `${data.join('\n')}
      (func $show (param i32 i32) (local $handle i32)
        (local.set $handle (call $asset_find (local.get 0) (local.get 1)))
        (if (i32.ge_s (local.get $handle) (i32.const 0)) (then
          (call $log (i32.const 2) (i32.const 16384)
            (call $asset_read (local.get $handle) (i32.const 0) (i32.const 16384) (i32.const 1024))))))`,
    tick: `(if (i32.eqz (local.get 0)) (then ${shows.join('\n')} ${end}))`,
  });
}

let images = 0;

/** Runs an image of these layers, the lowest first. Returns what its game logged, or why the container did not start. */
async function run(layers: LayerEntry[][], entrypoint = '/app.wasm'): Promise<string> {
  const archives = layers.map((entries) => makeLayer(entries));
  const image = await importLayers(rig, `layers${images++}`, { layers: archives, entrypoint: entrypoint });
  const pod = await rig.cri.runPod({ name: `layers${images}` });
  try {
    const container = await rig.cri.create(pod, { name: 'game', image, env: { PORT: '0', OPERATOR_PORT: '0' } });
    await rig.cri.start(container);
    const log = () => rig.cri.log(pod, 'game').join('\n');
    await poll(async () => {
      const { state } = await rig.cri.status(container);
      return state === 'CONTAINER_EXITED' || log().includes(DONE) || log().includes(STRAY);
    }, 'the game neither logs nor ends');
    return log();
  } catch (error) {
    return `refused: ${(error as Error).message}`;
  } finally {
    await rig.cri.removePod(pod);
  }
}

const app = (names: string[] = ['secret.txt']): LayerEntry => ({ path: 'app.wasm', data: logging(names) });

it('a game reads the assets of its own image, in the uppermost of its layers', async () => {
  const log = await run([
    [app(['a.txt', 'b.txt', 'deep/c.txt']), { path: 'assets/' }, { path: 'assets/a.txt', data: 'lower a' }],
    [
      { path: 'assets/a.txt', data: 'upper a' },
      { path: 'assets/b.txt', data: 'upper b' },
      { path: 'assets/deep/' },
      { path: 'assets/deep/c.txt', data: 'upper c' },
    ],
  ]);
  for (const text of ['upper a', 'upper b', 'upper c', DONE]) expect(log).toContain(text);
  expect(log).not.toContain('lower a');
});

it('the assets of all layers are those that a container would see', async () => {
  const log = await run([
    [app(['low.txt', 'high.txt']), { path: 'assets/' }, { path: 'assets/low.txt', data: 'low text' }],
    [{ path: 'assets/' }, { path: 'assets/high.txt', data: 'high text' }],
  ]);
  for (const text of ['low text', 'high text', DONE]) expect(log).toContain(text);
});

it('a folder of an upper layer hides the link below it, so assets through it come from no file of the node', async () => {
  const log = await run([
    [app(), { path: 'a', link: '/' }],
    [{ path: 'a/' }, { path: 'assets', link: `/a${outside}` }],
  ]);
  expect(log).not.toContain(SECRET);
});

it('an entrypoint through a link in a lower layer runs no module of the node', async () => {
  const layers: LayerEntry[][] = [[app(), { path: 'a', link: '/' }], [{ path: 'a/' }]];
  expect(await run(layers, `/a${outside}/stray.wasm`)).not.toContain(STRAY);
});

it.each([
  ['an absolute link', () => outside],
  ['a link with ..', () => `../../../../../../../../..${outside}`],
  ['a link through /proc', () => `/proc/self/root${outside}`],
])('assets at %s come from no file of the node', async (_, target) => {
  expect(await run([[app(), { path: 'assets', link: target() }]])).not.toContain(SECRET);
});

it.each([
  ['an absolute link', () => join(outside, 'secret.txt')],
  ['a link with ..', () => `../../../../../../../../..${join(outside, 'secret.txt')}`],
])('a file of the assets that is %s holds no text of the node', async (_, target) => {
  const entries = [app(), { path: 'assets/' }, { path: 'assets/secret.txt', link: target() }];
  expect(await run([entries])).not.toContain(SECRET);
});

it('an opaque folder hides what lower layers have in it', async () => {
  const log = await run([
    [app(['old.txt', 'new.txt']), { path: 'assets/' }, { path: 'assets/old.txt', data: 'old text' }],
    [{ path: 'assets/' }, { path: 'assets/.wh..wh..opq', data: '' }, { path: 'assets/new.txt', data: 'new text' }],
  ]);
  expect(log).toContain('new text');
  expect(log).not.toContain('old text');
});

it('a whiteout hides a file of a lower layer', async () => {
  const log = await run([
    [app(['old.txt', 'new.txt']), { path: 'assets/' }, { path: 'assets/old.txt', data: 'old text' }],
    [{ path: 'assets/' }, { path: 'assets/.wh.old.txt', data: '' }, { path: 'assets/new.txt', data: 'new text' }],
  ]);
  expect(log).toContain('new text');
  expect(log).not.toContain('old text');
});

it.each([
  ['a device', { path: 'app.wasm', device: [1, 5] as const }],
  ['a FIFO', { path: 'app.wasm', fifo: true as const }],
  ['a folder', { path: 'app.wasm/' }],
])('a module that is %s is refused', async (_, entry) => {
  expect(await run([[entry]])).toMatch(/^refused: .*\/app\.wasm/);
});
