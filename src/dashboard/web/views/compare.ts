import type { RunSummary } from '../../protocol.ts';
import type { AppState } from '../appState.ts';
import { ChartCard } from '../charts/card.ts';
import { type Group, groupRuns } from '../charts/series.ts';
import { button, fill, h, icon, setText } from '../dom.ts';
import { orderMetrics } from '../inspector.ts';
import { openMenu } from '../menu.ts';
import { FinalReturn } from './finalReturn.ts';
import { RunTable } from './runTable.ts';

/** Runs whose id, algorithm, task or tags match the filter; a broken expression matches as plain text. */
export function filterRuns(runs: readonly RunSummary[], filter: string): RunSummary[] {
  if (!filter) return [...runs];
  let pattern: RegExp | undefined;
  try {
    pattern = new RegExp(filter, 'i');
  } catch {
    // not a regular expression yet: the user is still typing
  }
  return runs.filter(run => {
    const text = [run.id, run.algo, run.task, run.preset, ...run.tags].join(' ');
    return pattern
      ? pattern.test(text) || pattern.test(`${run.task}-${run.algo}`)
      : text.toLowerCase().includes(filter.toLowerCase());
  });
}

/** Curves and Runs: groups of seeds with bands, final returns with intervals, the run table. */
export class CompareView {
  readonly header: HTMLElement;
  readonly #app: AppState;
  readonly #page = h('div', { class: 'page' });
  readonly #table: RunTable;
  readonly #final: FinalReturn;
  /** The large chart and the one beside it: the return and the critic where there are any, else what comes first. */
  #main: ChartCard;
  #side: ChartCard;
  readonly #openRun: (run: string) => void;
  readonly #more = h('div', { class: 'more-charts' });
  #cards: ChartCard[] = [];
  #metrics = '';
  #dirty = true;
  #mode: 'curves' | 'runs' = 'curves';

  constructor(app: AppState, openRun: (run: string) => void) {
    this.#app = app;
    const groups = () => this.groups();
    this.#openRun = openRun;
    this.#main = this.#mainCard('eval/return');
    this.#side = this.#sideCard('critic/q');
    this.#final = new FinalReturn(app, groups);
    this.#table = new RunTable(app, groups, openRun);
    this.header = this.#makeHeader();
    for (const event of ['rows', 'runs', 'settings', 'theme', 'snapshot'] as const) {
      app.on(event, () => {
        this.#dirty = true;
      });
    }
  }

  groups(): Group[] {
    const { runs, filter } = this.#app;
    const task = this.#app.run()?.task;
    // Returns of different tasks have no common axis: without a filter the curves are those of the task on the stage.
    const comparable = this.#mode === 'curves' && !filter && task ? runs.filter(run => run.task === task) : runs;
    return groupRuns(filterRuns(comparable, filter));
  }

  #mainCard(metric: string): ChartCard {
    return new ChartCard({
      ...{ app: this.#app, metric, size: 'large', groups: () => this.groups() },
      caption: () => this.#caption(', band = ±1 std'),
      onPick: () => this.#openBest(),
    });
  }

  #sideCard(metric: string): ChartCard {
    const groups = () => this.groups();
    return new ChartCard({ app: this.#app, metric, size: 'small', groups, caption: () => this.#caption() });
  }

  /** What the lines are: groups of three seeds and more are drawn as their mean. */
  #caption(band = ''): string {
    const seeds = this.groups().map(({ runs }) => runs.length);
    const most = Math.max(0, ...seeds);
    if (most < 3) return most < 2 ? 'a line per run' : 'a line per seed';
    return `${seeds.every(count => count === most) ? `mean of ${most} seeds` : 'mean of seeds'}${band}`;
  }

