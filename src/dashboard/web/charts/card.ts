import type { AppState } from '../appState.ts';
import { runStyle, token } from '../colors.ts';
import { h, iconButton, setText } from '../dom.ts';
import { fixed, integer, score, value } from '../format.ts';
import { openMenu } from '../menu.ts';
import { emptyText, publishedLines } from './cardText.ts';
import { Chart, type ChartContent, type Line } from './chart.ts';
import { exportCsv, exportPng } from './export.ts';
import { type Curve, curveOf, type Group, meanBand, nearestIndex, smooth, wholeCurve } from './series.ts';
import { hideTooltip, showTooltip } from './tooltip.ts';

export interface CardOptions {
  readonly app: AppState;
  readonly metric: string;
  readonly size: 'large' | 'small';
  /** What is drawn: the current run alone, or groups of runs. */
  readonly groups?: () => readonly Group[];
  readonly onPick?: (x: number) => void;
  /** Beside the title; read again with every drawing. */
  readonly caption?: () => string;
}

/** A metric's chart with its title, newest value and menu. Redraws at most ten times a second, and only where seen. */
export class ChartCard {
  readonly element: HTMLElement;
  readonly metric: string;
  readonly #options: CardOptions;
  readonly #chart: Chart;
  readonly #value = h('span', { class: 'chart-value' });
  readonly #detail = h('span', { class: 'chart-detail t3' });
  readonly #caption = h('span', { class: 't3 chart-caption' });
  readonly #empty = h('p', { class: 'chart-empty t3' });
  readonly #pin: HTMLButtonElement;
  #dirty = true;
  #visible = false;
  #content: ChartContent | undefined;
  readonly #observer: IntersectionObserver;
  readonly #off: (() => void)[];

