/** Measures the host on this machine's GPU: main [OUT] [PART ...]. It needs nothing but a Vulkan driver. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { must } from '../../host/base/assert.ts';
import { VERSION } from '../../host/base/version.ts';
import { type RunOptions, runPart } from './child.ts';
import { type Driver, listDrivers } from './driver.ts';
import { findLibrary, machineFacts } from './machine.ts';
import { PARTS, type Part, PROBE } from './parts.ts';
import { type Finding, faultsOf, formatPart, type PartResult } from './report.ts';

/**
 * Time for all parts together. A part that is blocked by the GPU may take some seconds more than its own; the whole run stays
 * below 8 minutes.
 */
const SECONDS_MAX = 455;
/** A part of the measurements is skipped if less time than this is left for it. */
const PART_SECONDS_MIN = 5;
const OUT = 'hardware-results';

const HELP = `Measures what Nearlight does on this machine's GPU, in less than 8 minutes.

Usage: sh run.sh [OUT] [PART ...]

OUT is the folder for results.json, table.txt, the pictures that differ and the logs. By default it is the value of the
variable OUT, or else ${OUT}.
Without a PART, all of them run:

${PARTS.filter(({ name }) => name !== PROBE)
  .map(({ name, about, seconds }) => `  ${name.padEnd(12)} ${about} (${seconds} s at most)`)
  .join('\n')}

The exit status is 0 if nothing is broken, however slow this machine is.
`;

interface Chosen {
  driver: Driver;
  facts: Record<string, unknown>;
}

/** The contents of results.json: everything that is known so far. The file is written again with each finding. */
interface Results {
  version: string;
  date: string;
  machine: Record<string, unknown>;
  driver: string;
  parts: PartResult[];
  faults: string[];
  seconds: number;
}

async function main(args: string[]): Promise<number> {
  if (args.includes('--help')) {
    process.stdout.write(HELP);
    return 0;
  }
  const [folder = process.env.OUT || OUT, ...names] = args;
  const unknown = names.filter((name) => !PARTS.some((part) => part.name === name));
  if (unknown.length > 0 || folder.startsWith('-')) {
    process.stderr.write(`hardware: there is no part ${unknown.join(', ') || folder}; --help lists them\n`);
    return 2;
  }
  const out = resolve(folder);
  mkdirSync(out, { recursive: true });
  const begun = performance.now();
  const seconds = () => (performance.now() - begun) / 1000;
  const results: Results = {
    version: VERSION,
    date: new Date().toISOString(),
    machine: machineFacts(),
    driver: '',
    parts: [],
    faults: [],
    seconds: 0,
  };
  const text: string[] = [];
  const say = (lines: string) => {
    text.push(lines);
    process.stdout.write(lines);
    writeFileSync(join(out, 'table.txt'), text.join(''));
  };
  const save = () => writeResults(out, { ...results, seconds: Math.round(seconds()) });
  say(`Nearlight ${VERSION} on ${results.machine.cpu}, ${results.machine.cores} cores\n`);
  for (const line of notes(results.machine)) say(`  ${line}\n`);
  const chosen = await chooseDriver(out, (line) => say(`  ${line}\n`));
  if (!chosen) {
    results.faults.push('no Vulkan adapter was found');
    save();
    say(
      `\nBROKEN: no Vulkan adapter was found. Install the vendor's driver with its Vulkan libraries; in a container, ask\nfor them (NVIDIA_DRIVER_CAPABILITIES=all). ${join(out, 'results.json')} says what this machine has.\n`,
    );
    return 1;
  }
  results.driver = chosen.driver.name;
  say('\n');
  for (const part of PARTS) {
    if (part.name === PROBE || (names.length > 0 && !names.includes(part.name))) continue;
    const { name, about } = part;
    const result: PartResult = { name, about, seconds: 0, findings: [] };
    results.parts.push(result);
    const onFinding = (finding: Finding) => {
      result.findings.push(finding);
      save();
    };
    const options = { out, environment: chosen.driver.environment, onFinding };
    Object.assign(result, await runInTime(part, SECONDS_MAX - seconds(), options));
    results.faults.push(...faultsOf(result));
    save();
    say(formatPart(result));
  }
  save();
  say(`${summary(results.faults)} in ${Math.round(seconds())} s; ${join(out, 'results.json')}\n`);
  return results.faults.length > 0 ? 1 : 0;
}

/** Runs a part of the measurements in the time that is left for it, or skips it if that is too short. */
async function runInTime(part: Part, secondsLeft: number, options: Omit<RunOptions, 'seconds'>): Promise<PartResult> {
  const seconds = Math.min(part.seconds, Math.floor(secondsLeft));
  if (seconds >= PART_SECONDS_MIN) return runPart(part, { ...options, seconds });
  const { name, about } = part;
  const findings: Finding[] = [{ kind: 'skipped', what: name, why: `the ${SECONDS_MAX} s are over` }];
  return { name, about, seconds: 0, findings };
}

/** Tries the Vulkan drivers until one offers hardware; otherwise takes the first one that offers a software adapter. */
async function chooseDriver(out: string, say: (line: string) => void): Promise<Chosen | undefined> {
  const probe = must(
    PARTS.find(({ name }) => name === PROBE),
    'part that probes',
  );
  let software: Chosen | undefined;
  for (const [index, driver] of listDrivers(out).entries()) {
    const { name, seconds } = probe;
    // With this variable, the Vulkan loader says in the log why a driver cannot be used.
    const environment = { VK_LOADER_DEBUG: 'error,warn', ...driver.environment };
    const options = { out, seconds, environment, log: `${name}-${index + 1}`, onFinding: () => {} };
    const { findings, failure } = await runPart(probe, options);
    const facts = findings.find((finding) => finding.kind === 'facts')?.facts;
    say(`${driver.name}: ${facts ? `${facts.description}${facts.software ? ' (renders in software)' : ''}` : failure}`);
    if (facts && !facts.software) return { driver, facts };
    if (facts) software ??= { driver, facts };
  }
  return software;
}

/** Returns lines that describe the machine, for the report above the first figure. */
function notes(machine: Record<string, unknown>): string[] {
  const gpus = machine.gpus as string[];
  const encoder = findLibrary('libnvidia-encode.so.1');
  return [
    gpus.length > 0 ? `nvidia-smi: ${gpus.join('; ')}` : 'nvidia-smi does not answer',
    `libnvidia-encode.so.1: ${encoder ?? 'not found'}`,
  ];
}

function summary(faults: readonly string[]): string {
  return faults.length === 0 ? 'Nothing is broken' : `BROKEN:\n${faults.map((fault) => `  ${fault}\n`).join('')}Done`;
}

/** Writes results.json by renaming a new file, so that it is complete at every moment. */
function writeResults(out: string, results: Results): void {
  const path = join(out, 'results.json');
  writeFileSync(`${path}.new`, `${JSON.stringify(results, null, 2)}\n`);
  renameSync(`${path}.new`, path);
}

// If the reader of the standard output stops early, the whole table is still in table.txt.
process.stdout.on('error', () => {});
process.exitCode = await main(process.argv.slice(2));
