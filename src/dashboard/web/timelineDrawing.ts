import { sequential } from './colors.ts';
import { duration } from './format.ts';

/** Bars of the rewards of the steps shown in the sequential colours, each the mean of its steps, on a width from a left edge. */
export function drawRewards(
  ctx: CanvasRenderingContext2D,
  rewards: ArrayLike<number>,
  { first, last }: { readonly first: number; readonly last: number },
  [left, width]: readonly [number, number],
  height: number,
  bar: number,
): void {
  const colors = sequential();
  const bars = Math.max(1, Math.min(Math.ceil(last - first), Math.floor(width / (5 * devicePixelRatio))));
  const per = (last - first) / bars;
  const means: number[] = [];
  for (let b = 0; b < bars && first + b * per < rewards.length; b++) {
    let sum = 0;
    let count = 0;
    const end = Math.min(rewards.length, Math.floor(first + (b + 1) * per));
    for (let i = Math.floor(first + b * per); i < end; i++) {
      sum += rewards[i] ?? 0;
      count++;
    }
    means.push(count ? sum / count : 0);
  }
  const low = Math.min(...means, 0);
  const high = Math.max(...means, 1e-9);
  const spread = [...means].sort((a, b) => a - b);
  const [from, to] = [spread[Math.floor(spread.length * 0.02)] ?? 0, spread[Math.floor(spread.length * 0.98)] ?? 1];
  const slot = width / bars;
  means.forEach((mean, b) => {
    ctx.fillStyle = colors((mean - from) / Math.max(1e-9, to - from));
    const tall = Math.max(2, ((mean - low) / (high - low)) * bar);
    ctx.fillRect(left + b * slot, height - tall, Math.max(1, slot - devicePixelRatio), tall);
  });
}

/** `about 18:10 today`. */
export function finishTime(seconds: number): string {
  const end = new Date(Date.now() + seconds * 1000);
  const clock = `${String(end.getHours()).padStart(2, '0')}:${String(end.getMinutes()).padStart(2, '0')}`;
  const days = Math.round((new Date(end).setHours(0, 0, 0, 0) - new Date().setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return `about ${clock} today`;
  return days === 1 ? `about ${clock} tomorrow` : `in about ${duration(seconds)}`;
}

/** The canvas at the display's resolution, cleared; undefined while it has no size. */
export function sized(canvas: HTMLCanvasElement): CanvasRenderingContext2D | undefined {
  const { width, height } = canvas.getBoundingClientRect();
  if (width < 2 || height < 2) return undefined;
  const [w, ht] = [Math.round(width * devicePixelRatio), Math.round(height * devicePixelRatio)];
  if (canvas.width !== w || canvas.height !== ht) Object.assign(canvas, { width: w, height: ht });
  const ctx = canvas.getContext('2d')!;
  ctx.clearRect(0, 0, w, ht);
  return ctx;
}

export function round(ctx: CanvasRenderingContext2D, x: number, y: number, w: number, ht: number, r: number): void {
  ctx.beginPath();
  ctx.roundRect(x, y, w, ht, r);
  ctx.fill();
}

export function diamond(
  ctx: CanvasRenderingContext2D,
  x: number,
  y: number,
  r: number,
  color: string,
  open: boolean,
): void {
  ctx.beginPath();
  ctx.moveTo(x, y - r);
  ctx.lineTo(x + r, y);
  ctx.lineTo(x, y + r);
  ctx.lineTo(x - r, y);
  ctx.closePath();
  ctx.strokeStyle = ctx.fillStyle = color;
  ctx.lineWidth = 1.5 * devicePixelRatio;
  if (open) ctx.stroke();
  else ctx.fill();
}

export function triangle(ctx: CanvasRenderingContext2D, x: number, y: number, r: number): void {
  ctx.beginPath();
  ctx.moveTo(x, y - r);
  ctx.lineTo(x + r, y);
  ctx.lineTo(x - r, y);
  ctx.closePath();
  ctx.fill();
}
