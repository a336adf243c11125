import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { poll } from '../containerd.ts';
import { importLayers, layerOf } from '../image.ts';
import { ASSET, LOGGER } from './asset-logger.ts';
import { rig } from './rig.ts';

const SECRET = `secret${process.pid}`;
const MIB = 2 ** 20;
/** Size of a file of zeros: a little more than ASSET_BYTES_MAX, because containerd writes all of it to the disk. */
const ZEROS = 540e6;
/** Most bytes by which a host may grow when it refuses an image. */
const GROWTH_BYTES_MAX = 64 * MIB;

let folder: string;
let outside: string;
let number = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nl-hostile-'));
  outside = join(folder, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, ASSET), SECRET, { mode: 0o600 });
  writeFileSync(join(outside, 'secret.wasm'), LOGGER, { mode: 0o600 });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Makes a layer: files by their paths; a text that begins with `-> ` is a link. */
function layer(entries: Record<string, string | Uint8Array>, more: (path: string) => void = () => {}): Uint8Array {
  const path = join(folder, `layer${number++}`);
  mkdirSync(path);
  for (const [name, what] of Object.entries(entries)) {
    const file = join(path, name);
    mkdirSync(join(file, '..'), { recursive: true });
    if (name.endsWith('/')) mkdirSync(file, { recursive: true });
    else if (typeof what === 'string' && what.startsWith('-> ')) symlinkSync(what.slice(3), file);
    else writeFileSync(file, what);
  }
  more(path);
  return layerOf(path);
}

/** Runs an image of these layers, the lowest first, in a pod; resolves with the game's log and the process id of its host. */
async function run(layers: Uint8Array[], entrypoint = '/app.wasm') {
  const name = `hostile${number++}`;
  const image = await importLayers(rig, name, { layers, entrypoint });
  const pod = await rig.cri.runPod({ name });
  const host = await rig.cri.sandboxPid(pod);
  const before = peakBytes(host);
  try {
    const container = await rig.cri.create(pod, {
      name: 'game',
      image,
      env: { PORT: '0' },
      memoryBytes: 64 * MIB,
    });
    const problem = await rig.cri.start(container).then(
      () => '',
      (error: Error) => error.message,
    );
    if (problem === '') await poll(() => rig.cri.log(pod, 'game').length > 0, 'the game logs nothing');
    const log = problem === '' ? rig.cri.log(pod, 'game').join('\n') : '';
    return { problem, log, status: statusOf(host), growthBytes: peakBytes(host) - before };
  } finally {
    await rig.cri.removePod(pod);
  }
}

function statusOf(pid: number): string {
  return readFileSync(`/proc/${pid}/status`, 'utf8');
}

/** The greatest memory that a process has had so far, in bytes. */
function peakBytes(pid: number): number {
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(statusOf(pid))?.[1]) * 1024;
}

describe('an image in containerd', () => {
  it('assets come from the uppermost layers, through links within the image', async () => {
    const lower = layer({
      'app.wasm': 'old',
      [`srv/${ASSET}`]: 'inside',
      [`assets/${ASSET}`]: 'old',
      'assets/gone': '',
    });
    const upper = layer({ 'bin/app.wasm': LOGGER, 'app.wasm': '-> bin/app.wasm', 'assets/.wh.gone': '' });
    const top = layer({ [`assets/.wh.${ASSET}`]: '', 'assets/.wh..wh..opq': '' });
    const linked = layer({ 'assets.wh': '', '.wh.assets': '' });
    expect((await run([lower, upper])).log).toContain('old');
    expect((await run([lower, upper, top])).log).toContain('nothing');
    expect((await run([lower, upper, linked])).log).toContain('nothing');
    expect((await run([lower, upper, linked, layer({ assets: '-> /srv' })])).log).toContain('inside');
  });

  it('a link in a lower layer leads to no file of the node', async () => {
    const lower = layer({ a: '-> /' });
    const upper = layer({ 'a/': '', 'app.wasm': LOGGER, assets: `-> /a${outside}` });
    const { log, status } = await run([lower, upper]);
    expect(log).toContain('nothing');
    expect(log).not.toContain(SECRET);
    for (const set of ['Eff', 'Prm', 'Bnd']) expect(status).toMatch(new RegExp(`^Cap${set}:\\s*0+$`, 'm'));
    expect(status).toMatch(/^NoNewPrivs:\s*1$/m);
    const stolen = layer({ 'a/': '', 'app.wasm': `-> /a${outside}/secret.wasm` });
    expect((await run([lower, stolen])).problem).toContain('has no file /app.wasm');
    expect((await run([lower, stolen], `/a${outside}/secret.wasm`)).problem).toContain('has no file');
    expect(
      (await run([layer({ 'app.wasm': LOGGER, [`assets/${ASSET}`]: `-> ${outside}/${ASSET}` })])).problem,
    ).toContain(`/assets/${ASSET} cannot be opened: No such file`);
  });

  it.each([
    ['c 1 5', 'a device'],
    ['b 7 0', 'a device'],
    ['p', 'a FIFO'],
  ])('a node of the kind %s is refused', async (kind, name) => {
    const node = (path: string) => execFileSync('mknod', [path, ...kind.split(' ')]);
    const asset = layer({ 'app.wasm': LOGGER, 'assets/': '' }, (path) => node(join(path, 'assets', ASSET)));
    expect((await run([asset])).problem).toContain(`NL_IMAGE: The image holds no game: /assets/${ASSET} is ${name}`);
    const module = layer({}, (path) => node(join(path, 'app.wasm')));
    expect((await run([module])).problem).toContain(`/app.wasm is ${name}`);
  });

  it('more zeros than an image may have are refused, and the host does not grow', async () => {
    const zeros = layer({ 'app.wasm': LOGGER, 'assets/zeros': '' }, (path) =>
      truncateSync(join(path, 'assets/zeros'), ZEROS),
    );
    expect(zeros.length).toBeLessThan(ZEROS / 100);
    const { problem, growthBytes } = await run([zeros]);
    expect(problem).toMatch(/NL_IMAGE_SIZE: .*536870912 bytes.*ASSET_BYTES_MAX/);
    expect(growthBytes).toBeLessThan(GROWTH_BYTES_MAX);
  });
});
