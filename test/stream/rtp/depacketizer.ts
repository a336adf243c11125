/** Takes the NAL units out of RTP payloads of one frame (RFC 6184, 5.6 to 5.8). Written from the document alone. */
export function depacketize(payloads: readonly Uint8Array[]): Uint8Array[] {
  const units: Uint8Array[] = [];
  let fragments: number[] | undefined;
  for (const payload of payloads) {
    const [head = 0, next = 0] = payload;
    const type = head & 0x1f;
    if (type === 28) {
      if (next & 0x80) fragments = [(head & 0xe0) | (next & 0x1f)];
      if (!fragments) throw new Error('a fragment without the first one');
      fragments.push(...payload.subarray(2));
      if (next & 0x40) {
        units.push(Uint8Array.from(fragments));
        fragments = undefined;
      }
      continue;
    }
    if (fragments) throw new Error('the last fragment is missing');
    if (type === 24) {
      for (let at = 1; at < payload.length; ) {
        const bytes = ((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0);
        if (bytes === 0 || at + 2 + bytes > payload.length) throw new Error('a length is wrong');
        units.push(payload.slice(at + 2, at + 2 + bytes));
        at += 2 + bytes;
      }
    } else units.push(Uint8Array.from(payload));
  }
  if (fragments) throw new Error('the last fragment is missing');
  return units;
}
