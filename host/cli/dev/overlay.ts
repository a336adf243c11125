import type { Problem } from './build.ts';

/** The text below the errors that the page shows, and whether a button offers to try again. */
export interface Advice {
  hint?: string;
  retry?: boolean;
}

/** Shows errors of the game over its picture. */
export function showProblems(headline: string, problems: readonly Problem[], { hint = '', retry }: Advice = {}): void {
  element('headline').textContent = headline;
  element('hint').textContent = hint;
  element('retry').hidden = !retry;
  element('problems').replaceChildren(...problems.map(card));
  element('overlay').hidden = false;
  document.querySelector('mark')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

export function hideProblems(): void {
  element('overlay').hidden = true;
}

export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

function card({ message, file, line, column = 1, length = 0, excerpt }: Problem): HTMLElement {
  const whole = make('div', 'problem', '');
  whole.append(make('p', '', message));
  if (file) whole.append(make('p', 'place', line === undefined ? file : `${file}:${line}:${column}`));
  if (!excerpt) return whole;
  const lines = make('pre', '', '');
  for (const [index, text] of excerpt.lines.entries()) {
    const number = excerpt.from + index;
    const row = make('span', number === line ? 'here' : '', `${String(number).padStart(4)}  `);
    if (number === line) row.append(...markPart(text, column - 1, Math.max(length, 1)));
    else row.append(text);
    lines.append(row);
  }
  whole.append(lines);
  return whole;
}

/** Splits a source line into text and a highlighted part. */
function markPart(text: string, from: number, length: number): (string | HTMLElement)[] {
  return [text.slice(0, from), make('mark', '', text.slice(from, from + length)), text.slice(from + length)];
}

function make(tag: string, className: string, text: string): HTMLElement {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}
