import type { AppState } from '../appState.ts';
import { niceStep } from '../charts/chartDrawing.ts';
import { type Group, interquartileMean, interval95 } from '../charts/series.ts';
import { rgba, runStyle, token } from '../colors.ts';
import { h } from '../dom.ts';
import { tick } from '../format.ts';

/** A group's last evaluation of each seed. */
export function lastReturns(app: AppState, group: Group): number[] {
  return group.runs.map(run => app.dataOf(run.id).last('eval/return')).filter(Number.isFinite);
}

/** Interquartile mean of the last returns with its 95 % interval, a row per group; the published value as a dotted mark. */
export class FinalReturn {
  readonly element: HTMLElement;
  readonly #app: AppState;
  readonly #groups: () => Group[];
  readonly #canvas = h('canvas', { role: 'img', 'aria-label': 'Final return of each group' });

  constructor(app: AppState, groups: () => Group[]) {
    this.#app = app;
    this.#groups = groups;
    this.element = h(
      'section',
      { class: 'final' },
      h(
        'header',
        {},
        h('h2', { class: 'strong' }, 'Final return'),
        h('span', { class: 't3' }, 'IQM, 95 % interval'),
        h('span', { class: 'grow' }),
        h('span', { class: 't3 tick' }, '⋮ published'),
      ),
      this.#canvas,
    );
  }

  /** The group's algorithm on the group's task, where that was published. */
  #publishedOf({ runs: [run] }: Group): number | undefined {
    const published = run && this.#app.dataOf(run.id).snapshot?.published;
    return published?.find(({ name }) => name.toUpperCase().startsWith(run!.algo.toUpperCase()))?.value;
  }

  refresh(): void {
    const canvas = this.#canvas;
    const { width, height } = canvas.getBoundingClientRect();
    if (width < 2) return;
    const ratio = devicePixelRatio;
    Object.assign(canvas, { width: width * ratio, height: height * ratio });
    const ctx = canvas.getContext('2d')!;
    ctx.scale(ratio, ratio);
    const rows = this.#groups()
      .filter(group => !this.#app.hidden.has(group.key))
      .map((group, i) => {
        const values = lastReturns(this.#app, group);
        const interval = interval95(values, interquartileMean);
        return { group, i, values, iqm: interquartileMean(values), interval, published: this.#publishedOf(group) };
      })
      .filter(({ values }) => values.length > 0)
      .slice(0, 6);
    if (rows.length === 0) return;
    const all = rows.flatMap(({ iqm, interval, published = iqm }) => [
      iqm,
      ...interval.filter(Number.isFinite),
      published,
    ]);
    const [low, high] = around(all);
    ctx.font = `500 12px ${token('sans')}`;
    const labels = rows.map(({ group }) => fitted(ctx, group.label, Math.min(180, width * 0.4)));
    const left = Math.max(...labels.map(label => ctx.measureText(label).width)) + 20;
    const bottom = height - 20;
    const x = (value: number) => left + ((value - low) / (high - low)) * (width - left - 8);
    ctx.font = `11px ${token('sans')}`;
    ctx.textAlign = 'center';
    const step = niceStep((high - low) / 3);
    for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
      ctx.strokeStyle = token('line');
      ctx.beginPath();
      ctx.moveTo(x(value), 4);
      ctx.lineTo(x(value), bottom);
      ctx.stroke();
      ctx.fillStyle = token('text3');
      ctx.fillText(tick(value), x(value), height - 6);
    }
    rows.forEach(({ i, iqm, interval, published }, row) => {
      const y = 8 + ((row + 0.5) * (bottom - 8)) / rows.length;
      const { color } = runStyle(i);
      ctx.textAlign = 'left';
      ctx.fillStyle = token('text');
      ctx.font = `500 12px ${token('sans')}`;
      ctx.fillText(labels[row]!, 0, y + 4);
      if (interval.every(Number.isFinite)) {
        ctx.fillStyle = rgba(color, 0.3);
        ctx.beginPath();
        ctx.roundRect(x(interval[0]), y - 3, Math.max(6, x(interval[1]) - x(interval[0])), 6, 3);
        ctx.fill();
      }
      ctx.fillStyle = color;
      ctx.beginPath();
      ctx.arc(x(iqm), y, 5, 0, 2 * Math.PI);
      ctx.fill();
      if (published === undefined) return;
      ctx.setLineDash([2, 2]);
      ctx.strokeStyle = token('text');
      ctx.beginPath();
      ctx.moveTo(x(published), y - 8);
      ctx.lineTo(x(published), y + 8);
      ctx.stroke();
      ctx.setLineDash([]);
    });
  }
}

/** A range with a margin. Values equal to rounding get one as well: steps too small for their numbers would never end. */
export function around(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const size = Math.max(Math.abs(low), Math.abs(high));
  const pad = high - low > 1e-9 * size ? (high - low) * 0.15 : size * 0.1 || 1;
  return [low - pad, high + pad];
}

/** The text, cut with an ellipsis where it is wider than there is room. */
function fitted(ctx: CanvasRenderingContext2D, text: string, room: number): string {
  let shown = text;
  for (let n = text.length - 1; ctx.measureText(shown).width > room && n > 0; n--) shown = `${text.slice(0, n)}…`;
  return shown;
}
