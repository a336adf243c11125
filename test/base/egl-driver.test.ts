import { execFile } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { findEglDriver } from '../../host/base/egl-driver.ts';
import { findRuntime } from '../../host/base/installed.ts';

const folder = mkdtempSync(join(tmpdir(), 'nearlight-egl-'));
afterAll(() => rmSync(folder, { recursive: true }));
const LD_LIBRARY_PATH = folder;
const name = (library: string): string => join(folder, library);

test("NVIDIA's EGL library is used if it is there, and no person has chosen drivers", () => {
  expect(findEglDriver({})).toBeUndefined();
  writeFileSync(name('libEGL_nvidia.so.0'), '');
  const manifest = must(findEglDriver({ LD_LIBRARY_PATH }), 'manifest');
  expect(JSON.parse(readFileSync(manifest, 'utf8'))).toMatchObject({ ICD: { library_path: 'libEGL_nvidia.so.0' } });
  for (const chosen of ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'])
    expect(findEglDriver({ LD_LIBRARY_PATH, [chosen]: '/some.json' })).toBeUndefined();
});

/** The path of the software driver's library. */
function softwareDriver(): string {
  const manifest = [findRuntime()?.driverManifest, '/usr/share/vulkan/icd.d/lvp_icd.json'].find(
    (path) => path !== undefined && existsSync(path),
  );
  const { ICD } = JSON.parse(readFileSync(must(manifest, 'software driver'), 'utf8')) as {
    ICD: { library_path: string };
  };
  return resolve(dirname(must(manifest, 'software driver')), ICD.library_path);
}

/** Puts the software driver into a folder under another name, beside the libraries that a private runtime keeps in its folder. */
function putDriver(target: string, as: string): void {
  const driver = softwareDriver();
  const runtime = findRuntime();
  if (runtime && driver.startsWith(runtime.folder))
    for (const library of readdirSync(dirname(driver))) {
      const link = join(target, library);
      if (!existsSync(link)) symlinkSync(join(dirname(driver), library), link);
    }
  copyFileSync(driver, join(target, as));
}

const dawn = new URL('../../host/gpu/dawn.ts', import.meta.url).href;

/** Opens the GPU in a process of its own. Returns its name, or what failed, and which of NVIDIA's libraries are in the process. */
async function open(environment: NodeJS.ProcessEnv): Promise<string> {
  const script = `const { openGpu } = await import(${JSON.stringify(dawn)});
    const told = await openGpu({ hardwareRequired: false, log() {} }).then((gpu) => gpu.adapter.description, (error) => error.message);
    const maps = (await import('node:fs')).readFileSync('/proc/self/maps', 'utf8');
    console.log(told, [...new Set(maps.match(/lib\\w+_nvidia\\.so\\.0/g))].join());
    process.exit();`;
  const env = { ...process.env, ...environment };
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env });
  return stdout;
}

test('openGpu finds a GPU whose driver is only in a library of that name', async () => {
  const alone = mkdtempSync(join(folder, 'alone-'));
  putDriver(alone, 'libEGL_nvidia.so.0');
  // No other driver is left.
  const VK_LOADER_DRIVERS_DISABLE = '*lvp*,*nearlight_driver*';
  expect(await open({ VK_LOADER_DRIVERS_DISABLE, LD_LIBRARY_PATH: alone })).toMatch(
    /^llvmpipe.* libEGL_nvidia\.so\.0$/m,
  );
  expect(await open({ VK_LOADER_DRIVERS_DISABLE, LD_LIBRARY_PATH: join(folder, 'nothing') })).toMatch(/^NL_NO_GPU/);
});

test("the library that NVIDIA's own manifest names is not loaded beside the EGL library", async () => {
  const both = mkdtempSync(join(folder, 'both-'));
  const manifests = join(both, 'vulkan/icd.d');
  mkdirSync(manifests, { recursive: true });
  const glx = join(both, 'libGLX_nvidia.so.0');
  for (const library of ['libGLX_nvidia.so.0', 'libEGL_nvidia.so.0']) putDriver(both, library);
  const manifest = { file_format_version: '1.0.0', ICD: { library_path: glx, api_version: '1.3.0' } };
  writeFileSync(join(manifests, 'nvidia_icd.json'), JSON.stringify(manifest));
  const XDG_DATA_DIRS = both;
  expect(await open({ XDG_DATA_DIRS, LD_LIBRARY_PATH: both })).toMatch(/ \S*libEGL_nvidia\.so\.0/);
  expect(await open({ XDG_DATA_DIRS, LD_LIBRARY_PATH: both })).not.toContain('libGLX_nvidia');
  expect(await open({ XDG_DATA_DIRS, LD_LIBRARY_PATH: join(folder, 'nothing') })).toContain('libGLX_nvidia');
});
