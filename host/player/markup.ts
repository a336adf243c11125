// Markup and style of the page in the player's element. The bundler puts in the text of page.html and style.css.
declare const PAGE_HTML: string;
declare const PAGE_CSS: string;

let template: HTMLTemplateElement | undefined;
let sheet: CSSStyleSheet | undefined;

/** Fills a shadow root with the page. The style is an object, not markup, so a site's content security policy allows it. */
export function fill(root: ShadowRoot): void {
  if (!template) {
    template = document.createElement('template');
    template.innerHTML = PAGE_HTML;
  }
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(PAGE_CSS);
  }
  root.adoptedStyleSheets = [sheet];
  root.append(template.content.cloneNode(true));
}
