import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { hostname } from 'node:os';
import type { Log } from '../../base/log.ts';
import { losses } from '../../base/losses.ts';
import { VERSION } from '../../base/version.ts';
import type { Package, PolicyInput } from './decide.ts';

/** A decision, in the format of OPA's decision logs (https://www.openpolicyagent.org/docs/management-decision-logs). */
export interface DecisionEvent {
  labels: { app: string; id: string; host: string; version: string };
  decision_id: string;
  bundles?: Record<string, { revision: string }>;
  path: string;
  input: PolicyInput;
  result?: boolean;
  /** Why the policy could not be evaluated; `result` is what was decided without it. */
  error?: { code: string; message: string };
  timestamp: string;
  /** A decision that another one with the same input has made is a hit of the cache. */
  metrics: { timer_rego_query_eval_ns: number; counter_server_query_cache_hit?: 1 };
}

/** Facts about a decision. */
export interface Decision {
  name: Package;
  input: PolicyInput;
  result: boolean;
  /** Why the policy could not be evaluated. */
  error?: string | undefined;
  revision?: string | undefined;
  /** Whether an earlier decision about the same input was used. */
  isCached?: boolean;
  /** Time that the evaluation took. */
  ms: number;
}

/** This many bytes may wait for a slow disk. Further decisions are dropped and counted. */
const WAITING_BYTES_MAX = 2 ** 20;

/** Writes decisions, one JSON object a line. */
export interface DecisionLog {
  write(decision: Decision): void;
  /** Writes what waits, then closes the file. */
  close(): Promise<void>;
}

/** @param target path of a file, which grows; `log` for lines of the host's own log; '' for none */
export function openDecisionLog(target: string, log: Log): DecisionLog {
  const id = randomUUID();
  const line = (decision: Decision) => JSON.stringify(eventOf(decision, id));
  if (target === '') return { write() {}, close: async () => {} };
  if (target === 'log')
    return { write: (decision) => log('info', `decision: ${line(decision)}`), close: async () => {} };
  const stream = createWriteStream(target, { flags: 'a', mode: 0o600 });
  let isBroken = false;
  stream.on('error', ({ message }) => {
    isBroken = true;
    log('error', `decisions are no longer written to DECISION_LOG=${target}: ${message}; players go on joining`);
  });
  return {
    write(decision) {
      if (isBroken || stream.writableLength > WAITING_BYTES_MAX) losses.decisions++;
      else stream.write(`${line(decision)}\n`);
    },
    close: () => new Promise((resolve) => (isBroken ? resolve() : stream.end(() => resolve()))),
  };
}

function eventOf({ name, input, result, error, revision, isCached = false, ms }: Decision, id: string): DecisionEvent {
  return {
    labels: { app: 'nearlight', id, host: hostname(), version: VERSION },
    decision_id: randomUUID(),
    ...(revision === undefined ? {} : { bundles: { nearlight: { revision } } }),
    path: `${name}/allow`,
    input,
    result,
    ...(error === undefined ? {} : { error: { code: 'internal_error', message: error } }),
    timestamp: new Date().toISOString(),
    metrics: {
      timer_rego_query_eval_ns: Math.round(ms * 1e6),
      ...(isCached ? { counter_server_query_cache_hit: 1 } : {}),
    },
  };
}
