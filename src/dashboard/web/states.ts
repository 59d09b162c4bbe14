import type { AppState } from './appState.ts';
import { fill, h, icon } from './dom.ts';
import { integer } from './format.ts';
import {
  command,
  connectingCard,
  finishedCard,
  pausedCard,
  stoppedCard,
  unreadable,
  waitingCard,
} from './stateCards.ts';
import type { WatchView } from './watchView.ts';

export function emptyState(app: AppState): HTMLElement {
  return h(
    'div',
    { class: 'state' },
    icon('stage'),
    h('h2', {}, 'No runs here yet'),
    h('p', {}, 'Start one and this page fills by itself.'),
    command('npx agent online --env Humanoid-v3'),
    h('p', { class: 't3' }, 'Learns in minutes: ', h('span', { class: 'mono t2' }, '--env InvertedPendulum-v4')),
    app.home ? h('p', { class: 't3' }, 'Looking in ', h('span', { class: 'mono' }, app.home)) : null,
  );
}

export function refusedState(): HTMLElement {
  return h(
    'div',
    { class: 'state' },
    icon('lock'),
    h('h2', {}, 'This address needs its token'),
    h('p', {}, 'Open the whole line that the terminal printed; the part after # lets you in. Links carry no token.'),
    h('p', { class: 't3' }, 'It prints it again for'),
    command('agent view'),
  );
}

/** Banner, grey stage, and the cards over it: what the page says about itself. */
export function startStates(
  app: AppState,
  shell: HTMLElement,
  banner: HTMLElement,
  main: HTMLElement,
  watch: WatchView,
): void {
  const over = watch.panel.overlay;
  const since = performance.now();
  let shown = '';
  const update = () => {
    lostBanner(app, banner);
    shell.classList.toggle('grey', app.link === 'lost');
    const empty = app.heard && app.runs.length === 0;
    shell.classList.toggle('no-run', !app.run());
    shell.classList.toggle('empty', empty);
    if (empty) {
      if (!main.querySelector('.state')) fill(main, emptyState(app));
      return;
    }
    const state = stateOf(app, watch, performance.now() - since);
    const { run, currentData } = { run: app.run(), currentData: app.currentData };
    const last = currentData?.last('eval/return') ?? 0;
    const facts = [
      run?.problem,
      run?.step,
      app.control,
      app.runs.length,
      currentData?.snapshot?.checkpoints.at(-1)?.step,
      currentData?.changes.length,
    ];
    const key = JSON.stringify([state, app.current, last, ...(state === '' ? [] : facts)]);
    over.hidden = watch.player.own !== undefined; // the own copy plays: its end is not the run's
    if (key === shown) return;
    shown = key;
    watch.panel.blank('unreadable', state === 'unreadable' ? unreadable(app) : undefined);
    fill(over, state === '' || state === 'unreadable' ? null : CARDS[state](app, watch));
  };
  for (const event of ['link', 'runs', 'current'] as const) app.on(event, update);
  setInterval(update, 250);
  update();
}

const CARDS = {
  connecting: connectingCard,
  paused: pausedCard,
  stopped: stoppedCard,
  finished: finishedCard,
  waiting: waitingCard,
};

/** What the stage has to say now; '' while it shows what it is for. */
function stateOf(app: AppState, { player, episodes }: WatchView, ms: number): keyof typeof CARDS | 'unreadable' | '' {
  const run = app.run();
  if (!run) return ms > 400 && app.link !== 'lost' ? 'connecting' : ''; // a quick start needs no word
  if (run.state === 'unreadable' || run.state === 'paused' || run.state === 'finished' || run.state === 'stopped')
    return run.state;
  const still = !player.live && !player.recording && app.currentData?.snapshot !== undefined;
  return still && episodes.length === 0 && ms > 3000 ? 'waiting' : '';
}

function lostBanner(app: AppState, banner: HTMLElement): void {
  const lost = app.link === 'lost';
  banner.hidden = !lost;
  if (!lost) return;
  const age = Math.round((Date.now() - app.lostAt) / 1000);
  const wait = Math.max(0, Math.ceil((app.retryAt - Date.now()) / 1000));
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
  banner.querySelector('.age')!.textContent = `Connection lost ${age} s ago`;
  const step = app.currentData?.step.at(-1) || 0;
  const live = app.run()?.state === 'live';
  banner.querySelector('.kept')!.textContent = app.heard
    ? `Showing step ${integer(step)}, the last one received. ${live ? 'Training does not need this page. ' : ''}Missing points come on return.`
    : 'The viewer’s server does not answer.';
  banner.querySelector('button')!.textContent = `Retry (${wait} s)`;
}
