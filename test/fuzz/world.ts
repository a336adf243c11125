/**
 * Keeps track of the GPU objects of a module while its calls are generated: their ids, and the facts needed to use them
 * validly.
 */
import type { Kind } from '../../renderer/contract/contract.ts';
import type { Random } from '../random.ts';
import { type Item, kinds, type Value, type Values } from './encode.ts';

/** A GPU object that exists at this point of the generated calls, with the facts that its use depends on. */
export interface Live {
  readonly id: number;
  /** Bytes of a buffer, number of queries of a query set, width of a texture in texels. */
  readonly size: number;
  readonly usage: number;
  /** The kind of binding in group 0 of a shader, a pipeline or a layout; the format of a texture; the type of a query set. */
  readonly form: string;
  /** Id of a related object: for pipelines and bind groups the layout of group 0, for texture views the texture. */
  readonly of: number;
  readonly samples: number;
  /** The kind of render target that a pipeline or a render bundle is for. */
  readonly target: string;
}

const GENERATION = 2 ** 20;
const GENERATIONS = 2 ** 12;
const ID_INDEX_MIN = 2;

export class World {
  readonly random: Random;
  /** If true, no call may give the GPU endless work, as in StreamOptions. */
  readonly tame: boolean;
  readonly live = Object.fromEntries(kinds.map((kind) => [kind, []])) as unknown as Record<Kind, Live[]>;
  readonly #next = Object.fromEntries(kinds.map((kind) => [kind, ID_INDEX_MIN])) as Record<Kind, number>;
  readonly #freed = Object.fromEntries(kinds.map((kind) => [kind, []])) as unknown as Record<Kind, number[]>;
  /** The commands of the call that is being generated. */
  items: Item[] = [];

  constructor(random: Random, tame: boolean) {
    this.random = random;
    this.tame = tame;
  }

  /** Adds a command to the call that is being generated. */
  say(command: string, values: Values = {}): void {
    this.items.push({ command, values });
  }

  /** Returns an id that a new object may have: a new one, or that of a destroyed object with the next generation number. */
  newId(kind: Kind): number {
    const freed = this.#freed[kind];
    const index = freed.length > 0 && this.random.percent(60) ? freed.pop() : undefined;
    if (index !== undefined) return (index + GENERATION) % (GENERATION * GENERATIONS);
    return this.#next[kind]++;
  }

  /** Adds a command that creates a GPU object to the call that is being generated. */
  make(kind: Kind, command: string, values: Values, facts: Partial<Live> = {}): Live {
    const id = this.newId(kind);
    const live = { size: 0, usage: 0, form: '', of: 0, samples: 1, target: '', ...facts, id };
    this.say(command, { id, ...values, ...this.label() });
    this.live[kind].push(live);
    return live;
  }

  /** Picks an existing GPU object at random among those for which `fits` is true; undefined if there is none. */
  find(kind: Kind, fits: (live: Live) => boolean = () => true): Live | undefined {
    const all = this.live[kind].filter(fits);
    return all.length === 0 ? undefined : this.random.pick(all);
  }

  /** Adds a command that destroys a random GPU object of a kind to the call that is being generated. */
  destroy(kind: Kind): void {
    const { live } = this;
    const index = this.random.below(live[kind].length);
    const [gone] = live[kind].splice(index, 1);
    if (gone === undefined) return;
    this.#freed[kind].push(gone.id);
    this.say('destroy', { kind, object: gone.id });
    // Objects that depend on the destroyed one cannot be used any more.
    if (kind === 'texture') live.textureView = live.textureView.filter(({ of }) => of !== gone.id);
    if (kind === 'buffer' || kind === 'texture') live.bindGroup.length = 0;
    if (kind === 'buffer' || kind === 'texture' || kind === 'bindGroup') live.renderBundle.length = 0;
  }

  /** Returns a random label for a GPU object in one case of five, and none otherwise. */
  label(): { label?: Value } {
    const { random } = this;
    if (random.percent(80)) return {};
    return { label: random.pick(['a', 'main', 'nähe', '\u{1f600}', 'x'.repeat(random.below(80)), 'ab\0', ' "\\']) };
  }
}
