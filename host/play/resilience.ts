import { type Clock, systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { NearlightError } from '../base/errors.ts';
import { FAULT_PLACES, type FaultKind, type FaultPlace, type Faults, NO_FAULTS, skewedClock } from '../base/faults.ts';
import type { Log } from '../base/log.ts';
import { milli } from '../base/time.ts';
import type { GateOptions } from '../edge/admission/gate.ts';
import { Chaos } from '../edge/faults/chaos.ts';
import { faultyFetch } from '../edge/faults/fetch.ts';
import { PLAN_BYTES_MAX, readPlan } from '../edge/faults/plan.ts';
import { Limit } from '../edge/protection/limit.ts';
import { Protection } from '../edge/protection/protection.ts';
import { BudgetWatch } from '../observe/budgets.ts';
import type { Meters } from '../observe/meters.ts';
import type { ProtectionFigures } from '../observe/metrics/figures.ts';
import type { OperatorCall } from '../stream/operator-call.ts';

const LOOK_MS = 1000;

export interface ResilienceOptions {
  config: Config;
  log: Log;
  meters: Meters;
  clock?: Clock;
}

/** A host's protection from pressure, and the faults with which an operator tries it. */
export interface Resilience {
  readonly faults: Faults;
  readonly protection: Protection;
  /** Limits of the protection modes. */
  readonly joins: Limit;
  readonly moves: Limit;
  /** The operators' address for faults. */
  readonly call: OperatorCall;
  readonly figures: ProtectionFigures;
  close(): void;
}

/** Starts to watch the pressure and the budgets of a host. Faults beyond a budget end. */
export function openResilience({ config, log, meters, clock = systemClock }: ResilienceOptions): Resilience {
  const protection = new Protection({ config, clock, log, counts: meters.protection });
  const limits = { pressure: protection, counts: meters.protection };
  const budgets = new BudgetWatch(meters);
  const chaos = config.chaos === 'on' ? new Chaos({ clock, log, counts: meters.faults }) : undefined;
  if (chaos)
    log('warn', "faults can be injected at the operators' port (CHAOS=on); do not let players depend on this host");
  // An experiment is judged by what it costs, not by what was slow before.
  chaos?.onChange(() => {
    if (chaos.isActive) budgets.restart();
  });
  const closing = Promise.withResolvers<void>();
  let isClosed = false;
  const watch = async (): Promise<void> => {
    for (;;) {
      await Promise.race([clock.until(milli(clock.now() + LOOK_MS)), closing.promise]);
      if (isClosed) return;
      protection.tend();
      chaos?.tend();
      budgets.look();
      if (chaos) stopBeyondBudget(chaos, budgets, meters);
    }
  };
  void watch();
  return {
    faults: chaos ?? NO_FAULTS,
    protection,
    joins: new Limit({ ...limits, fingerprint: 'joins', waitingMax: config.burstJoinsWaitingMax }),
    moves: new Limit({ ...limits, fingerprint: 'moves', waitingMax: config.burstMovesWaitingMax }),
    call: faultsCall(chaos),
    figures: {
      faults: () => chaos?.states() ?? noFaults(),
      isHigh: (fingerprint) => protection.isHigh(fingerprint),
      p95Ms: (step) => budgets.p95Ms(step),
    },
    close() {
      isClosed = true;
      chaos?.end('the host closes');
      closing.resolve();
    },
  };
}

/** Lets the issuer, the OPA server and the clock of a gate suffer injected faults. */
export function faultsOfGate({ faults }: Pick<Resilience, 'faults'>): Required<Pick<GateOptions, 'now' | 'fetches'>> {
  const suffering = (place: 'issuer' | 'opa') => faultyFetch(faults, { place, clock: systemClock });
  return {
    now: skewedClock(faults, Date.now),
    fetches: { issuer: suffering('issuer'), opa: suffering('opa') },
  };
}

/** Ends an experiment that costs a step of protection more than its budget. */
function stopBeyondBudget(chaos: Chaos, budgets: BudgetWatch, meters: Meters): void {
  const excess = chaos.isActive ? budgets.excess() : undefined;
  if (!excess) return;
  const { step, p95Ms, budgetMs } = excess;
  meters.faults.stopped++;
  chaos.end(`95 % of the runs of "${step}" take up to ${p95Ms.toFixed(1)} ms, and its budget is ${budgetMs} ms`);
}

/** Makes the address `/faults`: GET returns the faults, PUT exchanges them, and DELETE ends them. */
function faultsCall(chaos: Chaos | undefined): OperatorCall {
  return {
    path: '/faults',
    methods: 'GET, PUT, DELETE',
    bodyBytesMax: PLAN_BYTES_MAX,
    answer({ method, body }) {
      if (!chaos)
        throw new NearlightError('NL_CHAOS', 'set CHAOS=on and start the host again, on a host for experiments');
      if (method === 'PUT') chaos.set(readPlan(body));
      if (method === 'DELETE') chaos.end('an operator has ended them');
      return { faults: chaos.status(), ...(chaos.lastStop === undefined ? {} : { ended: chaos.lastStop }) };
    },
  };
}

function noFaults(): { place: FaultPlace; kind: FaultKind; isActive: boolean }[] {
  return (Object.entries(FAULT_PLACES) as [FaultPlace, readonly FaultKind[]][]).flatMap(([place, kinds]) =>
    kinds.map((kind) => ({ place, kind, isActive: false })),
  );
}
