import { expect, test } from 'vitest';
import { GAME_CALLS, readSecurityContext, type SecurityJson, USUAL_USER } from '../../host/pod/security-context.ts';
import { USER as IMAGE_USER } from '../../oci/image.ts';
import { ALLOWED } from '../engine/system-calls.ts';

const NAMESPACES = ['pid', 'ipc', 'uts', 'mount', 'network'].map((type) => ({ type }));
const without = (...types: string[]) => NAMESPACES.filter(({ type }) => !types.includes(type));
/** The capabilities that containerd's CRI plugin gives to a container that drops none. */
const DEFAULTS =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'
    .split(' ')
    .map((name) => `CAP_${name}`);
const capabilities = (...names: string[]) => ({ bounding: names, effective: names, permitted: names, ambient: null });
const allow = (names: readonly string[], args?: object[]) => ({
  names,
  action: 'SCMP_ACT_ALLOW',
  ...(args && { args }),
});
const profile = (...syscalls: object[]) => ({ defaultAction: 'SCMP_ACT_ERRNO', syscalls });

const honoured: [string, SecurityJson][] = [
  ['nothing', {}],
  ['what ctr asks for', { process: { capabilities: capabilities(...DEFAULTS) }, linux: { namespaces: NAMESPACES } }],
  ['no capabilities', { process: { capabilities: capabilities() } }],
  ['the network of the node', { linux: { namespaces: without('network') } }],
  ['a profile that allows what a game needs', { linux: { seccomp: profile(allow(GAME_CALLS)) } }],
  [
    'a profile that forbids what no game needs',
    { linux: { seccomp: { ...profile(), defaultAction: 'SCMP_ACT_LOG' } } },
  ],
  ['no profile', { linux: { seccomp: null } }],
  ["containerd's AppArmor profile", { process: { apparmorProfile: 'cri-containerd.apparmor.d' } }],
  ['a parameter of the network', { linux: { namespaces: NAMESPACES, sysctl: { 'net.core.somaxconn': '9' } } }],
  ['the largest user id', { process: { user: { uid: 2 ** 32 - 2, gid: 2 ** 32 - 2 } } }],
];
test.each(honoured)('a securityContext is honoured that asks for %s', (_, config) => {
  const whole = { ...config, linux: { namespaces: NAMESPACES, ...config.linux } };
  for (const kind of ['sandbox', 'container', 'standalone'] as const)
    expect(() => readSecurityContext(whole, kind)).not.toThrow();
});

const most = GAME_CALLS.slice(1);
const first = GAME_CALLS.slice(0, 1);
const refused: [string, SecurityJson, string][] = [
  ['a capability', { process: { capabilities: capabilities('CAP_SYS_PTRACE') } }, 'capabilities.add.*CAP_SYS_PTRACE'],
  ['an ambient capability', { process: { capabilities: { ambient: ['CAP_BPF'] } } }, 'capabilities.add.*CAP_BPF'],
  [
    'all privileges',
    { process: { capabilities: capabilities('CAP_SYS_ADMIN', 'CAP_SYS_MODULE') } },
    'privileged: a game gets no capability and no device',
  ],
  ['users of its own', { linux: { namespaces: [...NAMESPACES, { type: 'user' }] } }, 'hostUsers'],
  ['a profile that forbids a call', { linux: { seccomp: profile(allow(most)) } }, `forbids ${first}, which`],
  [
    'a profile that allows a call for some arguments only',
    { linux: { seccomp: profile(allow(most), allow(first, [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }])) } },
    `forbids ${first}, which`,
  ],
  [
    'a profile that kills for a call',
    { linux: { seccomp: profile(allow(GAME_CALLS), { names: first, action: 'SCMP_ACT_KILL' }) } },
    `forbids ${first}, which`,
  ],
  ['a profile with a listener', { linux: { seccomp: { ...profile(), listenerPath: '/run/l' } } }, 'a listener'],
  ['an AppArmor profile', { process: { apparmorProfile: 'mine' } }, 'appArmorProfile: the profile mine'],
  ['an SELinux label', { process: { selinuxLabel: 'system_u:system_r:x' } }, 'seLinuxOptions: .*system_u'],
  ['a parameter of the node', { linux: { namespaces: NAMESPACES, sysctl: { 'kernel.shmmax': '9' } } }, 'kernel.shmmax'],
  ['a path as a parameter', { linux: { namespaces: NAMESPACES, sysctl: { 'net/../kernel.x': '9' } } }, 'sysctls: net/'],
  [
    "a parameter of the node's network",
    { linux: { namespaces: without('network'), sysctl: { 'net.core.somaxconn': '9' } } },
    'sysctls: net.core.somaxconn cannot be set',
  ],
  ['no user', { process: { user: { uid: 2 ** 32 - 1 } } }, 'runAsUser: 4294967295:0'],
];
test.each(refused)('a container is refused that asks for %s', (_, config, message) => {
  expect(() => readSecurityContext(config, 'container')).toThrow(new RegExp(`^NL_SECURITY_CONTEXT: .*${message}`));
});

