/**
 * The process that tries shaders and pipelines. The host starts it, kills it when a trial takes too much, and trusts it with
 * nothing else. It reads one trial a line from stdin and writes one report a line to stdout, as messages.ts says.
 */
import { createInterface } from 'node:readline';
import { openGpu } from '../../gpu/dawn.ts';
import { driverIdentity } from './driver.ts';
import type { Ready, Report, Request } from './messages.ts';
import { tryOnce } from './trial.ts';

function send(message: Ready | Report): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

const gpu = await openGpu({ hardwareRequired: false, log: () => {} });
send({ identity: driverIdentity(gpu) });
for await (const line of createInterface({ input: process.stdin })) {
  const { trial } = JSON.parse(line) as Request;
  send(await tryOnce(gpu.device, trial));
}
// Threads of the GPU's driver would otherwise keep the process alive.
process.exit();
