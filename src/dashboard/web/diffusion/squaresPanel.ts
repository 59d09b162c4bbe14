import { button, h, setText } from '../dom.ts';
import { value } from '../format.ts';
import type { Candidates } from '../policy/sampling.ts';
import { coloring, levelsAt } from './draw.ts';
import { drawSquare, type Field, type Plane } from './drawSquare.ts';

/** Five noise levels of all candidates in a plane of two dimensions, over Q. */
export class SquaresPanel {
  readonly element: HTMLElement;
  readonly #row = h('div', { class: 'squares' });
  readonly #caption = h('span', { class: 't3' });
  readonly #low = h('span');
  readonly #high = h('span');

  constructor(chooseAxes: (anchor: HTMLElement) => void) {
    const onclick = (event: MouseEvent) => chooseAxes(event.currentTarget as HTMLElement);
    const axes = button({ after: 'sliders', label: 'Axes', class: 'quiet', onclick });
    const title = h('h2', { class: 'strong' }, 'Denoising');
    const head = h('header', { class: 'panel-head' }, title, this.#caption, h('span', { class: 'grow' }), axes);
    const legend = h(
      'div',
      { class: 'legend' },
      this.#low,
      h('span', { class: 'q-gradient' }),
      this.#high,
      h('span', { class: 'grow' }),
      h('span', { class: 'legend-chosen' }),
      h('span', { class: 't2' }, 'chosen'),
      h('span', { class: 'legend-bounds' }),
      h('span', { class: 't2' }, 'action bounds'),
    );
    this.element = h('section', { class: 'panel denoising' }, head, this.#row, legend);
  }

  draw(candidates: Candidates, plane: Plane, field: Field | undefined): void {
    const colors = coloring(candidates);
    setText(this.#caption, `${candidates.candidates} candidates, ${plane.name}, over Q`);
    setText(this.#low, `Q ${value(colors.low)}`);
    setText(this.#high, `Q ${value(colors.high)}`);
    const shown = levelsAt([0, 0.4, 0.7, 0.85, 1], candidates.levels);
    while (this.#row.children.length > shown.length) this.#row.lastChild?.remove();
    while (this.#row.children.length < shown.length) {
      this.#row.append(h('figure', {}, h('canvas'), h('figcaption', { class: 't3' })));
    }
    shown.forEach((level, i) => {
      const figure = this.#row.children[i]!;
      drawSquare(figure.children[0] as HTMLCanvasElement, candidates, level, plane, field);
      const name = candidates.levels[level]!;
      const text = Number.isInteger(name) ? String(name) : name.toFixed(2);
      setText(figure.children[1]!, i === 0 ? `noise, ${text}` : i === shown.length - 1 ? `action, ${text}` : text);
    });
  }
}
