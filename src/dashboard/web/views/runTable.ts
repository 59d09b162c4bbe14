import type { RunSummary } from '../../protocol.ts';
import type { AppState } from '../appState.ts';
import { save } from '../charts/export.ts';
import { type Group, interquartileMean, interval95, meanStd } from '../charts/series.ts';
import { runStyle, token } from '../colors.ts';
import { fill, h, icon } from '../dom.ts';
import { duration, rate, score } from '../format.ts';
import { lastReturns } from './finalReturn.ts';

interface Row {
  readonly group: Group;
  readonly index: number;
  readonly seeds: number;
  readonly last: number;
  readonly std: number;
  readonly best: number;
  readonly iqm: number;
  readonly interval: [number, number];
  readonly speed: number;
  readonly seconds: number;
  readonly preset: string;
}

const columns: readonly {
  readonly key: keyof Row | 'name' | 'tags' | 'note';
  readonly label: string;
  readonly class?: string;
}[] = [
  { key: 'name', label: 'Run group' },
  { key: 'seeds', label: 'Seeds', class: 'optional' },
  { key: 'last', label: 'Last return' },
  { key: 'std', label: '± std' },
  { key: 'best', label: 'Best', class: 'wide' },
  { key: 'iqm', label: 'IQM', class: 'optional' },
  { key: 'interval', label: '95 % interval', class: 'optional' },
  { key: 'speed', label: 'Steps/s', class: 'optional' },
  { key: 'seconds', label: 'Time', class: 'optional' },
  { key: 'preset', label: 'Preset', class: 'optional' },
  { key: 'tags', label: 'Tags', class: 'text-cell optional' },
  { key: 'note', label: 'Note', class: 'text-cell optional note-cell' },
];

/** Eye, colour, name, numbers, tags, note. Headers sort, a group opens its seeds, a note is edited in place. */
export class RunTable {
  readonly element: HTMLElement;
  readonly #app: AppState;
  readonly #groups: () => Group[];
  readonly #openRun: (run: string) => void;
  readonly #head = h('thead');
  readonly #body = h('tbody');
  readonly #warning = h('p', { class: 'warning', hidden: true });
  readonly #open = new Set<string>();
  #sort: { key: string; down: boolean } = { key: 'last', down: true };

