import { randomInt } from 'node:crypto';
import { constants, existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { errors } from '../../../host/base/errors.ts';
import { readNodeSettings } from '../../../host/pod/paths.ts';
import { good } from '../../engine/modules.ts';
import { computing, dispatch, streams } from '../../hostile/modules.ts';
import { hostOf } from '../../pod/run-folder.ts';
import { commandLine, descendants } from '../../process-tree.ts';
import { Peer, until } from '../../stream/peer.ts';
import { poll } from '../containerd.ts';
import { exited, ready, startContainer, startGame, supervisorOf } from '../game.ts';
import { guestOf } from '../guest.ts';
import { importGame } from '../image.ts';
import { reached, readingNode } from '../inject.ts';
import { latency, ROOT, rig } from './rig.ts';

const NAMESPACES = ['pid', 'mnt', 'ipc', 'uts', 'net'] as const;

/** Reads the description of a process in /proc. */
function describeProcess(pid: number) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string) => must(new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1], name);
  return {
    uid: field('Uid').split('\t').join(' '),
    gid: field('Gid').split('\t').join(' '),
    groups: field('Groups'),
    capabilities: ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']
      .map((set) => field(set).replace(/^0+(?=.)/, ''))
      .join(' '),
    noNewPrivileges: field('NoNewPrivs'),
    seccomp: field('Seccomp'),
    ...Object.fromEntries(NAMESPACES.map((name) => [name, readlinkSync(`/proc/${pid}/ns/${name}`)])),
    root: readlinkSync(`/proc/${pid}/root`),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
  } as Record<string, string | number>;
}

/** The regular files of the node that a process has open for writing. */
function writableFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    const path = readlinkSync(`/proc/${pid}/fd/${fd}`);
    const flags = Number.parseInt(
      must(/^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1], fd),
      8,
    );
    const isFile =
      path.startsWith('/') &&
      !path.startsWith('/memfd:') &&
      !path.startsWith('/dev/') &&
      statSync(`/proc/${pid}/fd/${fd}`).isFile();
    return isFile && (flags & 3) !== constants.O_RDONLY ? [path] : [];
  });
}

async function joinSmall(url: string): Promise<Peer> {
  const peer = new Peer();
  await peer.join(url, { query: '?size=320x180&fps=30' });
  return peer;
}

/** Joins a game, and resolves when its pictures arrive. */
async function play(url: string): Promise<Peer> {
  const peer = await joinSmall(url);
  await until(() => peer.pictures > 10, 'pictures');
  return peer;
}

it('the host of a pod is a user of its own, without capabilities, in its own namespaces, under a filter', async () => {
  const { pod, container, url } = await startGame(rig, latency);
  await ready(rig, container);
  const peer = await play(url);
  const supervisor = await supervisorOf(rig, pod);
  const host = hostOf(supervisor);
  const [node, own] = [describeProcess(process.pid), describeProcess(host)];
  const table = { keeper: describeProcess(rig.keeperPid()), supervisor: describeProcess(supervisor), host: own };
  writeFileSync(join(ROOT, 'build/processes.json'), JSON.stringify(table, null, 2));
  const uid = readNodeSettings({}).uidFirst + supervisor;
  expect(own).toMatchObject({
    uid: Array(4).fill(uid).join(' '),
    gid: Array(4).fill(uid).join(' '),
    capabilities: '0 0 0 0 0',
    noNewPrivileges: '1',
    seccomp: '2',
  });
  // This pod uses the node's network.
  for (const name of ['pid', 'mnt', 'ipc', 'uts'] as const) expect(own[name], name).not.toBe(node[name]);
  for (const thread of readdirSync(`/proc/${host}/task`)) {
    const status = readFileSync(`/proc/${host}/task/${thread}/status`, 'utf8');
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect(status).toContain(`Uid:\t${uid}\t${uid}\t${uid}\t${uid}\n`);
  }
  const writable = writableFiles(host);
  const log = join(rig.runDir, `log/${supervisor}.log`);
  expect(writable.filter((path) => path !== log)).toEqual([]);
  for (let n = 0; n < 3; n++) process.kill(host, 'SIGUSR1');
  const { pictures } = peer;
  await until(() => peer.pictures > pictures + 10, 'pictures after the signal');
  expect(readFileSync(join(rig.runDir, `log/${supervisor}.log`), 'utf8')).not.toContain('Debugger');
  peer.close();
  await rig.cri.removePod(pod);
});

