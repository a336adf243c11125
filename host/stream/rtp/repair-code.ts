import { MASK_PACKETS } from './flexfec.ts';

/** Most packets of a frame that are protected together. A larger frame is divided into blocks of nearly equal size. */
export const BLOCK_PACKETS_MAX = MASK_PACKETS;

/**
 * For each number of repair packets, from 1 on, which of them protect a block's packets: one number per packet, whose bit r is set if
 * repair packet r protects it. A block of n packets uses the first n. Packets that follow each other differ much, because losses
 * often do. A search found the numbers (test/stream/rtp/repair-search.ts).
 */
const COLUMNS: readonly (readonly number[])[] = [
  [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
  [3, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 2],
  [7, 3, 5, 1, 2, 5, 6, 4, 3, 7, 6, 2, 1, 6, 4],
  [12, 9, 7, 11, 6, 14, 10, 5, 13, 15, 3, 5, 9, 6, 10],
  [13, 21, 27, 18, 20, 3, 12, 5, 11, 28, 6, 24, 17, 22, 10],
  [13, 21, 22, 14, 36, 39, 60, 33, 19, 40, 25, 48, 34, 26, 43],
  [84, 97, 45, 98, 112, 11, 56, 42, 83, 30, 70, 44, 69, 73, 25],
  [114, 15, 232, 162, 134, 196, 149, 67, 88, 100, 131, 73, 56, 177, 84],
  [368, 390, 417, 281, 162, 266, 195, 21, 88, 52, 448, 46, 28, 75, 133],
  [147, 270, 674, 833, 553, 904, 432, 788, 39, 86, 708, 106, 21, 168, 274],
];

/**
 * Number of repair packets for a block of 1 to 15 packets, as hexadecimal digits, at a loss of at most `loss`. With `few`, at most
 * 0.5 % of blocks stay broken, and with `many` at most 0.1 %.
 */
const COUNTS: readonly { loss: number; few: string; many: string }[] = [
  { loss: 0.005, few: '111111111111111', many: '111111112222223' },
  { loss: 0.01, few: '111111111222222', many: '111122233333444' },
  { loss: 0.02, few: '111122223333444', many: '122334444445555' },
  { loss: 0.03, few: '112223334444455', many: '123444444555666' },
  { loss: 0.05, few: '123344444555666', many: '233445566677788' },
  { loss: 0.075, few: '233445566677788', many: '23456677889aaaa' },
  { loss: 0.1, few: '233456677789aaa', many: '3556789aaaaaaaa' },
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
