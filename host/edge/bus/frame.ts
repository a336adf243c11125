import { MESSAGE_BYTES_MAX } from '../../../renderer/contract/abi.ts';
import type { BusMessage } from '../../base/bus.ts';

/**
 * A message as it travels between hosts: a byte for the version of this form, the number of the room that sent it as a u64 in
 * little endian, and its bytes. The subject of NATS names the game and the topic.
 */
const VERSION = 1;
const HEADER_BYTES = 9;

/** Names of games may contain anything; in a subject, the characters . * > and white space have a meaning. */
export function subjectOf(game: string, topic: string): string {
  const name = encodeURIComponent(game).replace(/[.*]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);
  return `nearlight.${name || '%'}.${topic}`;
}

export function encodeMessage({ origin, bytes }: BusMessage): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + bytes.length);
  frame[0] = VERSION;
  new DataView(frame.buffer).setBigUint64(1, origin, true);
  frame.set(bytes, HEADER_BYTES);
  return frame;
}

/** Decodes what another host has sent to a topic. Returns undefined if it is not a message. */
export function decodeMessage(topic: string, frame: Uint8Array): BusMessage | undefined {
  const { length } = frame;
  if (length < HEADER_BYTES || length > HEADER_BYTES + MESSAGE_BYTES_MAX || frame[0] !== VERSION) return undefined;
  const origin = new DataView(frame.buffer, frame.byteOffset, length).getBigUint64(1, true);
  // A copy, even of a Buffer, whose memory the library may use again.
  return { topic, origin, bytes: new Uint8Array(frame.subarray(HEADER_BYTES)) };
}
