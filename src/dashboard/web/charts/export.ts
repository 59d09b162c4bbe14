import { token } from '../colors.ts';
import type { Chart, ChartContent } from './chart.ts';

/** The chart as it is, with its title, on the page's background. */
export function exportPng(chart: Chart, metric: string): void {
  const source = chart.plot?.ctx.canvas;
  if (!source) return;
  const ratio = devicePixelRatio;
  const canvas = document.createElement('canvas');
  canvas.width = source.width;
  canvas.height = source.height + 28 * ratio;
  const ctx = canvas.getContext('2d')!;
  ctx.fillStyle = token('surface');
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.fillStyle = token('text');
  ctx.font = `600 ${13 * ratio}px ${token('sans')}`;
  ctx.fillText(metric, 12 * ratio, 19 * ratio);
  ctx.drawImage(source, 0, 28 * ratio);
  canvas.toBlob(blob => blob && save(blob, `${fileName(metric)}.png`));
}

/** `line,x,value` rows, unsmoothed where the raw values are at hand. */
export function csvOf({ lines, axis }: ChartContent): string {
  const quote = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const rows = lines.flatMap(line =>
    Array.from(line.curve.x, (x, i) => `${quote(line.label)},${x},${(line.raw ?? line.curve.y)[i]}`),
  );
  return `line,${axis},value\n${rows.join('\n')}\n`;
}

export function exportCsv(content: ChartContent, metric: string): void {
  save(new Blob([csvOf(content)], { type: 'text/csv' }), `${fileName(metric)}.csv`);
}

function fileName(metric: string): string {
  return metric.replaceAll('/', '-');
}

export function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
