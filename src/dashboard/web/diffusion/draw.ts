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

/** One action dimension through the denoising steps: noise left, action right, a line per candidate. */
export function drawFan(canvas: HTMLCanvasElement, candidates: Candidates, options: FanOptions): void {
  const space = prepare(canvas);
  if (!space) return;
  const { ctx, width, height } = space;
  const { dim, axes } = options;
  const full = axes === 'full';
  const left = full ? 30 : axes === 'small' ? 6 : 4;
  const right = full ? width - 96 : axes === 'small' ? width - 58 : width - 4;
  const [top, bottom] = full ? [34, height - 30] : [4, axes === 'small' ? height - 20 : height - 18];
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
  const last = levels.length - 1;
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    const level = Math.round(part * last);
    if (axes === 'small') {
      ctx.beginPath();
      ctx.moveTo(x(level), top);
      ctx.lineTo(x(level), bottom);
      ctx.stroke();
    }
    const name = levels[level]!;
    ctx.fillText(
      Number.isInteger(name) ? String(name) : name.toFixed(2),
      x(level),
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

/** Projects an action (a row of `from`) to the plane shown. */
export interface Plane {
  readonly name: string;
  point(from: Float32Array, row: number): [number, number];
}

/** The field of Q over the plane, on a grid of n × n from −1.25 to 1.25. */
export interface Field {
  readonly n: number;
  readonly q: Float32Array;
}

/** One square: the candidates at a level over Q in 11 flat steps, which strengthen as the noise falls. */
export function drawSquare(
  canvas: HTMLCanvasElement,
  candidates: Candidates,
  level: number,
  plane: Plane,
  field: Field | undefined,
): void {
  const space = prepare(canvas);
  if (!space) return;
  const { ctx, width, height } = space;
  const colors = coloring(candidates);
  ctx.fillStyle = token('well');
  ctx.beginPath();
  ctx.roundRect(0, 0, width, height, 6);
  ctx.fill();
  ctx.clip();
  const strength = level / Math.max(1, candidates.levels.length - 1);
  if (field) drawField(ctx, field, colors, width, height, 0.15 + 0.6 * strength);
  const at = ([x, y]: readonly [number, number]) => [((x + 1.25) / 2.5) * width, ((1.25 - y) / 2.5) * height] as const;
  ctx.setLineDash([2, 2]);
  ctx.strokeStyle = token('line2');
  const [x0, y0] = at([-1, 1]);
  const [x1, y1] = at([1, -1]);
  ctx.strokeRect(x0, y0, x1 - x0, y1 - y0);
  ctx.setLineDash([]);
  const rows = candidates.paths.subarray(level * candidates.candidates * candidates.actDim);
  const dot = (i: number, color: string, radius: number) => {
    const [x, y] = at(plane.point(rows, i));
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
    ctx.fillStyle = color;
    ctx.fill();
    return [x, y] as const;
  };
  for (const i of drawOrder(candidates)) dot(i, colors.of(i), 2);
  const [x, y] = dot(candidates.chosen, token('accent'), 3.5);
  ctx.beginPath();
  ctx.arc(x, y, 7, 0, 2 * Math.PI);
  ctx.strokeStyle = token('accent');
  ctx.lineWidth = 1.5;
  ctx.stroke();
}

function drawField(
  ctx: CanvasRenderingContext2D,
  { n, q }: Field,
  colors: Coloring,
  width: number,
  height: number,
  alpha: number,
): void {
  const [low, high] = percentileRange(q);
  const cells = 64;
  const image = new OffscreenCanvas(cells, cells);
  const target = image.getContext('2d')!;
  const pixels = target.createImageData(cells, cells);
  for (let py = 0; py < cells; py++) {
    for (let px = 0; px < cells; px++) {
      const value = bilinear(q, n, (px / (cells - 1)) * (n - 1), (1 - py / (cells - 1)) * (n - 1));
      const step = Math.round(((value - low) / (high - low)) * 11) / 11;
      const [r, g, b] = colors.scale.rgb(step * 0.8);
      pixels.data.set([r, g, b, 255 * alpha * Math.max(0, Math.min(1, step * 1.6))], (py * cells + px) * 4);
    }
  }
  target.putImageData(pixels, 0, 0);
  ctx.drawImage(image, 0, 0, width, height);
}

function bilinear(q: Float32Array, n: number, x: number, y: number): number {
  const [i, j] = [Math.min(n - 2, Math.floor(x)), Math.min(n - 2, Math.floor(y))];
  const [u, v] = [x - i, y - j];
  const at = (a: number, b: number) => q[b * n + a]!;
  return (
    at(i, j) * (1 - u) * (1 - v) + at(i + 1, j) * u * (1 - v) + at(i, j + 1) * (1 - u) * v + at(i + 1, j + 1) * u * v
  );
}

/** Points in the plane inside the dashed bounds: the exploration squares. */
export function drawScatter(
  canvas: HTMLCanvasElement,
  points: readonly (readonly [number, number])[],
  color: (i: number) => string,
): void {
  const space = prepare(canvas);
  if (!space) return;
  const { ctx, width, height } = space;
  ctx.fillStyle = token('well');
  ctx.beginPath();
  ctx.roundRect(0, 0, width, height, 6);
  ctx.fill();
  ctx.setLineDash([2, 2]);
  ctx.strokeStyle = token('line2');
  ctx.strokeRect(width * 0.1, height * 0.1, width * 0.8, height * 0.8);
  points.forEach(([x, y], i) => {
    ctx.beginPath();
    ctx.arc(((x + 1.25) / 2.5) * width, ((1.25 - y) / 2.5) * height, 1.8, 0, 2 * Math.PI);
    ctx.fillStyle = color(i);
    ctx.fill();
  });
}

/** Histogram of the weights, log counts; zeros in grey, the row kept for the update in amber. */
export function drawWeights(canvas: HTMLCanvasElement, weights: Float32Array, chosen: number, scale: Scale): void {
  const space = prepare(canvas);
  if (!space) return;
  const { ctx, width, height } = space;
  const [left, bottom, top] = [30, height - 18, 8];
  const most = Math.max(...weights, 1e-9);
  const bins = 20;
  const counts = new Array<number>(bins).fill(0);
  let zeros = 0;
  for (const weight of weights) {
    if (weight <= 0) zeros++;
    else counts[Math.min(bins - 1, Math.floor((weight / most) * bins))]!++;
  }
  const tallest = Math.max(zeros, ...counts, 1);
  const y = (count: number) =>
    count === 0 ? bottom : bottom - (0.18 + (0.82 * Math.log(count)) / Math.log(Math.max(2, tallest))) * (bottom - top);
  ctx.font = `11px ${token('sans')}`;
  ctx.textAlign = 'right';
  for (const count of [1, 10, tallest].filter(
    (value, i, all) => value <= tallest && all.indexOf(value) === i && !(i === 1 && tallest < 14),
  )) {
    ctx.fillStyle = token('text3');
    ctx.fillText(String(count), left - 6, y(count) + 4);
    ctx.strokeStyle = token('line');
    ctx.beginPath();
    ctx.moveTo(left, y(count));
    ctx.lineTo(width, y(count));
    ctx.stroke();
  }
  const slot = (width - left) / (bins + 1);
  const bar = (i: number, count: number, color: string) => {
    if (count === 0) return;
    ctx.fillStyle = color;
    ctx.beginPath();
    ctx.roundRect(left + i * slot + 1, y(count), slot - 3, bottom - y(count), 2);
    ctx.fill();
  };
  bar(0, zeros, token('line2'));
  const kept = weights[chosen]! > 0 ? Math.min(bins - 1, Math.floor((weights[chosen]! / most) * bins)) : -1;
  counts.forEach((count, i) => {
    bar(i + 1, count, i === kept ? token('accent') : scale(0.35 + (0.6 * i) / bins));
  });
  ctx.fillStyle = token('text3');
  ctx.textAlign = 'left';
  ctx.fillText('0', left + slot / 2 - 3, height - 4);
  ctx.textAlign = 'right';
  ctx.fillText(`weight ${most.toPrecision(3)}`, width, height - 4);
}
