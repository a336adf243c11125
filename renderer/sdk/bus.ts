import * as abi from '../contract/abi';
import * as encode from './encode';
import { Answer, ask } from './gpu/reply';
import { Message } from './message';

/** Messages that can come in one tick. */
const RECEIVES = 16;

/** Memory that the host has for one message. */
class Receive extends Answer {
  readonly memory: StaticArray<u8> = new StaticArray<u8>(abi.MESSAGE_BYTES_MAX);

  /** Gives the memory to the host again. */
  post(): void {
    this.done = false;
    encode.receive(ask(abi.REPLY_MESSAGE, this), <u32>changetype<usize>(this.memory));
  }

  take(topic: string): Message {
    const length = <i32>this.fourth;
    const bytes = new StaticArray<u8>(length);
    memory.copy(changetype<usize>(bytes), changetype<usize>(this.memory), length);
    return new Message(topic, ((<u64>this.third) << 32) | this.second, bytes);
  }
}

/** The topic of each subscription, by its number; empty if the number is free. */
const topics: Array<string> = [];
/** The host fills these one after the other. */
const receives: Array<Receive> = [];
let next: i32 = 0;

/**
 * Requests the messages that other rooms of this game send to a topic: words of a-z, 0-9, _ and -, joined by dots, at most 64
 * characters. Call it in `init`, so that it also counts for a game that is loaded from a saved state. A game can have 32 topics.
 */
export function subscribe(topic: string): void {
  if (topics.includes(topic)) return;
  let place = topics.indexOf('');
  if (place < 0) place = topics.push('') - 1;
  topics[place] = topic;
  encode.subscribe(<u32>place, topic);
  while (receives.length < RECEIVES) {
    const receive = new Receive();
    receives.push(receive);
    receive.post();
  }
}

/** Ends the subscription to a topic. */
export function unsubscribe(topic: string): void {
  const place = topics.indexOf(topic);
  if (place < 0) return;
  topics[place] = '';
  encode.unsubscribe(<u32>place);
}

/**
 * Sends a message of at most 1,024 bytes to the other rooms of this game that subscribe to a topic. The host limits how many
 * messages a room sends in a second, and may lose messages between machines. The topic `result` is for results of matches, which
 * the host also keeps, `score` for scores in between, and `chat` for texts of players.
 */
export function emit(topic: string, bytes: StaticArray<u8>): void {
  send(topic, changetype<usize>(bytes), bytes.length);
}

/** Sends a text, as `emit` sends bytes. */
export function emitText(topic: string, text: string): void {
  const bytes = String.UTF8.encode(text);
  send(topic, changetype<usize>(bytes), bytes.byteLength);
}

/** Returns the messages that have come since the last call. Call it in `tick`. */
export function messages(): Message[] {
  const found: Message[] = [];
  if (receives.length === 0) return found;
  for (let count = 0; count < RECEIVES && receives[next].done; count++) {
    const receive = receives[next];
    const place = receive.first;
    const topic = place < <u32>topics.length ? topics[place] : '';
    if (topic.length > 0) found.push(receive.take(topic));
    receive.post();
    next = (next + 1) % RECEIVES;
  }
  return found;
}

/** Says in which phase the match is, as in `setPhase(Phase.active)`. The host tells operators, and its policies may ask for it, such as to let players join. */
export function setPhase(phase: u32): void {
  encode.setPhase(phase);
}

function send(topic: string, address: usize, length: i32): void {
  if (length > <i32>abi.MESSAGE_BYTES_MAX) throw new Error('a message is longer than 1,024 bytes');
  const words = (length + 3) >> 2;
  const at = encode.emit(topic, <u32>length, <u32>words);
  if (words > 0) store<u32>(at + ((words - 1) << 2), 0);
  memory.copy(at, address, length);
}
