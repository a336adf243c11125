import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { must } from '../../base/assert.ts';
import { NearlightError } from '../../base/errors.ts';
import { guestCommand } from './build.ts';
import { LEVELS } from './compiler.ts';

let version: Promise<string> | undefined;
let identity: Promise<string> | undefined;

/**
 * Returns the version of WasmEdge that the guest program uses, such as "0.14.1".
 * @throws NearlightError NL_NO_WASMEDGE
 */
export async function wasmEdgeVersion(): Promise<string> {
  const [name = ''] = (await libraries()).split('\n');
  return name;
}

/**
 * Describes all that determines native code, except the module: WasmEdge, LLVM, the optimization levels and this CPU. Returns
 * a SHA-256 in hexadecimal.
 * @throws NearlightError NL_NO_WASMEDGE
 */
export function compilerIdentity(): Promise<string> {
  identity ??= describe().catch((error: unknown) => {
    identity = undefined;
    throw error;
  });
  return identity;
}

/** Returns what `guest version` prints: the version of WasmEdge, then the path of every loaded library. */
function libraries(): Promise<string> {
  const [program, ...first] = guestCommand() as [string, ...string[]];
  version ??= promisify(execFile)(program, [...first, 'version']).then(
    ({ stdout }) => stdout.trim(),
    (error: Error) => {
      version = undefined;
      throw new NearlightError('NL_NO_WASMEDGE', `the guest program does not start: ${error.message.trim()}`);
    },
  );
  return version;
}

async function describe(): Promise<string> {
  const [name, ...paths] = (await libraries()).split('\n');
  const files = await Promise.all(
    paths.map(async (path) => {
      const { size, mtimeMs } = await stat(path);
      return [path, size, mtimeMs];
    }),
  );
  const cpu = must((await readFile('/proc/cpuinfo', 'utf8')).split('\n\n')[0], 'CPU in /proc/cpuinfo');
  const features = cpu
    .split('\n')
    .filter((line) => /^(model name|flags|Features|CPU (part|implementer))\s*:/.test(line));
  return createHash('sha256')
    .update(JSON.stringify([name, files, LEVELS, features]))
    .digest('hex');
}
