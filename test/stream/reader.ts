import { MESSAGE_BUTTON, MESSAGE_KEY } from '../../host/base/protocol.ts';
import { milli } from '../../host/base/time.ts';
import { InputGovernor } from '../../host/stream/governor.ts';
import { InputReader } from '../../host/stream/input.ts';
import { UNLIMITED } from './limits.ts';

export const SILENCE_MS = 600;
export const STALL_MS = 3000;

/** A reader of input on a manual clock, and the calls that it makes. `read` reads the input as a game does. */
export function reader({ inputBytesMax = 1024, inputRateMax = 4000, limits = UNLIMITED } = {}) {
  const hidden: boolean[] = [];
  let read = () => {};
  const calls: unknown[][] = [];
  const pongs: Buffer[] = [];
  const time = { ms: 0 };
  const clock = { now: () => milli(time.ms) };
  const governor = new InputGovernor({ limits: { ...limits, inputRateMax }, clock });
  const input = new InputReader({
    sink: {
      key: (...args) => void calls.push(['key', ...args]),
      button: (...args) => void calls.push(['button', ...args]),
      padButton: (...args) => void calls.push(['padButton', ...args]),
      text: (...args) => void calls.push(['text', ...args]),
      releaseAll: (...args) => void calls.push(['releaseAll', ...args]),
      pace: (slackMs) => void calls.push(['pace', slackMs]),
      held: ({ pads: _, ...state }, ...when) => void calls.push(['held', { ...state, keys: [...state.keys] }, ...when]),
      pointer: (state, ...when) => void calls.push(['pointer', { ...state, axes: [...state.axes] }, ...when]),
      onRead: (flush) => {
        read = flush;
      },
    },
    config: { inputBytesMax, inputSilenceMsMax: SILENCE_MS, stallMsMax: STALL_MS },
    governor,
    pong: (message) => void pongs.push(Buffer.from(message)),
    onHidden: (isHidden) => hidden.push(isHidden),
    clock,
  });
  return { input, calls, pongs, time, governor, hidden, read: () => read() };
}

/** Writes a MESSAGE_KEY. */
export const key = (usage: number, down: boolean, sequence: number) =>
  Buffer.of(MESSAGE_KEY, usage, down ? 1 : 0, 0, sequence, 0, 0, 0);
/** Writes a MESSAGE_BUTTON. */
export const press = (button: number, down: boolean, sequence: number) =>
  Buffer.of(MESSAGE_BUTTON, button, down ? 1 : 0, 0, sequence, 0, 0, 0);
/** Returns the words of HeldState in which these keys are down. */
export const keysOf = (...usages: number[]) => {
  const words = new Array<number>(8).fill(0);
  for (const usage of usages) words[usage >>> 5] = ((words[usage >>> 5] ?? 0) | (1 << (usage & 31))) >>> 0;
  return words;
};