  #openBest(): void {
    const first = this.groups()[0]?.runs[0];
    if (first) this.#openRun(first.id);
  }

  #makeHeader(): HTMLElement {
    const app = this.#app;
    const title = h('h1', { class: 'title' });
    const count = h('span', { class: 't3' });
    const input = h('input', { type: 'search', placeholder: 'name or expression', 'aria-label': 'Filter runs' });
    input.addEventListener('input', () => {
      app.filter = input.value;
      app.emit('settings');
    });
    const axis = button({
      after: 'open',
      class: 'axis',
      label: '',
      onclick: () =>
        openMenu(
          axis,
          (['step', 'seconds', 'update'] as const).map(name => ({
            label: `x: ${name === 'seconds' ? 'time' : name}`,
            checked: app.axis === name,
            run: () => app.setAxis(name),
          })),
        ),
    });
    const smoothing = button({
      after: 'sliders',
      class: 'smoothing',
      title: 'Smoothing',
      label: '',
      onclick: () =>
        openMenu(
          smoothing,
          [0, 0.3, 0.6, 0.9].map(amount => ({
            label: amount ? `smooth ${amount}` : 'no smoothing',
            checked: app.smoothing === amount,
            run: () => app.setSmoothing(amount),
          })),
        ),
    });
    const update = () => {
      const tasks = new Set(this.groups().flatMap(group => group.runs.map(run => run.task)));
      setText(title, tasks.size === 1 ? [...tasks][0]! : `${tasks.size} tasks`);
      const groups = this.groups();
      const runs = groups.reduce((sum, group) => sum + group.runs.length, 0);
      setText(
        count,
        `${runs} ${runs === 1 ? 'run' : 'runs'} in ${groups.length} ${groups.length === 1 ? 'group' : 'groups'}`,
      );
      setText(axis.querySelector('span')!, `x: ${app.axis === 'seconds' ? 'time' : app.axis}`);
      setText(smoothing.querySelector('span')!, `smooth ${app.smoothing}`);
    };
    for (const event of ['runs', 'settings', 'view'] as const) app.on(event, update);
    update();
    const save = button({
      icon: 'download',
      label: 'CSV',
      title: 'The run table as CSV',
      onclick: () => this.#table.exportCsv(),
    });
    return h(
      'header',
      { class: 'view-header' },
      title,
      count,
      h('span', { class: 'grow' }),
      h('span', { class: 'filter' }, icon('search'), input),
      axis,
      smoothing,
      save,
    );
  }

  /** The page in one of its two forms: charts first, or the table first. */
  open(mode: 'curves' | 'runs'): HTMLElement {
    this.#mode = mode;
    this.#app.emit('settings'); // the header counts the groups shown
    this.#dirty = true;
    const top = h(
      'div',
      { class: 'compare-top' },
      this.#main.element,
      h('div', { class: 'compare-side' }, this.#final.element, this.#side.element),
    );
    if (mode === 'curves') fill(this.#page, h('div', { class: 'compare' }, top, this.#table.element), this.#more);
    else fill(this.#page, this.#table.element, this.#final.element);
    return this.#page; // drawn at the next refresh, when it has a size
  }

  refresh(): void {
    this.#main.refresh();
    this.#side.refresh();
    for (const card of this.#cards) card.refresh();
    if (!this.#dirty) return;
    this.#dirty = false;
    this.#table.refresh();
    this.#final.refresh();
    if (this.#mode === 'curves') this.#layout();
  }

  /** A chart for every metric of any run shown. */
  #layout(): void {
    const app = this.#app;
    const keys = new Set(
      this.groups().flatMap(group => group.runs.flatMap(run => [...app.dataOf(run.id).metrics.keys()])),
    );
    keys.delete('eval/returnStd');
    const all = orderMetrics(keys, app.pinned);
    const choose = (usual: string, taken?: string) =>
      keys.has(usual) ? usual : (all.find(key => key !== taken && !key.startsWith('time/')) ?? usual);
    const main = choose('eval/return');
    const side = choose('critic/q', main);
    if (main !== this.#main.metric) this.#main = exchange(this.#main, this.#mainCard(main));
    if (side !== this.#side.metric) this.#side = exchange(this.#side, this.#sideCard(side));
    const ordered = all.filter(key => key !== main && key !== side);
    if (ordered.join() === this.#metrics) return;
    this.#metrics = ordered.join();
    for (const card of this.#cards) card.dispose();
    this.#cards = ordered.map(metric => new ChartCard({ app, metric, size: 'small', groups: () => this.groups() }));
    fill(this.#more, ...this.#cards.map(card => card.element));
  }
}

/** Puts a card in the place of another. */
function exchange(old: ChartCard, card: ChartCard): ChartCard {
  old.element.replaceWith(card.element);
  old.dispose();
  return card;
}
