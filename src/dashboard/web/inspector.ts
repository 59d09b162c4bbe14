import type { AppState } from './appState.ts';
import { ChartCard } from './charts/card.ts';
import { fill, h, icon } from './dom.ts';

type Tab = 'Curves' | 'Diffusion' | 'Physics' | 'Run';
const ORDER = ['eval/', 'episode/', 'critic/', 'policy/', 'behavior/', 'value/'];

/** Metrics as the inspector lists them: pinned first, then by prefix; none is ever dropped. */
export function orderMetrics(keys: Iterable<string>, pinned: ReadonlySet<string>): string[] {
  const rank = (key: string) => {
    if (key.startsWith('time/')) return ORDER.length + 1;
    const at = ORDER.findIndex(prefix => key.startsWith(prefix));
    return at < 0 ? ORDER.length : at;
  };
  return [...keys].sort(
    (a, b) => Number(pinned.has(b)) - Number(pinned.has(a)) || rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0),
  );
}

/** The right-hand panel: pinned charts large, the others two to a row; the other tabs are handed in. */
export class Inspector {
  readonly element: HTMLElement;
  readonly #app: AppState;
  readonly #body = h('div', {
    class: 'inspector-body scroll',
    tabindex: '0',
    role: 'tabpanel',
    'aria-label': 'Curves',
  });
  readonly #warning = h('p', { class: 'warning pad', hidden: true });
  readonly #grid = h('div', { class: 'chart-grid' });
  readonly #tabs: HTMLElement;
  readonly #panels: Partial<Record<Tab, HTMLElement>> = {};
  readonly #extra: HTMLElement;
  readonly #onPick: (step: number) => void;
  #cards = new Map<string, ChartCard>();
  #layout = '';
  tab: Tab = 'Curves';

  /** `diffusion` is the small fan below the charts. */
  constructor(app: AppState, extra: HTMLElement, onPick: (step: number) => void) {
    this.#app = app;
    this.#extra = extra;
    this.#onPick = onPick;
    const smoothing = h('span', { class: 'smooth-label t2' });
    const update = () => fill(smoothing, `smooth ${app.smoothing}`);
    app.on('settings', update);
    update();
    this.#tabs = h('div', { class: 'tabs', role: 'tablist' });
    this.element = h(
      'aside',
      { class: 'inspector', 'aria-label': 'Inspector' },
      h('header', { class: 'inspector-head' }, this.#tabs, h('span', { class: 'grow' }), smoothing),
      this.#body,
    );
    app.on('settings', () => this.layout());
    app.on('rows', run => {
      if (run === app.current) this.layout();
    });
    for (const event of ['current', 'runs'] as const) app.on(event, () => this.layout());
    this.#drag();
    this.open('Curves');
  }

  addPanel(tab: Tab, panel: HTMLElement): void {
    this.#panels[tab] = panel;
  }

  open(tab: Tab): void {
    this.tab = tab;
    this.#body.setAttribute('aria-label', tab);
    fill(
      this.#tabs,
      ...(['Curves', 'Diffusion', 'Physics', 'Run'] as const).map(name =>
        h(
          'button',
          {
            type: 'button',
            role: 'tab',
            class: 'tab',
            'aria-selected': String(name === tab),
            onclick: () => this.open(name),
          },
          name,
        ),
      ),
    );
    if (tab === 'Curves') fill(this.#body, this.#warning, this.#grid, this.#extra);
    else if (tab === 'Diffusion') fill(this.#body, this.#extra, this.#panels.Diffusion ?? null);
    else fill(this.#body, this.#panels[tab] ?? h('p', { class: 'pad t3' }, 'Nothing here for this run.'));
    this.#body.dispatchEvent(new CustomEvent('tab', { detail: tab }));
  }

  /** Makes cards for metrics that appeared, in order. */
  layout(): void {
    const app = this.#app;
    const warning = app.run()?.warning;
    this.#warning.hidden = !warning;
    fill(this.#warning, icon('warn'), warning);
    const keys = [...(app.currentData?.metrics.keys() ?? [])].filter(key => !/Std$/.test(key));
    if (!keys.includes('eval/return')) keys.push('eval/return');
    const ordered = orderMetrics(keys, app.pinned);
    const layout = JSON.stringify([ordered, [...app.pinned]]);
    if (layout === this.#layout) return;
    this.#layout = layout;
    const old = this.#cards;
    this.#cards = new Map();
    const elements = ordered.map(metric => {
      const size = app.pinned.has(metric) ? 'large' : 'small';
      const known = old.get(metric);
      const card = known?.element.classList.contains(size)
        ? known
        : new ChartCard({ app, metric, size, onPick: this.#onPick });
      if (card === known) old.delete(metric);
      this.#cards.set(metric, card);
      return card.element;
    });
    for (const card of old.values()) card.dispose();
    fill(this.#grid, ...elements);
  }

  refresh(): void {
    if (this.tab === 'Curves') for (const card of this.#cards.values()) card.refresh();
  }

  /** The left edge is a handle: 400–720 px, a double click resets. */
  #drag(): void {
    const handle = h('div', {
      class: 'inspector-handle',
      role: 'separator',
      'aria-orientation': 'vertical',
      'aria-label': 'Width of the inspector',
    });
    const set = (width: number) =>
      document.documentElement.style.setProperty('--inspector', `${Math.min(720, Math.max(400, width))}px`);
    handle.addEventListener('pointerdown', event => handle.setPointerCapture(event.pointerId));
    handle.addEventListener('pointermove', event => {
      if (handle.hasPointerCapture(event.pointerId)) set(innerWidth - event.clientX);
    });
    handle.addEventListener('dblclick', () => document.documentElement.style.removeProperty('--inspector'));
    this.element.append(handle);
  }
}
