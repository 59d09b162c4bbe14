import type { AppState } from '../appState.ts';
import { button, fill, h, iconButton, setText } from '../dom.ts';
import { fixed, integer, value } from '../format.ts';
import { openMenu } from '../menu.ts';
import type { Candidates } from '../policy/sampling.ts';
import { statusPill } from '../status.ts';
import type { WatchView } from '../watchView.ts';
import { coloring, drawFan, drawScatter, drawSquare, drawWeights, type Field, type Plane } from './draw.ts';
import type { PolicyModel } from './model.ts';
import {
  countModes,
  effectiveNumber,
  entropyOf,
  meanOf,
  principalAxes,
  transformText,
  weightsOf,
} from './statistics.ts';

const FIELD = 21;

/** What is shown: the candidates at one state, and what was computed from them. */
interface Picture {
  readonly candidates: Candidates;
  readonly more: Candidates;
  readonly field: Field | undefined;
  readonly plane: Plane;
  readonly label: string;
}

/** The diffusion made visible: squares, fan, weights, exploration, teacher and student, every action dimension. */
export class DiffusionView {
  readonly header: HTMLElement;
  readonly #app: AppState;
  readonly #watch: WatchView;
  readonly #model: PolicyModel;
  readonly #page = h('div', { class: 'diffusion' });
  readonly #stageSlot = h('div', { class: 'diffusion-stage' });
  readonly #squares = h('div', { class: 'squares' });
  readonly #fan = h('canvas', { class: 'fan', role: 'img', 'aria-label': 'Candidates through the denoising steps' });
  readonly #strip = h('div', { class: 'fan-strip' });
  readonly #weights = h('canvas', { class: 'weights', role: 'img', 'aria-label': 'Weights of the candidates' });
  readonly #facts = h('dl', { class: 'weight-facts' });
  readonly #explore = [0, 1].map(() => ({ canvas: h('canvas'), text: h('p', { class: 't3' }) }));
  readonly #bars = h('div', { class: 'time-bars' });
  readonly #labels = {
    state: h('b'),
    checkpoint: h('b'),
    time: h('b'),
    squares: h('span', { class: 't3' }),
    fan: h('h3', { class: 'strong' }),
    step: h('span', { class: 't2' }),
    weights: h('span', { class: 't3' }),
    low: h('span'),
    high: h('span'),
    strip: h('h3', { class: 'strong' }),
  };
  readonly #note = h('div', { class: 'state diffusion-note', hidden: true });
  readonly #gradient = h('canvas', { class: 'q-gradient' });
  #k = 64;
  #seed = 1;
  #dim = 0;
  #otherDim = 1;
  #components = false;
  #level = 13;
  #picture: Picture | undefined;
  #busy = false;
  #again = false;
  #at = '';
  #playingSteps = 0;

  constructor(app: AppState, watch: WatchView, model: PolicyModel) {
    this.#app = app;
    this.#watch = watch;
    this.#model = model;
    this.header = this.#makeHeader();
    this.#build();
    app.on('theme', () => this.#draw());
    app.on('current', () => {
      this.#picture = undefined;
      this.#at = '';
    });
    addEventListener('resize', () => this.#draw());
    addEventListener('keydown', event => {
      if (
        app.view === 'diffusion' &&
        event.key.toLowerCase() === 'r' &&
        !event.ctrlKey &&
        !event.metaKey &&
        !/INPUT/.test((event.target as HTMLElement).tagName)
      )
        this.resample();
    });
  }

  #makeHeader(): HTMLElement {
    const app = this.#app;
    const title = h('h1', { class: 'title' });
    const name = h('span', { class: 'run-name mono t3' });
    const update = () => {
      setText(title, app.run()?.task ?? '');
      setText(name, app.run()?.id ?? '');
    };
    for (const event of ['runs', 'current'] as const) app.on(event, update);
    const k = button({
      after: 'open',
      label: `K = ${this.#k}`,
      onclick: () =>
        openMenu(
          k,
          [4, 16, 32, 64, 128].map(count => ({
            label: `K = ${count}`,
            checked: this.#k === count,
            run: () => {
              this.#k = count;
              setText(k.querySelector('span')!, `K = ${count}`);
              void this.#sample();
            },
          })),
        ),
    });
    const { state, checkpoint, time } = this.#labels;
    const figure = (label: string, of: HTMLElement) =>
      h('span', { class: 'figure' }, h('span', { class: 't3' }, label), of);
    return h(
      'header',
      { class: 'view-header header' },
      title,
      name,
      statusPill(app),
      h('span', { class: 'grow' }),
      figure('State', state),
      figure('Checkpoint', checkpoint),
      figure('Sampled in', time),
      k,
      button({ icon: 'reset', label: 'Resample', key: 'R', onclick: () => this.resample() }),
    );
  }

  #build(): void {
    const { squares, fan, step, weights, low, high, strip } = this.#labels;
    const head = (title: HTMLElement | string, ...rest: HTMLElement[]) =>
      h(
        'header',
        { class: 'panel-head' },
        typeof title === 'string' ? h('h3', { class: 'strong' }, title) : title,
        ...rest,
      );
    const legend = h(
      'div',
      { class: 'legend' },
      low,
      this.#gradient,
      high,
      h('span', { class: 'grow' }),
      h('span', { class: 'legend-chosen' }),
      h('span', { class: 't2' }, 'chosen'),
      h('span', { class: 'legend-bounds' }),
      h('span', { class: 't2' }, 'action bounds'),
    );
    const steps = [
      iconButton('back', 'A step towards the noise', () => this.#moveLevel(-1)),
      iconButton('play', 'Through all steps', () => this.#playSteps()),
      iconButton('forward', 'A step towards the action', () => this.#moveLevel(1)),
    ];
    const axes = button({
      after: 'sliders',
      label: 'Axes',
      class: 'quiet',
      onclick: event => this.#chooseAxes(event.currentTarget as HTMLElement),
    });
    this.#fan.addEventListener('pointermove', event => this.#hoverFan(event));
    const [withRows, withoutRows] = this.#explore;
    const explore = (title: string, { canvas, text }: { canvas: HTMLElement; text: HTMLElement }) =>
      h('figure', {}, canvas, h('p', {}, h('b', {}, title), ' entropy rows'), text);
    fill(
      this.#page,
      this.#stageSlot,
      h(
        'section',
        { class: 'panel denoising' },
        head('Denoising', squares, h('span', { class: 'grow' }), axes),
        this.#squares,
        legend,
      ),
      h('section', { class: 'panel weights-panel' }, head('Weights', weights), this.#weights, this.#facts),
      h(
        'section',
        { class: 'panel fan-panel' },
        head(
          fan,
          h('span', { class: 't3' }, 'each line one candidate, coloured by Q'),
          h('span', { class: 'grow' }),
          ...steps,
          step,
        ),
        this.#fan,
      ),
      h(
        'section',
        { class: 'panel side-panel' },
        head('Exploration', h('span', { class: 't3' }, '260 actions at this state')),
        h('div', { class: 'explore' }, explore('with', withRows!), explore('without', withoutRows!)),
        head('Teacher and student'),
        this.#bars,
      ),
      h(
        'section',
        { class: 'panel strip-panel' },
        head(strip, h('span', { class: 't3' }, 'click to open')),
        this.#strip,
      ),
      this.#note,
    );
  }

  /** Takes the stage over, stops the picture, and samples at its state. */
  open(): HTMLElement {
    this.#stageSlot.append(this.#watch.panel.element);
    if (!this.#app.paused && !this.#watch.player.recording) this.#watch.player.toggle();
    else if (this.#watch.player.recording) this.#watch.player.playing = false;
    this.#at = '';
    return this.#page;
  }

  frame(now: number): void {
    this.#watch.panel.frame(now);
    if (this.#playingSteps && now > this.#playingSteps) {
      this.#playingSteps = this.#level < (this.#picture?.candidates.levels.length ?? 1) - 1 ? now + 120 : 0;
      this.#moveLevel(1);
    }
  }

  /** Samples again when the state under the cursor is another one. */
  refresh(): void {
    this.#watch.panel.refresh();
    const { player } = this.#watch;
    const t = player.recording ? Math.round(player.t) : player.frame?.step;
    const checkpoint = this.#app.currentData?.snapshot?.checkpoints.at(-1)?.name;
    const at = `${this.#app.current} ${player.recording?.name} ${t} ${checkpoint}`;
    if (
      at === this.#at ||
      (player.recording && player.playing) ||
      (!player.recording && !this.#app.paused && player.live)
    )
      return;
    this.#at = at;
    void this.#sample();
  }

  resample(): void {
    this.#seed++;
    void this.#sample();
  }

  async #sample(): Promise<void> {
    if (this.#busy) {
      this.#again = true;
      return;
    }
    this.#busy = true;
    try {
      await this.#take();
    } catch (error) {
      this.#say((error as Error).message);
    }
    this.#busy = false;
    if (this.#again) {
      this.#again = false;
      void this.#sample();
    }
  }

  #say(problem: string): void {
    this.#note.hidden = problem === '';
    fill(this.#note, h('h2', {}, 'Nothing to sample here'), h('p', {}, problem));
  }

  async #take(): Promise<void> {
    const model = this.#model;
    if (!(await model.prepare())) return this.#say(model.problem);
    if (model.diffusion < 0)
      return this.#say(`${this.#app.run()?.algo.toUpperCase()} acts in one pass: it has no denoising to show.`);
    const place = model.place();
    if (!place) return;
    const { observation } = await model.observe(place);
    const candidates = await model.sample(observation, this.#k, this.#seed);
    this.#dim = Math.min(this.#dim, candidates.actDim - 1);
    this.#otherDim = Math.min(this.#otherDim, candidates.actDim - 1);
    this.#level = Math.min(this.#level, candidates.levels.length - 1);
    const plane = this.#plane(candidates);
    const field = await this.#field(candidates, observation, plane);
    this.#say('');
    this.#picture = { candidates, more: candidates, field, plane, label: place.label };
    this.#draw();
    const more = await model.sample(observation, 260, this.#seed + 7919);
    this.#picture = { candidates, more, field, plane, label: place.label };
    this.#drawExploration();
    model.timing ??= await model.client.ask<'timing'>({ type: 'timing' });
    this.#drawTiming();
  }

  /** Two dimensions, or the first two principal components of the candidates. */
  #plane(candidates: Candidates): Plane {
    const { actDim } = candidates;
    if (this.#components && actDim > 2) {
      const { axes, explained } = principalAxes(candidates.actions, actDim);
      const along = (from: Float32Array, row: number, axis: Float64Array) =>
        axis.reduce((sum, a, k) => sum + a * from[row * actDim + k]!, 0);
      return {
        name: `first two components, ${Math.round(explained * 100)} % of the variance`,
        point: (from, row) => [along(from, row, axes[0]) * 0.8, along(from, row, axes[1]) * 0.8],
      };
    }
    const [a, b] = [this.#dim, actDim > 1 ? this.#otherDim : this.#dim];
    return {
      name: `${this.#nameOf(a)} × ${this.#nameOf(b)}`,
      point: (from, row) => [from[row * actDim + a]!, from[row * actDim + b]!],
    };
  }

  /** Q over the plane, other dimensions as the chosen action has them. */
  async #field(candidates: Candidates, observation: Float32Array, plane: Plane): Promise<Field | undefined> {
    const { actDim, actions, chosen, q } = candidates;
    if (q.length === 0 || this.#components || actDim < 2 || plane.name.startsWith('first')) return undefined;
    const rows = new Float32Array(FIELD * FIELD * actDim);
    for (let i = 0; i < FIELD * FIELD; i++) {
      rows.set(actions.subarray(chosen * actDim, (chosen + 1) * actDim), i * actDim);
      rows[i * actDim + this.#dim] = -1.25 + (2.5 * (i % FIELD)) / (FIELD - 1);
      rows[i * actDim + this.#otherDim] = -1.25 + (2.5 * Math.floor(i / FIELD)) / (FIELD - 1);
    }
    const values = await this.#model.client.ask<'values'>({
      type: 'values',
      observation,
      actions: rows,
      actor: this.#model.diffusion,
    });
    return { n: FIELD, q: values };
  }

  #nameOf(dim: number): string {
    return this.#app.currentData?.snapshot?.scene?.actions[dim] ?? `action ${dim}`;
  }

  #chooseAxes(anchor: HTMLElement): void {
    const actDim = this.#picture?.candidates.actDim ?? 0;
    const choose = (change: () => void) => {
      change();
      void this.#sample();
    };
    openMenu(anchor, [
      {
        label: 'First two principal components',
        checked: this.#components,
        run: () =>
          choose(() => {
            this.#components = !this.#components;
          }),
      },
      ...Array.from({ length: actDim }, (_, dim) => ({
        label: `y: ${this.#nameOf(dim)}`,
        checked: !this.#components && dim === this.#otherDim,
        run: () =>
          choose(() => {
            this.#components = false;
            this.#otherDim = dim;
          }),
      })),
    ]);
  }

  #hoverFan(event: PointerEvent): void {
    const last = (this.#picture?.candidates.levels.length ?? 1) - 1;
    const box = this.#fan.getBoundingClientRect();
    const level = Math.round(((event.clientX - box.left - 30) / (box.width - 126)) * last);
    if (level < 0 || level > last || level === this.#level) return;
    this.#level = level;
    this.#drawFan();
  }

  #moveLevel(by: number): void {
    const last = (this.#picture?.candidates.levels.length ?? 1) - 1;
    this.#level = Math.min(last, Math.max(0, this.#level + by));
    this.#drawFan();
  }

  #playSteps(): void {
    this.#level = 0;
    this.#playingSteps = performance.now() + 120;
    this.#drawFan();
  }

  #draw(): void {
    const picture = this.#picture;
    if (!picture || this.#app.view !== 'diffusion') return;
    const { candidates, plane, field, label } = picture;
    const { state, checkpoint, time, squares, low, high, strip } = this.#labels;
    setText(state, label);
    setText(checkpoint, integer(this.#model.checkpointStep));
    setText(time, `${Math.round(candidates.milliseconds)} ms`);
    setText(squares, `${candidates.candidates} candidates, ${plane.name}, over Q`);
    const colors = coloring(candidates);
    setText(low, `Q ${value(colors.low)}`);
    setText(high, `Q ${value(colors.high)}`);
    this.#drawGradient(colors.scale);
    const last = candidates.levels.length - 1;
    const shown = [0, 0.4, 0.7, 0.85, 1].map(part => Math.round(part * last));
    while (this.#squares.children.length < shown.length)
      this.#squares.append(h('figure', {}, h('canvas'), h('figcaption', { class: 't3' })));
    shown.forEach((level, i) => {
      const figure = this.#squares.children[i]!;
      drawSquare(figure.children[0] as HTMLCanvasElement, candidates, level, plane, field);
      const name = candidates.levels[level]!;
      const text = Number.isInteger(name) ? String(name) : name.toFixed(2);
      setText(figure.children[1]!, i === 0 ? `noise, ${text}` : i === shown.length - 1 ? `action, ${text}` : text);
    });
    this.#drawFan();
    this.#drawWeights();
    setText(strip, `All ${candidates.actDim} action dimensions`);
    this.#drawStrip(candidates);
    this.#drawExploration();
    this.#drawTiming();
  }

  #drawGradient(scale: (position: number) => string): void {
    this.#gradient.width = 144;
    this.#gradient.height = 6;
    const ctx = this.#gradient.getContext('2d')!;
    for (let i = 0; i < 144; i++) {
      ctx.fillStyle = scale(i / 143);
      ctx.fillRect(i, 0, 1, 6);
    }
  }

  #drawFan(): void {
    if (!this.#picture) return;
    const { candidates } = this.#picture;
    setText(this.#labels.fan, this.#nameOf(this.#dim));
    const level = candidates.levels[this.#level] ?? 0;
    setText(this.#labels.step, `step ${Number.isInteger(level) ? level : level.toFixed(2)}`);
    drawFan(this.#fan, candidates, { dim: this.#dim, axes: 'full', cursor: this.#level });
  }

  #drawWeights(): void {
    const { candidates } = this.#picture!;
    const config = (this.#app.currentData?.snapshot?.config.values ?? {}) as Record<string, unknown>;
    const transform = typeof config.qTransform === 'string' ? config.qTransform : 'qadv';
    setText(this.#labels.weights, transformText[transform] ?? transform);
    const weights = weightsOf(candidates.q, transform, config);
    drawWeights(this.#weights, weights, candidates.chosen, coloring(candidates).scale);
    const points = Array.from({ length: candidates.candidates }, (_, i) =>
      this.#picture!.plane.point(candidates.actions, i),
    );
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

  #drawStrip(candidates: Candidates): void {
    while (this.#strip.children.length > candidates.actDim) this.#strip.lastChild!.remove();
    while (this.#strip.children.length < candidates.actDim) {
      const dim = this.#strip.children.length;
      this.#strip.append(
        h(
          'button',
          { type: 'button', class: 'small-fan', onclick: () => this.#chooseDim(dim) },
          h('canvas'),
          h('span', { class: 't3' }, shortName(this.#nameOf(dim))),
        ),
      );
    }
    [...this.#strip.children].forEach((item, dim) => {
      item.setAttribute('aria-pressed', String(dim === this.#dim));
      drawFan(item.firstElementChild as HTMLCanvasElement, candidates, { dim, axes: 'none', lines: 16 });
    });
  }

  #chooseDim(dim: number): void {
    if (dim === this.#otherDim) this.#otherDim = this.#dim;
    this.#dim = dim;
    void this.#sample();
  }

  /**
   * The distribution one update trains towards at this state. Without entropy rows: the candidates as often as their
   * weight says. With them: a share of M·α / (1 + M·α) uniform actions besides.
   */
  #drawExploration(): void {
    const { more, plane } = this.#picture!;
    const config = (this.#app.currentData?.snapshot?.config.values ?? {}) as Record<string, unknown>;
    const alpha = this.#app.currentData?.last('policy/entropyWeight') || Number(config.entropyWeight ?? 0);
    const rows = Number(config.uniformActions ?? 0) * alpha;
    const share = rows / (1 + rows);
    const weights = weightsOf(
      more.q.length ? more.q : new Float32Array(more.candidates).fill(1),
      String(config.qTransform ?? 'qadv'),
      config,
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const draws = stratified(weights, total, more.candidates);
    const colors = coloring(more);
    const policy = Array.from({ length: more.candidates }, (_, i) => plane.point(more.actions, i));
    const uniform = Math.round(share * policy.length);
    const spread = Array.from(
      { length: uniform },
      (_, i) => [halton(i + 1, 2) * 2 - 1, halton(i + 1, 3) * 2 - 1] as const,
    );
    const [withRows, without] = this.#explore;
    drawScatter(withRows!.canvas, [...policy.slice(uniform), ...spread], i =>
      i < policy.length - uniform ? colors.of(i + uniform) : colors.scale(0.2),
    );
    setText(withRows!.text, `${countModes(policy)} modes · ${Math.round(share * 100)} % uniform`);
    const kept = draws.map(i => policy[i]!);
    drawScatter(without!.canvas, kept, i => colors.of(draws[i]!));
    const modes = countModes(kept);
    setText(without!.text, `${modes} ${modes === 1 ? 'mode' : 'modes'}`);
  }

  #drawTiming(): void {
    const timing = this.#model.timing ?? [];
    const most = Math.max(...timing.map(({ microseconds }) => microseconds), 1);
    fill(
      this.#bars,
      ...timing.map(({ label, microseconds }) => {
        const bar = h('i', { class: label.startsWith('diffusion') ? 'teacher' : 'student' });
        bar.style.width = `${Math.max(1, (100 * microseconds) / most)}%`;
        return h(
          'div',
          { class: 'time-bar' },
          h('span', { class: 't2' }, label),
          h('span', { class: 'track' }, bar),
          h('b', {}, `${integer(microseconds)} µs`),
        );
      }),
      h('p', { class: 't3' }, timing.length ? 'time per action, batch 1, this browser' : 'measuring…'),
    );
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

/** Indices drawn in proportion to the weights, evenly spread over the cumulated sum. */
function stratified(weights: ArrayLike<number>, total: number, count: number): number[] {
  if (!(total > 0)) return Array.from({ length: count }, (_, i) => i);
  const out: number[] = [];
  let sum = weights[0]!;
  for (let k = 0, i = 0; k < count; k++) {
    const wanted = ((k + 0.5) / count) * total;
    while (sum < wanted && i < weights.length - 1) sum += weights[++i]!;
    out.push(i);
  }
  return out;
}

/** Low-discrepancy points in [0, 1]: a uniform cloud that is the same every time. */
function halton(index: number, base: number): number {
  let [result, part] = [0, 1 / base];
  for (let i = index; i > 0; i = Math.floor(i / base), part /= base) result += part * (i % base);
  return result;
}