test.each([
  ['pid', 'hostPID: '],
  ['ipc', 'hostIPC: '],
])("a sandbox in the node's namespace %s is refused", (type, message) => {
  const config = { linux: { namespaces: without(type) } };
  for (const kind of ['sandbox', 'standalone'] as const)
    expect(() => readSecurityContext(config, kind)).toThrow(message);
  // A container joins the namespaces of its sandbox.
  expect(() => readSecurityContext(config, 'container')).not.toThrow();
});

test('a container that lists no namespaces asks for those of the node', () => {
  for (const config of [{}, { linux: {} }, { linux: { namespaces: [] } }])
    expect(() => readSecurityContext(config, 'standalone')).toThrow('hostPID and hostIPC: ');
});

test.each(['pid', 'ipc', 'uts', 'mount'])('an existing namespace of the kind %s is refused', (type) => {
  const path = `/proc/1/ns/${type}`;
  const config = { linux: { namespaces: [...without(type), { type, path }] } };
  for (const kind of ['sandbox', 'standalone'] as const)
    expect(() => readSecurityContext(config, kind)).toThrow(`namespaces: ${type}:${path} cannot be entered`);
  // A container's path leads to the namespace of its sandbox.
  expect(() => readSecurityContext(config, 'container')).not.toThrow();
});

test('an existing network is honoured', () => {
  const config = { linux: { namespaces: [...without('network'), { type: 'network', path: '/run/netns/a' }] } };
  for (const kind of ['sandbox', 'container', 'standalone'] as const)
    expect(() => readSecurityContext(config, kind)).not.toThrow();
});

test('a refusal names every field that is at fault', () => {
  const config = { linux: { namespaces: without('pid', 'ipc'), sysctl: { 'fs.x': '1' } } };
  expect(() => readSecurityContext(config, 'sandbox')).toThrow(/hostPID and hostIPC: .*; sysctls: fs.x/);
});

test.each([
  [undefined, undefined],
  [{ uid: 0, gid: 0 }, undefined],
  [{ uid: 0, gid: 7 }, undefined],
  [
    { uid: 65532, gid: 65533 },
    { uid: 65532, gid: 65533 },
  ],
  // A user without a group is not in the group of root.
  [
    { uid: 65532, gid: 0 },
    { uid: 65532, gid: 65532 },
  ],
])('for the user %j of a container, the game runs as %j', (user, expected) => {
  expect(readSecurityContext({ process: user ? { user } : {} }, 'container').user).toEqual(expected);
});

test("the user of the guest processes that are prepared is that of a game's image", () => {
  expect(`${USUAL_USER.uid}:${USUAL_USER.gid}`).toBe(IMAGE_USER);
});

test('the list of the system calls that a game needs is that of its filter', () => {
  // test/engine/system-calls.test.ts compares this table with the kernel's answer to every system call.
  expect([...GAME_CALLS].sort()).toEqual(Object.keys(ALLOWED.run).sort());
});
