import { PAD_BUTTON_COUNT, PAD_COUNT } from '../../renderer/contract/abi.ts';
import { noPad, type PadState, readPads } from '../base/pads.ts';
import { HELD_BYTES, PAD_AXIS_MAX, PAD_BYTES } from '../base/protocol.ts';

const VALUES_END = 16 + PAD_BUTTON_COUNT;

/** The gamepads in the newest MESSAGE_HELD of a page. */
export class PadReader {
  readonly pads: readonly PadState[] = Array.from({ length: PAD_COUNT }, noPad);

  /** Whether a MESSAGE_HELD has its fixed part, and valid gamepads after it. */
  isValid(message: Buffer): boolean {
    const bytes = message.length - HELD_BYTES;
    if (bytes < 0 || bytes % PAD_BYTES !== 0) return false;
    let earlier = -1;
    for (let at = HELD_BYTES; at < message.length; at += PAD_BYTES) {
      const place = message.readUInt8(at);
      if (place <= earlier || place >= PAD_COUNT || message.readUIntLE(at + 1, 3) !== 0) return false;
      if (message.readUInt32LE(at + 4) >>> PAD_BUTTON_COUNT !== 0) return false;
      for (let axis = 0; axis < 4; axis++) if (message.readInt16LE(at + 8 + 2 * axis) < -PAD_AXIS_MAX) return false;
      if (message.readUIntLE(at + VALUES_END, PAD_BYTES - VALUES_END) !== 0) return false;
      earlier = place;
    }
    return true;
  }

  /** Reads the gamepads of a MESSAGE_HELD that is valid. */
  read(message: Buffer): void {
    readPads(new DataView(message.buffer, message.byteOffset, message.byteLength), this.pads);
  }

  /** Whether the newest MESSAGE_HELD says that a button is down. */
  holds(place: number, button: number): boolean {
    return ((this.pads[place]?.buttons ?? 0) & (1 << button)) !== 0;
  }
}
