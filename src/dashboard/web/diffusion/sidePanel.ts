import { fill, h, setText } from '../dom.ts';
import { actionTime } from '../format.ts';
import type { Candidates } from '../policy/sampling.ts';
import type { Timing } from '../worker/messages.ts';
import { coloring } from './draw.ts';
import { drawScatter, type Plane } from './drawSquare.ts';
import { countModes, halton, stratified, weightsOf } from './statistics.ts';

/** Exploration with and without the entropy rows; time per action of teacher and student. */
export class SidePanel {
  readonly element: HTMLElement;
  readonly #squares = [0, 1].map(() => ({
    canvas: h('canvas'),
    title: h('b'),
    what: h('span'),
    text: h('p', { class: 't3' }),
  }));
  readonly #bars = h('div', { class: 'time-bars' });

  constructor() {
    const head = (title: string, detail: string) =>
      h('header', { class: 'panel-head' }, h('h2', { class: 'strong' }, title), h('span', { class: 't3' }, detail));
    const squares = this.#squares.map(({ title, what, canvas, text }) =>
      h('figure', {}, canvas, h('p', {}, title, ' ', what), text),
    );
    this.element = h(
      'section',
      { class: 'panel side-panel' },
      h('div', { class: 'explore-head' }, head('Exploration', '260 actions at this state')),
      h('div', { class: 'explore' }, ...squares),
      head('Teacher and student', ''),
      this.#bars,
    );
  }

  #name(square: number, title: string, what: string): void {
    setText(this.#squares[square]!.title, title);
    setText(this.#squares[square]!.what, what);
  }

  /** Where an algorithm has no entropy rows: what the model draws, and the best of each N of them, which is what acts. */
  #drawChoice(more: Candidates, plane: Plane, count: number): void {
    const all = Array.from({ length: more.candidates }, (_, i) => i);
    const best = (group: readonly number[]) => group.reduce((a, b) => (more.q[b]! > more.q[a]! ? b : a));
    const groups = Math.max(1, Math.floor(all.length / count));
    const chosen = Array.from({ length: groups }, (_, g) => best(all.slice(g * count, (g + 1) * count)));
    const colors = coloring(more);
    const point = (i: number) => plane.point(more.actions, i);
    for (const [square, shown] of [all, chosen].entries()) {
      const { canvas, text } = this.#squares[square]!;
      drawScatter(canvas, shown.map(point), i => colors.of(shown[i]!));
      setText(text, square === 0 ? modesText(countModes(shown.map(point))) : `${groups} choices`);
    }
    this.#name(0, 'drawn', 'by the model');
    this.#name(1, 'best', `of each ${count}`);
  }

  /**
   * The distribution one update trains towards at this state. Without entropy rows: the candidates as often as their
   * weight says. With them: a share of M·α / (1 + M·α) uniform actions besides.
   */
  drawExploration(
    more: Candidates,
    plane: Plane,
    config: Readonly<Record<string, unknown>>,
    entropyWeight: number,
  ): void {
    if (config.uniformActions === undefined) {
      this.#drawChoice(more, plane, Number(config.candidates ?? config.evaluationCandidates ?? 1));
      return;
    }
    this.#name(0, 'with', 'entropy rows');
    this.#name(1, 'without', 'entropy rows');
    const rows = Number(config.uniformActions) * entropyWeight;
    const share = rows / (1 + rows);
    const q = more.q.length ? more.q : new Float32Array(more.candidates).fill(1);
    const weights = weightsOf(q, String(config.qTransform ?? 'qadv'), config);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const draws = stratified(weights, total, more.candidates);
    const colors = coloring(more);
    const policy = Array.from({ length: more.candidates }, (_, i) => plane.point(more.actions, i));
    const uniform = Math.round(share * policy.length);
    const spread = Array.from(
      { length: uniform },
      (_, i) => [halton(i + 1, 2) * 2 - 1, halton(i + 1, 3) * 2 - 1] as const,
    );
    const [withRows, without] = this.#squares;
    const own = policy.length - uniform;
    const color = (i: number) => (i < own ? colors.of(i + uniform) : colors.scale(0.2));
    drawScatter(withRows!.canvas, [...policy.slice(uniform), ...spread], color);
    setText(withRows!.text, `${modesText(countModes(policy))} · ${Math.round(share * 100)} % uniform`);
    const kept = draws.map(i => policy[i]!);
    drawScatter(without!.canvas, kept, i => colors.of(draws[i]!));
    setText(without!.text, modesText(countModes(kept)));
  }

  drawTiming(timing: readonly Timing[]): void {
    const most = Math.max(...timing.map(({ microseconds }) => microseconds), 1);
    const rows = timing.map(({ label, kind, microseconds }) => {
      const bar = h('i', { class: kind === 'diffusion' ? 'teacher' : 'student' });
      bar.style.width = `${Math.max(1, (100 * microseconds) / most)}%`;
      const track = h('span', { class: 'track' }, bar);
      return h(
        'div',
        { class: 'time-bar' },
        h('span', { class: 't2' }, label),
        track,
        h('b', {}, actionTime(microseconds)),
      );
    });
    fill(
      this.#bars,
      ...rows,
      h('p', { class: 't3' }, timing.length ? 'time per action, batch 1, this browser' : 'measuring…'),
    );
  }
}

function modesText(count: number): string {
  return `${count} ${count === 1 ? 'mode' : 'modes'}`;
}
