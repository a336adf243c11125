// Players whose input is honest, however fast, lose nothing: the page's own writer, the host's reader, and a room's input.
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../host/base/clock.ts';
import { InputWriter } from '../../host/player/writer.ts';
import { PlayerInput } from '../../host/room/input.ts';
import { GameSituation } from '../../host/room/situation.ts';
import { InputGovernor } from '../../host/stream/governor.ts';
import { InputReader } from '../../host/stream/input.ts';
import {
  INPUT_AXES,
  INPUT_BUTTONS_PRESSED,
  INPUT_KEYS_PRESSED,
  INPUT_MOVEMENT,
  INPUT_STRIDE,
  PAD_AXES,
  PAD_BUTTONS_PRESSED,
  PAD_STRIDE,
  PADS_STRIDE,
} from '../../renderer/contract/abi.ts';
import { LIMITS } from './limits.ts';

const TICK_MS = 1000 / 120;
const MINUTE_MS = 60_000;
const BEAT_MS = 100;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

interface Seen {
  /** Presses of keys, of buttons, and of each gamepad's buttons, as the game has seen them. */
  keys: number;
  buttons: number;
  pads: number[];
  moved: number;
  axis: number;
  padAxes: number[];
}

/**
 * Plays for some time. `act` makes the player's input and is called at a rate. Each tick reads the input as the game does.
 * @param actsPerSecond 1000 for a gaming mouse, 120 for a stick
 */
function play(actsPerSecond: number, act: (writer: InputWriter, ms: number) => void, forMs = MINUTE_MS) {
  const situation = new GameSituation({}, () => {});
  const governor = new InputGovernor({ limits: LIMITS, clock: systemClock, situation: () => situation });
  const input = new PlayerInput(systemClock);
  const reader = new InputReader({
    sink: input,
    config: { inputBytesMax: 1024, inputSilenceMsMax: 600, stallMsMax: 3000 },
    governor,
    pong() {},
    clock: systemClock,
  });
  const messages = { count: 0 };
  const send = (channel: string) => (message: Uint8Array) => {
    messages.count++;
    expect(reader.read(channel, Buffer.from(message))).toBe(true);
  };
  const writer = new InputWriter({ event: send('events'), state: send('state') });
  const records = {
    inputs: new DataView(new ArrayBuffer(INPUT_STRIDE)),
    pads: new DataView(new ArrayBuffer(PADS_STRIDE)),
  };
  const seen: Seen = { keys: 0, buttons: 0, pads: [0, 0, 0, 0], moved: 0, axis: 0, padAxes: [0, 0, 0, 0] };
  writer.open();
  const start = systemClock.now();
  let [actAt, tickAt, beatAt] = [0, 0, 0];
  const tick = () => {
    situation.frame(systemClock.now());
    input.write(records, 0);
    input.endTick();
    for (let word = 0; word < 8; word++)
      seen.keys += bitsOf(records.inputs.getUint32(INPUT_KEYS_PRESSED + 4 * word, true));
    seen.buttons += bitsOf(records.inputs.getUint32(INPUT_BUTTONS_PRESSED, true));
    seen.moved += records.inputs.getFloat32(INPUT_MOVEMENT, true);
    seen.axis = records.inputs.getFloat32(INPUT_AXES, true);
    for (let pad = 0; pad < 4; pad++) {
      seen.pads[pad] =
        (seen.pads[pad] ?? 0) + bitsOf(records.pads.getUint32(pad * PAD_STRIDE + PAD_BUTTONS_PRESSED, true));
      seen.padAxes[pad] = records.pads.getFloat32(pad * PAD_STRIDE + PAD_AXES, true);
    }
  };
  for (let now = 0; now < forMs; now = Math.min(actAt, tickAt, beatAt)) {
    vi.advanceTimersByTime(Math.max(0, start + now - systemClock.now()));
    if (actAt <= now) {
      act(writer, now);
      actAt += 1000 / actsPerSecond;
    }
    if (beatAt <= now) {
      writer.heartbeat();
      beatAt += BEAT_MS;
    }
    if (tickAt <= now) {
      tick();
      tickAt += TICK_MS;
    }
  }
  vi.advanceTimersByTime(50);
  tick();
  reader.close();
  writer.close();
  return { seen, governor, messages: messages.count, situation };
}

