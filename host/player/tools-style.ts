// Style of the player's tools. The bundler puts in the text of tools.css.
declare const TOOLS_CSS: string;

let sheet: CSSStyleSheet | undefined;

/** Adds the style of the tools to the shadow root that the page has filled. */
export function adoptStyle(root: Node): void {
  if (!(root instanceof ShadowRoot)) return;
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(TOOLS_CSS);
  }
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets.push(sheet);
}
