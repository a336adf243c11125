import { INPUT_STRIDE, PADS_STRIDE } from '../../renderer/contract/abi.ts';
import { NearlightError } from '../base/errors.ts';
import type { Engine, EngineLimits, Instance, Listening, LogLevel, Submission } from '../engine/engine.ts';
import { type Call, digest, type SessionHeader } from './format.ts';
import type { Recording } from './reader.ts';

/** The call in which a module submitted commands: `init`, or a call of the recording. */
export type Cause = Call | { readonly kind: 'init' };

export interface ReplayOptions {
  engine: Engine;
  /** The module and the asset pack that the session was recorded with. */
  module: Uint8Array;
  assets: Uint8Array;
  limits: EngineLimits;
  log(level: LogLevel, message: string): void;
  /** Takes the commands and data that each call submitted, even if there are none. They are valid until the next call. */
  onSubmission(submission: Submission, cause: Cause): void | Promise<void>;
}

/**
 * Runs a recorded session again on any engine, as fast as possible.
 * @throws NearlightError NL_RECORDING if the module or the assets differ from the recorded ones; the errors of Engine.load();
 * and the error that the recorded session ended with
 */
export async function replay({ header, calls }: Recording, options: ReplayOptions): Promise<void> {
  const { engine, module, assets, limits, log, onSubmission } = options;
  await verify(header, { module, assets });
  const { seed, tickRate, seats, gpu } = header;
  const instance = await engine.load(module, { limits, assets, log, seed, tickRate, seats, ...(gpu && { gpu }) });
  try {
    await onSubmission(instance.initial, { kind: 'init' });
    for (const call of calls) {
      const submission = await makeCall(instance, call);
      if (submission) await onSubmission(submission, call);
    }
  } finally {
    await instance.close();
  }
}

/**
 * Makes a recorded call to a module. Returns what it submitted, or undefined if there was only data for its next call.
 * @param listening the seats for which a tick also mixes sound
 */
export function makeCall(instance: Instance, call: Call, listening?: Listening): Promise<Submission> | undefined {
  switch (call.kind) {
    case 'join':
      return instance.join(call.seat);
    case 'leave':
      return instance.leave(call.seat);
    case 'tick':
      return instance.tick(call.tick, listening);
    case 'render':
      return instance.render(call.seat, call.width, call.height);
    case 'restore':
      return instance.restore(call.state);
    case 'import':
      return instance.importPlayer(call.seat, call.state).then(({ submission }) => submission);
    case 'write':
      instance.write(call.address, call.bytes);
      return undefined;
    case 'reply':
      instance.reply(call.record);
      return undefined;
    case 'pads':
      new Uint8Array(instance.pads.buffer, instance.pads.byteOffset).set(call.record, call.seat * PADS_STRIDE);
      return undefined;
    case 'input':
      new Uint8Array(instance.inputs.buffer, instance.inputs.byteOffset).set(call.record, call.seat * INPUT_STRIDE);
      return undefined;
  }
}

/** Checks that a session was recorded with this module and these assets. @throws NearlightError NL_RECORDING if not */
export async function verify(
  header: SessionHeader,
  { module, assets }: { module: Uint8Array; assets: Uint8Array },
): Promise<void> {
  const check = async (what: string, bytes: Uint8Array, wanted: Uint8Array) => {
    const found = hex(await digest(bytes));
    if (found === hex(wanted)) return;
    throw new NearlightError(
      'NL_RECORDING',
      `the session was recorded with ${what} ${hex(wanted).slice(0, 12)} of ${header.name}, but this is ${found.slice(0, 12)}; give the original files with --module, --assets or --model`,
    );
  };
  await check('the module', module, header.module);
  await check('the assets', assets, header.assets);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