  constructor(app: AppState, groups: () => Group[], openRun: (run: string) => void) {
    this.#app = app;
    this.#groups = groups;
    this.#openRun = openRun;
    this.element = h(
      'section',
      { class: 'run-section' },
      h('table', { class: 'run-table' }, this.#head, this.#body),
      this.#warning,
    );
  }

  #rows(): Row[] {
    const app = this.#app;
    const rows = this.#groups().map<Row>((group, index) => {
      const last = lastReturns(app, group);
      const { mean, std } = meanStd(last);
      const of = (pick: (run: RunSummary) => number) => meanStd(group.runs.map(pick).filter(Number.isFinite)).mean;
      return {
        group,
        index,
        seeds: group.runs.length,
        last: mean,
        std,
        best: of(run => app.dataOf(run.id).best('eval/return')?.value ?? Number.NaN),
        iqm: interquartileMean(last),
        interval: interval95(last, interquartileMean),
        speed: of(run => app.dataOf(run.id).last('time/stepsPerSecond')),
        seconds: group.runs.reduce((sum, run) => sum + run.seconds, 0),
        preset: group.runs[0]!.preset,
      };
    });
    const { key, down } = this.#sort;
    const of = (row: Row) =>
      key === 'name'
        ? row.group.label
        : key === 'interval'
          ? row.interval[0]
          : (row[key as keyof Row] as number | string);
    const sign = down ? -1 : 1;
    return rows.sort((a, b) => {
      const [x, y] = [of(a), of(b)];
      if (typeof x === 'number' && typeof y === 'number')
        return Number.isNaN(x) ? 1 : Number.isNaN(y) ? -1 : (x - y) * sign;
      return (String(x) < String(y) ? -1 : 1) * sign;
    });
  }

  refresh(): void {
    if (this.#body.contains(document.activeElement) && document.activeElement?.tagName === 'INPUT') return; // being edited
    fill(this.#head, h('tr', {}, ...columns.map(column => this.#header(column))));
    const rows = this.#rows();
    fill(
      this.#body,
      ...rows.flatMap(row => [
        this.#groupRow(row),
        ...(this.#open.has(row.group.key) ? row.group.runs.map(run => this.#seedRow(run)) : []),
      ]),
    );
    const presets = new Set(rows.map(row => row.preset).filter(Boolean));
    this.#warning.hidden = presets.size < 2;
    fill(
      this.#warning,
      icon('warn'),
      `${[...presets].join(' and ')} presets are listed apart: their scores are not comparable as equals.`,
    );
  }

  #header({ key, label, class: name }: (typeof columns)[number]): HTMLElement {
    const sorted = this.#sort.key === key;
    const sort = () => {
      this.#sort = { key, down: sorted ? !this.#sort.down : true };
      this.refresh();
    };
    return h(
      'th',
      {
        class: name,
        scope: 'col',
        tabindex: '0',
        'aria-sort': sorted ? (this.#sort.down ? 'descending' : 'ascending') : undefined,
        onclick: sort,
        onkeydown: (event: KeyboardEvent) => event.key === 'Enter' && sort(),
      },
      label,
    );
  }

  #groupRow(row: Row): HTMLElement {
    const app = this.#app;
    const { group } = row;
    const hidden = app.hidden.has(group.key);
    const swatch = h('span', { class: 'swatch' });
    swatch.style.background = hidden ? token('line2') : runStyle(row.index).color;
    const eye = h(
      'button',
      {
        type: 'button',
        class: 'icon-button',
        'aria-label': hidden ? 'Show' : 'Hide',
        onclick: (event: Event) => {
          event.stopPropagation();
          app.changeSettings(() => void (app.hidden.delete(group.key) || app.hidden.add(group.key)));
        },
      },
      icon(hidden ? 'hide' : 'show'),
    );
    const toggle = () => {
      if (!this.#open.delete(group.key)) this.#open.add(group.key);
      this.refresh();
    };
    const who = h('span', { class: 'who' }, eye, swatch, group.label, icon('open'), this.#trouble(group));
    const current = group.runs.some(run => run.id === app.current);
    const [low, high] = row.interval;
    const cell = (text: string, name = '') => h('td', { class: name }, text);
    return h(
      'tr',
      {
        class: `group ${current ? 'current' : ''} ${hidden ? 'dim' : ''}`,
        tabindex: '0',
        onclick: toggle,
        onkeydown: (event: KeyboardEvent) => event.key === 'Enter' && toggle(),
      },
      h('td', {}, who),
      cell(String(row.seeds), 'optional'),
      cell(score(row.last), 'main-value'),
      cell(row.seeds > 1 ? score(row.std) : '–'),
      cell(score(row.best), 'wide'),
      cell(score(row.iqm), 'optional'),
      cell(Number.isFinite(low) ? `${score(low)} – ${score(high)}` : '–', 'optional'),
      cell(rate(row.speed), 'optional'),
      cell(duration(row.seconds), 'optional'),
      cell(row.preset || '–', 'optional'),
      this.#tags(group.runs[0]!),
      this.#note(group.runs[0]!),
    );
  }

  #seedRow(run: RunSummary): HTMLElement {
    const data = this.#app.dataOf(run.id);
    const cell = (text: string, name = '') => h('td', { class: name }, text);
    return h(
      'tr',
      {
        class: 'seed',
        tabindex: '0',
        onclick: () => this.#openRun(run.id),
        onkeydown: (event: KeyboardEvent) => event.key === 'Enter' && this.#openRun(run.id),
      },
      h('td', {}, h('span', { class: 'who' }, `seed ${run.seed}`)),
      cell('', 'optional'),
      cell(score(data.last('eval/return'))),
      cell(''),
      cell(score(data.best('eval/return')?.value ?? Number.NaN), 'wide'),
      cell('', 'optional'),
      cell('', 'optional'),
      cell(rate(data.last('time/stepsPerSecond')), 'optional t2'),
      cell(duration(run.seconds), 'optional t2'),
      cell(run.state, 'optional t2'),
      cell('', 'optional'),
      h('td', { class: 'text-cell optional note-cell mono t2' }, run.id),
    );
  }

  /** Why a run cannot be read, or what of it. */
  #trouble({ runs }: Group): HTMLElement | null {
    const run = runs.find(({ state, warning }) => state === 'unreadable' || warning);
    if (!run) return null;
    const text = run.state === 'unreadable' ? run.problem : run.warning;
    return h('span', { class: 'row-warning', title: text }, icon('warn'), h('span', {}, text));
  }

  #tags(run: RunSummary): HTMLElement {
    return h('td', { class: 'text-cell optional' }, ...run.tags.map(tag => h('span', { class: 'chip' }, tag)));
  }

  /** A note; words beginning with # become tags. */
  #note(run: RunSummary): HTMLElement {
    const input = h('input', {
      type: 'text',
      class: 'note-input',
      'aria-label': `Note of ${run.id}`,
      value: run.note,
      placeholder: 'note, #tag',
    });
    const keep = () => {
      const tags = [...input.value.matchAll(/#([\w-]+)/g)].map(match => match[1]!);
      const note = input.value.replace(/#[\w-]+/g, '').trim();
      if (note !== run.note || tags.length > 0)
        this.#app.send({ type: 'note', run: run.id, tags: tags.length ? tags : run.tags, note });
    };
    input.addEventListener('change', keep);
    input.addEventListener('click', event => event.stopPropagation());
    input.addEventListener('keydown', event => {
      event.stopPropagation();
      if (event.key === 'Enter') input.blur();
    });
    return h('td', { class: 'text-cell optional note-cell' }, input);
  }

  exportCsv(): void {
    const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
    const lines = this.#groups().flatMap(group =>
      group.runs.map(run => {
        const data = this.#app.dataOf(run.id);
        return [
          quote(run.id),
          quote(run.algo),
          quote(run.task),
          run.seed,
          quote(run.preset),
          run.step,
          run.seconds,
          data.last('eval/return'),
          data.best('eval/return')?.value ?? '',
          quote(run.note),
        ].join(',');
      }),
    );
    save(
      new Blob([`run,algo,task,seed,preset,step,seconds,last,best,note\n${lines.join('\n')}\n`], { type: 'text/csv' }),
      'runs.csv',
    );
  }
}
