import uPlot from 'uplot';
import type { Axis } from '../appState.ts';
import { rgba, token } from '../colors.ts';
import { clock, tick } from '../format.ts';
import { align, drawBehind, drawOver, niceStep } from './chartDrawing.ts';
import type { Curve } from './series.ts';

export interface Line {
  readonly label: string;
  readonly color: string;
  readonly dash?: readonly number[];
  readonly width?: number;
  readonly curve: Curve;
  /** The unsmoothed values, drawn faint underneath; same x as the curve. */
  readonly raw?: Float64Array;
  readonly low?: Float64Array;
  readonly high?: Float64Array;
  /** Label at the line's end. */
  readonly endLabel?: boolean;
  readonly endDot?: boolean;
  /** A diamond, with its text. */
  readonly mark?: { readonly x: number; readonly y: number; readonly text: string };
}

export interface Reference {
  readonly name: string;
  readonly value: number;
}

export interface ChartContent {
  readonly lines: readonly Line[];
  readonly references: readonly Reference[];
  readonly axis: Axis;
  readonly log: boolean;
  /** Where the x axis ends at least: the steps planned. */
  readonly until?: number;
  /** x beyond which lies the future, hatched. */
  readonly future?: number;
  readonly compact: boolean;
}

export interface ChartEvents {
  hover(x: number | undefined): void;
  click(x: number): void;
}

/** A line chart on uPlot: columns go straight in; everything special is drawn in its draw hook. */
export class Chart {
  readonly host: HTMLElement;
  readonly #events: ChartEvents;
  #plot: uPlot | undefined;
  #content: ChartContent | undefined;
  #shape = '';
  #silent = false;
  readonly #observer: ResizeObserver;

  constructor(host: HTMLElement, events: ChartEvents) {
    this.host = host;
    this.#events = events;
    this.#observer = new ResizeObserver(() => this.#resize());
    this.#observer.observe(host);
  }

  dispose(): void {
    this.#observer.disconnect();
    this.#plot?.destroy();
  }

  get plot(): uPlot | undefined {
    return this.#plot;
  }

  set(content: ChartContent): void {
    this.#content = content;
    const { width, height } = this.host.getBoundingClientRect();
    if (width < 20 || height < 20) return;
    const shape = JSON.stringify([
      content.lines.map(line => [line.label, line.color, !!line.raw, !!line.low, line.width, line.dash]),
      content.log,
      content.axis,
      content.compact,
      document.documentElement.dataset.theme,
    ]);
    const data = align(content.lines);
    if (this.#plot && shape === this.#shape) {
      this.#plot.setData(data as uPlot.AlignedData);
      return;
    }
    this.#shape = shape;
    this.#plot?.destroy();
    this.#plot = new uPlot(this.#options(content, width, height), data as uPlot.AlignedData, this.host);
  }

  /** Moves the cursor without telling anybody. */
  showCursor(x: number | undefined): void {
    const plot = this.#plot;
    if (!plot) return;
    this.#silent = true;
    const left = x === undefined ? -10 : plot.valToPos(x, 'x');
    plot.setCursor({ left, top: x === undefined ? -10 : plot.bbox.height / devicePixelRatio / 2 });
    this.#silent = false;
  }

