import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

test("NVIDIA's EGL library is used if there is no other that works, and no person has chosen drivers", () => {
  expect(findEglDriver({})).toBeUndefined();
  writeFileSync(name('libEGL_nvidia.so.0'), '');
  const manifest = must(findEglDriver({ LD_LIBRARY_PATH }), 'manifest');
  expect(JSON.parse(readFileSync(manifest, 'utf8'))).toMatchObject({ ICD: { library_path: 'libEGL_nvidia.so.0' } });
  for (const chosen of ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'])
    expect(findEglDriver({ LD_LIBRARY_PATH, [chosen]: '/some.json' })).toBeUndefined();
  for (const library of ['libX11.so.6', 'libXext.so.6']) writeFileSync(name(library), '');
  expect(findEglDriver({ LD_LIBRARY_PATH })).toBe(manifest);
  writeFileSync(name('libGLX_nvidia.so.0'), '');
  expect(findEglDriver({ LD_LIBRARY_PATH })).toBeUndefined();
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

test('openGpu finds a GPU whose driver is only in a library of that name', async () => {
  const alone = mkdtempSync(join(folder, 'alone-'));
  copyFileSync(softwareDriver(), join(alone, 'libEGL_nvidia.so.0'));
  const dawn = new URL('../../host/gpu/dawn.ts', import.meta.url).href;
  const script = `const { openGpu } = await import(${JSON.stringify(dawn)});
    const told = await openGpu({ hardwareRequired: false, log() {} }).then((gpu) => gpu.adapter.description, (error) => error.message);
    console.log(told, process.env.VK_ADD_DRIVER_FILES);
    process.exit();`;
  const open = async (path: string): Promise<string> => {
    // No other driver is left.
    const env = { ...process.env, VK_LOADER_DRIVERS_DISABLE: '*lvp*,*nearlight_driver*', LD_LIBRARY_PATH: path };
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env });
    return stdout;
  };
  expect(await open(alone)).toMatch(/^llvmpipe.*nvidia-egl\.json$/m);
  expect(await open(join(folder, 'nothing'))).toMatch(/^NL_NO_GPU/);
});
