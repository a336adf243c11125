import { readArguments } from '../base/arguments.ts';
import { readConfig } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { VERSION } from '../base/version.ts';
import { buildNative } from '../engine/wasmedge/build.ts';
import { edgeSocket, startEdgeService } from '../play/edge-service.ts';
import { untilSignal } from './command.ts';

const HELP = `Lets players in, and keeps sessions and results, for all hosts of this machine.

Usage: nearlight edge [options]

Hosts that are started with the same EDGE_SOCKET ask this service who may join (ADMISSION, OIDC_*, POLICY_*, OPA_*, RISK_RULES,
ACCOUNT_*), and report to it what it keeps in STORE_DIR and sends to SINK_URL. If it ends, running matches go on, players who were
connected come back, and new players wait until it is there again. It needs no privileges.

Options:
  --socket PATH   same as EDGE_SOCKET (default: nearlight-edge/edge.sock in XDG_RUNTIME_DIR, or in /run for root)
  --help          this text

"nearlight --help" lists the settings. ADMISSION and STORE_DIR have to be set.
`;

/** Runs an edge service until a signal arrives. @throws NearlightError NL_USAGE, NL_SETTING, and as startEdgeService */
export async function run(args: string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const options = { socket: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;
  const { values, positionals } = readArguments(args, options, 'edge --help');
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (positionals.length > 0)
    throw new NearlightError('NL_USAGE', `${positionals[0]} is not an option; edge --help lists the options`);
  const own = values.socket === undefined ? {} : { EDGE_SOCKET: values.socket };
  const config = readConfig({ ...environment, ...own });
  const log = createLog(config.logLevel, config.logFormat);
  // Risk rules run in the engine of games.
  if (config.riskRules !== '') await buildNative((line) => log('info', line));
  const service = await startEdgeService({ config, log }, edgeSocket(config, environment));
  // Listen for signals first. A supervisor may send one as soon as it has read the lines below.
  const ended = untilSignal();
  const { url } = service.operator;
  process.stdout.write(`Nearlight ${VERSION}: edge service, ${describeAdmission(config.admission)}\n`);
  process.stdout.write(`Status and metrics at ${url}status and ${url}metrics\n`);
  process.stdout.write(`Hosts connect at ${service.socket}   (press Ctrl+C to stop)\n`);
  await ended;
  await service.close();
  return 0;
}

function describeAdmission(admission: string): string {
  return admission === 'open' ? 'anyone may join (ADMISSION=open)' : 'players with a token may join (ADMISSION=token)';
}