  #resize(): void {
    const { width, height } = this.host.getBoundingClientRect();
    if (width < 20 || height < 20) return;
    if (this.#plot) this.#plot.setSize({ width, height });
    else if (this.#content) this.set(this.#content);
  }

  #options(content: ChartContent, width: number, height: number): uPlot.Options {
    const font = `11px ${token('sans')}`;
    const stroke = token('text3');
    const axis = { stroke, font, ticks: { show: false }, border: { show: false } };
    const grid = { stroke: token('line'), width: 1 };
    const format = content.axis === 'seconds' ? clock : tick;
    const labels = content.lines.some(line => line.endLabel);
    return {
      width,
      height,
      legend: { show: false },
      padding: [content.compact ? 8 : 12, labels ? 62 : 18, 0, 0], // half a label of the x axis stands beyond its end
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: true },
        points: { size: 7, width: 1.5, fill: (_u, i) => this.#colorOf(i), stroke: () => token('surface') },
        bind: {
          dblclick: u => () => {
            u.setData(u.data);
            return null;
          },
        },
      },
      scales: {
        x: { time: false, range: (_u, min, max) => this.#xRange(min, max) },
        y: { distr: content.log ? 3 : 1, range: (u, min, max) => this.#yRange(u, min, max) },
      },
      axes: [
        {
          ...axis,
          grid: { show: false },
          size: 24,
          gap: 7, // below the lowest label of the other axis
          space: content.compact ? 70 : 80,
          values: (_u, ticks) => ticks.map(v => (v === null ? '' : format(v))),
        },
        {
          ...axis,
          grid,
          size: (u, values) => Math.max(content.compact ? 34 : 40, widest(u.ctx, font, values) + 8),
          gap: 6,
          space: content.compact ? 26 : 46,
          values: (_u, ticks) => ticks.map(v => (v === null ? '' : tick(v))),
        },
      ],
      series: [{}, ...this.#series(content)],
      bands: this.#bands(content),
      hooks: {
        drawAxes: [u => this.#content && drawBehind(u, this.#content)],
        draw: [u => this.#content && drawOver(u, this.#content)],
        setCursor: [u => this.#hovered(u)],
        ready: [u => u.over.addEventListener('click', () => this.#clicked(u))],
      },
    };
  }

  #xRange(min: number, max: number): [number, number] {
    const until = this.#content?.axis === 'step' ? (this.#content.until ?? 0) : 0;
    if (min === null || !Number.isFinite(min)) return [0, until || 1];
    const zoomed = this.#plot && min > (this.#plot.data[0][0] ?? min);
    return zoomed ? [min, max] : [Math.min(min, 0), Math.max(max, until, min + 1)];
  }

  #yRange(_u: uPlot, min: number | null, max: number | null): [number, number] {
    if (min === null || max === null || !Number.isFinite(min)) return this.#content?.log ? [1, 10] : [0, 1];
    const references = this.#content?.references.map(reference => reference.value) ?? [];
    let low = min;
    let high = Math.max(max, ...references);
    if (this.#content?.log) return [Math.max(1e-12, low) / 1.3, high * 1.3];
    if (low > 0 && low < high * 0.6) low = 0;
    // Equal to rounding: steps too small for their numbers would give ticks without end.
    if (high - low <= 1e-9 * Math.max(Math.abs(high), 1e-9)) {
      const around = Math.max(1, niceStep(Math.abs(high) / 10));
      return [low - around, high + around];
    }
    const step = niceStep((high - low) / (this.#content?.compact ? 2 : 4));
    low = Math.floor(low / step + 1e-9) * step;
    high = Math.ceil(high / step - 1e-9) * step;
    return [low, high];
  }

  #series(content: ChartContent): uPlot.Series[] {
    return content.lines.flatMap(line => {
      const plain = { points: { show: false }, spanGaps: true };
      const width = line.width ?? (content.compact ? 1.5 : 2);
      const series: uPlot.Series[] = [];
      if (line.raw) series.push({ ...plain, stroke: rgba(line.color, 0.28), width: 1 });
      if (line.low) series.push({ ...plain, width: 0 }, { ...plain, width: 0 });
      series.push({ ...plain, label: line.label, stroke: line.color, width, dash: [...(line.dash ?? [])] });
      return series;
    });
  }

  #bands(content: ChartContent): uPlot.Band[] {
    let index = 1;
    const bands: uPlot.Band[] = [];
    for (const line of content.lines) {
      if (line.raw) index++;
      if (line.low) {
        bands.push({ series: [index + 1, index], fill: rgba(line.color, 0.14) });
        index += 2;
      }
      index++;
    }
    return bands;
  }

  #colorOf(index: number): string {
    const series = this.#plot?.series[index];
    return series?.label && series.stroke
      ? String((series as unknown as { _stroke?: unknown })._stroke ?? 'transparent')
      : 'transparent';
  }

  #hovered(u: uPlot): void {
    if (this.#silent) return;
    const { left } = u.cursor;
    this.#events.hover(left === undefined || left === null || left < 0 ? undefined : u.posToVal(left, 'x'));
  }

  #clicked(u: uPlot): void {
    const { left } = u.cursor;
    if (left !== undefined && left !== null && left >= 0) this.#events.click(u.posToVal(left, 'x'));
  }
}

/** The widest of some labels, in CSS pixels. */
function widest(ctx: CanvasRenderingContext2D, font: string, labels: readonly string[] | null): number {
  ctx.save();
  ctx.font = font;
  const width = Math.max(0, ...(labels ?? []).map(label => ctx.measureText(label).width));
  ctx.restore();
  return Math.ceil(width);
}
