import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readOciBundle } from '../../host/pod/oci-bundle.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bundle-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Creates an OCI bundle; returns its folder. */
function bundle(config: unknown, text = JSON.stringify(config)): string {
  const path = mkdtempSync(join(folder, 'b-'));
  writeFileSync(join(path, 'config.json'), text);
  return path;
}

describe('an OCI bundle', () => {
  it("an OCI bundle is read as containerd's CRI plugin writes it", () => {
    const path = bundle({
      annotations: { 'io.kubernetes.cri.container-type': 'container', 'io.kubernetes.cri.container-name': 'game' },
      process: { args: ['/app.wasm'], cwd: '/srv', env: ['A=1', 'B=x=y', 'C'], oomScoreAdj: -998 },
      hostname: 'arena-0',
      root: { path: 'rootfs' },
      mounts: [{ destination: '/dev/termination-log', source: '/var/log/t', type: 'bind', options: ['rbind'] }],
      linux: {
        namespaces: [{ type: 'network', path: '/run/netns/a' }],
        cgroupsPath: '/kubepods/a',
        resources: { memory: { limit: 5 } },
      },
    });
    expect(readOciBundle(path)).toMatchObject({
      kind: 'container',
      name: 'game',
      args: ['/app.wasm'],
      cwd: '/srv',
      hostname: 'arena-0',
      oomScore: -998,
      env: { A: '1', B: 'x=y', C: '' },
      network: { path: '/run/netns/a' },
      cgroupsPath: '/kubepods/a',
      resources: { memory: { limit: 5 } },
      rootPath: join(path, 'rootfs'),
    });
  });

  // test/k3s/pods/namespaces.ts compares these lists with those that ctr writes.
  it.each([
    ['ctr run --net-host', ['pid', 'ipc', 'uts', 'mount'], 'host'],
    ['ctr run', ['pid', 'ipc', 'uts', 'mount', 'network'], 'new'],
  ])('an OCI bundle of %s, with the namespaces %j, has the network %s', (_, types, network) => {
    const path = bundle({ linux: { namespaces: types.map((type) => ({ type })) } });
    expect(readOciBundle(path)).toMatchObject({ kind: 'standalone', network });
  });

  it("an OCI bundle without namespaces asks for the node's, and is refused", () =>
    expect(() => readOciBundle(bundle({}))).toThrow('NL_SECURITY_CONTEXT'));

  it.each([
    ['{', 'cannot be used'],
    ['null', 'it is not an object'],
    [`{"a":"${'x'.repeat(4 * 2 ** 20)}"}`, 'are allowed'],
  ])('an OCI bundle is refused if its config.json is %.10s', (text, message) =>
    expect(() => readOciBundle(bundle({}, text))).toThrow(message),
  );

  it.each([
    [-1000, true],
    [1000, true],
    [-1001, false],
    [1001, false],
    [0.5, false],
    ['1', false],
  ])('the value %j of oom_score_adj is accepted: %j', (oomScoreAdj, isAccepted) => {
    const namespaces = ['pid', 'ipc'].map((type) => ({ type }));
    const read = () => readOciBundle(bundle({ process: { oomScoreAdj }, linux: { namespaces } }));
    if (isAccepted) expect(read()).toMatchObject({ oomScore: oomScoreAdj });
    else expect(read).toThrow('is not a whole number from -1000 to 1000');
  });

  it('an OCI bundle that does not exist is refused', () =>
    expect(() => readOciBundle(join(folder, 'none'))).toThrow('ENOENT'));
});