function bitsOf(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}

describe('honest input is never refused', () => {
  test('a mouse of 1000 Hz: every movement arrives, in the tick after it', () => {
    let sum = 0;
    const { seen, governor, messages } = play(1000, (writer) => {
      writer.move(1, 0);
      sum++;
      writer.commit();
    });
    expect(sum).toBe(60_000);
    expect([seen.moved, governor.dropped]).toEqual([sum, 0]);
    // The page sends at most 250 a second. The game reads 120 times a second, and gets the newest each time.
    expect(messages).toBeGreaterThan(12_000);
    expect(governor.coalesced).toBeGreaterThan(5000);
  });

  test('a stick of 120 Hz: the game sees each position that the stick has when a tick begins', () => {
    let position = 0;
    const { seen, governor } = play(120, (writer, ms) => {
      position = Math.fround(Math.sin(ms / 100));
      writer.axis(0, position);
      writer.commit();
    });
    expect([seen.axis, governor.dropped]).toEqual([position, 0]);
  });

  test('fast typing: 20 keys per second with three held at once, for a minute', () => {
    let typed = 0;
    const { seen, governor } = play(20, (writer) => {
      writer.key(4 + ((typed + 23) % 26), false);
      writer.key(4 + (typed % 26), true);
      typed++;
    });
    expect([seen.keys, governor.dropped]).toEqual([typed, 0]);
  });

  test('four gamepads, each mashed ten times a second with two thumbs, and their sticks moved at 120 Hz', () => {
    let turns = 0;
    const expected = [0, 0, 0, 0];
    const { seen, governor, situation } = play(120, (writer, ms) => {
      const phase = turns++ % 12;
      for (let pad = 0; pad < 4; pad++) {
        writer.padConnect(pad, true);
        writer.padAxis(pad, 0, Math.sin(ms / 100 + pad));
        // Each thumb presses in another frame, and holds for half of the time.
        for (const [thumb, button] of [0, 2].entries()) {
          const at = (phase + 3 * pad + 5 * thumb) % 12;
          if (at === 0) expected[pad] = (expected[pad] ?? 0) + 1;
          writer.padButton(pad, button, at < 6);
        }
      }
      // Older games get the buttons of all gamepads together.
      const isDown = (thumb: number) => [0, 1, 2, 3].some((pad) => (phase + 3 * pad + 5 * thumb) % 12 < 6);
      writer.button(16, isDown(0));
      writer.button(18, isDown(1));
      writer.commit();
    });
    expect(governor.dropped).toBe(0);
    // The first frame of a gamepad may find buttons held already.
    for (let pad = 0; pad < 4; pad++)
      expect(Math.abs((seen.pads[pad] ?? 0) - (expected[pad] ?? 0))).toBeLessThanOrEqual(2);
    expect(situation.isFight).toBe(true);
    for (let pad = 0; pad < 4; pad++)
      expect(seen.padAxes[pad]).toBeCloseTo(Math.sin((MINUTE_MS - 1000 / 120) / 100 + pad), 1);
  });

  test('a chord of a hundred keys at once', () => {
    const { seen, governor } = play(
      1,
      (writer, ms) => {
        for (let key = 4; key < 104; key++) writer.key(key, ms === 0);
      },
      2000,
    );
    expect([seen.keys, governor.dropped]).toEqual([100, 0]);
  });
});

describe('input that no person makes', () => {
  test('keys pressed 120 times a second are dropped in part, and none stays held', () => {
    let down = false;
    const { seen, governor } = play(
      240,
      (writer) => {
        down = !down;
        writer.key(4, down);
      },
      10_000,
    );
    expect(governor.dropped).toBeGreaterThan(100);
    // 100 at once, and then 85 a second in the fight that the presses make of it.
    expect(seen.keys).toBeLessThan(100 + 85 * 10 + 5);
    expect(seen.keys).toBeGreaterThan(85 * 10);
    expect(governor.isExcessive).toBe(false);
  });
});
