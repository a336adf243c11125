import type { GameLoad, GameName, LoadSource } from '../../../host/fleet/scale/source.ts';

/** A source of load that a test fills by hand. */
export class HandSource implements LoadSource {
  readonly games: GameName[] = [
    { namespace: 'nearlight', game: 'arena' },
    { namespace: 'nearlight', game: 'model' },
    { namespace: 'other', game: 'arena' },
  ];
  readonly loads = new Map<string, GameLoad>();
  readonly listeners = new Set<() => void>();

  set(game: string, values: GameLoad['values'], isActive = true): void {
    this.loads.set(game, { at: Date.parse('2026-11-28T12:00:00.123Z'), isActive, values });
    for (const listener of this.listeners) listener();
  }

  read({ namespace, game }: GameName): GameLoad | undefined {
    return this.loads.get(`${namespace}/${game}`);
  }

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
