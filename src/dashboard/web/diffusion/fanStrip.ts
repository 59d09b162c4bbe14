import { h, setText } from '../dom.ts';
import type { Candidates } from '../policy/sampling.ts';
import { drawFan } from './draw.ts';

/** All action dimensions, a small fan of sixteen candidates each; a click opens one. */
export class FanStrip {
  readonly element: HTMLElement;
  readonly #row = h('div', { class: 'fan-strip' });
  readonly #title = h('h2', { class: 'strong' }, 'All action dimensions');
  readonly #choose: (dim: number) => void;

  constructor(choose: (dim: number) => void) {
    this.#choose = choose;
    const head = h('header', { class: 'panel-head' }, this.#title, h('span', { class: 't3' }, 'click to open'));
    this.element = h('section', { class: 'panel strip-panel' }, head, this.#row);
  }

  draw(candidates: Candidates, chosen: number, nameOf: (dim: number) => string): void {
    setText(this.#title, `All ${candidates.actDim} action dimensions`);
    const { children } = this.#row;
    while (children.length > candidates.actDim) this.#row.lastChild!.remove();
    while (children.length < candidates.actDim) {
      const dim = children.length;
      const label = h('span', { class: 't3' }, shortName(nameOf(dim)));
      this.#row.append(
        h('button', { type: 'button', class: 'small-fan', onclick: () => this.#choose(dim) }, h('canvas'), label),
      );
    }
    Array.from(children).forEach((item, dim) => {
      item.setAttribute('aria-pressed', String(dim === chosen));
      setText(item.lastElementChild!, shortName(nameOf(dim)));
      drawFan(item.firstElementChild as HTMLCanvasElement, candidates, { dim, axes: 'none', lines: 16 });
    });
  }
}

/** `right_hip_y` → `r hip y`. */
export function shortName(name: string): string {
  return name
    .replace(/^right_/, 'r ')
    .replace(/^left_/, 'l ')
    .replace('abdomen', 'abd')
    .replace('shoulder', 'sho ')
    .replaceAll('_', ' ');
}
