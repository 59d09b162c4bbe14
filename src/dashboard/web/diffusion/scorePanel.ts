import { rgba, token } from '../colors.ts';
import { h, setText } from '../dom.ts';
import { fixed } from '../format.ts';
import type { Candidates } from '../policy/sampling.ts';
import type { ScoreField } from '../worker/messages.ts';
import { prepare } from './draw.ts';
import type { Plane } from './drawSquare.ts';
import type { PolicyModel } from './model.ts';
import { dimensionPlane } from './plane.ts';

/** Arrows along a side of the square, −1.25 to 1.25: one every 0.07 of it. */
export const ARROWS = 15;

/** Noise time and 1 / β as the sliders have them. */
export interface ScoreSettings {
  readonly t: number;
  readonly inverseBeta: number;
}

/**
 * SRPO in a plane of two action dimensions: the behaviour's density as dots, arrows of ∇ log μ_t, and at the policy's action
 * the three that move it: ∇Q (amber), the score over β (cyan), their sum.
 */
export class ScorePanel {
  readonly element: HTMLElement;
  readonly #canvas = h('canvas', { class: 'score', role: 'img', 'aria-label': 'Score field of the behaviour' });
  readonly #facts = h('p', { class: 't3' });
  readonly #t: HTMLInputElement;
  readonly #beta: HTMLInputElement;

  /** Asks and draws again at the state shown last. */
  #again: () => Promise<void> = async () => {};

  constructor() {
    const slider = (name: string, min: number, max: number, value: number) => {
      const input = h('input', { type: 'range', min, max, step: 0.01, value: String(value), 'aria-label': name });
      input.addEventListener('input', () => {
        input.style.setProperty('--part', `${(100 * (Number(input.value) - min)) / (max - min)}%`);
        void this.#again();
      });
      input.style.setProperty('--part', `${(100 * (value - min)) / (max - min)}%`);
      return input;
    };
    this.#t = slider('Noise time t', 0.02, 0.98, 0.3);
    this.#beta = slider('1 / β', 0, 1, 0.5);
    this.element = h(
      'section',
      { class: 'panel weights-panel score-panel', hidden: true },
      h('header', { class: 'panel-head' }, h('h2', { class: 'strong' }, 'Score field'), this.#facts),
      this.#canvas,
      h('label', { class: 'score-slider t2' }, 't', this.#t),
      h('label', { class: 'score-slider t2' }, '1/β', this.#beta),
    );
  }

  get settings(): ScoreSettings {
    return { t: Number(this.#t.value), inverseBeta: Number(this.#beta.value) };
  }

  /** The field at an observation in the plane of two action dimensions; the sliders ask for it again. */
  async show(
    model: PolicyModel,
    behavior: Candidates,
    observation: Float32Array,
    dims: readonly [number, number],
  ): Promise<void> {
    const { actDim, actions, chosen } = behavior;
    const plane = dimensionPlane(actDim, dims, String);
    const grid = scoreGrid(actions.slice(chosen * actDim, (chosen + 1) * actDim), dims);
    this.#again = async () => {
      const { t } = this.settings;
      const field = await model.client.ask<'score'>({ type: 'score', observation, actions: grid, t });
      this.#draw(behavior, plane, field, dims);
    };
    await this.#again();
  }

  #draw(behavior: Candidates, plane: Plane, field: ScoreField, dims: readonly [number, number]): void {
    const space = prepare(this.#canvas);
    if (!space) return;
    const { ctx, width, height } = space;
    const { t, inverseBeta } = this.settings;
    setText(this.#facts, `∇ log μ at t = ${fixed(t, 2)} · 1/β = ${fixed(inverseBeta, 2)}`);
    const side = Math.min(width, height);
    const left = (width - side) / 2;
    const at = (x: number, y: number) => [left + ((x + 1.25) / 2.5) * side, ((1.25 - y) / 2.5) * side] as const;
    ctx.fillStyle = token('well');
    ctx.beginPath();
    ctx.roundRect(left, 0, side, side, 6);
    ctx.fill();
    ctx.clip();
    ctx.fillStyle = rgba(token('ghost'), 0.38);
    for (let i = 0; i < behavior.candidates; i++) {
      const [x, y] = at(...plane.point(behavior.actions, i));
      ctx.beginPath();
      ctx.arc(x, y, side * 0.018, 0, 2 * Math.PI);
      ctx.fill();
    }
    const { score, action, own, gradient } = field;
    const actDim = action.length;
    const pair = (from: Float32Array, row = 0) =>
      [from[row * actDim + dims[0]]!, from[row * actDim + dims[1]]!] as const;
    ctx.strokeStyle = token('text3');
    for (let i = 0; i < ARROWS * ARROWS; i++) {
      const [x, y] = gridPoint(i);
      arrow(ctx, at(x, y), pair(score, i), side * 0.012);
    }
    const [x, y] = at(...pair(action));
    const [q, s] = [pair(gradient), pair(own)];
    const sum = [q[0] + inverseBeta * s[0], q[1] + inverseBeta * s[1]] as const;
    ctx.lineWidth = 2;
    for (const [color, vector] of [
      [token('contact'), [inverseBeta * s[0], inverseBeta * s[1]]],
      [token('accent'), q],
      [token('text'), sum],
    ] as const) {
      ctx.strokeStyle = color;
      arrow(ctx, [x, y], vector, side * 0.07);
    }
    ctx.fillStyle = token('accent');
    ctx.beginPath();
    ctx.arc(x, y, 3.5, 0, 2 * Math.PI);
    ctx.fill();
  }
}

function gridPoint(i: number): [number, number] {
  const along = (k: number) => -1.2 + (2.4 * k) / (ARROWS - 1);
  return [along(i % ARROWS), along(Math.floor(i / ARROWS))];
}

/** The grid's actions, the other dimensions as in `action`: [ARROWS², A]. */
export function scoreGrid(action: Float32Array, [a, b]: readonly [number, number]): Float32Array {
  const rows = new Float32Array(ARROWS * ARROWS * action.length);
  for (let i = 0; i < ARROWS * ARROWS; i++) {
    const at = i * action.length;
    rows.set(action, at);
    [rows[at + a], rows[at + b]] = gridPoint(i);
  }
  return rows;
}

/** Length √‖v‖ times the scale, capped at four times it, with a head. */
function arrow(
  ctx: CanvasRenderingContext2D,
  [x, y]: readonly [number, number],
  [vx, vy]: readonly [number, number],
  scale: number,
): void {
  const norm = Math.hypot(vx, vy);
  if (!(norm > 1e-6)) return;
  const length = Math.min(4, Math.sqrt(norm)) * scale;
  const [ux, uy] = [vx / norm, -vy / norm];
  const [ex, ey] = [x + ux * length, y + uy * length];
  const head = Math.min(5, length * 0.4);
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(ex, ey);
  ctx.lineTo(ex - head * (ux + uy * 0.6), ey - head * (uy - ux * 0.6));
  ctx.moveTo(ex, ey);
  ctx.lineTo(ex - head * (ux - uy * 0.6), ey - head * (uy + ux * 0.6));
  ctx.stroke();
}
