/** Splits a stream of text into lines. */
export class LineReader {
  readonly #charsMax: number;
  #parts: string[] = [];
  #chars = 0;

  /** @param charsMax the most characters that a line may have */
  constructor(charsMax: number) {
    this.#charsMax = charsMax;
  }

  /** Takes the next part of the text. Returns the lines that it completes; undefined if a line is too long. */
  push(text: string): string[] | undefined {
    const [first = '', ...rest] = text.split('\n');
    const lines: string[] = [];
    this.#parts.push(first);
    this.#chars += first.length;
    for (const part of rest) {
      if (this.#chars > this.#charsMax) return undefined;
      lines.push(this.#parts.join(''));
      this.#parts = [part];
      this.#chars = part.length;
    }
    return this.#chars > this.#charsMax ? undefined : lines;
  }
}
