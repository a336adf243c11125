/*
 * Runs in a jail in place of the program that tries shaders, and attacks the system around it. Prints one line of JSON: the layers
 * that hold, and for each attack whether it has succeeded.
 *   late-probe.ts PATH   completes its jail with the addon at PATH first; attacks without a jail if PATH is missing
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';

const [, , path] = process.argv;
const parent = process.ppid;
const { confine } = path === undefined ? { confine: () => 0 } : (createRequire(import.meta.url)(path) as Addon);

interface Addon {
  confine(): number;
}

/** The result of an attack: what it has found, or the code of the error that has ended it. */
async function attempt(attack: () => unknown): Promise<string> {
  try {
    await attack();
    return 'succeeded';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

function listen(options: object): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(options, () => server.close(() => resolve()));
  });
}

function start(): void {
  const { error } = spawnSync('/bin/true');
  if (error) throw error;
}

const ATTACKS: Record<string, () => unknown> = {
  'read /etc/passwd': () => readFileSync('/etc/passwd'),
  // Node has this thread since its start.
  'read /etc/passwd in a thread': () => readFile('/etc/passwd'),
  'list the root': () => readdirSync('/'),
  'find a program': () => statSync('/bin/sh'),
  'find its own program': () => statSync(import.meta.filename),
  'write a file': () => writeFileSync('/tmp/nearlight-late-probe', ''),
  'read /proc': () => readFileSync('/proc/self/status'),
  'open a socket': () => listen({ port: 0, host: '127.0.0.1' }),
  'start a program': start,
  'signal another process': () => process.kill(parent || 1, 0),
};

const layers = confine();
const results: Record<string, string> = {};
for (const [name, attack] of Object.entries(ATTACKS)) results[name] = await attempt(attack);
process.stdout.write(`${JSON.stringify({ layers, results })}\n`);
process.exit();
