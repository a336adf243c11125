import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { handOver, nodeEnvironment, readPodDefaults, readSettingsFile } from '../../host/pod/settings-file.ts';
import { WatchedSettings } from '../../host/pod/watched-settings.ts';
import { eventually } from '../wait.ts';

const FILE_BYTES_MAX = 64 * 1024;

let folder: string;
let path: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'nl-settings-'));
  path = join(folder, 'node.env');
});
afterAll(() => rmSync(folder, { recursive: true }));

const read = (text: string, env: Record<string, string> = {}) => {
  writeFileSync(path, text);
  return nodeEnvironment({ NEARLIGHT_SETTINGS: path, ...env });
};

describe('the settings file of a node', () => {
  it('its settings take the place of those in the environment', () => {
    const env = read('# pools\n\n NEARLIGHT_POOL_SIZE=5 \nNEARLIGHT_UDP_PORTS=31000-31999\nLOG_LEVEL=debug\n', {
      NEARLIGHT_POOL_SIZE: '3',
      NEARLIGHT_COMPILERS: '1',
    });
    expect(env).toMatchObject({ NEARLIGHT_POOL_SIZE: '5', NEARLIGHT_COMPILERS: '1', LOG_LEVEL: 'debug' });
    expect(readPodDefaults(env).nodeUdpPorts).toBe('31000-31999');
  });

  it('a node needs none', () => {
    expect(nodeEnvironment({ NEARLIGHT_SETTINGS: join(folder, 'none'), A: '1' })).toMatchObject({ A: '1' });
  });

  it.each([
    ['NEARLIGHT_POOL_SIZE=65', 'NEARLIGHT_POOL_SIZE=65 is not a whole number from 0 to 64'],
    ['NEARLIGHT_POOL_SIZE', 'line 1 of .*node.env: it is not NAME=VALUE'],
    [
      '\nNEARLIGHT_POOLS=1',
      'line 2 of .*node.env: NEARLIGHT_POOLS is unknown; a node has the settings NEARLIGHT_POOL_SIZE',
    ],
    ['NEARLIGHT_RUN_DIR=/x', 'NEARLIGHT_RUN_DIR can be set only in the environment of containerd'],
    ['NEARLIGHT_UDP_PORTS=all', 'NODE_UDP_PORTS'],
    ['LOG_LEVEL=loud', 'LOG_LEVEL=loud is unknown'],
  ])('%j is refused with the reason', (text, message) => {
    expect(() => read(text)).toThrow(new RegExp(`NL_SETTING.*${message}`));
  });

  it('it may have 64 KiB, and no more', () => {
    expect(readSettingsFileOf('#'.repeat(FILE_BYTES_MAX))).toHaveLength(FILE_BYTES_MAX);
    expect(() => readSettingsFileOf('#'.repeat(FILE_BYTES_MAX + 1))).toThrow(`${FILE_BYTES_MAX} are allowed`);
  });

  it('a host that a keeper starts has the settings of that keeper, whatever the file says meanwhile', () => {
    writeFileSync(path, 'broken');
    const env = handOver({ NEARLIGHT_SETTINGS: path }, 'NEARLIGHT_COMPILERS=7\n');
    expect(nodeEnvironment(env).NEARLIGHT_COMPILERS).toBe('7');
  });
});

function readSettingsFileOf(text: string): string {
  writeFileSync(path, text);
  return readSettingsFile(path);
}

describe('a keeper', () => {
  it('notices when the settings change, and keeps those that it has while the new ones cannot be used', async () => {
    writeFileSync(path, 'NEARLIGHT_POOL_SIZE=3\n');
    const lines: string[] = [];
    const settings = new WatchedSettings({ NEARLIGHT_SETTINGS: path, NEARLIGHT_COMPILERS: '1' }, 5);
    let hasChanged = false;
    const changed = settings.next((level, line) => lines.push(`${level} ${line}`)).then(() => (hasChanged = true));
    writeFileSync(path, 'NEARLIGHT_POOL_SIZE=many\n');
    await eventually(() => expect(lines).toHaveLength(1));
    expect(lines[0]).toMatch(/^error NL_SETTING.*NEARLIGHT_POOL_SIZE=many.*; the node keeps its present settings$/);
    expect([hasChanged, settings.env.NEARLIGHT_POOL_SIZE]).toEqual([false, '3']);
    writeFileSync(path, 'NEARLIGHT_POOL_SIZE=4\n');
    await changed;
    expect(settings.env).toMatchObject({ NEARLIGHT_POOL_SIZE: '4', NEARLIGHT_COMPILERS: '1' });
    expect(nodeEnvironment(settings.hostEnv).NEARLIGHT_POOL_SIZE).toBe('4');
    expect(lines).toHaveLength(1);
  });
});