it('the game of a container that replaces another one, while players stay connected, runs as the user of the new container', async () => {
  const as = (uid: number, gid: number) => ({
    security: { runAsUser: { value: uid }, runAsGroup: { value: gid }, capabilities: { dropCapabilities: ['ALL'] } },
  });
  const users = async (at: { pod: string; container: string }) => {
    const { uid, gid } = describeProcess(await guestOf(rig, at));
    return [uid, gid];
  };
  const all = (id: number) => Array(4).fill(id).join(' ');
  const { pod, container, port, url } = await startGame(rig, latency, as(1111, 2222));
  await ready(rig, container);
  const peer = await play(url);
  expect(await users({ pod, container })).toEqual([all(1111), all(2222)]);
  let last = container;
  // The guest process that waits for the third container was started when the first one ended.
  for (const [attempt, uid] of [3333, 4444].entries()) {
    await rig.cri.remove(last);
    await until(() => peer.notices.at(-1)?.kind === 'paused', 'the notice "paused"');
    const { pictures } = peer;
    last = await startContainer(rig, { pod, image: latency, port, attempt: attempt + 1, ...as(uid, uid + 1) });
    await until(() => peer.pictures > pictures + 10, 'pictures of the next container');
    expect(await users({ pod, container: last })).toEqual([all(uid), all(uid + 1)]);
  }
  expect(peer.peerState).toBe('connected');
  peer.close();
  await rig.cri.removePod(pod);
});

it('a host that is taken over finds no file of the node, and no process but its own', async () => {
  const { pod, container, url } = await startGame(rig, latency);
  await ready(rig, container);
  const peer = await play(url);
  const supervisor = await supervisorOf(rig, pod);
  const host = hostOf(supervisor);
  const others = [rig.keeperPid(), supervisor, process.pid].map((pid) => `/proc/${pid}/status`);
  const files = ['/etc/passwd', '/etc/hostname', '/var/lib', '/home', '/boot', '/usr/bin/env', '/bin/sh', rig.runDir];
  const calls = readingNode(host, [...files, ...others, '/sys/fs/cgroup', '/sys/class/net']);
  expect(await reached(calls, async () => host)).toEqual([]);
  // The attack itself works: the host may open what it needs.
  const own = readingNode(host, ['/proc/self/status', '/dev/null', '/etc/resolv.conf', process.execPath]).slice(0, 4);
  expect(await reached(own, async () => host)).toEqual(own.map(({ aim }) => aim));
  const root = `/proc/${host}/root`;
  // Root's private runtime is the only thing there that the host needs of the node.
  if (existsSync(`${root}/var`))
    expect(readdirSync(`${root}/var`, { recursive: true }).join('\n')).toMatch(
      /^cache\n(cache\/nearlight(\/runtime.*)?\n?)+$/,
    );
  expect(readdirSync(`${root}/etc`)).not.toContain('shadow');
  expect(readFileSync(`/proc/${host}/mountinfo`, 'utf8')).not.toMatch(/ \/ \/ rw/);
  const { pictures } = peer;
  await until(() => peer.pictures > pictures + 10, 'pictures after the attack');
  peer.close();
  await rig.cri.removePod(pod);
});

/** A game that uses a compute shader when a player joins. */
function shaderGame(code: string): Uint8Array {
  const { fields, memory, call } = streams({ compute: [...computing(code), ...dispatch()] });
  return good({ fields, memory, join: call.compute });
}

const MAIN = '@compute @workgroup_size(1) fn main()';

/** A harmless shader. No node has tried it, because it contains a fresh number. */
const freshShader = () =>
  `@group(0) @binding(0) var<storage, read_write> data: array<u32>; ${MAIN} { data[0] = ${randomInt(2 ** 32 - 1)}u; }`;

/** A shader that assigns a struct of 2^26 members, for which the compiler needs more memory than it may have. */
function hostileShader(): string {
  const structs = Array.from({ length: 26 }, (_, n) => `struct S${n + 1} { a: S${n}, b: S${n} }`);
  const data = '@group(0) @binding(0) var<storage, read_write> data: S26;';
  return `struct S0 { a: u32, b: u32 } ${structs.join(' ')} ${data} ${MAIN} { data.a = data.b; }`;
}

const cgroupOf = (pid: number) => readFileSync(`/proc/${pid}/cgroup`, 'utf8');

/** The processes that try shaders for the host of a pod. */
function trialsOf(supervisor: number): number[] {
  const isTrial = (pid: number) => /^\S*node .*vet\/child/.test(commandLine(pid));
  return descendants(rig.keeperPid()).filter((pid) => isTrial(pid) && cgroupOf(pid) === cgroupOf(supervisor));
}

