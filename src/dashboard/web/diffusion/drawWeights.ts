import { type Scale, token } from '../colors.ts';
import { prepare } from './draw.ts';

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
