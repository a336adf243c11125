import { readFileSync, statSync } from 'node:fs';
import { type Clock, systemClock } from '../../base/clock.ts';
import { type Config, settings } from '../../base/config.ts';
import { NearlightError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { readList } from '../../base/setting.ts';
import { milli } from '../../base/time.ts';
import { type KedaServer, openKedaServer } from './keda.ts';
import { type ApiCertificates, type MetricsApi, openMetricsApi } from './metrics-api.ts';
import { readPolicies } from './policies.ts';
import { type FleetView, Scaler } from './scaler.ts';

/** Pause between two decisions. The HPA controller and KEDA ask every 15 s or less often. */
export const LOOK_MS = 5000;
/** Looks after which the files of the certificates are read again, because a program may have renewed them. */
const LOOKS_PER_RENEWAL = 60;
const FILE_BYTES_MAX = 1_000_000;

export interface ScalingOptions {
  config: Config;
  log: Log;
  view: FleetView;
  clock?: Clock;
  /** Milliseconds since 1970. */
  now?(): number;
}

export interface Scaling {
  readonly scaler: Scaler;
  /** Ports of the adapters that are open. */
  readonly metricsPort: number | undefined;
  readonly kedaPort: number | undefined;
  close(): Promise<void>;
}

/**
 * Starts to scale the games for which there are policies: decides every few seconds, and opens the adapters that the settings name. Undefined
 * if no game is scaled.
 * @throws NearlightError NL_SETTING, NL_PORT_IN_USE; nothing stays open then
 */
export async function openScaling(options: ScalingOptions): Promise<Scaling | undefined> {
  const { config, log, view, clock = systemClock, now = Date.now } = options;
  if (config.scalePolicies === '') return undefined;
  const policies = readPolicies(read('scalePolicies', config));
  const scaler = new Scaler({
    policies,
    view,
    now,
    onChange: ({ policy, from, to, reason }) =>
      log('info', `${policy.namespace}/${policy.game}: ${to} servers in place of ${from} (${reason})`),
  });
  const api = await openApi(options, scaler);
  let keda: KedaServer | undefined;
  try {
    keda = await openKeda(options, scaler);
  } catch (error) {
    await api?.close();
    throw error;
  }
  const closing = Promise.withResolvers<void>();
  let isClosed = false;
  const run = async () => {
    for (let looks = 1; !isClosed; looks++) {
      scaler.look();
      if (api && looks % LOOKS_PER_RENEWAL === 0) renew(api, options);
      await Promise.race([clock.until(milli(clock.now() + LOOK_MS)), closing.promise]);
    }
  };
  const running = run();
  return {
    scaler,
    metricsPort: api?.port,
    kedaPort: keda?.port,
    async close() {
      isClosed = true;
      closing.resolve();
      await running;
      await api?.close();
      await keda?.close();
    },
  };
}

async function openApi(options: ScalingOptions, source: Scaler): Promise<MetricsApi | undefined> {
  const { config, log } = options;
  if (config.scaleMetricsCert === '') return undefined;
  const listen = { host: config.scaleMetricsHost, port: config.scaleMetricsPort };
  return openMetricsApi({ listen, source, log, certificates: certificates(options) });
}

async function openKeda({ config, log }: ScalingOptions, source: Scaler): Promise<KedaServer | undefined> {
  if (config.scaleKedaHost === '') return undefined;
  const listen = { host: config.scaleKedaHost, port: config.scaleKedaPort };
  if (config.scaleKedaCa === '') return openKedaServer({ listen, source, log });
  const tls = {
    ca: read('scaleKedaCa', config),
    cert: read('scaleMetricsCert', config),
    key: read('scaleMetricsKey', config),
  };
  return openKedaServer({ listen, source, log, tls });
}

/** Takes certificates that were renewed. Those before stay in use if the files cannot be read. */
function renew(api: MetricsApi, options: ScalingOptions): void {
  try {
    api.renew(certificates(options));
  } catch (error) {
    options.log('warn', `the certificates for metrics were not read again: ${(error as Error).message}`);
  }
}

function certificates({ config }: Pick<ScalingOptions, 'config'>): ApiCertificates {
  const cert = read('scaleMetricsCert', config);
  const key = read('scaleMetricsKey', config);
  const ca = read('scaleFrontProxyCa', config);
  return { cert, key, frontProxy: { ca, names: readList(config.scaleFrontProxyNames) } };
}

/** Reads the file that a setting names. @throws NearlightError NL_SETTING */
function read(
  name: 'scalePolicies' | 'scaleMetricsCert' | 'scaleMetricsKey' | 'scaleFrontProxyCa' | 'scaleKedaCa',
  config: Config,
): string {
  const [{ env }, path] = [settings[name], config[name]];
  if (path === '') throw new NearlightError('NL_SETTING', `${env} has to name a file`);
  try {
    if (statSync(path).size > FILE_BYTES_MAX) throw new Error(`it has more than ${FILE_BYTES_MAX} bytes`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new NearlightError('NL_SETTING', `${env}=${path} cannot be read: ${(error as Error).message}`);
  }
}
