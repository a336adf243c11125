import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../host/base/assert.ts';
import { IMAGE_BYTES_MAX } from '../../oci/image.ts';
import { good } from '../engine/modules.ts';
import { type Distribution, startDistribution } from '../oci/distribution.ts';
import { noise } from '../oci/noise.ts';

const program = join(import.meta.dirname, '../../host/cli/main.ts');
let folder: string;
let distribution: Distribution;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'image-'));
  writeFileSync(join(folder, 'chess.wasm'), good());
  mkdirSync(join(folder, 'chess.assets'));
  writeFileSync(join(folder, 'chess.assets/board.txt'), 'black and white');
  distribution = await startDistribution();
});
afterAll(async () => {
  await distribution?.close();
  rmSync(folder, { recursive: true, force: true });
});

function image(...args: string[]) {
  const env = { ...process.env, DOCKER_CONFIG: folder, REGISTRY_USER: '', REGISTRY_PASSWORD: '' };
  return spawnSync(process.execPath, [program, 'image', ...args], { cwd: folder, encoding: 'utf8', env });
}

describe('npm run image', () => {
  it('builds, archives and pushes a game, and prints its name last', () => {
    const name = `${distribution.address}/games/chess`;
    const { stdout, stderr, status } = image('chess.wasm', '--tar', 'chess.tar', '--push', `${name}:1`);
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    const [, digest] = must(
      /^build\/image {2}chess:latest {2}\d+\.\d kB {2}(sha256:[0-9a-f]{64})$/m.exec(stdout),
      'line with the digest',
    );
    expect(stdout).toMatch(/^[0-9a-f]{12} {2}100 % of \d+\.\d kB$/m);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(`        ${name}@${digest}`);
    const skopeo = (...args: string[]) =>
      execFileSync('skopeo', args, { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
    for (const source of ['oci:build/image:chess:latest', 'oci-archive:chess.tar:chess:latest'])
      expect(JSON.parse(skopeo('inspect', '--raw', source)).manifests).toHaveLength(2);
    for (const architecture of ['amd64', 'arm64']) {
      const from = [`docker://${name}@${digest}`, `oci:${architecture}:chess`];
      skopeo('copy', '--src-tls-verify=false', `--override-arch=${architecture}`, ...from);
      execFileSync('umoci', ['unpack', '--rootless', '--image', `${architecture}:chess`, `${architecture}.root`], {
        cwd: folder,
        stdio: 'pipe',
      });
      expect(readFileSync(join(folder, `${architecture}.root/rootfs/assets/board.txt`), 'utf8')).toBe(
        'black and white',
      );
    }
    expect(image('chess.wasm', '--push', `${name}:1`).stdout).toMatch(/^[0-9a-f]{12} {2}was there$/m);
  });

  it('prints its help', () => {
    expect(image('--help')).toMatchObject({ stdout: expect.stringContaining('--push REGISTRY/NAME:TAG'), status: 0 });
  });

  it.each([
    ['an unknown option', ['--colour'], 2, /NL_USAGE: .*--help/],
    ['two modules', ['a.wasm', 'b.wasm'], 2, /NL_USAGE: .*a\.wasm b\.wasm/],
    ['a name that is not valid', ['chess.wasm', '--push', 'chess'], 2, /NL_USAGE: .*registry\.example/],
    ['an archive that cannot be written', ['chess.wasm', '--tar', 'none/chess.tar'], 2, /NL_USAGE: .*none\/chess\.tar/],
    ['no file', ['none.wasm'], 10, /NL_MODULE_NOT_FOUND: .*none\.wasm: ENOENT/],
    ['no module', ['chess.assets/board.txt'], 11, /NL_MODULE_INVALID/],
    ['no folder', ['chess.wasm', '--assets', 'none'], 41, /NL_IMAGE_ASSETS: .*none cannot be read: ENOENT/],
  ])('refuses %s with an exit status and one line', (_name, args, expected, message) => {
    const { stderr, status } = image(...args);
    expect(status).toBe(expected);
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^image: [^\n]+\n$/);
  });

  it('refuses a game that is too large, and leaves the last image unchanged', () => {
    image('chess.wasm');
    const before = readFileSync(join(folder, 'build/image/index.json'));
    mkdirSync(join(folder, 'large'));
    writeFileSync(join(folder, 'large/sky.bin'), noise(IMAGE_BYTES_MAX));
    const { stderr, status } = image('chess.wasm', '--assets', 'large', '--tar', 'large.tar');
    expect(status).toBe(40);
    expect(stderr).toMatch(/NL_IMAGE_SIZE: .*\n +\d+ bytes of +5000000 {2}\/assets\/sky\.bin\n/);
    expect(readFileSync(join(folder, 'build/image/index.json'))).toEqual(before);
    expect(existsSync(join(folder, 'large.tar'))).toBe(false);
  });
});
