import {
  REPLY_COMPILATION,
  REPLY_DEVICE_LOST,
  REPLY_ERROR_SCOPE,
  REPLY_MAPPED,
  REPLY_MESSAGE,
  REPLY_PIPELINE,
  REPLY_TEXT,
  REPLY_WORK_DONE,
} from '../../contract/abi';

/**
 * An answer of the host, which comes before a later call of the game. Look at `done` in `tick` or `render`; until it is
 * true, the other members have no meaning.
 */
export class Answer {
  /** Whether the host's answer has come. */
  done: bool = false;
  /** @internal First value of the host's reply. */
  first: u32 = 0;
  /** @internal Second value of the host's reply. */
  second: u32 = 0;
  /** @internal Third value of the host's reply. */
  third: u32 = 0;
  /** @internal Fourth value of the host's reply. */
  fourth: u32 = 0;
}

const waiting: Array<Map<u64, Answer>> = [];
for (let type = 0; type <= REPLY_MESSAGE; type++) waiting.push(new Map<u64, Answer>());
let tokens: u32 = 0;
let workDone: u32 = 0;
let lost: bool = false;

/** Has the host's reply of a type fill `answer`. Returns the token to send with the request. */
export function ask(type: u32, answer: Answer): u32 {
  tokens++;
  waiting[type].set(tokens, answer);
  return tokens;
}

/** Has the host's reply about a pipeline, which names the pipeline by its kind and id, fill `answer`. */
export function askPipeline(kind: u32, id: u32, answer: Answer): void {
  waiting[REPLY_PIPELINE].set(pipelineKey(kind, id), answer);
}

/** Handles a reply of the host, a record of the reply ring. Skips replies of unknown types. */
export function answer(record: usize): void {
  const type = load<u32>(record);
  if (type === REPLY_WORK_DONE) workDone = load<u32>(record, 4);
  else if (type === REPLY_DEVICE_LOST) lost = true;
  else if (type === REPLY_PIPELINE) settle(type, pipelineKey(load<u32>(record, 4), load<u32>(record, 8)), record + 12);
  else if (
    type === REPLY_COMPILATION ||
    type === REPLY_ERROR_SCOPE ||
    type === REPLY_MAPPED ||
    type === REPLY_TEXT ||
    type === REPLY_MESSAGE
  )
    settle(type, load<u32>(record, 4), record + 8);
}

/** Returns the newest token of `onSubmittedWorkDone` whose work the GPU has done. */
export function newestWorkDone(): u32 {
  return workDone;
}

/** Reports whether the host loaded this game again, from its saved state, because the GPU was lost. The players have stayed. */
export function deviceLost(): bool {
  return lost;
}

function pipelineKey(kind: u32, id: u32): u64 {
  return ((<u64>kind) << 32) | id;
}

function settle(type: u32, token: u64, values: usize): void {
  const answers = waiting[type];
  if (!answers.has(token)) return;
  const found = answers.get(token);
  answers.delete(token);
  found.first = load<u32>(values);
  found.second = load<u32>(values, 4);
  found.third = load<u32>(values, 8);
  found.fourth = load<u32>(values, 12);
  found.done = true;
}
