import type { AppState } from './appState.ts';
import { fill, h, icon } from './dom.ts';
import { score } from './format.ts';

export interface Status {
  readonly word: string;
  readonly tone: 'live' | 'info' | 'warn' | 'bad' | 'grey';
  /** An icon, or `dot` for the breathing dot. */
  readonly mark: string;
}

/** The one word about the page's run. */
export function statusOf(app: AppState): Status {
  if (app.link === 'lost') return { word: 'Not connected', tone: 'warn', mark: 'link' };
  const run = app.run();
  if (!run) return { word: app.heard ? 'No run' : 'Connecting', tone: 'grey', mark: '' };
  if (run.state === 'finished') return { word: 'Finished', tone: 'grey', mark: 'check' };
  if (run.state === 'stopped' || run.state === 'unreadable') return { word: 'Stopped', tone: 'bad', mark: 'close' };
  if (run.state === 'paused') return { word: 'Training paused', tone: 'warn', mark: 'pause' };
  if (app.paused) return { word: 'Paused here', tone: 'info', mark: 'pause' };
  return { word: 'Live', tone: 'live', mark: 'dot' };
}

/** The pill; it keeps itself up to date, and the page's title with it. */
export function statusPill(app: AppState): HTMLElement {
  const pill = h('span', { class: 'pill', role: 'status' });
  let shown = '';
  const update = () => {
    const status = statusOf(app);
    const key = `${status.word} ${status.tone}`;
    const run = app.run();
    if (run) {
      const last = app.currentData?.last('eval/return');
      document.title = `${status.word === 'Live' ? '▶ ' : ''}${last !== undefined && Number.isFinite(last) ? `${score(last)} ` : ''}${run.task || run.id}`;
    }
    if (key === shown) return;
    shown = key;
    pill.className = `pill tone-${status.tone}`;
    fill(
      pill,
      status.mark === 'dot' ? h('span', { class: 'dot' }) : status.mark ? icon(status.mark) : null,
      status.word,
    );
  };
  for (const event of ['runs', 'current', 'link', 'paused', 'rows'] as const) app.on(event, update);
  update();
  return pill;
}
