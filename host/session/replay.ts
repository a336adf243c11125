import { INPUT_STRIDE } from '../../renderer/contract/abi.ts';
import { NearlightError } from '../base/errors.ts';
import type { Engine, EngineLimits, Instance, LogLevel, Submission } from '../engine/engine.ts';
import { type Call, digest, type SessionHeader } from './format.ts';
import type { Recording } from './reader.ts';

/** What a submission answers: `init`, or a call of the recording. */
export type Asked = Call | { readonly kind: 'init' };

export interface ReplayOptions {
  engine: Engine;
  /** The module and the asset pack that were recorded. */
  module: Uint8Array;
  assets: Uint8Array;
  limits: EngineLimits;
  log(level: LogLevel, message: string): void;
  /** Takes what each call submitted, also where that is nothing; it dies with the next call. */
  onSubmission(submission: Submission, asked: Asked): void | Promise<void>;
}

/**
 * Runs a recorded session again as fast as it goes, on any engine.
 * @throws NearlightError NL_RECORDING where module or assets are others than the recorded ones; as Engine.load; and what
 * the recorded session itself ended with
 */
export async function replay({ header, calls }: Recording, options: ReplayOptions): Promise<void> {
  const { engine, module, assets, limits, log, onSubmission } = options;
  await verify(header, { module, assets });
  const { seed, tickRate, seats, gpu } = header;
  const told = gpu ? { gpu } : {};
  const instance = await engine.load(module, { limits, assets, log, seed, tickRate, seats, ...told });
  try {
    await onSubmission(instance.initial, { kind: 'init' });
    for (const asked of calls) {
      const submission = await call(instance, asked);
      if (submission) await onSubmission(submission, asked);
    }
  } finally {
    await instance.close();
  }
}

/** Gives an instance one thing that was recorded; what it submitted where that was a call. */
export function call(instance: Instance, asked: Call): Promise<Submission> | undefined {
  switch (asked.kind) {
    case 'join':
      return instance.join(asked.seat);
    case 'leave':
      return instance.leave(asked.seat);
    case 'tick':
      return instance.tick(asked.tick);
    case 'render':
      return instance.render(asked.seat, asked.width, asked.height);
    case 'restore':
      return instance.restore(asked.state);
    case 'write':
      instance.write(asked.address, asked.bytes);
      return undefined;
    case 'reply':
      instance.reply(asked.record);
      return undefined;
    case 'input':
      new Uint8Array(instance.inputs.buffer, instance.inputs.byteOffset).set(asked.record, asked.seat * INPUT_STRIDE);
      return undefined;
  }
}

/** @throws NearlightError NL_RECORDING where the module or its assets are not those of the header */
export async function verify(
  header: SessionHeader,
  { module, assets }: { module: Uint8Array; assets: Uint8Array },
): Promise<void> {
  const check = async (what: string, bytes: Uint8Array, wanted: Uint8Array) => {
    const found = hex(await digest(bytes));
    if (found === hex(wanted)) return;
    throw new NearlightError(
      'NL_RECORDING',
      `it was made with ${what} ${hex(wanted).slice(0, 12)} of ${header.name}, and this is ${found.slice(0, 12)}; give the files that it was recorded with (--module, --assets, --model)`,
    );
  };
  await check('the module', module, header.module);
  await check('the assets', assets, header.assets);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
