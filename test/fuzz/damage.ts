/** Damages valid messages. */
import { must } from '../../host/base/assert.ts';
import type { Random } from '../random.ts';

const CHARACTERS = [...'\0\t\n\r "%+,-./0123456789:;<=>?@Za{}~\u00e4\u{1f600}'];
const NUMBERS = ['-1', '0', '1', '1e9', '65535', '65536', '4294967296', '99999999999999999999', 'NaN', '0x10', ''];

export function randomBytes(random: Random, count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, () => random.below(256)));
}

/** Returns a copy of the bytes with up to three of them changed and, unless `keepLength` is set, some missing or more. */
export function mutateBytes(random: Random, bytes: Buffer, { keepLength = false } = {}): Buffer {
  const copy = Buffer.from(bytes);
  for (let n = random.below(4); n > 0 && copy.length > 0; n--)
    copy[random.below(copy.length)] = random.pick([0, 1, 127, 128, 255, random.below(256)]);
  if (keepLength || random.percent(50)) return copy;
  if (random.percent(50)) return copy.subarray(0, random.below(copy.length + 1));
  return Buffer.concat([copy, randomBytes(random, random.below(20))]);
}

/** Returns the text with a few faults: characters changed, missing or more, numbers replaced, parts repeated. */
export function mutateText(random: Random, text: string): string {
  let changed = text;
  for (let n = random.below(4); n > 0; n--) {
    const at = random.below(changed.length + 1);
    const end = at + random.below(6);
    switch (random.below(4)) {
      case 0:
        changed = changed.slice(0, at) + random.pick(CHARACTERS) + changed.slice(at + 1);
        break;
      case 1:
        changed = changed.slice(0, at) + changed.slice(end);
        break;
      case 2:
        changed = changed.slice(0, end) + changed.slice(at);
        break;
      default:
        changed = changed.replace(/\d+/, () => random.pick(NUMBERS));
    }
  }
  return changed;
}

/** Returns the lines with a few faults: lines changed, missing, twice or in another place. */
export function mutateLines(random: Random, lines: readonly string[]): string[] {
  const changed = [...lines];
  for (let n = random.below(4); n > 0 && changed.length > 0; n--) {
    const [at, to] = [random.below(changed.length), random.below(changed.length)];
    const line = must(changed[at], 'line');
    switch (random.below(4)) {
      case 0:
        changed[at] = mutateText(random, line);
        break;
      case 1:
        changed.splice(at, 1);
        break;
      case 2:
        changed.splice(to, 0, line);
        break;
      default:
        changed[at] = must(changed[to], 'line');
        changed[to] = line;
    }
  }
  return changed;
}
