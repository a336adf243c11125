/** Runs the host's check of Wasm modules on mutants, and plays the mutants that pass it in guest processes. */
import { settings } from '../../host/base/config.ts';
import { NearlightError } from '../../host/base/errors.ts';
import type { Engine, EngineLimits } from '../../host/engine/engine.ts';
import { checkModule } from '../../host/engine/module.ts';
import { options } from '../engine/modules.ts';
import { mutant } from './module.ts';

const limits = {
  moduleBytesMax: settings.moduleBytesMax.default,
  memoryBytesMax: 2 ** 24,
  tableElementsMax: 1000,
};
const engineLimits: Partial<EngineLimits> = { ...limits, initMsMax: 1000, callMsMax: 200, compileMsMax: 10_000 };
/** CPU time that the check of one Wasm module may not exceed. */
const SLOW_MS = 5000;

export interface Checked {
  /** The Wasm module as an engine gets it after the check; undefined if the check refused it. */
  passed: Uint8Array<ArrayBuffer> | undefined;
  /** Describes a fault of the check itself; '' if there is none. */
  fault: string;
  code: string;
}

/** Runs the host's check on one Wasm module. A module that was valid before must still be valid after it. */
export function check(module: Uint8Array): Checked {
  const begun = process.threadCpuUsage();
  try {
    const { bytes } = checkModule(module, limits);
    const lost = WebAssembly.validate(module as Uint8Array<ArrayBuffer>) && !WebAssembly.validate(bytes);
    return { passed: bytes, code: '', fault: lost ? 'it was valid before the check, and is not after' : '' };
  } catch (error) {
    if (!(error instanceof NearlightError)) return { passed: undefined, code: '', fault: `${(error as Error).stack}` };
    const { user, system } = process.threadCpuUsage(begun);
    const ms = (user + system) / 1000;
    return { passed: undefined, code: error.code, fault: ms > SLOW_MS ? `it took ${ms} ms` : '' };
  }
}

export interface ModuleTotals {
  modules: number;
  passed: number;
  codes: Record<string, number>;
  findings: { seed: number; fault: string }[];
}

/** Runs the host's check on the mutants of `count` seeds. */
export function checkMutants(sources: readonly Uint8Array[], from: number, count: number): ModuleTotals {
  const totals: ModuleTotals = { modules: 0, passed: 0, codes: {}, findings: [] };
  for (let seed = from; seed < from + count; seed++) {
    const { passed, fault, code } = check(mutant(seed, sources));
    totals.modules++;
    if (passed) totals.passed++;
    if (code) totals.codes[code] = (totals.codes[code] ?? 0) + 1;
    if (fault) totals.findings.push({ seed, fault });
  }
  return totals;
}

/** The codes of the errors with which a faulty Wasm module may end. */
const CODES = /^NL_(MODULE_\w+|GUEST_(TRAP|TIMEOUT|MEMORY|CRASH|PROTOCOL|EXIT)|COMPILE|COMMAND)$/;

/** Loads the first `count` mutants that pass the check, and plays a few ticks of each. */
export async function playMutants(
  engine: Engine,
  sources: readonly Uint8Array[],
  count: number,
  onProgress: (done: number) => void = () => {},
): Promise<ModuleTotals> {
  const totals: ModuleTotals = { modules: 0, passed: 0, codes: {}, findings: [] };
  for (let seed = 1; totals.modules < count; seed++) {
    const module = mutant(seed, sources);
    if (!check(module).passed) continue;
    totals.modules++;
    onProgress(totals.modules);
    const code = await play(engine, module);
    if (code === '') totals.passed++;
    else totals.codes[code] = (totals.codes[code] ?? 0) + 1;
    if (code !== '' && !CODES.test(code)) totals.findings.push({ seed, fault: code });
  }
  return totals;
}

async function play(engine: Engine, module: Uint8Array): Promise<string> {
  try {
    const instance = await engine.load(module, options(engineLimits));
    try {
      await instance.join(0);
      for (let tick = 0; tick < 3; tick++) await instance.tick(tick);
      await instance.render(0, 64, 64);
      const state = await instance.save();
      if (state && state.length > 2 ** 24) return 'its state is larger than its limit';
    } finally {
      await instance.close();
    }
    return '';
  } catch (error) {
    return error instanceof NearlightError ? error.code : String((error as Error).stack);
  }
}
