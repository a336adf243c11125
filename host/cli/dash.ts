import { readArguments } from '../base/arguments.ts';
import { readConfig } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { untilSignal } from './command.ts';
import { startDash } from './dash/dash.ts';

const PORT_DEFAULT = '9465';

const HELP = `Shows what a host on this machine does: players, latency, pictures, processors, refusals and faults.

Usage: npm start -- dash [options]

Start a host first, with "npm start" in another terminal. The page at http://127.0.0.1:${PORT_DEFAULT}/ draws the metrics of the last ten
minutes, which this command asks the host for every two seconds. The panels are those of the Grafana dashboards in
oci/k3s/sight, which a cluster needs; a single machine needs neither Grafana nor Prometheus.

Options:
  --metrics URL   metrics of the host, as it prints their address (default: by OPERATOR_HOST and OPERATOR_PORT,
                  http://127.0.0.1:9464/metrics)
  --port N        HTTP port of the page, 0 for a free one (default: ${PORT_DEFAULT})
  --help          this text
`;

/** Serves the page with a host's panels until a signal arrives. @throws NearlightError NL_USAGE, NL_SETTING, and as startDash */
export async function run(args: string[], environment: NodeJS.ProcessEnv): Promise<number> {
  const options = {
    metrics: { type: 'string' },
    port: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  const { values, positionals } = readArguments(args, options, 'dash --help');
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (positionals.length > 0)
    throw new NearlightError('NL_USAGE', `${positionals[0]} is not an option; dash --help lists the options`);
  const url = metricsUrl(values.metrics, environment);
  const log = (line: string) => void process.stdout.write(`${line}\n`);
  const dash = await startDash({ url, port: portOf(values.port ?? PORT_DEFAULT), log });
  const ended = untilSignal();
  log(`Metrics of ${url}\nLook at ${dash.url}   (press Ctrl+C to stop)`);
  await ended;
  await dash.close();
  return 0;
}

/** Returns the URL of the metrics that an option names, or that the settings of a host on this machine imply. */
function metricsUrl(option: string | undefined, environment: NodeJS.ProcessEnv): string {
  if (option === undefined) {
    const { operatorHost, operatorPort } = readConfig(environment);
    // A host that listens on every address also listens on this one.
    const address = ['', '0.0.0.0', '::'].includes(operatorHost) ? '127.0.0.1' : operatorHost;
    return `http://${address.includes(':') ? `[${address}]` : address}:${operatorPort}/metrics`;
  }
  if (!/^https?:/i.test(option) || !URL.canParse(option))
    throw new NearlightError('NL_USAGE', `--metrics ${option} is not a URL such as http://127.0.0.1:9464/metrics`);
  const url = new URL(option);
  if (url.pathname === '/') url.pathname = '/metrics';
  return url.href;
}

function portOf(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new NearlightError('NL_USAGE', `--port ${text} is not a whole number from 0 to 65535`);
  return port;
}
