import { createHash } from 'node:crypto';
import type { Submission } from '../engine/engine.ts';
import type { Recording } from './reader.ts';
import { type ReplayOptions, replay } from './replay.ts';

/** SHA-256 of all that a session submitted: of each call the byte lengths of its commands and data (u32), then both. */
export class SessionHash {
  readonly #hash = createHash('sha256');
  readonly #lengths = new Uint32Array(2);

  add({ commands, data }: Submission): void {
    this.#lengths[0] = commands.byteLength;
    this.#lengths[1] = data.byteLength;
    this.#hash.update(this.#lengths).update(commands).update(data);
  }

  /** In hexadecimal; once. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}

/** Replays a session and gives the hash of all that it submitted, `init` included. @throws as replay */
export async function hashSession(recording: Recording, options: Omit<ReplayOptions, 'onSubmission'>): Promise<string> {
  const hash = new SessionHash();
  await replay(recording, { ...options, onSubmission: (submission) => hash.add(submission) });
  return hash.digest();
}
