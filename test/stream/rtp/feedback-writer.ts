/** For each packet of a report, when it arrived, in whole multiples of 0.25 ms, or NaN if it did not. */
export type Arrivals = readonly number[];

export interface WriterOptions {
  first: number;
  arrivals: Arrivals;
  /** Chooses the kind of the next chunk: a run, or a list of one or two bits for each packet. */
  chunk?(index: number): 'run' | 'one' | 'two';
}

/**
 * Writes a report of arrivals as RTCP (draft-holmer-rmcat-transport-wide-cc-extensions-01, 3.1). Written from the document alone, for
 * tests of the reader.
 */
export function writeFeedback({ first, arrivals, chunk = () => 'two' }: WriterOptions): Buffer {
  const start = arrivals.find((time) => !Number.isNaN(time)) ?? 0;
  const reference = Math.floor(start / 64);
  const deltas: number[] = [];
  let last = reference * 64;
  const symbols = arrivals.map((time): number => {
    if (Number.isNaN(time)) return 0;
    const delta = Math.round((time - last) * 4);
    last = time;
    deltas.push(delta);
    return delta >= 0 && delta <= 255 ? 1 : 2;
  });
  const chunks: number[] = [];
  for (let index = 0; index < symbols.length; ) {
    const kind = chunk(index);
    const one = symbols.slice(index, index + 14);
    if (kind === 'run') {
      let length = 1;
      while (symbols[index + length] === symbols[index] && length < 0x1fff) length++;
      chunks.push(((symbols[index] ?? 0) << 13) | length);
      index += length;
    } else if (kind === 'one' && !one.includes(2)) {
      chunks.push(one.reduce((bits, symbol, at) => bits | (symbol << (13 - at)), 0x8000));
      index += 14;
    } else {
      const two = symbols.slice(index, index + 7);
      chunks.push(two.reduce((bits, symbol, at) => bits | (symbol << (12 - 2 * at)), 0xc000));
      index += 7;
    }
  }
  const received = symbols.filter((symbol) => symbol > 0);
  const deltaBytes = received.reduce((sum, symbol) => sum + symbol, 0);
  const bytes = Math.ceil((20 + 2 * chunks.length + deltaBytes) / 4) * 4;
  const packet = Buffer.alloc(bytes);
  packet.set([0x8f, 205]);
  packet.writeUInt16BE(bytes / 4 - 1, 2);
  packet.writeUInt32BE(1, 4);
  packet.writeUInt32BE(2, 8);
  packet.writeUInt16BE(first, 12);
  packet.writeUInt16BE(arrivals.length, 14);
  packet.writeUIntBE(((reference % 2 ** 24) + 2 ** 24) % 2 ** 24, 16, 3);
  let at = 20;
  for (const value of chunks) at = packet.writeUInt16BE(value, at);
  for (const [index, delta] of deltas.entries())
    at = received[index] === 1 ? packet.writeUInt8(delta, at) : packet.writeInt16BE(delta, at);
  return packet;
}
