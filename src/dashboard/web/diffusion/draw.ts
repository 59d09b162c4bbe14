import { percentileRange, rgba, type Scale, sequential, token } from '../colors.ts';
import type { Candidates } from '../policy/sampling.ts';
import { densityOf } from './statistics.ts';

/** A canvas at the display's resolution, scaled to CSS pixels; undefined while it has no size. */
export function prepare(
  canvas: HTMLCanvasElement,
): { ctx: CanvasRenderingContext2D; width: number; height: number } | undefined {
  const { width, height } = canvas.getBoundingClientRect();
  if (width < 4 || height < 4) return undefined;
  const ratio = devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const ctx = canvas.getContext('2d')!;
  ctx.scale(ratio, ratio);
  return { ctx, width, height };
}

export interface Coloring {
  readonly scale: Scale;
  readonly low: number;
  readonly high: number;
  of(i: number): string;
}

/** Colours of the candidates by Q, between the 2nd and the 98th percentile. */
export function coloring(candidates: Candidates): Coloring {
  const scale = sequential();
  const [low, high] = candidates.q.length ? percentileRange(candidates.q) : [0, 1];
  return { scale, low, high, of: i => scale(candidates.q.length ? (candidates.q[i]! - low) / (high - low) : 0.55) };
}

/** Indices from low Q to high, so that the good ones lie on top; the chosen one is left out and drawn last. */
export function drawOrder({ candidates, q, chosen }: Candidates, most = candidates): number[] {
  const all = Array.from({ length: candidates }, (_, i) => i);
  const picked = most < candidates ? all.filter(i => i % Math.ceil(candidates / most) === 0) : all;
  return picked.filter(i => i !== chosen).sort((a, b) => (q[a] ?? 0) - (q[b] ?? 0));
}

export function valueAt({ paths, candidates, actDim }: Candidates, level: number, i: number, dim: number): number {
  return paths[(level * candidates + i) * actDim + dim]!;
}

interface FanOptions {
  readonly dim: number;
  /** At most so many lines. */
  readonly lines?: number;
  readonly axes: 'full' | 'small' | 'none';
  /** Level under the step cursor, as an index into `levels`. */
  readonly cursor?: number;
  readonly label?: string;
}

/** Different levels at about these parts of the way from noise to action; all of them where there are fewer. */
export function levelsAt(parts: readonly number[], { length }: ArrayLike<unknown>): number[] {
  if (length <= parts.length) return Array.from({ length }, (_, i) => i);
  const levels = parts.map(part => Math.round(part * (length - 1)));
  for (let i = levels.length - 2; i >= 0; i--) levels[i] = Math.min(levels[i]!, levels[i + 1]! - 1);
  return levels;
}

/** One action dimension through the denoising steps: noise left, action right, a line per candidate. */
export function drawFan(canvas: HTMLCanvasElement, candidates: Candidates, options: FanOptions): void {
  const space = prepare(canvas);
  if (!space) return;
  const { ctx, width, height } = space;
  const { dim, axes } = options;
  const full = axes === 'full';
  const left = full ? 30 : axes === 'small' ? 6 : 4;
  const right = full ? width - 96 : axes === 'small' ? width - 70 : width - 4;
  const [top, bottom] = full ? [34, height - 30] : [4, axes === 'small' ? height - 20 : height - 2];
  const last = candidates.levels.length - 1;
  const x = (level: number) => left + ((right - left) * level) / Math.max(1, last);
  const y = (value: number) => top + ((1.6 - value) / 3.2) * (bottom - top);
  fanAxes(ctx, candidates, { left, right, top, bottom, x, y, axes });
  const colors = coloring(candidates);
  const stroke = (i: number, color: string, lineWidth: number, alpha: number) => {
    ctx.beginPath();
    for (let level = 0; level <= last; level++) ctx.lineTo(x(level), y(valueAt(candidates, level, i, dim)));
    ctx.globalAlpha = alpha;
    ctx.strokeStyle = color;
    ctx.lineWidth = lineWidth;
    ctx.stroke();
    ctx.globalAlpha = 1;
    if (axes === 'none') return;
    ctx.beginPath();
    ctx.arc(right, y(valueAt(candidates, last, i, dim)), i === candidates.chosen ? 4.5 : 2.4, 0, 2 * Math.PI);
    ctx.fillStyle = color;
    ctx.fill();
  };
  ctx.save();
  ctx.beginPath();
  ctx.rect(left - 5, top, right - left + 10, bottom - top);
  ctx.clip(); // noise goes beyond the picture: the lines leave it
  for (const i of drawOrder(candidates, options.lines)) stroke(i, colors.of(i), axes === 'none' ? 0.9 : 1.1, 0.75);
  stroke(candidates.chosen, token('accent'), axes === 'none' ? 1.8 : 2.4, 1);
  ctx.restore();
  const end = y(valueAt(candidates, last, candidates.chosen, dim));
  ctx.font = `600 11px ${token('sans')}`;
  ctx.fillStyle = token('accent');
  if (full) {
    ctx.textAlign = 'right';
    ctx.strokeStyle = token('surface');
    ctx.lineWidth = 4;
    ctx.lineJoin = 'round';
    ctx.strokeText('chosen', right - 8, end + 16); // readable over the lines
    ctx.fillText('chosen', right - 8, end + 16);
    drawDensity(ctx, candidates, dim, right + 14, 62, y);
    drawCursor(ctx, x(options.cursor ?? last), top, bottom);
  } else if (axes === 'small' && options.label) {
    ctx.textAlign = 'left';
    ctx.fillText(options.label, right + 9, end + 4);
  }
}

