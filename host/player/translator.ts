import { ENGLISH, type Labels } from './labels.ts';
import { type Language, loadLabels } from './languages.ts';

type Key = keyof Labels;
/** A place that shows a text of the page: the text of a node, or an attribute of an element. */
type Place = { node: Node; attribute: string | undefined; key: Key };

/** The attributes that hold texts for the player. */
const ATTRIBUTES = ['aria-label', 'title'];

/** The labels' keys by their English text. */
const KEYS = new Map<string, Key>();
for (const [key, label] of Object.entries(ENGLISH))
  if (typeof label === 'string' && !KEYS.has(label)) KEYS.set(label, key as Key);

/**
 * Shows the texts of the page's document in the player's language. The document is written in English: a text that is in the table
 * of labels is replaced by its translation, wherever it stands. Names of games and messages of the server stay as they are.
 */
export class Translator {
  readonly #root: Node;
  readonly #places: Place[] = [];
  #language: Language = 'en';
  #labels: Labels = ENGLISH;

  /** @param root contains the texts, such as the document's body or a shadow root */
  constructor(root: Node) {
    this.#root = root;
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode())
      for (const attribute of node instanceof Element ? ATTRIBUTES : [undefined]) {
        const key = KEYS.get(read(node, attribute).trim());
        if (key !== undefined) this.#places.push({ node, attribute, key });
      }
  }

  get labels(): Labels {
    return this.#labels;
  }

  get language(): Language {
    return this.#language;
  }

  /** Returns the translation of an English text if it is in the table of labels, and otherwise the text. */
  translate(text: string): string {
    const key = KEYS.get(text);
    return key === undefined ? text : String(this.labels[key]);
  }

  /**
   * Shows all texts in another language, except those that the page has replaced since.
   * @returns whether the texts have changed
   */
  async show(language: Language): Promise<boolean> {
    if (language === this.#language) return false;
    this.#language = language;
    const after = await loadLabels(language);
    // The player may have chosen another language meanwhile.
    if (language !== this.#language) return false;
    const before = this.#labels;
    this.#labels = after;
    for (const { node, attribute, key } of this.#places) {
      const text = read(node, attribute);
      const [old, next] = [String(before[key]), String(after[key])];
      if (text.trim() !== old) continue;
      if (node instanceof Element && attribute !== undefined) node.setAttribute(attribute, next);
      else node.nodeValue = text.replace(old, next);
    }
    const host = this.#root instanceof ShadowRoot ? this.#root.host : document.documentElement;
    host.setAttribute('lang', language);
    return true;
  }
}

function read(node: Node, attribute: string | undefined): string {
  const text = node instanceof Element && attribute !== undefined ? node.getAttribute(attribute) : node.nodeValue;
  return text ?? '';
}
