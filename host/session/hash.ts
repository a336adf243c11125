import { createHash } from 'node:crypto';
import type { Submission } from '../engine/engine.ts';
import type { Recording } from './reader.ts';
import { type ReplayOptions, replay } from './replay.ts';

/**
 * The SHA-256 of everything that a module submitted in a session. Each call contributes the byte lengths of its commands and
 * data, as u32, and then the commands and the data.
 */
export class SessionHash {
  readonly #hash = createHash('sha256');
  readonly #lengths = new Uint32Array(2);

  add({ commands, data }: Submission): void {
    this.#lengths[0] = commands.byteLength;
    this.#lengths[1] = data.byteLength;
    this.#hash.update(this.#lengths).update(commands).update(data);
  }

  /** Returns the hash in hexadecimal. Can be called only once. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}

/** Replays a session and returns the hash of everything that its module submitted, also in `init`. @throws as replay() */
export async function hashSession(recording: Recording, options: Omit<ReplayOptions, 'onSubmission'>): Promise<string> {
  const hash = new SessionHash();
  await replay(recording, { ...options, onSubmission: (submission) => hash.add(submission) });
  return hash.digest();
}
