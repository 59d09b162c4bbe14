import type { AppState } from './appState.ts';
import { button, fill, h, icon, s } from './dom.ts';
import { duration, integer } from './format.ts';
import { toast } from './toast.ts';
import type { WatchView } from './watchView.ts';

/** A command that a click copies. */
export function command(text: string): HTMLElement {
  const copy = () => void navigator.clipboard?.writeText(text).then(() => toast('Copied'));
  return h('button', { type: 'button', class: 'command', title: 'Copy', onclick: copy }, text);
}

export function emptyState(app: AppState): HTMLElement {
  return h(
    'div',
    { class: 'state' },
    icon('stage'),
    h('h2', {}, 'No runs here yet'),
    h('p', {}, 'Start one and this page fills by itself.'),
    command('npx agent online --env Humanoid-v3'),
    h('p', { class: 't3' }, 'Learns in minutes: ', h('span', { class: 'mono t2' }, '--env InvertedPendulum-v4')),
    app.home ? h('p', { class: 't3 mono' }, app.home) : null,
  );
}

export function refusedState(): HTMLElement {
  return h(
    'div',
    { class: 'state' },
    icon('lock'),
    h('h2', {}, 'This address needs its token'),
    h('p', {}, 'Open the whole line that the terminal printed; the part after # lets you in. Links carry no token.'),
    command('agent view'),
  );
}

/** A dashed figure on a grid: after 400 ms without data, and never longer than needed. */
function connectingFigure(): SVGElement {
  const line = (d: string) => s('path', { d, 'stroke-dasharray': '3 4' });
  return s(
    'svg',
    { class: 'connecting-figure', viewBox: '0 0 200 200', fill: 'none', stroke: 'currentColor', 'aria-hidden': 'true' },
    s('circle', { cx: 100, cy: 40, r: 14, 'stroke-dasharray': '3 4' }),
    line('M100 54v44M78 66h44M78 66l-18 26-12 22M122 66l22 20 4 24M90 98h22M92 98l-8 38-4 34M108 98l14 36 10 32'),
    line('M20 172h160M0 186h200'),
  );
}

/** Banner, grey stage, failure and finished overlays: what the page says about itself. */
export function startStates(
  app: AppState,
  shell: HTMLElement,
  banner: HTMLElement,
  main: HTMLElement,
  watch: WatchView,
): void {
  const over = watch.panel.overlay;
  const connecting = h(
    'div',
    { class: 'stage-message connecting' },
    connectingFigure(),
    h('p', { class: 't3' }, 'Connecting'),
  );
  let shown = '';
  let since = performance.now();
  const update = () => {
    lostBanner(app, banner);
    shell.classList.toggle('grey', app.link === 'lost');
    const run = app.run();
    if (app.link === 'open' && app.runs.length === 0) {
      if (!main.querySelector('.state')) fill(main, emptyState(app));
      return;
    }
    const waiting = app.link === 'connecting' && performance.now() - since > 400;
    const key = JSON.stringify([
      run?.id,
      run?.state,
      run?.problem,
      waiting,
      app.control,
      Math.round(app.currentData?.last('eval/return') ?? 0),
    ]);
    if (key === shown && over.hidden === (watch.player.own !== undefined)) return;
    over.hidden = watch.player.own !== undefined; // the own copy plays: its end is not the run's
    shown = key;
    if (waiting) fill(over, connecting);
    else if (run?.state === 'paused') fill(over, pausedNote(app));
    else if (run?.problem) fill(over, failure(app, watch));
    else if (run?.state === 'finished') fill(over, finished(app, watch));
    else fill(over);
  };
  app.on('link', () => {
    if (app.link === 'connecting') since = performance.now();
    update();
  });
  app.on('runs', update);
  setInterval(update, 250);
}

function lostBanner(app: AppState, banner: HTMLElement): void {
  const lost = app.link === 'lost';
  banner.hidden = !lost;
  if (!lost) return;
  const age = Math.round((Date.now() - app.lostAt) / 1000);
  const wait = Math.max(0, Math.ceil((app.retryAt - Date.now()) / 1000));
  const text = `Connection lost ${age} s ago`;
  if (!banner.firstChild) {
    fill(
      banner,
      icon('link'),
      h('span', { class: 'age' }),
      h('span', { class: 't2 kept' }),
      h('span', { class: 'grow' }),
      h('button', { type: 'button', onclick: () => app.retry() }, ''),
    );
  }
  banner.querySelector('.age')!.textContent = text;
  banner.querySelector('.kept')!.textContent =
    `Showing step ${integer(app.currentData?.step.at(-1) || 0)}, the last one received. Training goes on. Missing points come on return.`;
  banner.querySelector('button')!.textContent = `Retry (${wait} s)`;
}

function pausedNote(app: AppState): HTMLElement {
  return h(
    'div',
    { class: 'state-card' },
    h('p', {}, `Training is paused at step ${integer(app.run()?.step ?? 0)}.`),
    h('p', { class: 't2' }, 'Weights are saved. One update: ', h('kbd', {}, 'U')),
    app.control ? button({ label: 'Resume', class: 'primary', onclick: () => app.act({ kind: 'resume' }) }) : null,
  );
}

function failure(app: AppState, watch: WatchView): HTMLElement {
  const run = app.run()!;
  const checkpoint = app.currentData?.snapshot?.checkpoints.at(-1);
  const readable = run.state !== 'unreadable';
  return h(
    'div',
    { class: 'state-card failure' },
    h('h2', { class: 'title' }, run.problem ?? ''),
    readable
      ? h(
          'p',
          { class: 't2' },
          `The run stopped at step ${integer(run.step)}.${checkpoint ? ` Kept: the checkpoint of step ${integer(checkpoint.step)}.` : ''}`,
        )
      : h('p', { class: 't2' }, 'The other runs load as usual.'),
    readable && checkpoint ? h('p', { class: 't3' }, `Continue from step ${integer(checkpoint.step)}`) : null,
    readable && checkpoint ? command(`agent resume ${run.path}`) : null,
    readable && watch.episodes.length > 0
      ? button({ icon: 'play', label: 'Watch the last 2 s', onclick: () => void watch.lastSeconds(2) })
      : null,
  );
}

function finished(app: AppState, watch: WatchView): HTMLElement {
  const data = app.currentData;
  const best = data?.best('eval/return');
  const published = data?.snapshot?.published[0];
  const figure = (label: string, value: string, detail: string) =>
    h(
      'div',
      {},
      h('span', { class: 't3' }, label),
      h('p', {}, h('b', {}, value), ' ', h('span', { class: 't3' }, detail)),
    );
  const last = data?.last('eval/return') ?? Number.NaN;
  return h(
    'div',
    { class: 'state-card finished' },
    h(
      'div',
      { class: 'finished-figures' },
      Number.isFinite(last)
        ? figure('Last', integer(last), `± ${integer(data?.last('eval/returnStd') ?? Number.NaN)}`)
        : null,
      best ? figure('Best', integer(best.value), `@ ${integer(best.step)}`) : null,
      published
        ? figure('Published', integer(published.value), published.name)
        : figure('Took', duration(app.run()?.seconds ?? 0), ''),
    ),
    button({ icon: 'play', label: 'Replay best', class: 'primary', onclick: () => void watch.best() }),
  );
}
