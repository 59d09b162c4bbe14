import { fill, h, setText } from '../dom.ts';
import { fixed, value } from '../format.ts';
import type { Candidates } from '../policy/sampling.ts';
import { coloring } from './draw.ts';
import type { Plane } from './drawSquare.ts';
import { drawWeights } from './drawWeights.ts';
import { countModes, effectiveNumber, entropyOf, meanOf, transformText, weightsOf } from './statistics.ts';

/** The weights an update would give the candidates of this state, and what they say about the policy. */
export class WeightsPanel {
  readonly element: HTMLElement;
  readonly #canvas = h('canvas', { class: 'weights', role: 'img', 'aria-label': 'Weights of the candidates' });
  readonly #facts = h('dl', { class: 'weight-facts' });
  readonly #title = h('h2', { class: 'strong' }, 'Weights');
  readonly #formula = h('span', { class: 't3' });

  constructor() {
    const head = h('header', { class: 'panel-head' }, this.#title, this.#formula);
    this.element = h('section', { class: 'panel weights-panel' }, head, this.#canvas, this.#facts);
  }

  /** `config`: the run's hyperparameters, which name the transform. */
  draw(candidates: Candidates, plane: Plane, config: Readonly<Record<string, unknown>>): void {
    // Only an update that weighs its rows has weights; elsewhere this is how far a candidate is above the others.
    setText(this.#title, config.qTransform === undefined ? 'Advantages' : 'Weights');
    const transform = typeof config.qTransform === 'string' ? config.qTransform : 'qadv';
    setText(this.#formula, transformText[transform] ?? transform);
    const weights = weightsOf(candidates.q, transform, config);
    drawWeights(this.#canvas, weights, candidates.chosen, coloring(candidates).scale);
    const points = Array.from({ length: candidates.candidates }, (_, i) => plane.point(candidates.actions, i));
    const zeros = weights.reduce((count, weight) => count + Number(weight <= 0), 0);
    const facts: [string, string][] = [
      ['effective', `${fixed(effectiveNumber(weights), 1)} of ${weights.length}`],
      ['zero', String(zeros)],
      ['V', value(meanOf(candidates.q))],
      ['modes', String(countModes(points))],
      ['entropy', `${fixed(entropyOf(candidates.actions, candidates.actDim), 2)} nat`],
      ['Q₁−Q₂', `±${value(meanOf(candidates.disagreement))}`],
    ];
    fill(this.#facts, ...facts.map(([name, text]) => h('div', {}, h('dt', { class: 't3' }, name), h('dd', {}, text))));
  }
}
