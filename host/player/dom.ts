const SVG = 'http://www.w3.org/2000/svg';

type Properties = Readonly<Record<string, string | boolean | undefined>>;
type Child = Node | string | undefined;

/**
 * Makes an element.
 * @param properties its attributes; true for one without a value, false or undefined to leave it out
 */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  return complete(document.createElement(name), properties, children);
}

/** Makes an icon of 24 by 24 units from the data of its path. */
export function makeIcon(path: string): SVGElement {
  return makeDrawing({ viewBox: '0 0 24 24', 'aria-hidden': 'true' }, path);
}

/** Makes a drawing that consists of one path. */
export function makeDrawing(properties: Properties, path: string): SVGElement {
  const line = complete(document.createElementNS(SVG, 'path'), { d: path }, []);
  return complete(document.createElementNS(SVG, 'svg'), properties, [line]);
}

function complete<T extends Element>(element: T, properties: Properties, children: readonly Child[]): T {
  for (const [name, value] of Object.entries(properties))
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : value);
  element.append(...children.filter((child) => child !== undefined));
  return element;
}
