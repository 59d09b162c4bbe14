import type { AppState } from '../appState.ts';
import { button, h, setText } from '../dom.ts';
import { value } from '../format.ts';
import type { Candidates } from '../policy/sampling.ts';
import { drawFan } from './draw.ts';
import type { PolicyModel } from './model.ts';

/** 64 candidates are some 20 ms of another core: under one percent of it. */
const EVERY_MS = 3000;

/** In the inspector: twelve candidates at the state on the stage, in the dimension where they differ most. */
export class SmallFan {
  readonly element: HTMLElement;
  /** Stands under it in the tab of its own. */
  readonly panel: HTMLElement;
  readonly #note = h('p', { class: 't2' });
  readonly #app: AppState;
  readonly #model: PolicyModel;
  readonly #canvas = h('canvas', { role: 'img', 'aria-label': 'Candidates at this state' });
  readonly #what = h('span', { class: 't3' });
  #busy = false;
  #next = performance.now() + 2500;
  #seed = 0;
  #seen = false;

  constructor(app: AppState, model: PolicyModel) {
    this.#app = app;
    this.#model = model;
    this.element = h(
      'section',
      { class: 'inspector-extra', hidden: true },
      h(
        'header',
        { class: 'panel-head' },
        h('h2', { class: 't2' }, 'Candidates at this state'),
        this.#what,
        h('span', { class: 'grow' }),
        h('span', { class: 't3' }, 'noise → action'),
      ),
      this.#canvas,
    );
    this.panel = h(
      'div',
      { class: 'pad physics-panel' },
      this.#note,
      button({ icon: 'diffusion', label: 'All of it: the Diffusion view', onclick: () => app.show('diffusion') }),
    );
    const observer = new IntersectionObserver(entries => {
      this.#seen = entries.at(-1)?.isIntersecting ?? false;
    });
    observer.observe(this.element);
  }

  /** Samples again every three seconds while it is in sight; the worker does the work. */
  refresh(now: number): void {
    const { problem } = this.#model;
    const drawn =
      'Each line is a candidate on its way from noise to an action, coloured by its value; the amber one is taken.';
    setText(this.#note, this.element.hidden ? problem || 'Nothing has been sampled yet.' : drawn);
    const ready = this.#app.currentData?.snapshot?.checkpoints.length;
    if (!ready || this.#busy || now < this.#next || (!this.#seen && !this.element.hidden)) return;
    this.#busy = true;
    this.#take()
      .catch(error => {
        this.element.hidden = true;
        this.#model.problem = (error as Error).message; // shown by the Diffusion view
      })
      .finally(() => {
        this.#busy = false;
        this.#next = performance.now() + EVERY_MS;
      });
  }

  async #take(): Promise<void> {
    const model = this.#model;
    if (!(await model.prepare())) {
      this.element.hidden = true;
      return;
    }
    if (!model.policy?.samples) throw new Error('There is no denoising of this algorithm that the page can show.');
    const place = model.place();
    if (!place) return;
    const { observation } = await model.observe(place);
    const candidates = await model.sample(observation, 64, this.#seed);
    this.element.hidden = false;
    const dim = widest(candidates);
    const name = this.#app.currentData?.snapshot?.scene?.actions[dim] ?? `action ${dim}`;
    setText(this.#what, `${name}, 12 of ${candidates.candidates}`);
    const q = candidates.q[candidates.chosen];
    drawFan(this.#canvas, candidates, { dim, axes: 'small', lines: 12, label: q === undefined ? '' : `Q ${value(q)}` });
  }
}

/** The dimension in which the finished actions spread most. */
export function widest({ actions, candidates, actDim }: Candidates): number {
  let best = 0;
  let most = -1;
  for (let d = 0; d < actDim; d++) {
    let [sum, squares] = [0, 0];
    for (let i = 0; i < candidates; i++) {
      const x = actions[i * actDim + d]!;
      sum += x;
      squares += x * x;
    }
    const variance = squares / candidates - (sum / candidates) ** 2;
    if (variance > most) [best, most] = [d, variance];
  }
  return best;
}
