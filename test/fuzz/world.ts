/** What a module's objects are while its streams are made up: valid ids, and enough of each object to use it rightly. */
import type { Kind } from '../../renderer/contract/contract.ts';
import { type Item, kinds, type Value, type Values } from './encode.ts';
import type { Random } from './random.ts';

/** An object, and what matters for its use. */
export interface Live {
  readonly id: number;
  /** Buffers: bytes; query sets: queries. */
  readonly size: number;
  readonly usage: number;
  /** What it is made for: a form of binding, a target of passes, a format, a shader. */
  readonly form: string;
  /** Pipelines and groups: the layout of group 0. Views: the texture. */
  readonly of: number;
  readonly samples: number;
  /** Pipelines and bundles: the passes that they are for. */
  readonly target: string;
}

const GENERATION = 2 ** 20;
const GENERATIONS = 2 ** 12;
const ID_INDEX_MIN = 2;

export class World {
  readonly random: Random;
  /** Where the GPU really works, it is given no work without end. */
  readonly tame: boolean;
  readonly live = Object.fromEntries(kinds.map((kind) => [kind, []])) as unknown as Record<Kind, Live[]>;
  readonly #next = Object.fromEntries(kinds.map((kind) => [kind, ID_INDEX_MIN])) as Record<Kind, number>;
  readonly #freed = Object.fromEntries(kinds.map((kind) => [kind, []])) as unknown as Record<Kind, number[]>;
  /** The commands of the call that is made now. */
  items: Item[] = [];

  constructor(random: Random, tame: boolean) {
    this.random = random;
    this.tame = tame;
  }

  say(command: string, values: Values = {}): void {
    this.items.push({ command, values });
  }

  /** An id that may be given to a new object. */
  newId(kind: Kind): number {
    const freed = this.#freed[kind];
    const index = freed.length > 0 && this.random.percent(60) ? freed.pop() : undefined;
    if (index !== undefined) return (index + GENERATION) % (GENERATION * GENERATIONS);
    return this.#next[kind]++;
  }

  /** Says a command that makes an object. */
  make(kind: Kind, command: string, values: Values, facts: Partial<Live> = {}): Live {
    const id = this.newId(kind);
    const live = { size: 0, usage: 0, form: '', of: 0, samples: 1, target: '', ...facts, id };
    this.say(command, { id, ...values, ...this.label() });
    this.live[kind].push(live);
    return live;
  }

  /** One that fits, or undefined. */
  find(kind: Kind, fits: (live: Live) => boolean = () => true): Live | undefined {
    const all = this.live[kind].filter(fits);
    return all.length === 0 ? undefined : this.random.pick(all);
  }

  destroy(kind: Kind): void {
    const { live } = this;
    const index = this.random.below(live[kind].length);
    const [gone] = live[kind].splice(index, 1);
    if (gone === undefined) return;
    this.#freed[kind].push(gone.id);
    this.say('destroy', { kind, object: gone.id });
    // What was made of it cannot be used any more.
    if (kind === 'texture') live.textureView = live.textureView.filter(({ of }) => of !== gone.id);
    if (kind === 'buffer' || kind === 'texture') live.bindGroup.length = 0;
    if (kind === 'buffer' || kind === 'texture' || kind === 'bindGroup') live.renderBundle.length = 0;
  }

  label(): { label?: Value } {
    const { random } = this;
    if (random.percent(80)) return {};
    return { label: random.pick(['a', 'main', 'nähe', '\u{1f600}', 'x'.repeat(random.below(80)), 'ab\0', ' "\\']) };
  }
}
