import type { Problem } from './build.ts';

/** Shows problems over the picture, with what may help. */
export function showProblems(headline: string, problems: readonly Problem[], hint = ''): void {
  element('headline').textContent = headline;
  element('hint').textContent = hint;
  element('problems').replaceChildren(...problems.map(card));
  element('overlay').hidden = false;
}

export function hideProblems(): void {
  element('overlay').hidden = true;
}

export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

function card({ message, file, line, column, excerpt }: Problem): HTMLElement {
  const whole = make('div', 'problem', '');
  whole.append(make('p', '', message));
  if (file) whole.append(make('p', 'place', `${file}:${line}:${column}`));
  if (!excerpt) return whole;
  const lines = make('pre', '', '');
  for (const [index, text] of excerpt.lines.entries()) {
    const number = excerpt.from + index;
    lines.append(make('span', number === line ? 'here' : '', `${String(number).padStart(4)}  ${text}`));
  }
  whole.append(lines);
  return whole;
}

function make(tag: string, className: string, text: string): HTMLElement {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}
