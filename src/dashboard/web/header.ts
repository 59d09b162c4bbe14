import type { AppState } from './appState.ts';
import { fill, h, icon, setText } from './dom.ts';
import { duration, integer, rate } from './format.ts';
import { openMenu } from './menu.ts';
import { statusPill } from './status.ts';

/** Steps per second over the newest rows, and whether they have stopped coming. */
export function pace(app: AppState): { perSecond: number; staleFor: number } {
  const data = app.currentData;
  if (!data || data.rows < 2) return { perSecond: Number.NaN, staleFor: 0 };
  const logged = data.last('time/stepsPerSecond') || data.last('time/updatesPerSecond');
  const n = data.step.length;
  const from = Math.max(0, n - 40);
  const span = data.seconds.at(-1) - data.seconds.at(from);
  const measured = (data.step.at(-1) - data.step.at(from)) / span;
  const perSecond = Number.isFinite(logged) && logged > 0 ? logged : measured;
  const gaps = Array.from(
    { length: n - 1 - from },
    (_, i) => data.seconds.at(from + i + 1) - data.seconds.at(from + i),
  );
  const interval = gaps.sort((a, b) => a - b)[gaps.length >> 1]!; // the median: a pause is not an interval
  const quiet = (Date.now() + app.serverAhead - (app.run()?.written ?? 0)) / 1000;
  return { perSecond, staleFor: quiet > Math.max(10, 5 * interval) ? quiet : 0 };
}

/** Environment, run, status, progress, rate, time left, right, search. */
export function runHeader(app: AppState, openPalette: () => void): HTMLElement {
  const title = h('h1', { class: 'title' });
  const name = h('button', {
    type: 'button',
    class: 'run-name mono t3',
    title: 'Choose a run',
    onclick: (event: MouseEvent) => chooseRun(app, event.currentTarget as HTMLElement),
  });
  const stepLabel = h('span', { class: 't3' }, 'Step');
  const step = h('b', { class: 'strong' });
  const total = h('span', { class: 't3' });
  const bar = h('i');
  const perSecond = h('b', { class: 'strong' });
  const unit = h('span', { class: 't3' }, 'steps/s');
  const left = h('b', { class: 'strong' });
  const leftLabel = h('span', { class: 't3' }, 'Left');
  const right = h('span', { class: 'right-of-page' });
  const search = h(
    'button',
    { type: 'button', class: 'button search', title: 'Search or run a command (Ctrl K)', onclick: openPalette },
    icon('search'),
    h('span', { class: 'search-text' }, 'Search or run a command'),
    h('kbd', {}, 'Ctrl K'),
  );
  const header = h(
    'header',
    { class: 'header' },
    title,
    name,
    statusPill(app),
    h('span', { class: 'grow' }),
    h('span', { class: 'figure step' }, stepLabel, step, total),
    h('span', { class: 'progress', 'aria-hidden': 'true' }, bar),
    h('span', { class: 'figure rate' }, perSecond, unit),
    h('span', { class: 'figure left' }, leftLabel, left),
    h('span', { class: 'divider' }),
    right,
    search,
  );
  const update = () => {
    const run = app.run();
    if (!run) return setText(title, 'agent');
    setText(title, run.task || run.id);
    setText(name, run.task ? run.id : '');
    const { perSecond: speed, staleFor } = pace(app);
    const now = Math.max(run.step, app.currentData?.step.at(-1) || 0);
    setText(step, integer(now));
    setText(total, run.totalSteps ? `of ${integer(run.totalSteps)}` : '');
    bar.parentElement!.hidden = run.totalSteps === 0;
    bar.style.width = `${Math.min(100, (100 * now) / Math.max(1, run.totalSteps))}%`;
    const live = run.state === 'live';
    const stale = live && staleFor > 0 && app.link === 'open';
    setText(perSecond, stale ? '' : rate(speed));
    const updates = app.currentData?.snapshot?.config.kind === 'offline';
    setText(
      unit,
      stale ? `no ${updates ? 'update' : 'step'} for ${duration(staleFor)}` : updates ? 'updates/s' : 'steps/s',
    );
    setText(stepLabel, updates ? 'Update' : 'Step');
    unit.classList.toggle('tone-text-warn', stale);
    setText(leftLabel, live ? 'Left' : 'Took');
    setText(
      left,
      live ? (run.totalSteps > now ? duration((run.totalSteps - now) / speed) : '–') : duration(run.seconds),
    );
    if (right.dataset.control !== String(app.control)) {
      right.dataset.control = String(app.control);
      fill(right, icon(app.control ? 'sliders' : 'lock'), app.control ? 'Control' : 'View only');
      right.title = app.control
        ? 'This page may steer the training'
        : 'This page may look, not steer. To steer, start with --control';
    }
  };
  for (const event of ['runs', 'current', 'link'] as const) app.on(event, update);
  setInterval(update, 250);
  update();
  return header;
}

function chooseRun(app: AppState, anchor: HTMLElement): void {
  openMenu(
    anchor,
    app.runs.map(run => ({ label: run.id, checked: run.id === app.current, run: () => app.choose(run.id) })),
  );
}