interface FanSpace {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly axes: FanOptions['axes'];
  x(level: number): number;
  y(value: number): number;
}

function fanAxes(ctx: CanvasRenderingContext2D, { levels }: Candidates, space: FanSpace): void {
  const { left, right, top, bottom, axes, x, y } = space;
  if (axes === 'none') return;
  ctx.font = `11px ${token('sans')}`;
  ctx.fillStyle = token('text3');
  ctx.strokeStyle = token('line');
  ctx.lineWidth = 1;
  if (axes === 'full') {
    ctx.textAlign = 'right';
    for (const [value, text] of [
      [1, '+1'],
      [0, '0'],
      [-1, '−1'],
    ] as const) {
      ctx.setLineDash(value === 0 ? [] : [2, 3]);
      ctx.strokeStyle = token(value === 0 ? 'line' : 'line2');
      ctx.beginPath();
      ctx.moveTo(left, y(value));
      ctx.lineTo(right, y(value));
      ctx.stroke();
      ctx.fillText(text, left - 8, y(value) + 4);
    }
    ctx.setLineDash([]);
  }
  ctx.textAlign = 'center';
  const parts = levels.length > 7 ? [0, 0.25, 0.5, 0.75, 1] : Array.from(levels, (_, i) => i / (levels.length - 1));
  for (const level of levelsAt(parts, levels)) {
    if (axes === 'small') {
      ctx.beginPath();
      ctx.moveTo(x(level), top);
      ctx.lineTo(x(level), bottom);
      ctx.stroke();
    }
    const name = levels[level]!;
    ctx.textAlign = level === 0 && axes === 'small' ? 'left' : 'center'; // else it is cut off
    ctx.fillText(
      Number.isInteger(name) ? String(name) : name.toFixed(2),
      x(level) - (level === 0 && axes === 'small' ? 4 : 0),
      bottom + (axes === 'full' ? 20 : 15),
    );
  }
}

/** Density of the finished actions, to the right of the fan. */
function drawDensity(
  ctx: CanvasRenderingContext2D,
  candidates: Candidates,
  dim: number,
  left: number,
  width: number,
  y: (value: number) => number,
): void {
  const ends = Array.from(
    { length: candidates.candidates },
    (_, i) => candidates.actions[i * candidates.actDim + dim]!,
  );
  const density = densityOf(ends);
  const most = Math.max(...density, 1e-9);
  const color = token('run2');
  ctx.beginPath();
  density.forEach((value, b) => {
    ctx.lineTo(left + (value / most) * width, y(-1.2 + (2.4 * b) / (density.length - 1)));
  });
  ctx.strokeStyle = color;
  ctx.lineWidth = 1.5;
  ctx.stroke();
  ctx.lineTo(left, y(1.2));
  ctx.lineTo(left, y(-1.2));
  ctx.fillStyle = rgba(color, 0.16);
  ctx.fill();
  ctx.fillStyle = token('text3');
  ctx.font = `11px ${token('sans')}`;
  ctx.textAlign = 'center';
  ctx.fillText('density', left + width / 2, y(-1.6) + 20);
}

function drawCursor(ctx: CanvasRenderingContext2D, x: number, top: number, bottom: number): void {
  ctx.strokeStyle = ctx.fillStyle = token('text');
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  ctx.moveTo(x, top - 22);
  ctx.lineTo(x, bottom);
  ctx.stroke();
  ctx.beginPath();
  ctx.arc(x, top - 24, 4, 0, 2 * Math.PI);
  ctx.fill();
}
