#!/usr/bin/env node
/**
 * The command `nearlight` of the installed package, for Node 20 or later. It prepares the private runtime (WasmEdge, Mesa),
 * then starts the program on the Node version that the package pins.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const args = process.argv.slice(2);
/** Whether the command needs the private runtime (WasmEdge, Mesa). The listed commands need only Node. */
const NEEDS_RUNTIME = !['new', 'pack', 'help', '--help', '-h', '--version', '-v'].includes(args[0] ?? 'start');

if (NEEDS_RUNTIME && !args.includes('--help')) {
  const { status } = spawnSync('sh', [join(folder, 'setup.sh'), '--installed'], { stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
/** Whether the command streams a game. The listed commands do not. */
const STREAMS = !['dev', 'new', 'build', 'test', 'image', 'render', 'inspect', 'pack', 'doctor'].includes(
  args[0] ?? '',
);
// Without the first option, SIGUSR1 would make Node listen for a debugger. The second one bounds the space of new objects in MiB, which
// makes the heap of a process that streams smaller by 20 MiB. Compilers are faster without it.
const options = ['--disable-sigusr1', ...(STREAMS ? ['--max-semi-space-size=4'] : [])];
const child = spawn(pinnedNode(), [...options, join(folder, 'main.js'), ...args], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  process.stderr.write(`nearlight: cannot start Node: ${error.message}; install the package again\n`);
  process.exit(1);
});
child.on('exit', (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(name);
  process.kill(process.pid, signal);
});

/** Path of Node in the npm package `node`, or of the running Node if npm did not run that package's install script. */
function pinnedNode() {
  const manifest = createRequire(import.meta.url).resolve('node/package.json');
  const { bin, version } = JSON.parse(readFileSync(manifest, 'utf8'));
  const program = join(dirname(manifest), bin.node);
  if (existsSync(program)) return program;
  const major = Number.parseInt(version, 10);
  if (Number.parseInt(process.versions.node, 10) >= major) return process.execPath;
  process.stderr.write(
    `nearlight: Node ${process.versions.node} is too old, and the package "node", which brings Node ${version}, was installed without ` +
      `its install script; run: npm rebuild node, or use Node ${major} or later\n`,
  );
  process.exit(1);
}
