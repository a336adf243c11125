// Feeds random and damaged command streams, modules, glTF files, image layers and players' messages to the host; variables FUZZ_* set the numbers.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from '../../host/base/assert.ts';
import { createWasmEdgeEngine } from '../../host/engine/wasmedge/engine.ts';
import { buildKernel } from '../../host/pod/native.ts';
import { models } from '../assets/models.ts';
import { tryMutated } from '../assets/mutate.ts';
import { at } from '../at.ts';
import { type CampaignOptions, campaign, resultsFolder, type Totals } from '../fuzz/campaign.ts';
import { ImageFuzzer } from '../fuzz/images.ts';
import { smallModules } from '../fuzz/module.ts';
import { checkMutants, type ModuleTotals, playMutants } from '../fuzz/modules.ts';
import { fuzzProtocol, TARGETS } from '../fuzz/protocol.ts';
import { RtcpSubject } from '../fuzz/rtcp.ts';
import { Random } from '../random.ts';
import { type Bench, benchmark } from './harness.ts';
import { numberFrom } from './switches.ts';

/** Number of command streams to run on Dawn's null backend, and on the software adapter. */
const STREAMS = numberFrom('FUZZ_STREAMS', 2_000_000);
const SOFTWARE_STREAMS = numberFrom('FUZZ_SOFTWARE_STREAMS', 100_000);
/**
 * Number of mutated Wasm modules to check, of mutants that pass the check to play on WasmEdge (a tenth of them compiled), and
 * of mutated glTF files to pack.
 */
const MODULES = numberFrom('FUZZ_MODULES', 900_000);
const PLAYED = numberFrom('FUZZ_PLAYED', 3000);
const MODELS = numberFrom('FUZZ_MODELS', 100_000);
/** Number of stacks of image layers. Their mounts require root. */
const IMAGES = numberFrom('FUZZ_IMAGES', 20_000);
/** Number of damaged messages of each kind that players' pages send. */
const MESSAGES = numberFrom('FUZZ_MESSAGES', 2_000_000);
/** The first seed of the command streams and of the stacks of layers. To continue a stopped run, give the last "next seed" that it printed. */
const FROM = numberFrom('FUZZ_FROM', 1);
/** Number of RTCP packets, half of them damaged, that a sender of video reads. */
const RTCP = numberFrom('FUZZ_RTCP', 2_000_000);
const PROGRESS_MS = 10_000;

let told = 0;
let known = 0;

function progress(name: string, wanted: number, totals: Totals): void {
  for (const { seed, faults, message } of totals.findings.slice(known))
    process.stderr.write(`fuzz: ${name}: seed ${seed}: ${faults.join('; ')} (${message})\n`);
  known = totals.findings.length;
  const { streams, seconds, next, findings } = totals;
  const rate = Math.round(streams / seconds);
  const share = ((100 * streams) / wanted).toFixed(1);
  tell(`${name}: ${streams} streams (${share} %), ${rate}/s, next seed ${next}, ${findings.length} findings`);
}

async function streams(
  bench: Bench,
  name: string,
  options: Omit<CampaignOptions, 'onProgress' | 'from'>,
): Promise<void> {
  if (options.streams === 0) return;
  known = 0;
  const onProgress = (totals: Totals) => progress(name, options.streams, totals);
  const totals = await campaign({ ...options, from: FROM, onProgress });
  writeFileSync(join(resultsFolder(), `${options.backend}.json`), `${JSON.stringify(totals, null, 2)}\n`);
  bench.value(`${name}: streams`, '', totals.streams);
  bench.value(`${name}: commands`, '', totals.commands);
  bench.value(`${name}: cases without an error`, '%', (100 * totals.right) / totals.cases);
  bench.value(`${name}: streams per second`, '/s', totals.streams / totals.seconds);
  bench.value(`${name}: slowest call`, 'ms', totals.slowestMs);
  for (const [code, count] of Object.entries(totals.codes))
    bench.value(`${name}: cases that ended with ${code}`, '', count);
  for (const { seed, faults } of totals.findings.slice(0, 20))
    bench.note(`${name}: seed ${seed}: ${faults.join('; ')}`);
  bench.goal(`${name}: findings`, { direction: 'at most', limit: 0, value: totals.findings.length, unit: '' });
}

function tell(line: string): void {
  if (performance.now() - told < PROGRESS_MS) return;
  told = performance.now();
  process.stderr.write(`fuzz: ${line}\n`);
}

function tellModules(bench: Bench, name: string, { modules, passed, codes, findings }: ModuleTotals): void {
  bench.value(`${name}`, '', modules);
  bench.value(`${name}: without an error`, '', passed);
  for (const [code, count] of Object.entries(codes)) bench.value(`${name}: ${code}`, '', count);
  for (const { seed, fault } of findings.slice(0, 20)) bench.note(`${name}: seed ${seed}: ${fault}`);
  bench.goal(`${name}: findings`, { direction: 'at most', limit: 0, value: findings.length, unit: '' });
}

const BATCH = 10_000;

