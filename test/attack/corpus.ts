import { settings } from '../../host/base/config.ts';
import { good } from '../engine/modules.ts';
import { mutant } from '../fuzz/module.ts';
import { LIMITS } from '../hostile/cases/case.ts';
import { commands } from '../hostile/cases/commands.ts';
import { exports } from '../hostile/cases/exports.ts';
import { imports } from '../hostile/cases/imports.ts';
import { limits } from '../hostile/cases/limits.ts';
import { sleep } from '../wait.ts';
import { type Arena, attackRoom } from './arena.ts';
import { shaderGame } from './games.ts';
import type { HostileShader } from './shaders.ts';
import { countPictures, guardMemory, type Health, type Pictures, residentBytes, sampleHealth } from './watch.ts';

/** Number of modules in the corpus: those of the cases, and mutants of a good module. */
export const MODULES = 120;
/** Number of rooms in which hostile modules take turns. Each that a module keeps open is lost to the others. */
export const PLACES = 24;
/** How long one hostile module is watched. */
const ITEM_MS_MAX = 20_000;
/** Number of ticks that a game with a hostile shader plays, unless its room ends before. */
const SHADER_TICKS = 240;
/** The same for a module that does its harm when its player leaves, or only when its state is saved. */
const LEAVING_MS_MAX = 3000;
const RETRY_MS = 250;
/**
 * Refusals that only say that a room or a seat is not free yet, or that the game `ending` has not made room yet, and requests
 * on a connection that the host was closing because nothing had come on it for a while.
 */
const NOT_YET =
  /^fetch failed: (ECONNRESET|UND_ERR_SOCKET)|^503 .*NL_ROOM_ENDED(?!.*opens again in \d\d)|NL_ROOM_ENDED.*with status 0 in join|NL_OFFER_RATE|NL_HALF_OPEN|NL_ADDRESS_FULL/;
const RETRIES_MAX = 40;

export interface Item {
  name: string;
  module: Uint8Array;
  /** How long the module is watched at most, in milliseconds; by default ITEM_MS_MAX. */
  msMax?: number;
}

/**
 * The settings under which the modules of the cases exceed the limits that they are written for, as an environment. The limits
 * of time are those that every host has, because the cases' own are meant for a clock that a test controls.
 */
export const environment = Object.fromEntries(
  Object.entries(LIMITS)
    .filter(([name]) => !name.endsWith('MsMax'))
    .map(([name, value]) => [settings[name as keyof typeof LIMITS].env, String(value)]),
);

/** A game that ends when a player joins, so that the room opens again with another module. */
export const ending = (): Uint8Array => good({ join: '(call $exit (i32.const 0))' });

/** The hostile modules, always the same ones. */
export function moduleItems(): Item[] {
  const cases = [...imports, ...exports, ...limits, ...commands].map(({ of, what, module, afterwards }) => {
    return { name: `${of}: ${what}`, module, ...(afterwards ? { msMax: LEAVING_MS_MAX } : {}) };
  });
  const mutants = Array.from({ length: MODULES - cases.length }, (_, n) => {
    return { name: `mutant ${n}`, module: mutant(n, [good({ tick: '(unreachable)' })]) };
  });
  return [...cases, ...mutants];
}

export const shaderItems = (shaders: readonly HostileShader[], ticks = SHADER_TICKS): Item[] =>
  shaders.map((shader) => ({ name: `shader: ${shader.name}`, module: shaderGame(shader, ticks) }));

/** How one hostile module ended, and what the host and its player noticed. */
export interface Entry {
  name: string;
  /** The code and the message of its end, or of the refusal to load it; what was awaited in vain if it went on. */
  end: string;
  /** Whether the host has loaded the module or refused it by itself, and not only said that its room is closed. */
  tried: boolean;
  health: Health;
  pictures: Pictures;
  residentBytes: number;
}

export interface Report {
  entries: Entry[];
  /** Pictures per second of the honest player without an attack. */
  before: number;
  peakBytes: number;
  /** Whether the host was killed because it had more than `bytesMax` of memory. */
  killed: boolean;
  /** Whether the honest player was connected all the time. */
  stayed: boolean;
}

export interface CorpusOptions {
  items: readonly Item[];
  /** The number of rooms that the arena has for hostile modules. */
  places?: number;
  /** How long the honest player's pictures are counted before the first item. */
  beforeMs: number;
  /** Most bytes of the host and all processes below it. */
  bytesMax: number;
  seen?(entry: Entry): void;
}

/** The rooms in which hostile modules take turns, each with a module that ends at once. */
export function places(count = PLACES): Record<string, Uint8Array> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`place${n}`, ending()]));
}

/** Runs hostile modules one after another beside the good game of an arena, whose rooms `places` has made. */
export async function runCorpus(
  arena: Arena,
  { items, places: count, beforeMs, bytesMax, seen }: CorpusOptions,
): Promise<Report> {
  const { host, player } = arena;
  const pid = Number(host.process.pid);
  const free = Object.keys(places(count));
  const counting = countPictures(player);
  await sleep(beforeMs);
  const before = counting.stop().perSecond;
  const guard = guardMemory(pid, bytesMax);
  const entries: Entry[] = [];
  for (const { name, module, msMax } of items) {
    const place = await emptyPlace(arena, free);
    const [health, pictures] = [sampleHealth(host), countPictures(player)];
    const end = await attackPlace(arena, place, { module, msMax });
    const tried = !end.includes('NL_ROOM_ENDED');
    const entry = { name, end, tried, health: await health.stop(), pictures: pictures.stop() };
    entries.push({ ...entry, residentBytes: residentBytes(pid) });
    seen?.(entries[entries.length - 1] as Entry);
    if (end.startsWith('waited')) free.splice(free.indexOf(place), 1);
    if (player.peerState !== 'connected') break;
  }
  return { entries, before, stayed: player.peerState === 'connected', ...guard.stop() };
}

/**
 * Ends the game of a room, so that the room opens again with another module, and moves it to the end of the list. Rooms that
 * are closed as a penalty for an earlier module are passed over.
 */
async function emptyPlace(arena: Arena, free: string[]): Promise<string> {
  for (let tries = 0; tries < RETRIES_MAX * PLACES; tries++) {
    const place = free.shift();
    if (place === undefined) throw new Error('every room is taken by a module that goes on');
    free.push(place);
    const end = await joinWhenFree(arena, place, ITEM_MS_MAX);
    if (end.includes('NL_GUEST_EXIT')) return place;
    await sleep(RETRY_MS);
  }
  throw new Error('no room opens again');
}

/** Puts a hostile module into the place of a game that has ended, and plays the module until it ends. */
async function attackPlace(
  arena: Arena,
  place: string,
  { module, msMax = ITEM_MS_MAX }: Pick<Item, 'module'> & { msMax: number | undefined },
): Promise<string> {
  arena.setModule(place, module);
  const { length } = arena.host.output();
  const end = await joinWhenFree(arena, place, msMax);
  arena.setModule(place, ending());
  // A player who comes after the end does not learn the code of the end, but the log has it.
  const logged = [
    ...arena.host
      .output()
      .slice(length)
      .matchAll(new RegExp(`${place} has ended: (.*)`, 'g')),
  ];
  return end.includes('NL_ROOM_ENDED') ? (logged.at(-1)?.[1] ?? end) : end;
}

async function joinWhenFree(arena: Arena, place: string, msMax: number): Promise<string> {
  for (let retry = 0; ; retry++) {
    const end = await attackRoom(arena, place, msMax);
    if (!NOT_YET.test(end) || retry === RETRIES_MAX) return end;
    await sleep(RETRY_MS);
  }
}
