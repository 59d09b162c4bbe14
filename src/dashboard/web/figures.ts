import type { AppState } from './appState.ts';
import { save } from './charts/export.ts';
import { button, fill, h, setText } from './dom.ts';
import { fixed } from './format.ts';

const SVG = 'http://www.w3.org/2000/svg';

/** What `agent toy` drew: a figure on paper each, with the way of the policies under a slider. */
export class FiguresView {
  readonly element = h('div', { class: 'figures-view', tabindex: '0', 'aria-label': 'Figures' });
  readonly #app: AppState;
  #shown = '';

  constructor(app: AppState) {
    this.#app = app;
    app.on('snapshot', run => run === app.current && void this.#update());
    app.on('current', () => void this.#update());
  }

  /** Whether a run is all figures: it has no robot, no episodes and no checkpoints. */
  static suits(app: AppState): boolean {
    return app.run()?.algo === 'toy';
  }

  async #update(): Promise<void> {
    const app = this.#app;
    const figures = app.currentData?.snapshot?.figures ?? [];
    const key = JSON.stringify([app.current, figures]);
    if (!FiguresView.suits(app) || key === this.#shown) return;
    this.#shown = key;
    const texts = await Promise.all(
      figures.map(async ({ name }) => ({ name, bytes: await app.file(`figures/${name}`) })),
    );
    if (key !== this.#shown) return;
    const cards = texts.flatMap(({ name, bytes }) =>
      bytes ? [figureCard(name, new TextDecoder().decode(bytes))] : [],
    );
    fill(this.element, ...(cards.length > 0 ? cards : [waiting()]));
  }
}

function waiting(): HTMLElement {
  return h(
    'div',
    { class: 'state' },
    h('h2', {}, 'No figure yet'),
    h('p', {}, 'The first one comes when the first dataset is learned; the curves are there already.'),
  );
}

/** A figure as an image: nothing in it can run. The group `shift` lies over it as an image of its own. */
function figureCard(name: string, text: string): HTMLElement {
  const title = name.startsWith('bandit') ? 'QVPO on a bandit' : 'SRPO in the plane';
  const file = name.replace(/\.svg$/, '');
  const paper = h('div', { class: 'paper' });
  const head = h('header', { class: 'panel-head' }, h('h2', { class: 'strong' }, title));
  const parsed = new DOMParser().parseFromString(text, 'image/svg+xml');
  const root = parsed.documentElement;
  if (root.localName !== 'svg') return h('p', { class: 'pad t2' }, `${name} is no picture`);
  const shift = takeShift(root);
  const base = picture(root, `${title}: figure`);
  fill(paper, base);
  let over: HTMLImageElement | undefined;
  if (shift) {
    const value = h('b', {}, '1.00');
    const slider = h('input', { type: 'range', min: 0, max: 1, step: 0.05, value: 1, 'aria-label': '1/β' });
    const show = () => {
      const next = picture(shift.upTo(Number(slider.value)), '');
      next.className = 'over-paper';
      // The new picture takes the place of the old one when it is there: no flicker in between.
      void next.decode().then(() => {
        if (over) over.replaceWith(next);
        else paper.append(next);
        over = next;
      });
      slider.style.setProperty('--part', `${100 * Number(slider.value)}%`);
      setText(value, fixed(Number(slider.value), 2));
    };
    slider.addEventListener('input', show);
    show();
    head.append(h('label', { class: 'way' }, h('span', { class: 't3' }, '1/β'), slider, value));
  }
  const download = (label: string, title: string, onclick: () => void) =>
    button({ icon: 'download', label, title, onclick });
  head.append(
    download('SVG', 'The figure as it was drawn', () =>
      save(new Blob([text], { type: 'image/svg+xml' }), `${file}.svg`),
    ),
    download('PNG', 'As it is shown, in twice the size', () => savePng([base, over], `${file}.png`)),
  );
  return h('section', { class: 'panel figure-card' }, head, paper);
}

interface Shift {
  /** The groups with the part of each way that 1/β up to `share` goes. */
  upTo(share: number): Element;
}

/** Takes the groups `shift` out of a figure. Each holds rings, ways (`M x yL x y…` each) and their ends. */
function takeShift(root: Element): Shift | undefined {
  const groups = [...root.querySelectorAll('g.shift')].map(group => {
    const transform = group.parentElement?.parentElement?.getAttribute('transform') ?? '';
    group.remove();
    return { group, transform };
  });
  if (groups.length === 0) return undefined;
  return {
    upTo: share => {
      const layer = root.cloneNode(false) as Element;
      for (const { group, transform } of groups) {
        const copy = group.cloneNode(true) as Element;
        const [lines, ends] = [...copy.querySelectorAll('path')];
        const ways = (lines?.getAttribute('d') ?? '').split('M').slice(1);
        const gone = ways
          .map(way => way.split('L'))
          .map(steps => steps.slice(0, 1 + Math.round(share * (steps.length - 1))));
        lines?.setAttribute('d', gone.map(steps => `M${steps.join('L')}`).join(''));
        ends?.setAttribute('d', gone.map(steps => `M${steps.at(-1)}h0`).join(''));
        const placed = root.ownerDocument.createElementNS(SVG, 'g');
        placed.setAttribute('transform', transform);
        placed.append(copy);
        layer.append(placed);
      }
      return layer;
    },
  };
}

function picture(svg: Element, alt: string): HTMLImageElement {
  const blob = new Blob([new XMLSerializer().serializeToString(svg)], { type: 'image/svg+xml' });
  const image = h('img', { alt, src: URL.createObjectURL(blob) });
  image.addEventListener('load', () => URL.revokeObjectURL(image.src), { once: true });
  return image;
}

function savePng(images: readonly (HTMLImageElement | undefined)[], name: string): void {
  const canvas = h('canvas');
  const first = images[0]!;
  [canvas.width, canvas.height] = [2 * first.naturalWidth, 2 * first.naturalHeight];
  const context = canvas.getContext('2d')!;
  for (const image of images) if (image) context.drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob(blob => blob && save(blob, name));
}