function modules(bench: Bench): void {
  if (MODULES === 0) return;
  // A real game is a hundred times as large as the small modules, so it gets a twentieth of the mutants.
  const triangle = readFileSync(join(import.meta.dirname, '../../build/triangle.wasm'));
  const small = smallModules();
  const all: ModuleTotals = { modules: 0, passed: 0, codes: {}, findings: [] };
  for (let from = 1; all.modules < MODULES; from += BATCH) {
    const sources = (from - 1) % (20 * BATCH) === 0 ? [triangle] : small;
    const {
      modules: count,
      passed,
      codes,
      findings,
    } = checkMutants(sources, from, Math.min(BATCH, MODULES - all.modules));
    all.modules += count;
    all.passed += passed;
    all.findings.push(...findings);
    for (const [code, n] of Object.entries(codes)) all.codes[code] = (all.codes[code] ?? 0) + n;
    tell(`modules: ${all.modules} checked, ${all.findings.length} findings`);
  }
  tellModules(bench, 'modules checked', all);
}

async function played(bench: Bench): Promise<void> {
  if (PLAYED === 0) return;
  const cacheDir = mkdtempSync(join(tmpdir(), 'nearlight-fuzz-'));
  for (const interpreter of [true, false]) {
    const count = interpreter ? PLAYED : Math.ceil(PLAYED / 10);
    const engine = createWasmEdgeEngine({ cacheDir, interpreter });
    const onProgress = (done: number) => tell(`modules: ${done} of ${count} played on ${engine.name}`);
    tellModules(
      bench,
      `modules played on ${engine.name}`,
      await playMutants(engine, smallModules(), count, onProgress),
    );
  }
  rmSync(cacheDir, { recursive: true });
}

async function gltf(bench: Bench): Promise<void> {
  if (MODELS === 0) return;
  const sources = await Promise.all(
    ['base', 'skinned', 'meshopt', 'draco', 'morphed'].map((name) => must(models[name], `model "${name}"`)()),
  );
  const findings: string[] = [];
  let packed = 0;
  for (let seed = 1; seed <= MODELS; seed++) {
    try {
      const { message } = await tryMutated(at(sources, seed % sources.length), seed);
      if (message === '') packed++;
    } catch (error) {
      findings.push((error as Error).message);
    }
    tell(`glTF: ${seed} files, ${findings.length} findings`);
  }
  bench.value('glTF files', '', MODELS);
  bench.value('glTF files: packed', '', packed);
  for (const finding of findings.slice(0, 20)) bench.note(`glTF: ${finding}`);
  bench.goal('glTF files: findings', { direction: 'at most', limit: 0, value: findings.length, unit: '' });
}

function rtcp(bench: Bench): void {
  const findings: string[] = [];
  let subject = new RtcpSubject();
  for (let seed = 1; seed <= RTCP; seed++) {
    try {
      subject.step(new Random(seed));
    } catch (error) {
      findings.push(`seed ${seed}: ${(error as Error).message}`);
      subject.close();
      subject = new RtcpSubject();
    }
    tell(`RTCP: ${seed} packets, ${findings.length} findings`);
  }
  subject.close();
  bench.value('RTCP packets', '', RTCP);
  for (const finding of findings.slice(0, 20)) bench.note(`RTCP: ${finding}`);
  bench.goal('RTCP packets: findings', { direction: 'at most', limit: 0, value: findings.length, unit: '' });
}

async function images(bench: Bench): Promise<void> {
  if (IMAGES === 0) return;
  await buildKernel();
  const fuzzer = new ImageFuzzer();
  const begun = performance.now();
  const { findings, ...totals } = await fuzzer.run(FROM, IMAGES, (now) =>
    tell(`images: ${now.stacks} of ${IMAGES} stacks, ${now.findings.length} findings`),
  );
  fuzzer.close();
  for (const [name, count] of Object.entries(totals)) bench.value(`images: ${name}`, '', count);
  bench.value('images: stacks per second', '/s', totals.stacks / ((performance.now() - begun) / 1000));
  for (const finding of findings.slice(0, 20)) bench.note(`images: ${finding}`);
  bench.goal('images: findings', { direction: 'at most', limit: 0, value: findings.length, unit: '' });
}

async function messages(bench: Bench): Promise<void> {
  for (const name of MESSAGES > 0 ? Object.keys(TARGETS) : []) {
    const findings: string[] = [];
    let accepted = 0;
    for (let done = 0; done < MESSAGES; done += BATCH) {
      const totals = fuzzProtocol(name, 1 + done, Math.min(BATCH, MESSAGES - done));
      accepted += totals.accepted;
      findings.push(...totals.findings);
      tell(`${name}: ${done} of ${MESSAGES} messages, ${findings.length} findings`);
      // Timers of connections that have ended run out meanwhile.
      await new Promise((resolve) => setImmediate(resolve));
    }
    bench.value(`${name}: messages`, '', MESSAGES);
    bench.value(`${name}: messages that were accepted`, '', accepted);
    for (const finding of findings.slice(0, 20)) bench.note(finding);
    bench.goal(`${name}: findings`, { direction: 'at most', limit: 0, value: findings.length, unit: '' });
  }
}

await benchmark('fuzz', async (bench) => {
  await streams(bench, 'null backend', { backend: 'null', streams: STREAMS });
  await streams(bench, 'software adapter', { backend: 'vulkan', streams: SOFTWARE_STREAMS });
  modules(bench);
  await played(bench);
  await gltf(bench);
  await images(bench);
  await messages(bench);
  rtcp(bench);
});
