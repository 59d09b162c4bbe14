import type { AppState } from './appState.ts';
import { hatch } from './charts/chartDrawing.ts';
import { rgba, token } from './colors.ts';
import { h, setText } from './dom.ts';
import { fixed, integer, tick } from './format.ts';
import { pace } from './header.ts';
import { LaneWindow, zoomWith } from './laneWindow.ts';
import type { Player } from './player.ts';
import { diamond, drawRewards, finishTime, round, sized, triangle } from './timelineDrawing.ts';

export interface TimelineActions {
  /** Show an episode recorded near this step. */
  goToStep(step: number): void;
}

/** Left free at both ends of a lane, so that what stands there is not cut off, in CSS pixels. */
const PAD = 5;

/** Lane 1: training steps, evaluations, checkpoints, the future. Lane 2: the episode on the stage, its rewards. */
export class Timeline {
  readonly element: HTMLElement;
  readonly #app: AppState;
  readonly #player: Player;
  readonly #training = h('canvas', {
    class: 'lane training',
    tabindex: '0',
    role: 'slider',
    'aria-label': 'Training step',
    'aria-valuemin': '0',
  });
  readonly #episode = h('canvas', {
    class: 'lane episode',
    tabindex: '0',
    role: 'slider',
    'aria-label': 'Time in the episode',
    'aria-valuemin': '0',
  });
  readonly #trainingLabel = h('span', { class: 'lane-label' }, 'Training');
  readonly #shownSteps = h('span', { class: 'lane-range tick' });
  readonly #episodeLabel = h('span', { class: 'lane-label' }, 'Episode');
  readonly #pill = h(
    'button',
    { type: 'button', class: 'following', title: 'Back to the live edge (End)', hidden: true },
    'following',
  );
  readonly #finish = h('span', { class: 'finish t3' });
  readonly #axis = h('div', { class: 'lane-axis tick' });
  readonly pushes: number[] = [];
  readonly #shown = { training: new LaneWindow(), episode: new LaneWindow() };
  #hover: number | undefined;

  constructor(app: AppState, player: Player, actions: TimelineActions) {
    this.#app = app;
    this.#player = player;
    this.element = h(
      'section',
      { class: 'timeline', 'aria-label': 'Timeline' },
      h('div', {}, this.#trainingLabel, this.#shownSteps),
      h('div', { class: 'lane-box' }, this.#training, this.#pill, this.#finish),
      this.#episodeLabel,
      h('div', { class: 'lane-box episode-box' }, this.#episode),
      h('span'),
      this.#axis,
    );
    this.#pill.addEventListener('click', () => player.follow());
    app.on('hover', step => {
      this.#hover = step;
    });
    const { training, episode } = this.#shown;
    zoomWith(this.#training, training, () => 100 / this.#total());
    zoomWith(this.#episode, episode, () => 20 / this.#span());
    app.on('current', () => training.reset());
    this.#dragging(this.#training, training, (part, done) => {
      const step = part * this.#total();
      app.emit('hover', done ? undefined : step, this);
      if (done) actions.goToStep(step);
    });
    this.#dragging(this.#episode, episode, (part, _done, from) =>
      from === undefined ? this.#seek(part) : this.#loop(from, part),
    );
    this.#keys(actions);
  }

  #total(): number {
    const run = this.#app.run();
    return Math.max(run?.totalSteps ?? 0, run?.step ?? 0, this.#app.currentData?.step.at(-1) || 0, 1);
  }

  #seek(part: number): void {
    const { recording } = this.#player;
    if (!recording) return;
    this.#player.playing = false;
    this.#player.t = part * this.#span();
  }

  #span(): number {
    const scene = this.#app.currentData?.snapshot?.scene;
    return Math.max(this.#player.recording?.length ?? 0, scene?.maxEpisodeSteps ?? 0, 1);
  }

  /** With Shift held, the part of the recording drawn over is played again and again; a click with Shift ends that. */
  #loop(from: number, to: number): void {
    const { recording } = this.#player;
    if (!recording) return;
    const [first, last] = [Math.min(from, to), Math.max(from, to)].map(part =>
      Math.min(recording.length, Math.round(part * this.#span())),
    ) as [number, number];
    this.#player.loop = last > first ? [first, last] : undefined;
    this.#player.t = first;
    this.#player.playing = true;
  }

  /** `from`: where a drag with Shift began. */
  #dragging(
    canvas: HTMLCanvasElement,
    shown: LaneWindow,
    move: (part: number, done: boolean, from?: number) => void,
  ): void {
    let from: number | undefined;
    const part = (event: PointerEvent) => {
      const box = canvas.getBoundingClientRect();
      return shown.whole(Math.min(1, Math.max(0, (event.clientX - box.left - PAD) / (box.width - 2 * PAD))));
    };
    canvas.addEventListener('pointerdown', event => {
      canvas.setPointerCapture(event.pointerId);
      from = event.shiftKey ? part(event) : undefined;
      move(part(event), false, from);
    });
    canvas.addEventListener('pointermove', event => {
      if (canvas.hasPointerCapture(event.pointerId)) move(part(event), false, from);
    });
    canvas.addEventListener('pointerup', event => move(part(event), true, from));
  }

  #keys(actions: TimelineActions): void {
    let at = 0;
    this.#training.addEventListener('keydown', event => {
      const by = { ArrowLeft: -0.01, ArrowRight: 0.01 }[event.key];
      if (by) {
        at = Math.min(1, Math.max(0, (this.#hover ?? at * this.#total()) / this.#total() + by));
        this.#app.emit('hover', at * this.#total(), this);
      } else if (event.key === 'Enter') actions.goToStep(this.#hover ?? 0);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    this.#episode.addEventListener('keydown', event => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      this.#player.step(by);
      event.preventDefault();
      event.stopPropagation();
    });
  }

  /** Draws both lanes; ten times a second. */
  draw(): void {
    this.#drawTraining();
    this.#drawEpisode();
  }

  #drawTraining(): void {
    const app = this.#app;
    const data = app.currentData;
    const run = app.run();
    const ctx = sized(this.#training);
    if (!ctx || !data || !run) return;
    const { width, height } = this.#training;
    const ratio = devicePixelRatio;
    const bar = height - 12 * ratio;
    const total = this.#total();
    const now = Math.max(run.step, data.step.at(-1) || 0);
    const shown = this.#shown.training;
    shown.hold(now / total);
    const x = (step: number) => PAD * ratio + shown.part(step / total) * (width - 2 * PAD * ratio);
    const close = shown.high - shown.low < 0.02;
    const ends = [shown.low, shown.high].map(part => part * total);
    const range = ends.map(step => (close ? integer(step) : tick(Number(step.toPrecision(3)))));
    setText(this.#shownSteps, shown.zoomed ? range.join(' – ') : '');
    ctx.fillStyle = token('raised');
    round(ctx, 0, 0, width, bar, 4 * ratio);
    const live = run.state === 'live' || run.state === 'paused';
    const future = Math.max(0, x(now));
    if (live) hatch(ctx, future, 0, width - future, bar, 6 * ratio, rgba(token('line2'), 0.4));
    const steps = data.x('eval/return', 'step');
    const values = data.values('eval/return');
    if (steps.length > 1) {
      const high = values.reduce((most, value) => Math.max(most, value), 1e-9);
      const low = Math.min(
        0,
        values.reduce((least, value) => Math.min(least, value), 0),
      );
      const y = (value: number) => bar - ((value - low) / (high - low)) * (bar - 3 * ratio);
      ctx.beginPath();
      ctx.moveTo(x(steps[0]!), bar);
      for (let i = 0; i < steps.length; i++) ctx.lineTo(x(steps[i]!), y(values[i]!));
      ctx.lineTo(x(steps.at(-1)!), bar);
      ctx.fillStyle = rgba(token('fill'), 0.35);
      ctx.fill();
    }
    for (const { step, best } of data.snapshot?.checkpoints ?? []) {
      const ghost = this.#player.ghost?.step === step;
      const color = best ? token('accent') : ghost ? token('ghost') : token('text3');
      diamond(ctx, x(step), height - 5 * ratio, (best ? 4 : 3) * ratio, color, best);
    }
    for (const change of data.changes) diamond(ctx, x(change.step), bar / 2, 3 * ratio, token('warn'), true);
    const at = this.#player.recording?.step ?? now;
    ctx.fillStyle = live && !this.#player.recording ? token('live') : token('text');
    ctx.fillRect(x(at) - ratio, 0, 2 * ratio, height);
    if (this.#hover !== undefined) {
      ctx.fillStyle = token('text2');
      ctx.fillRect(x(this.#hover), 0, ratio, bar);
    }
    this.#training.setAttribute('aria-valuenow', String(Math.round(at)));
    this.#training.setAttribute('aria-valuetext', `step ${integer(at)}`);
    this.#place(run.state === 'live', x(now) / width, now, total);
  }

  /** The pill on the live edge and the finish time. */
  #place(live: boolean, part: number, now: number, total: number): void {
    const away = this.#player.recording !== undefined || this.#app.paused;
    this.#pill.hidden = !live || this.#app.link === 'lost' || part < 0 || part > 1;
    setText(this.#pill, away ? 'Follow' : 'following');
    this.#pill.classList.toggle('away', away);
    this.#pill.style.left = `min(calc(${(part * 100).toFixed(2)}% + 8px), calc(100% - 84px))`;
    const { perSecond } = pace(this.#app);
    const seconds = (total - now) / perSecond;
    const text =
      live && Number.isFinite(seconds) && part < 0.8 && this.#shown.training.high === 1 ? finishTime(seconds) : '';
    setText(this.#finish, text);
  }

  #drawEpisode(): void {
    const ctx = sized(this.#episode);
    if (!ctx) return;
    const { width, height } = this.#episode;
    const ratio = devicePixelRatio;
    const player = this.#player;
    const { recording } = player;
    const rewards: ArrayLike<number> = player.own ? player.ownRewards : (recording?.rewards ?? player.liveRewards);
    const span = this.#span();
    const bar = height - 8 * ratio;
    ctx.fillStyle = token('raised');
    round(ctx, 0, 8 * ratio, width, bar, 4 * ratio);
    const shown = this.#shown.episode;
    const inner = width - 2 * PAD * ratio;
    const x = (t: number) => PAD * ratio + shown.part(t / span) * inner;
    drawRewards(ctx, rewards, { first: shown.low * span, last: shown.high * span }, [PAD * ratio, inner], height, bar);
    if (recording && player.loop) {
      const [first, last] = player.loop;
      ctx.fillStyle = rgba(token('text'), 0.18);
      ctx.fillRect(x(first), 8 * ratio, x(last) - x(first), bar);
    }
    const now = recording && !player.own ? player.t : rewards.length;
    const any = rewards.length > 0 || recording !== undefined;
    shown.hold(now / span);
    this.#labelAxis(any ? span : 0);
    ctx.fillStyle = token('accent');
    for (const push of this.pushes) triangle(ctx, x(push), 7 * ratio, 5 * ratio);
    if (any) {
      ctx.fillStyle = token('text');
      ctx.fillRect(x(now) - ratio, 4 * ratio, 2 * ratio, height);
      ctx.beginPath();
      ctx.arc(x(now), 4 * ratio, 3.5 * ratio, 0, 2 * Math.PI);
      ctx.fill();
    }
    const frame = player.frame?.worlds[player.world];
    const name = player.own
      ? 'Your copy'
      : recording
        ? `${recording.kind === 'evaluation' ? 'Eval' : 'Episode'} @ ${tick(Number(recording.step.toPrecision(2)))}`
        : `Episode ${frame ? integer(frame.episode) : ''}`;
    setText(this.#episodeLabel, name);
    this.#episode.setAttribute('aria-valuenow', String(Math.round(now)));
    this.#episode.setAttribute('aria-valuemax', String(span));
  }

  #labelAxis(span: number): void {
    const dt = this.#app.currentData?.snapshot?.scene?.stepSeconds ?? 0;
    const text = (span > 0 ? [0, 0.25, 0.5, 0.75, 1].map(part => this.#shown.episode.whole(part)) : [])
      .map(part => (part === 0 ? '0' : `${integer(part * span)}${dt ? ` · ${fixed(part * span * dt, 2)} s` : ''}`))
      .join('|');
    if (this.#axis.dataset.text === text) return;
    this.#axis.dataset.text = text;
    this.#axis.replaceChildren(...text.split('|').map(part => h('span', {}, part))); // one empty part for none
  }
}
