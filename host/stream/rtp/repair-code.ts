import { MASK_PACKETS } from './flexfec.ts';

/** Most packets of a frame that are protected together. A larger frame is divided into blocks of nearly equal size. */
export const BLOCK_PACKETS_MAX = MASK_PACKETS;

/**
 * For each number of repair packets, from 1 on, which of them protect a block's packets: one number per packet, whose bit r is set if
 * repair packet r protects it. A block of n packets uses the first n. No two of the first packets have the same number, so any
 * two losses can be repaired, and the loss of three mostly. A search found them (test/stream/rtp/repair-search.ts).
 */
const COLUMNS: readonly (readonly number[])[] = [
  [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
  [3, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1],
  [7, 3, 5, 1, 6, 5, 6, 4, 3, 7, 2, 4, 3, 6, 1],
  [12, 9, 7, 11, 6, 14, 10, 5, 13, 15, 3, 5, 9, 6, 10],
  [13, 21, 27, 18, 28, 3, 12, 5, 11, 26, 6, 17, 24, 22, 10],
  [13, 21, 22, 14, 36, 39, 60, 40, 19, 25, 33, 34, 48, 11, 58],
  [112, 97, 29, 100, 27, 51, 76, 73, 88, 54, 71, 106, 34, 10, 3],
  [240, 137, 197, 164, 170, 27, 156, 7, 50, 100, 67, 74, 22, 104, 145],
  [116, 390, 417, 232, 284, 275, 57, 131, 196, 86, 88, 296, 67, 13, 162],
  [368, 390, 674, 771, 553, 281, 147, 780, 77, 86, 708, 106, 81, 165, 216],
];

/**
 * Number of repair packets for a block of 1 to 15 packets, as hexadecimal digits, at a loss of at most `loss`. With `few`, at most
 * 0.5 % of blocks stay broken, and with `many` at most 0.1 %.
 */
const COUNTS: readonly { loss: number; few: string; many: string }[] = [
  { loss: 0.005, few: '111111111111111', many: '111111112222223' },
  { loss: 0.01, few: '111111111222222', many: '111122233333444' },
  { loss: 0.02, few: '111122223333444', many: '122333444445555' },
  { loss: 0.03, few: '112223334444455', many: '123444444555666' },
  { loss: 0.05, few: '123334444555666', many: '233445566677788' },
  { loss: 0.075, few: '233445566677788', many: '23456677889aaaa' },
  { loss: 0.1, few: '233456677889aaa', many: '3556788aaaaaaaa' },
];

/** Returns for each packet of a block which repair packets protect it, as bits. @param repairs number of repair packets, from 1 on */
export function columnsOf(repairs: number): readonly number[] {
  return COLUMNS[repairs - 1] ?? [];
}

/**
 * Returns how many repair packets a block needs.
 * @param packets size of the block, 1 to BLOCK_PACKETS_MAX
 * @param lossFraction fraction of the packets that the path loses
 * @param isStrong whether a loss that cannot be repaired costs much, because asking for a packet again takes long
 */
export function repairsOf(packets: number, lossFraction: number, isStrong: boolean): number {
  const row = COUNTS.find(({ loss }) => lossFraction <= loss) ?? COUNTS.at(-1);
  return Number.parseInt((isStrong ? row?.many : row?.few)?.[packets - 1] ?? '0', 16);
}
