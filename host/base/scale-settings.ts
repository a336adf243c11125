import type { Setting } from './setting.ts';

/** The settings of how `nearlight fleet` scales the servers of games (host/fleet/SCALING.md). */
export const scaleSettings = {
  scalePolicies: {
    env: 'SCALE_POLICIES',
    default: '',
    about: 'file with the policies by which the servers of games are scaled, in JSON; empty: none is scaled',
  },
  scaleMetricsPort: {
    env: 'SCALE_METRICS_PORT',
    default: 9443,
    min: 0,
    max: 65_535,
    about: 'HTTPS port of external.metrics.k8s.io for the API server, if SCALE_METRICS_CERT is set; 0: any free port',
  },
  scaleMetricsHost: { env: 'SCALE_METRICS_HOST', default: '127.0.0.1', about: 'address of SCALE_METRICS_PORT' },
  scaleMetricsCert: {
    env: 'SCALE_METRICS_CERT',
    default: '',
    about: 'file with the certificate for SCALE_METRICS_PORT and, with SCALE_KEDA_CA, for SCALE_KEDA_PORT; empty: none',
  },
  scaleMetricsKey: { env: 'SCALE_METRICS_KEY', default: '', about: 'file with the key of SCALE_METRICS_CERT' },
  scaleFrontProxyCa: {
    env: 'SCALE_FRONT_PROXY_CA',
    default: '',
    about:
      "file with the authority that has signed the API server's certificate as a front proxy (--requestheader-client-ca-file)",
  },
  scaleFrontProxyNames: {
    env: 'SCALE_FRONT_PROXY_NAMES',
    default: 'front-proxy-client',
    about:
      'common names of the front proxy (--requestheader-allowed-names), separated by commas; K3s has system:auth-proxy',
  },
  scaleKedaPort: {
    env: 'SCALE_KEDA_PORT',
    default: 9466,
    min: 0,
    max: 65_535,
    about: 'port of the external scaler for KEDA, if SCALE_KEDA_HOST is set; 0: any free port',
  },
  scaleKedaHost: { env: 'SCALE_KEDA_HOST', default: '', about: 'address of SCALE_KEDA_PORT; empty: not served' },
  scaleKedaCa: {
    env: 'SCALE_KEDA_CA',
    default: '',
    about: "file with the authority that has signed KEDA's client certificate; empty: KEDA connects without TLS",
  },
} as const satisfies Record<string, Setting<number | string | boolean>>;
