/** Children of an element: text and nodes; absent ones are skipped. */
export type Child = Node | string | number | null | undefined | false;

type Props = Readonly<Record<string, unknown>>;

/**
 * Makes an element. `class`, `hidden`, `on…` listeners, `data-`/`aria-` attributes; no `style` attribute ever, because the
 * content policy forbids inline styles: set `element.style` instead.
 */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  assign(element, props);
  put(element, children);
  return element;
}

/** The same for SVG. */
export function s(tag: string, props: Props = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  assign(element, props);
  put(element, children);
  return element;
}

function assign(element: Element, props: Props): void {
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value as EventListener);
    else if (key === 'value' && element instanceof HTMLInputElement) element.value = String(value);
    else element.setAttribute(key, value === true ? '' : String(value));
  }
}

function put(element: Element, children: readonly Child[]): void {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Replaces what an element holds. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  put(element, children);
}

/** When what is on the page now has been painted: heavy parts load then. */
export function painted(): Promise<void> {
  return new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
}

/** Sets text only where it changed: numbers redraw four times a second. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

export function icon(name: string): SVGElement {
  return s('svg', { class: 'icon', 'aria-hidden': 'true' }, s('use', { href: iconAddress(name) }));
}

/** The symbols are part of the document: nothing is asked of a server that may be gone. */
export function iconAddress(name: string): string {
  return `#${name}`;
}

interface ButtonOptions {
  readonly icon?: string;
  /** After the label: what the button opens. */
  readonly after?: string;
  readonly label: string;
  readonly title?: string;
  readonly class?: string;
  readonly key?: string;
  readonly pressed?: boolean;
  readonly onclick?: (event: MouseEvent) => void;
}

/** A text button with an optional icon and key. */
export function button(options: ButtonOptions): HTMLButtonElement {
  return h(
    'button',
    {
      type: 'button',
      class: `button ${options.class ?? ''}`,
      title: options.title,
      'aria-pressed': options.pressed === undefined ? undefined : String(options.pressed),
      onclick: options.onclick,
    },
    options.icon ? icon(options.icon) : null,
    h('span', {}, options.label),
    options.after ? icon(options.after) : null,
    options.key ? h('kbd', {}, options.key) : null,
  );
}

/** A button that is only an icon; `label` names it for readers and as a tooltip. */
export function iconButton(name: string, label: string, onclick: (event: MouseEvent) => void): HTMLButtonElement {
  return h('button', { type: 'button', class: 'icon-button', title: label, 'aria-label': label, onclick }, icon(name));
}
