import { type ErrorCode, errors, NearlightError } from '../base/errors.ts';
import { Fault } from '../gpu/reader.ts';
import { Overrun, type Trial } from '../gpu/vetting.ts';

/*
 * Messages between a host and the keeper about shaders to try, each one line of JSON. A host sends any number of requests. The
 * keeper answers each of them, in any order, unless the host drops it.
 */

/** The most characters of a message: two shaders of the largest size, each character of which JSON may write as six. */
export const MESSAGE_CHARS_MAX = 4 * 2 ** 20;
/** The most requests of a host that wait for an answer. */
export const REQUESTS_MAX = 16;

/** The first message of a host. It tells the GPU and its driver apart from others; see driverIdentity. */
export interface VetHello {
  identity: string;
}

export interface VetRequest {
  id: number;
  /** Stands for the room that asks. */
  owner: number;
  trial: Trial;
}

/** Drops all requests of an owner. */
export interface VetDrop {
  drop: number;
}

export type VetMessage = VetHello | VetRequest | VetDrop;

export type VetAnswer =
  /** The shader or pipeline is harmless. The trial took this much processor time; 0 if there was none. */
  | { id: number; cpuMs: number }
  | { id: number; kind: 'overrun'; message: string }
  | { id: number; kind: 'fault'; message: string }
  | { id: number; kind: 'error'; code: ErrorCode; message: string };

/** Turns an error of a trial into an answer. */
export function answerOf(id: number, error: unknown): VetAnswer {
  const { message } = error as Error;
  if (error instanceof Overrun) return { id, kind: 'overrun', message };
  if (error instanceof Fault) return { id, kind: 'fault', message };
  if (error instanceof NearlightError) return { id, kind: 'error', code: error.code, message: error.detail };
  return { id, kind: 'error', code: 'NL_INTERNAL', message: String(error) };
}

/** Turns an answer into the error of a trial. */
export function errorOf(answer: Exclude<VetAnswer, { cpuMs: number }>): Error {
  const { message } = answer;
  if (answer.kind === 'overrun') return new Overrun(message);
  if (answer.kind === 'fault') return new Fault(message);
  return new NearlightError(Object.hasOwn(errors, answer.code) ? answer.code : 'NL_INTERNAL', message);
}
