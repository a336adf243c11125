import { must } from '../../base/assert.ts';
import { BOARDS } from '../../observe/boards.ts';
import { Card } from './card.ts';
import type { History, Step } from './messages.ts';

/** How many values of a line the page keeps, as the command does. */
const VALUES_MAX = 300;

const state = must(document.querySelector<HTMLElement>('#state'), 'line for the state');
const nav = must(document.querySelector('nav'), 'list of boards');
const main = must(document.querySelector('main'), 'place for boards');

const times: number[] = [];
const cards = new Map<string, Card>();
const sections = new Map<string, { section: HTMLElement; link: HTMLAnchorElement; cards: Card[] }>();
let shown = '';

for (const board of BOARDS) {
  const section = document.createElement('section');
  section.setAttribute('aria-label', board.title);
  const about = document.createElement('p');
  about.textContent = board.about;
  const panels = document.createElement('div');
  panels.className = 'panels';
  section.append(about, panels);
  main.append(section);
  const link = document.createElement('a');
  link.href = `#${board.id}`;
  link.textContent = board.title;
  nav.append(link);
  const own = board.panels.map((panel) => {
    const card = new Card(panel, times);
    cards.set(`${board.id}/${panel.id}`, card);
    panels.append(card.element);
    return card;
  });
  sections.set(board.id, { section, link, cards: own });
}

/** Shows the board that the address names, or the first one. */
function show(): void {
  const wanted = location.hash.slice(1);
  shown = sections.has(wanted) ? wanted : must(BOARDS[0], 'board').id;
  for (const [id, { section, link }] of sections) {
    section.hidden = id !== shown;
    if (id === shown) {
      link.setAttribute('aria-current', 'page');
      // On a narrow page, the list of boards scrolls.
      link.scrollIntoView({ block: 'nearest', inline: 'center' });
    } else link.removeAttribute('aria-current');
  }
  document.title = `${sections.get(shown)?.link.textContent} - Nearlight`;
  drawShown();
}

function drawShown(): void {
  if (document.hidden) return;
  for (const card of sections.get(shown)?.cards ?? []) card.draw();
}

function say(problem: string | undefined, otherwise: string): void {
  state.classList.toggle('problem', problem !== undefined);
  const text = problem ?? otherwise;
  if (state.textContent !== text) state.textContent = text;
}

function begin({ times: all, lines, url, problem }: History): void {
  host = new URL(url).host;
  times.splice(0, times.length, ...all);
  for (const card of cards.values()) card.clear();
  for (const { panel, name, values } of lines) cards.get(panel)?.set(name, values);
  say(problem, host);
  drawShown();
}

function go({ time, values, problem }: Step): void {
  times.push(time);
  for (const { panel, name, value } of values) cards.get(panel)?.add(name, value);
  const isFull = times.length > VALUES_MAX;
  if (isFull) times.shift();
  for (const card of cards.values()) card.advance(isFull);
  say(problem, host);
  drawShown();
}

let host = '';
const events = new EventSource('/events');
events.onmessage = ({ data }) => {
  const message = JSON.parse(data) as History | Step;
  if (message.kind === 'history') begin(message);
  else go(message);
};
events.onerror = () => say('The dash command has ended. Start it again; this page then goes on.', '');
addEventListener('hashchange', show);
document.addEventListener('visibilitychange', drawShown);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawShown);
new ResizeObserver(drawShown).observe(main);
show();
