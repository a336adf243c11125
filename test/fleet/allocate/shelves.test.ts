import { expect, test } from 'vitest';
import { must } from '../../../host/base/assert.ts';
import { GameServer } from '../../../host/fleet/allocate/server.ts';
import { Shelves } from '../../../host/fleet/allocate/shelves.ts';
import { podNamed } from '../rig.ts';

const ANY = { game: 'arena', regions: undefined, fits: () => true };

/** Puts servers on shelves, each described as `NAME:FREE` in the region west, empty if FREE is 8. */
function shelvesWith(...places: string[]) {
  const shelves = new Shelves();
  const servers = new Map<string, GameServer>();
  const put = (place: string, region = 'west') => {
    const [name = '', free = ''] = place.split(':');
    const server = servers.get(name) ?? new GameServer(podNamed(name, { uid: name }));
    servers.set(name, server);
    shelves.put(server, { game: 'arena', region, free: Number(free), isEmpty: free === '8' });
  };
  for (const place of places) put(place);
  const find = (seats: number, more: Partial<Parameters<Shelves['find']>[0]> = {}) =>
    shelves.find({ ...ANY, seats, ...more })?.name;
  return { shelves, put, find, get: (name: string) => must(servers.get(name), name) };
}

test('players fill the fullest server that has room, and an empty one comes last', () => {
  const { find } = shelvesWith('empty:8', 'half:4', 'most:1', 'some:6');
  expect([1, 2, 4, 5, 6, 7, 8, 9].map((seats) => find(seats))).toEqual([
    'most',
    'half',
    'half',
    'some',
    'some',
    'empty',
    'empty',
    undefined,
  ]);
});

test('a server moves with its free seats, and is not found without any', () => {
  const { find, put, shelves, get } = shelvesWith('a:3', 'b:5');
  expect(find(1)).toBe('a');
  put('a:0');
  expect(find(1)).toBe('b');
  put('a:6');
  expect([find(1), find(6)]).toEqual(['b', 'a']);
  shelves.put(get('b'), undefined);
  shelves.put(get('a'), undefined);
  expect(find(1)).toBeUndefined();
});

test('regions are tried in their order, and others not at all', () => {
  const { find, put } = shelvesWith('west:2');
  put('east:8', 'east');
  expect(find(1, { regions: ['east', 'west'] })).toBe('east');
  expect(find(1, { regions: ['west', 'east'] })).toBe('west');
  expect(find(4, { regions: ['west', 'east'] })).toBe('east');
  expect(find(4, { regions: ['west'] })).toBeUndefined();
  expect(find(1, { regions: ['north'] })).toBeUndefined();
  // Without a wish, an occupied server of any region comes before an empty one.
  expect(find(1)).toBe('west');
});

test('a server that does not fit is passed over, and another game has none', () => {
  const { find } = shelvesWith('a:2', 'b:2', 'c:3');
  expect(find(2, { fits: ({ name }) => name !== 'a' && name !== 'b' })).toBe('c');
  expect(find(1, { game: 'chess' })).toBeUndefined();
});

test('a server with more seats than a reservation can have is found like any other', () => {
  const { find, put, shelves, get } = shelvesWith('huge:65536');
  expect(find(64)).toBe('huge');
  put('huge:5000');
  expect(find(1024)).toBe('huge');
  shelves.put(get('huge'), undefined);
  expect(find(1)).toBeUndefined();
});
