import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readArguments } from '../base/arguments.ts';
import { readConfig } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { VERSION } from '../base/version.ts';
import { createSigningKey, publicKeyOf } from '../fleet/allocate/tickets.ts';
import { startFleet } from '../fleet/fleet.ts';
import { openAccess } from '../fleet/kube/access.ts';
import { untilSignal } from './command.ts';

const HELP = `Gives players seats on the game servers of a cluster.

Usage: nearlight fleet [options]

A matchmaker asks this service for seats, and gets the address of a pod and a ticket for each player. The edge services of the nodes
report their pods to it each second (FLEET_URL). Its state is in the pods, so it can be killed at any time, and replicas of it agree
on a leader by a Lease. host/fleet/FLEET.md describes the calls.

Options:
  --key FILE   print the public key of the private key in FILE, for FLEET_KEYS; the file is made if there is none
  --help       this text

"nearlight --help" lists the settings. FLEET_KEY_FILE has to be set.
`;

/** Runs the fleet until a signal arrives. @throws NearlightError NL_USAGE, NL_SETTING, NL_KUBE, and as startFleet */
export async function run(args: string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const options = { key: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
  const { values, positionals } = readArguments(args, options, 'fleet --help');
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (positionals.length > 0)
    throw new NearlightError('NL_USAGE', `${positionals[0]} is not an option; fleet --help lists the options`);
  if (values.key !== undefined) {
    process.stdout.write(`${keyIn(values.key)}\n`);
    return 0;
  }
  const config = readConfig(environment);
  if (config.fleetKeyFile === '')
    throw new NearlightError(
      'NL_SETTING',
      'the fleet needs a key to sign tickets with; make one with nearlight fleet --key FILE, and set FLEET_KEY_FILE to it',
    );
  const log = createLog(config.logLevel, config.logFormat);
  const fleet = await startFleet({ config, log, access: openAccess(config, environment) });
  // Listen for signals first. A supervisor may send one as soon as it has read the lines below.
  const ended = untilSignal();
  const { url } = fleet.operator;
  process.stdout.write(`Nearlight ${VERSION}: fleet of namespace ${config.fleetNamespace}\n`);
  process.stdout.write(`Status and metrics at ${url}status and ${url}metrics\n`);
  process.stdout.write(`Matchmakers and nodes ask at ${fleet.server.url}   (press Ctrl+C to stop)\n`);
  await ended;
  await fleet.close();
  return 0;
}

/** Returns the public key of a file, which is made if there is none. @throws NearlightError NL_SETTING */
function keyIn(path: string): string {
  try {
    if (!existsSync(path)) {
      writeFileSync(path, createSigningKey(), { mode: 0o600, flag: 'wx' });
      chmodSync(path, 0o600);
    }
    return publicKeyOf(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new NearlightError('NL_SETTING', `${path} cannot be used as a key: ${(cause as Error).message}`, { cause });
  }
}
