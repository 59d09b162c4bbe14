import type { AppState } from './appState.ts';
import { firstEvaluation } from './charts/cardText.ts';
import { button, fill, h, icon, s } from './dom.ts';
import { duration, integer, score } from './format.ts';
import { toast } from './toast.ts';
import type { WatchView } from './watchView.ts';

/** A command that a click copies. */
export function command(text: string): HTMLElement {
  const copy = () => void navigator.clipboard?.writeText(text).then(() => toast('Copied'));
  return h('button', { type: 'button', class: 'command', title: 'Copy', onclick: copy }, text);
}

/** A dashed figure on a grid. */
export function connectingCard(): HTMLElement {
  const line = (d: string) => s('path', { d, 'stroke-dasharray': '3 4' });
  const figure = s(
    'svg',
    { class: 'connecting-figure', viewBox: '0 0 200 200', fill: 'none', stroke: 'currentColor', 'aria-hidden': 'true' },
    s('circle', { cx: 100, cy: 40, r: 14, 'stroke-dasharray': '3 4' }),
    line('M100 54v44M78 66h44M78 66l-18 26-12 22M122 66l22 20 4 24M90 98h22M92 98l-8 38-4 34M108 98l14 36 10 32'),
    line('M20 172h160M0 186h200'),
  );
  return h('div', { class: 'stage-message connecting' }, figure, h('p', { class: 't3' }, 'Connecting'));
}

export function pausedCard(app: AppState): HTMLElement {
  const changes = app.currentData?.changes ?? [];
  const step = Math.max(app.run()?.step ?? 0, changes.at(-1)?.step ?? 0);
  const at = changes.findLast(({ what }) => what === 'pause')?.at;
  const clock = at ? new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', hour12: false }) : '';
  const update = button({ label: 'One update', onclick: () => app.act({ kind: 'update' }) });
  update.append(h('kbd', {}, 'U'));
  return h(
    'div',
    { class: 'state-card' },
    h('p', {}, `Training is paused at step ${integer(step)}.`),
    h('p', { class: 't2' }, `Paused from a viewer${clock && ` at ${clock}`}. Nothing is lost: it goes on from here.`),
    app.control
      ? h(
          'div',
          { class: 'state-actions' },
          button({ label: 'Resume', class: 'primary', onclick: () => app.act({ kind: 'resume' }) }),
          update,
        )
      : h('p', { class: 't3' }, 'A viewer with the control right can resume it.'),
  );
}

/** It failed, or whoever trained it is gone: what happened, what is kept, how to go on. */
export function stoppedCard(app: AppState, watch: WatchView): HTMLElement {
  const run = app.run()!;
  const checkpoint = app.currentData?.snapshot?.checkpoints.at(-1);
  const why = run.problem
    ? `The last row is of step ${integer(run.step)}.`
    : `It was interrupted or its process is gone; the last row is of step ${integer(run.step)}.`;
  const kept = checkpoint
    ? ` Kept: the checkpoint of step ${integer(checkpoint.step)}.`
    : ' No checkpoint had been written.';
  return h(
    'div',
    { class: `state-card ${run.problem ? 'failure' : ''}` },
    h('h2', { class: 'title' }, run.problem ?? 'Nothing trains this run now'),
    h('p', { class: 't2' }, why + kept),
    checkpoint ? h('p', { class: 't3' }, `Continue from step ${integer(checkpoint.step)}`) : null,
    checkpoint ? command(`agent resume ${run.path}`) : null,
    run.problem && watch.episodes.length > 0
      ? button({ icon: 'play', label: 'Watch the last 2 s', onclick: () => void watch.lastSeconds(2) })
      : null,
  );
}

export function finishedCard(app: AppState, watch: WatchView): HTMLElement {
  const data = app.currentData;
  const run = app.run()!;
  const best = data?.best('eval/return');
  const published = data?.snapshot?.published[0];
  const last = data?.last('eval/return') ?? Number.NaN;
  const spread = data?.last('eval/returnStd') ?? Number.NaN;
  const figure = (label: string, value: string, detail: string) =>
    h(
      'div',
      {},
      h('span', { class: 't3' }, label),
      h('p', {}, h('b', {}, value), ' ', h('span', { class: 't3' }, detail)),
    );
  const copy = () =>
    void navigator.clipboard?.writeText(`agent export ${run.path} --format html`).then(() => toast('Command copied'));
  return h(
    'div',
    { class: 'state-card finished' },
    h(
      'div',
      { class: 'finished-figures' },
      Number.isFinite(last) ? figure('Last', score(last), Number.isFinite(spread) ? `± ${score(spread)}` : '') : null,
      best ? figure('Best', score(best.value), `@ ${integer(best.step)}`) : null,
      published
        ? figure('Published', score(published.value), published.name)
        : figure('Took', duration(run.seconds), ''),
    ),
    h(
      'div',
      { class: 'state-actions' },
      watch.episodes.length > 0
        ? button({ icon: 'play', label: 'Replay best', class: 'primary', onclick: () => void watch.best() })
        : null,
      run.path
        ? button({ icon: 'download', label: 'Export', title: 'Copy the command: one file to touch it', onclick: copy })
        : null,
    ),
  );
}

/** Training, but nothing has moved on the stage yet. */
export function waitingCard(app: AppState): HTMLElement {
  const first = firstEvaluation(app);
  return h(
    'div',
    { class: 'state-card' },
    h('p', {}, 'The robot stands at its start: no episode has been recorded yet.'),
    first ? h('p', { class: 't2' }, `The first evaluation comes at ${first}.`) : null,
  );
}

/** Instead of the picture of a run that cannot be read: file, what was found and expected, what helps. */
export function unreadable(app: AppState): HTMLElement {
  const run = app.run()!;
  const rest = [
    run.rows > 0 ? 'Its curves are shown.' : '',
    app.runs.length > 1 ? 'The other runs load as usual.' : '',
  ].filter(Boolean);
  const box = h('div', { class: 'unreadable' });
  fill(
    box,
    icon('warn'),
    h('p', { class: 'strong' }, 'This run cannot be read'),
    h('p', {}, `${run.problem}.`),
    h('p', { class: 't2' }, run.remedy ?? ''),
    rest.length ? h('p', { class: 't3' }, rest.join(' ')) : null,
  );
  return box;
}
