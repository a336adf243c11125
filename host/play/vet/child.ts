/**
 * The process that tries shaders and pipelines. The host starts it in a late jail (host/engine/wasmedge/late-jail.h), kills it when a
 * trial takes too much, and trusts it with nothing else. It reads one trial a line from stdin and writes one report a line to
 * stdout, as messages.ts says.
 *   child.ts PATH    PATH is that of the addon which completes the jail
 */
import { readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { openGpu } from '../../gpu/dawn.ts';
import { driverIdentity } from './driver.ts';
import type { Ready, Report, Request } from './messages.ts';
import { tryOnce } from './trial.ts';

/** The addon of confine.cc. */
interface Confinement {
  confine(): number;
}

function send(message: Ready | Report): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const { confine } = createRequire(import.meta.url)(process.argv[2] ?? '') as Confinement;
const gpu = await openGpu({ hardwareRequired: false, log: () => {} });
// Whatever needs files comes before the jail is complete. /proc is that of the host.
const facts = { identity: driverIdentity(gpu), pid: Number(readlinkSync('/proc/self')) };
send({ ...facts, layers: confine() });
for await (const line of createInterface({ input: process.stdin })) {
  const { trial } = JSON.parse(line) as Request;
  send(await tryOnce(gpu.device, trial));
}
// Threads of the GPU's driver would otherwise keep the process alive.
process.exit();
