import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One evaluation of one run. */
export interface CurvePoint {
  readonly step: number;
  /** Training time so far. */
  readonly seconds: number;
  readonly return: number;
  readonly returnStd: number;
}

export interface Curve {
  readonly seed: number;
  readonly points: readonly CurvePoint[];
}

/** The evaluations of a run, from its metrics. */
export function readCurve(run: string, seed: number): Curve {
  const points: CurvePoint[] = [];
  for (const line of readFileSync(join(run, 'metrics.jsonl'), 'utf8').split('\n')) {
    if (!line.includes('"eval/return"')) continue;
    const row = JSON.parse(line);
    points.push({ step: row.step, seconds: row.seconds, return: row['eval/return'], returnStd: row['eval/returnStd'] });
  }
  return { seed, points };
}

/** `seed,step,seconds,return,std`, a line per evaluation. */
export function toCsv(curves: readonly Curve[]): string {
  const rows = curves.flatMap(({ seed, points }) =>
    points.map(p => [seed, p.step, Math.round(p.seconds), p.return.toFixed(1), p.returnStd.toFixed(1)].join(',')),
  );
  return ['seed,step,seconds,return,std', ...rows, ''].join('\n');
}

interface ChartOptions {
  readonly title: string;
  readonly reference?: { readonly value: number; readonly label: string };
}

const width = 560;
const height = 260;
const plot = { left: 64, right: 120, top: 34, bottom: 34 };
const colors = ['#9A5A00', '#0074E3', '#6F0E8D', '#003C32', '#6D0800', '#BD2561', '#68668D', '#575027'];

/** Return against environment steps, a line per seed labelled at its end, a dotted line for a published value. */
export function toSvg(curves: readonly Curve[], { title, reference }: ChartOptions): string {
  const all = curves.flatMap(curve => curve.points);
  const lastStep = Math.max(1, ...all.map(p => p.step));
  const top = Math.max(...all.map(p => p.return), reference?.value ?? 0) * 1.05;
  const bottom = Math.min(0, ...all.map(p => p.return));
  const x = (step: number) => plot.left + (step / lastStep) * (width - plot.left - plot.right);
  const y = (value: number) =>
    height - plot.bottom - ((value - bottom) / (top - bottom)) * (height - plot.top - plot.bottom);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="Inter, system-ui, sans-serif" font-size="11">`,
    `<title>${title}</title>`,
    `<rect width="${width}" height="${height}" fill="#FFFFFF"/>`,
    text(plot.left, 20, title, { size: 13, color: '#16181D', weight: 600 }),
    ...ticks(bottom, top).flatMap(value => [
      line(plot.left, y(value), width - plot.right, y(value), '#E4E1DA'),
      text(plot.left - 8, y(value) + 4, short(value), { anchor: 'end' }),
    ]),
    ...ticks(0, lastStep).map(step => text(x(step), height - 14, short(step), { anchor: 'middle' })),
    text(width - plot.right, height - 2, 'environment steps', { anchor: 'end' }),
    ...(reference ? referenceLine(reference, x(lastStep), y(reference.value)) : []),
    ...curves.flatMap((curve, i) => curveLines(curve, colors[i % colors.length]!, { x, y, row: i })),
    '</svg>',
    '',
  ].join('\n');
}

function curveLines(
  { seed, points }: Curve,
  color: string,
  { x, y, row }: { x(step: number): number; y(value: number): number; row: number },
): string[] {
  const path = points.map(p => `${x(p.step).toFixed(1)},${y(p.return).toFixed(1)}`).join(' ');
  const last = points.at(-1);
  const label = last ? `seed ${seed}  ${Math.round(last.return).toLocaleString('en-US')}` : `seed ${seed}`;
  return [
    `<polyline points="${path}" fill="none" stroke="${color}" stroke-width="1.6" stroke-linejoin="round"/>`,
    text(width - plot.right + 10, plot.top + 60 + 16 * row, label, { color }),
  ];
}

function referenceLine({ value, label }: { value: number; label: string }, right: number, at: number): string[] {
  return [
    line(plot.left, at, right, at, '#646C78', '2 4'),
    text(plot.left + 6, at - 5, `${value.toLocaleString('en-US')}  ${label}`, {}),
  ];
}

function line(x1: number, y1: number, x2: number, y2: number, color: string, dash?: string): string {
  const dashes = dash ? ` stroke-dasharray="${dash}"` : '';
  return `<line x1="${x1}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="${color}"${dashes}/>`;
}

interface TextStyle {
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly size?: number;
  readonly color?: string;
  readonly weight?: number;
}

function text(x: number, y: number, content: string, style: TextStyle): string {
  const { anchor = 'start', size = 11, color = '#646C78', weight = 400 } = style;
  const escaped = content.replace(/&/g, '&amp;').replace(/</g, '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}" font-weight="${weight}" fill="${color}" xml:space="preserve">${escaped}</text>`;
}

/** About five round values from `low` to `high`. */
function ticks(low: number, high: number): number[] {
  const rough = (high - low) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find(m => m * power >= rough) ?? 10);
  const values: number[] = [];
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) values.push(value || 0); // no −0
  return values;
}

function short(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude >= 1e6) return `${value / 1e6}M`;
  return magnitude >= 10_000 ? `${value / 1000}k` : value.toLocaleString('en-US');
}
