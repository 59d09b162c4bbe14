import uPlot from 'uplot';
import { rgba, token } from '../colors.ts';
import type { ChartContent, Line } from './chart.ts';

/** Published values and the hatched future, behind the curves. */
export function drawBehind(u: uPlot, content: ChartContent): void {
  const { ctx, bbox } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  if (content.future !== undefined && content.axis === 'step') {
    const from = Math.max(bbox.left, u.valToPos(content.future, 'x', true));
    hatch(ctx, from, bbox.top, bbox.left + bbox.width - from, bbox.height, 6 * ratio, rgba(token('line2'), 0.35));
  }
  ctx.font = `${11 * ratio}px ${token('sans')}`;
  let below = Number.NEGATIVE_INFINITY;
  for (const { name, value } of [...content.references].sort((a, b) => b.value - a.value)) {
    const y = Math.round(u.valToPos(value, 'y', true));
    ctx.strokeStyle = token('text2');
    ctx.setLineDash([2 * ratio, 4 * ratio]);
    ctx.lineWidth = ratio;
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    if (content.compact) continue;
    ctx.fillStyle = token('text3');
    ctx.textAlign = content.future === undefined ? 'left' : 'right';
    const under = y - below < 30 * ratio;
    ctx.fillText(
      name,
      content.future === undefined ? bbox.left + 4 * ratio : bbox.left + bbox.width,
      under ? y + 14 * ratio : y - 6 * ratio,
    );
    below = y;
  }
  ctx.restore();
}

/** Marks, end dots and end labels, over the curves. */
export function drawOver(u: uPlot, content: ChartContent): void {
  const { ctx } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  const ends: { y: number; x: number; line: Line }[] = [];
  for (const line of content.lines) {
    const n = line.curve.x.length;
    if (n === 0) continue;
    const x = u.valToPos(line.curve.x[n - 1]!, 'x', true);
    const y = u.valToPos(line.curve.y[n - 1]!, 'y', true);
    if (line.endDot || n === 1) dot(ctx, x, y, 3.5 * ratio, line.color, rgba(line.color, 0.25));
    if (line.mark)
      diamond(
        ctx,
        u.valToPos(line.mark.x, 'x', true),
        u.valToPos(line.mark.y, 'y', true),
        ratio,
        line,
        content.compact,
      );
    if (line.endLabel) ends.push({ x, y, line });
  }
  ends.sort((a, b) => a.y - b.y);
  ctx.font = `600 ${11 * ratio}px ${token('sans')}`;
  ctx.textAlign = 'left';
  let above = Number.NEGATIVE_INFINITY;
  for (const { x, y, line } of ends) {
    const at = Math.max(y + 4 * ratio, above + 14 * ratio);
    above = at;
    ctx.fillStyle = line.color;
    ctx.fillText(line.label, x + 8 * ratio, at);
  }
  ctx.restore();
}

/** Lines of their own x values → one x column and a column per series. */
export function align(lines: readonly Line[]): (ArrayLike<number> | (number | null | undefined)[])[] {
  const tables = lines.map(line => [
    line.curve.x,
    ...(line.raw ? [line.raw] : []),
    ...(line.low && line.high ? [line.low, line.high] : []),
    line.curve.y,
  ]);
  if (tables.length === 0) return [[]];
  if (tables.length === 1) return tables[0]!;
  return uPlot.join(tables as unknown as uPlot.AlignedData[]) as unknown as ArrayLike<number>[];
}

export function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const part = rough / power;
  return (part <= 1 ? 1 : part <= 2 ? 2 : part <= 2.5 ? 2.5 : part <= 5 ? 5 : 10) * power;
}

export function dot(ctx: CanvasRenderingContext2D, x: number, y: number, r: number, color: string, halo: string): void {
  for (const [radius, fill] of [
    [r * 2, halo],
    [r, color],
  ] as const) {
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
    ctx.fillStyle = fill;
    ctx.fill();
  }
}

export function diamond(
  ctx: CanvasRenderingContext2D,
  x: number,
  y: number,
  ratio: number,
  line: Line,
  compact: boolean,
): void {
  const r = 5 * ratio;
  ctx.beginPath();
  ctx.moveTo(x, y - r);
  ctx.lineTo(x + r, y);
  ctx.lineTo(x, y + r);
  ctx.lineTo(x - r, y);
  ctx.closePath();
  ctx.fillStyle = token('surface');
  ctx.strokeStyle = line.color;
  ctx.lineWidth = 1.5 * ratio;
  ctx.fill();
  ctx.stroke();
  if (compact) return;
  ctx.fillStyle = line.color;
  ctx.font = `600 ${11 * ratio}px ${token('sans')}`;
  const room = x > 120 * ratio; // at the left edge the text would be cut
  ctx.textAlign = room ? 'right' : 'left';
  const above = y > 26 * ratio; // at the upper edge as well
  ctx.fillText(line.mark!.text, room ? x - 8 * ratio : x + (above ? 2 : 10) * ratio, y + (above ? -12 : 4) * ratio);
}

export function hatch(
  ctx: CanvasRenderingContext2D,
  x: number,
  y: number,
  w: number,
  h: number,
  gap: number,
  color: string,
): void {
  if (w <= 0) return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, w, h);
  ctx.clip();
  ctx.strokeStyle = color;
  ctx.lineWidth = 1;
  ctx.beginPath();
  for (let at = x - h; at < x + w; at += gap) {
    ctx.moveTo(at, y + h);
    ctx.lineTo(at + h, y);
  }
  ctx.stroke();
  ctx.restore();
}
