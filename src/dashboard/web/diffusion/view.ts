import type { AppState } from '../appState.ts';
import { fill, h, iconButton, setText } from '../dom.ts';
import { integer } from '../format.ts';
import type { Recording } from '../recording.ts';
import type { WatchView } from '../watchView.ts';
import { lookAhead } from './ahead.ts';
import { axesMenu } from './axesMenu.ts';
import { drawFan } from './draw.ts';
import { FanStrip } from './fanStrip.ts';
import { diffusionHeader } from './header.ts';
import type { PolicyModel } from './model.ts';
import { dimensionPlane, fieldOver, type Picture, principalPlane } from './plane.ts';
import { ScorePanel } from './scorePanel.ts';
import { SidePanel } from './sidePanel.ts';
import { SquaresPanel } from './squaresPanel.ts';
import { WeightsPanel } from './weightsPanel.ts';

/** The diffusion made visible: squares, fan, weights, exploration, teacher and student, every action dimension. */
export class DiffusionView {
  readonly header: HTMLElement;
  readonly #app: AppState;
  readonly #watch: WatchView;
  readonly #model: PolicyModel;
  readonly #page = h('div', { class: 'diffusion' });
  readonly #stageSlot = h('div', { class: 'diffusion-stage' });
  readonly #squares = new SquaresPanel(anchor => this.#chooseAxes(anchor));
  readonly #fan = h('canvas', { class: 'fan', role: 'img', 'aria-label': 'Candidates through the denoising steps' });
  readonly #strip = new FanStrip(dim => this.#chooseDim(dim));
  readonly #weights = new WeightsPanel();
  readonly #side = new SidePanel();
  readonly #score = new ScorePanel();
  readonly #labels = {
    state: h('b'),
    checkpoint: h('b'),
    time: h('b'),
    fan: h('h2', { class: 'strong' }, 'Candidates'),
    step: h('span', { class: 't2' }),
  };
  readonly #note = h('div', { class: 'state diffusion-note', hidden: true });
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
  /** The picture was running when this view stopped it: it goes on when the view is left. */
  #stopped = false;
  #held: Recording | undefined;

  constructor(app: AppState, watch: WatchView, model: PolicyModel) {
    this.#app = app;
    this.#watch = watch;
    this.#model = model;
    const { state, checkpoint, time } = this.#labels;
    const choose = (candidates: number) => {
      this.#k = candidates;
      void this.#sample();
    };
    this.header = diffusionHeader(app, { state, checkpoint, time, choose, resample: () => this.resample() });
    this.#build();
    app.on('theme', () => this.#draw());
    app.on('view', () => this.#leave());
    app.on('current', () => {
      this.#picture = undefined;
      this.#at = '';
    });
    addEventListener('resize', () => this.#draw());
    addEventListener('keydown', event => {
      const typing = event.ctrlKey || event.metaKey || /INPUT/.test((event.target as HTMLElement).tagName);
      if (app.view === 'diffusion' && event.key.toLowerCase() === 'r' && !typing) this.resample();
    });
  }

  #build(): void {
    const { fan, step } = this.#labels;
    const steps = [
      iconButton('back', 'A step towards the noise', () => this.#moveLevel(-1)),
      iconButton('play', 'Through all steps', () => this.#playSteps()),
      iconButton('forward', 'A step towards the action', () => this.#moveLevel(1)),
    ];
    this.#fan.addEventListener('pointermove', event => this.#hoverFan(event));
    const detail = h('span', { class: 't3' }, 'each line one candidate, coloured by Q');
    const head = h('header', { class: 'panel-head' }, fan, detail, h('span', { class: 'grow' }), ...steps, step);
    const fanPanel = h('section', { class: 'panel fan-panel' }, head, this.#fan);
    const parts = [this.#squares, this.#weights].map(({ element }) => element);
    fill(
      this.#page,
      this.#stageSlot,
      ...parts,
      this.#score.element,
      fanPanel,
      this.#side.element,
      this.#strip.element,
      this.#note,
    );
  }

  /** Takes the stage over, stops the picture, and samples at its state. */
  open(): HTMLElement {
    this.#stageSlot.append(this.#watch.panel.element);
    this.#stop();
    this.#at = '';
    return this.#page;
  }

  /** Stops the picture. */
  #stop(): void {
    const { player } = this.#watch;
    this.#held = player.recording;
    this.#stopped = player.recording ? player.playing : !this.#app.paused;
    if (this.#stopped) player.toggle();
  }

  #leave(): void {
    if (this.#app.view !== 'diffusion') this.#watch.panel.stage?.paths.clear();
    if (!this.#stopped || this.#app.view === 'diffusion') return;
    this.#stopped = false;
    const { player } = this.#watch;
    if (player.recording ? !player.playing : this.#app.paused) player.toggle();
    if (player.recording && this.#app.paused) this.#app.setPaused(false);
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
    if (player.recording !== this.#held) this.#stop(); // it came while this view was open
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
    if (!model.policy?.samples)
      return this.#say(`${this.#app.run()?.algo.toUpperCase()} acts in one pass: it has no denoising to show.`);
    const place = model.place();
    if (!place) return;
    const { observation } = await model.observe(place);
    const candidates = await model.sample(observation, this.#k, this.#seed);
    this.#dim = Math.min(this.#dim, candidates.actDim - 1);
    this.#otherDim = Math.min(this.#otherDim, candidates.actDim - 1);
    this.#level = Math.min(this.#level, candidates.levels.length - 1);
    const dims = [this.#dim, this.#otherDim] as const;
    const flat = !(this.#components && candidates.actDim > 2);
    const plane = flat ? dimensionPlane(candidates.actDim, dims, dim => this.#nameOf(dim)) : principalPlane(candidates);
    const field = flat ? await fieldOver(model, candidates, observation, dims) : undefined;
    this.#say('');
    this.#weights.element.hidden = model.policy.score;
    this.#score.element.hidden = !model.policy.score;
    this.#page.classList.toggle('has-score', model.policy.score);
    this.#picture = { candidates, more: candidates, field, plane, label: place.label };
    this.#draw();
    const more = await model.sample(observation, 260, this.#seed + 7919);
    this.#picture = { candidates, more, field, plane, label: place.label };
    this.#drawSide();
    const { stage } = this.#watch.panel;
    if (stage) await lookAhead(model, stage, place, candidates, () => this.#app.view === 'diffusion');
    if (model.policy.score) await this.#score.show(model, more, observation, dims);
    model.timing ??= await model.client.ask<'timing'>({ type: 'timing' });
    this.#drawSide();
  }

  #nameOf(dim: number): string {
    return this.#app.currentData?.snapshot?.scene?.actions[dim] ?? `action ${dim}`;
  }

  #chooseAxes(anchor: HTMLElement): void {
    const actDim = this.#picture?.candidates.actDim ?? 0;
    const shown = this.#components ? 'components' : this.#otherDim;
    axesMenu(
      anchor,
      actDim,
      dim => this.#nameOf(dim),
      shown,
      chosen => {
        this.#components = chosen === 'components' && !this.#components;
        if (chosen !== 'components') this.#otherDim = chosen;
        void this.#sample();
      },
    );
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
    const { state, checkpoint, time } = this.#labels;
    setText(state, label);
    setText(checkpoint, integer(this.#model.checkpointStep));
    setText(time, `${Math.round(candidates.milliseconds)} ms`);
    this.#squares.draw(candidates, plane, field);
    this.#drawFan();
    this.#weights.draw(candidates, plane, this.#config);
    this.#strip.draw(candidates, this.#dim, dim => this.#nameOf(dim));
    this.#drawSide();
  }

  #drawFan(): void {
    if (!this.#picture) return;
    const { candidates } = this.#picture;
    setText(this.#labels.fan, this.#nameOf(this.#dim));
    const level = candidates.levels[this.#level] ?? 0;
    setText(this.#labels.step, `step ${Number.isInteger(level) ? level : level.toFixed(2)}`);
    drawFan(this.#fan, candidates, { dim: this.#dim, axes: 'full', cursor: this.#level });
  }

  #chooseDim(dim: number): void {
    if (dim === this.#otherDim) this.#otherDim = this.#dim;
    this.#dim = dim;
    void this.#sample();
  }

  get #config(): Record<string, unknown> {
    return (this.#app.currentData?.snapshot?.config.values ?? {}) as Record<string, unknown>;
  }

  #drawSide(): void {
    const { more, plane } = this.#picture!;
    const alpha = this.#app.currentData?.last('policy/entropyWeight') || Number(this.#config.entropyWeight ?? 0);
    this.#side.drawExploration(more, plane, this.#config, alpha);
    this.#side.drawTiming(this.#model.timing ?? []);
  }
}
