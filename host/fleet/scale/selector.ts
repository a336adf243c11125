const CHARACTERS_MAX = 2048;
const REQUIREMENTS_MAX = 16;
const KEY = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const VALUE = /^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;

export type Labels = Readonly<Record<string, string>>;
export type Selector = (labels: Labels) => boolean;

/**
 * Parses a label selector of Kubernetes, such as "game=arena,tier!=test" or "game in (arena,model)"; undefined if the text is not one.
 * The empty text selects everything.
 */
export function readSelector(text: string): Selector | undefined {
  if (text.length > CHARACTERS_MAX) return undefined;
  if (text.trim() === '') return () => true;
  // Commas within parentheses separate values.
  const parts = text.split(/,(?![^(]*\))/);
  if (parts.length > REQUIREMENTS_MAX) return undefined;
  const requirements: Selector[] = [];
  for (const part of parts) {
    const requirement = readRequirement(part.trim());
    if (!requirement) return undefined;
    requirements.push(requirement);
  }
  return (labels) => requirements.every((fits) => fits(labels));
}

function readRequirement(text: string): Selector | undefined {
  const [, key = '', operator, list = ''] = /^(\S+?)\s*(==?|!=|\s(?:not)?in\s)\s*(.*)$/.exec(text) ?? [];
  if (operator === undefined) return readPresence(text);
  const isSet = operator.trim().endsWith('in');
  const isNegated = operator === '!=' || operator.trim() === 'notin';
  const [, inner] = /^\((.*)\)$/.exec(list) ?? [];
  const values = isSet ? inner?.split(',').map((value) => value.trim()) : [list];
  if (!KEY.test(key) || !values?.every((value) => VALUE.test(value))) return undefined;
  const found = new Set(values);
  // A label that is missing differs from every value.
  return (labels) => (Object.hasOwn(labels, key) && found.has(labels[key] ?? '')) !== isNegated;
}

function readPresence(text: string): Selector | undefined {
  const isNegated = text.startsWith('!');
  const key = isNegated ? text.slice(1).trim() : text;
  return KEY.test(key) ? (labels) => Object.hasOwn(labels, key) !== isNegated : undefined;
}
