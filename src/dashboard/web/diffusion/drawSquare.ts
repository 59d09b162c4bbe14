import { percentileRange, token } from '../colors.ts';
import type { Candidates } from '../policy/sampling.ts';
import { type Coloring, coloring, drawOrder, prepare } from './draw.ts';

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