it('a shader that the node does not know is tried by the keeper, in a jail and in the cgroup of the pod', async () => {
  const image = await importGame(rig, 'fresh', shaderGame(freshShader()));
  const { pod, container, url } = await startGame(rig, image);
  await ready(rig, container);
  const supervisor = await supervisorOf(rig, pod);
  const peer = await joinSmall(url);
  const trial = await poll(() => trialsOf(supervisor)[0] ?? false, 'no shader is tried');
  await until(() => peer.pictures > 10, 'pictures');
  const [node, host, own] = [process.pid, hostOf(supervisor), trial].map(describeProcess);
  expect(own).toMatchObject({ capabilities: '0 0 0 0 0', noNewPrivileges: '1', seccomp: '2' });
  expect(readdirSync(`/proc/${trial}/root`)).toEqual([]);
  expect(new Set([node?.uid, host?.uid, own?.uid]).size).toBe(3);
  for (const other of [node, host]) for (const name of NAMESPACES) expect(own?.[name], name).not.toBe(other?.[name]);
  peer.close();
  await rig.cri.removePod(pod);
  await until(() => !existsSync(`/proc/${trial}`), 'end of the trial');

  // The keeper has stored the verdict, so the next host needs no trial.
  const next = await startGame(rig, image);
  await ready(rig, next.container);
  const other = await play(next.url);
  expect(trialsOf(await supervisorOf(rig, next.pod))).toEqual([]);
  other.close();
  await rig.cri.removePod(next.pod);
});

it('a shader that takes too long to compile ends its game, and not the host', async () => {
  const image = await importGame(rig, 'hostile', shaderGame(hostileShader()));
  const { pod, container, url } = await startGame(rig, image);
  await ready(rig, container);
  const peer = await joinSmall(url);
  expect((await exited(rig, container)).exitCode).toBe(errors.NL_SHADER.exit);
  expect(await rig.cri.podState(pod)).toBe('SANDBOX_READY');
  peer.close();
  await rig.cri.removePod(pod);
});

it.each([
  ['privileged', { privileged: true }, 'privileged: a game gets no capability'],
  ['added', { capabilities: { addCapabilities: ['SYS_PTRACE'] } }, 'capabilities.add: .*CAP_SYS_PTRACE'],
])(
  'a container that asks for what a game never gets does not start, and says which field it is: %s',
  async (name, security, message) => {
    const pod = await rig.cri.runPod({ name });
    const options = { name: 'game', image: latency, env: { PORT: '0', OPERATOR_PORT: '0' } };
    // containerd refuses a privileged container in a pod that is not privileged itself.
    const starting = rig.cri.create(pod, { ...options, security }).then((container) => rig.cri.start(container));
    await expect(starting).rejects.toThrow(
      new RegExp(`NL_SECURITY_CONTEXT.*${message}|no privileged container allowed`),
    );
    const usual = await rig.cri.create(pod, {
      ...options,
      attempt: 1,
      security: {
        runAsUser: { value: 65532 },
        runAsGroup: { value: 65532 },
        capabilities: { dropCapabilities: ['ALL'] },
        noNewPrivs: true,
        readonlyRootfs: true,
        seccomp: { profileType: 'RuntimeDefault' },
      },
    });
    await rig.cri.start(usual);
    await ready(rig, usual);
    await rig.cri.removePod(pod);
  },
);

it("a pod in the node's pid namespace does not start", async () => {
  await expect(rig.cri.runPod({ name: 'node-pids', namespaces: { pid: 'NODE' } })).rejects.toThrow(
    /NL_SECURITY_CONTEXT.*hostPID: /,
  );
});

it("a parameter of a pod's own network is set, and one of the node is refused", async () => {
  const name = 'net.ipv4.ip_unprivileged_port_start';
  const value = () => readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').trim();
  const before = value();
  const pod = await rig.cri.runPod({ name: 'sysctl', hostNetwork: false, sysctls: { [name]: '79' } });
  const container = await rig.cri.create(pod, { name: 'game', image: latency, env: { PORT: '80' } });
  await rig.cri.start(container);
  // The host has no capability, so it can listen at this port only because of the parameter.
  await ready(rig, container);
  expect(value()).toBe(before);
  await rig.cri.removePod(pod);
  const refused = rig.cri.runPod({ name: 'sysctl-node', hostNetwork: false, sysctls: { 'kernel.shmmax': '1' } });
  await expect(refused).rejects.toThrow(/NL_SECURITY_CONTEXT.*sysctls: kernel.shmmax/);
});