  constructor(options: CardOptions) {
    const { app, metric, size } = options;
    this.metric = metric;
    this.#options = options;
    const plot = h('div', { class: 'chart-plot' }, this.#empty);
    this.#pin = iconButton('pin', `Pin ${metric}`, () =>
      app.changeSettings(() => void (app.pinned.delete(metric) || app.pinned.add(metric))),
    );
    const more = iconButton('more', `${metric}: scale and export`, event =>
      this.#menu(event.currentTarget as HTMLElement),
    );
    const title = h('h2', { class: options.groups ? 'strong' : 't2' }, metric);
    this.element = h(
      'section',
      { class: `card chart ${size}`, 'aria-label': metric },
      h(
        'header',
        { class: 'chart-head' },
        title,
        options.caption ? this.#caption : null,
        h('span', { class: 'grow' }),
        h('span', { class: 'chart-tools' }, this.#pin, more),
        this.#value,
        this.#detail,
      ),
      plot,
    );
    this.#chart = new Chart(plot, {
      hover: x => this.#hover(x),
      click: x => options.onPick?.(x),
    });
    this.#observer = new IntersectionObserver(entries => {
      this.#visible = entries.at(-1)?.isIntersecting ?? false;
    });
    this.#observer.observe(this.element);
    plot.addEventListener('pointerleave', () => this.#hover(undefined));
    const dirty = () => {
      this.#dirty = true;
    };
    this.#off = [
      app.on('rows', dirty),
      app.on('settings', dirty),
      app.on('theme', dirty),
      app.on('current', dirty),
      app.on('runs', dirty),
      app.on('snapshot', dirty),
    ];
    this.#off.push(
      app.on('hover', (step, source) => {
        if (source !== this) this.#chart.showCursor(step);
      }),
    );
  }

  dispose(): void {
    for (const off of this.#off) off();
    this.#observer.disconnect();
    this.#chart.dispose();
  }

  markDirty(): void {
    this.#dirty = true;
  }

  /** Called ten times a second. */
  refresh(): void {
    if (!this.#dirty || !this.#visible) return;
    this.#dirty = false;
    const { app, metric, groups, size } = this.#options;
    const lines = groups ? this.#groupLines(groups()) : this.#runLines();
    const run = app.run();
    const future =
      !groups && size === 'large' && run?.state === 'live' && run.totalSteps > run.step ? run.step : undefined;
    this.#content = {
      lines,
      references: metric === 'eval/return' ? publishedLines(app) : [],
      axis: app.axis,
      log: app.logKeys.has(metric),
      until: !groups && size === 'large' ? run?.totalSteps : undefined,
      future,
      compact: size === 'small',
    };
    this.#pin.setAttribute('aria-pressed', String(app.pinned.has(metric)));
    this.#empty.hidden = lines.some(line => line.curve.x.length > 0);
    this.#empty.textContent = emptyText(app, metric);
    this.#chart.set(this.#content);
    setText(this.#caption, this.#options.caption?.() ?? '');
    if (!groups) this.#showValue();
  }

  #showValue(): void {
    const { app, metric } = this.#options;
    const data = app.currentData;
    const last = data?.last(metric) ?? Number.NaN;
    setText(this.#value, Number.isNaN(last) ? '' : value(last));
    const spread = metric.endsWith('/return') ? data?.last(`${metric}Std`) : undefined;
    const episodes = app.currentData?.snapshot?.config.options as Record<string, unknown> | undefined;
    const count =
      metric === 'eval/return' && typeof episodes?.evalEpisodes === 'number'
        ? ` · ${episodes.evalEpisodes} ${episodes.evalEpisodes === 1 ? 'episode' : 'episodes'}`
        : '';
    setText(
      this.#detail,
      spread !== undefined && Number.isFinite(spread)
        ? `± ${value(spread)}${this.#options.size === 'large' ? count : ''}`
        : '',
    );
  }

  #runLines(): Line[] {
    const { app, metric, size } = this.#options;
    const data = app.currentData;
    if (!data) return [];
    const raw = curveOf(data, metric, app.axis);
    const smoothed = { x: raw.x, y: app.smoothing > 0 ? smooth(raw.x, raw.mean ?? raw.y, app.smoothing) : raw.y };
    const best = metric === 'eval/return' && app.axis === 'step' ? data.best(metric) : undefined;
    const std = metric === 'eval/return' ? data.values('eval/returnStd') : undefined;
    const band =
      std && std.length === raw.y.length
        ? { low: raw.y.map((y, i) => y - std[i]!), high: raw.y.map((y, i) => y + std[i]!) }
        : {};
    return [
      {
        label: metric,
        color: token('run1'),
        curve: metric === 'eval/return' ? raw : smoothed,
        raw: metric !== 'eval/return' && app.smoothing > 0 ? raw.y : undefined,
        ...band,
        endDot: size === 'large',
        mark: best && { x: best.step, y: best.value, text: `best ${score(best.value)}` },
      },
    ];
  }

  #groupLines(groups: readonly Group[]): Line[] {
    const { app, metric } = this.#options;
    return groups.flatMap((group, index) => {
      if (app.hidden.has(group.key)) return [];
      const { color, dash } = runStyle(index);
      const curves = group.runs
        .map(run => curveOf(app.dataOf(run.id), metric, app.axis))
        .filter(curve => curve.x.length > 0)
        .map<Curve>(({ x, y, mean }) => ({ x, y: app.smoothing > 0 ? smooth(x, mean ?? y, app.smoothing) : y }));
      const label = (i: number) => (i === 0 ? group.label : `${group.label} ${i + 1}`);
      if (curves.length < 3)
        return curves.map<Line>((curve, i) => ({
          label: label(i),
          color,
          dash,
          curve,
          endLabel: i === 0 && this.#options.size === 'large',
        }));
      const band = meanBand(curves);
      const tails = curves
        .filter(curve => curve.x.at(-1)! > (band.x.at(-1) ?? 0))
        .map<Line>((curve, i) => {
          const from = nearestIndex(curve.x, band.x.at(-1) ?? 0);
          return {
            label: `${group.label} seed ${i}`,
            color,
            width: 1,
            curve: { x: curve.x.subarray(from), y: curve.y.subarray(from) },
          };
        });
      return [
        {
          label: group.label,
          color,
          dash,
          curve: band,
          low: band.low,
          high: band.high,
          endLabel: this.#options.size === 'large',
        },
        ...tails,
      ];
    });
  }

  #hover(x: number | undefined): void {
    const { app } = this.#options;
    app.emit('hover', x, this);
    const plot = this.#chart.plot;
    if (x === undefined || !plot || !this.#content) {
      hideTooltip();
      return;
    }
    const rows = this.#content.lines.flatMap(line => {
      const at = nearestIndex(line.curve.x, x);
      return at < 0 || line.width === 1
        ? []
        : [{ label: line.label, color: line.color, value: line.curve.y[at]!, x: line.curve.x[at]! }];
    });
    if (rows.length === 0) {
      hideTooltip();
      return;
    }
    const box = plot.over.getBoundingClientRect();
    showTooltip(box.left + (plot.cursor.left ?? 0), box.top + box.height * 0.3, {
      title: `${app.axis === 'seconds' ? 'after' : app.axis} ${app.axis === 'seconds' ? `${integer(rows[0]!.x)} s` : integer(rows[0]!.x)}${rows.length > 1 ? ' · value · gap to best' : ''}`,
      rows: rows.sort((a, b) => b.value - a.value),
      hint: this.#options.onPick ? 'Click to replay the episode here' : undefined,
    });
  }

  /** Every point, unsmoothed; of groups of three seeds and more the mean that is drawn. */
  #saveCsv(): void {
    const { app, metric, groups } = this.#options;
    if (!this.#content) return;
    const whole = (run: string, label: string) => {
      return { label, color: '', curve: wholeCurve(app.dataOf(run), metric, app.axis) };
    };
    const lines = groups
      ? groups().flatMap(({ runs, label }) =>
          runs.length < 3
            ? runs.map(({ id }) => whole(id, id))
            : this.#content!.lines.filter(line => line.label === label),
        )
      : [whole(app.current ?? '', metric)];
    exportCsv({ ...this.#content, lines }, metric);
  }

  #menu(anchor: HTMLElement): void {
    const { app, metric } = this.#options;
    openMenu(anchor, [
      {
        label: 'Log scale',
        checked: app.logKeys.has(metric),
        run: () => app.changeSettings(() => void (app.logKeys.delete(metric) || app.logKeys.add(metric))),
      },
      { label: `x: step`, checked: app.axis === 'step', run: () => app.setAxis('step') },
      {
        label: 'x: time',
        checked: app.axis === 'seconds',
        run: () => app.setAxis('seconds'),
      },
      {
        label: 'x: update',
        checked: app.axis === 'update',
        run: () => app.setAxis('update'),
      },
      ...[0, 0.3, 0.6, 0.9].map(amount => ({
        label: `Smoothing ${amount === 0 ? 'off' : fixed(amount, 1)}`,
        checked: app.smoothing === amount,
        run: () => app.setSmoothing(amount),
      })),
      { label: 'Save as PNG', icon: 'download', run: () => this.#content && exportPng(this.#chart, metric) },
      { label: 'Save as CSV', icon: 'download', run: () => this.#saveCsv() },
    ]);
  }
}
