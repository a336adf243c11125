import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { SOURCE_ENDING } from '../../../host/base/self.ts';
import { createVideoEncoder } from '../../../host/video/h264.ts';
import { sleep } from '../../wait.ts';
import { open } from '../game.ts';
import type { PodResult } from '../pod.ts';
import type { Reporter } from '../report.ts';
import { SIZES, type Size } from '../sizes.ts';

const PROGRAM = join(import.meta.dirname, `../pod.${SOURCE_ENDING}`);
const COUNTS = [1, 4, 8, 16, 20, 32];
const WARM_UP_MS = 1500;
const MEASURED_MS = 4000;
/** Time for opening the pods and for ending them, beside the measured time. */
const OPEN_SECONDS = 5;
/** Processor cores that a pod needs at least; more pods than the cores allow are not measured. */
const CORES_PER_POD_MIN = 0.5;

/** Measures rooms in processes of their own, as in pods, each with one player whose pictures are encoded for a path of 20 Mbit/s. */
export async function run(report: Reporter): Promise<void> {
  const encoder = await describeEncoder();
  if (encoder.missing !== undefined) {
    report.skip('pods', `the pack's second archive, with FFmpeg, is not unpacked (${encoder.missing})`);
    return;
  }
  report.note(encoder.line);
  const software = (await open()).software;
  const countMax = software ? 1 : availableParallelism() / CORES_PER_POD_MIN;
  for (const count of COUNTS)
    for (const size of SIZES) {
      const name = `${count} ${count === 1 ? 'pod' : 'pods'} at ${size.name}`;
      const seconds = (WARM_UP_MS + MEASURED_MS) / 1000 + OPEN_SECONDS;
      if (count > countMax) report.skip(name, software ? 'the adapter renders in software' : 'there are too few cores');
      else if (report.fits(name, seconds)) await measure({ count, size, name, report });
    }
}

/** Tries to open a hardware video encoder. Returns a line that says which one is used, or why FFmpeg is missing. */
async function describeEncoder(): Promise<{ line: string; missing?: string }> {
  let line = 'the pictures are encoded by the GPU (NVENC)';
  try {
    const encoder = await createVideoEncoder({
      width: 1280,
      height: 720,
      fps: 60,
      bitrate: 8_000_000,
      hardware: true,
      log: (_level, message) => {
        line = message;
      },
    });
    await encoder.close();
    return { line };
  } catch (error) {
    return { line, missing: (error as Error).message };
  }
}

interface Load {
  count: number;
  size: Size;
  name: string;
  report: Reporter;
}

async function measure({ count, size, name, report }: Load): Promise<void> {
  const begun = performance.now();
  const pods = Array.from({ length: count }, () =>
    fork(PROGRAM, [String(size.width), String(size.height)], { serialization: 'advanced' }),
  );
  try {
    await Promise.all(pods.map((pod) => nextMessage(pod)));
    report.value(`${name}: all opened at once, to the first picture of the last one`, 'ms', performance.now() - begun);
    await sleep(WARM_UP_MS);
    for (const pod of pods) pod.send('record');
    const recorded = performance.now();
    await sleep(MEASURED_MS);
    const seconds = (performance.now() - recorded) / 1000;
    const results = await Promise.all(
      pods.map((pod) => {
        const message = nextMessage(pod);
        pod.send('stop');
        return message as Promise<PodResult>;
      }),
    );
    describe(results, { seconds, report });
  } catch (error) {
    report.check(`${name} all play`, false, (error as Error).message);
  } finally {
    await Promise.all(pods.map(end));
  }
}

function describe(results: readonly PodResult[], { seconds, report }: { seconds: number; report: Reporter }): void {
  const all = (pick: (result: PodResult) => number[]) => results.flatMap(pick);
  const each = (pick: (result: PodResult) => number) => results.map(pick);
  report.figure(
    '  pictures a second and pod',
    'fps',
    each(({ pictures }) => pictures / seconds),
  );
  report.figure(
    '  between two pictures of a pod',
    'ms',
    all(({ gaps }) => gaps),
  );
  report.figure(
    '  from reading the input to the encoded picture',
    'ms',
    all(({ inputToSend }) => inputToSend),
  );
  report.figure(
    '  GPU time of a render (timestamps)',
    'ms',
    all(({ gpu }) => gpu),
  );
  report.figure(
    '  convert and read back',
    'ms',
    all(({ readback }) => readback),
  );
  report.figure(
    '  encode',
    'ms',
    all(({ encode }) => encode),
  );
  report.figure(
    '  bitrate of a pod',
    'Mbit/s',
    each(({ encodedBytes }) => (8 * encodedBytes) / 1e6 / seconds),
  );
  report.figure(
    '  processor time of a pod',
    'cores',
    each(({ cpuMs }) => cpuMs / 1000 / seconds),
  );
  report.figure(
    '  memory of a pod (RSS)',
    'MiB',
    each(({ residentBytes }) => residentBytes / 2 ** 20),
  );
}

/** Resolves with the next message of a child process. @throws Error if it ends before */
async function nextMessage(child: ChildProcess): Promise<unknown> {
  const [message] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code, signal]) => {
      throw new Error(`a pod ended with ${signal ?? code}`);
    }),
  ]);
  return message;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
