import type { AppState } from './appState.ts';
import { PolicyModel } from './diffusion/model.ts';
import { PathValue } from './diffusion/pathValue.ts';
import { SmallFan } from './diffusion/smallFan.ts';
import { DiffusionView } from './diffusion/view.ts';
import { fill, h, painted } from './dom.ts';
import { FiguresView } from './figures.ts';
import { runHeader } from './header.ts';
import { attachKeys } from './keys.ts';
import { openPalette } from './palette.ts';
import { rail } from './rail.ts';
import { emptyState, startStates } from './states.ts';
import { toast } from './toast.ts';
import { CompareView } from './views/compare.ts';
import { WatchView } from './watchView.ts';

/** What is said once the trainer has been asked; a change of a value has said so itself, with a way back. */
const ASKED: Readonly<Record<string, string>> = {
  pause: 'Training pauses after this step',
  resume: 'Training goes on',
  update: 'One update asked for',
  checkpoint: 'Checkpoint asked for',
  evaluate: 'Evaluation asked for',
  end: 'The run ends after this step',
  set: '',
};

/** Puts the page together. Everything shows its empty form at once and fills as data comes. */
export function mount(app: AppState): WatchView {
  const watch = new WatchView(app);
  const compare = new CompareView(app, run => {
    app.choose(run);
    app.show('watch');
  });
  const model = new PolicyModel(app, watch.player);
  watch.model = model;
  const fan = new SmallFan(app, model);
  const path = new PathValue(app, watch.player, watch.panel, model);
  watch.extra.append(fan.element);
  watch.inspector.addPanel('Diffusion', fan.panel);
  // Needs three.js, like the stage: both come after the first paint.
  const loaded = painted().then(() => Promise.all([import('./touch/touch.ts'), import('./touch/physicsPanel.ts')]));
  const lost = () => toast('A part of the page could not be loaded: reload it', { kind: 'bad' });
  void loaded.then(([{ Touch }, { physicsPanel }]) => {
    const touch = new Touch(app, watch, model);
    watch.touch = touch;
    watch.inspector.addPanel('Physics', physicsPanel(touch, model));
  }, lost);
  const diffusion = new DiffusionView(app, watch, model);
  const figures = new FiguresView(app);
  const palette = () => openPalette(app, watch);
  const header = runHeader(app, palette);
  const main = h('main', { class: 'main' });
  const banner = h('div', { class: 'banner', hidden: true, role: 'alert' });
  const shell = h('div', { class: 'app' }, rail(app, palette), header, banner, main, watch.timeline.element);
  const show = () => {
    const { view } = app;
    shell.dataset.view = view;
    const comparing = view === 'curves' || view === 'runs';
    const drawn = FiguresView.suits(app) && !comparing;
    shell.classList.toggle('figures', drawn);
    watch.timeline.element.hidden = view !== 'watch' || drawn;
    const sampling = view === 'diffusion' && !drawn;
    shell.children[1]!.replaceWith(comparing ? compare.header : sampling ? diffusion.header : header);
    if (app.runs.length === 0 && app.heard) fill(main, emptyState(app));
    else if (drawn) fill(main, figures.element);
    else fill(main, comparing ? compare.open(view) : sampling ? diffusion.open() : watch.open());
  };
  app.on('view', show);
  app.on('current', () => FiguresView.suits(app) !== shell.classList.contains('figures') && show());
  let known = -1;
  app.on('runs', () => {
    if (!app.current && app.runs.length > 0) app.choose(newestRun(app));
    if ((known === 0) !== (app.runs.length === 0) || known < 0) show();
    known = app.runs.length;
    for (const run of app.runs) if (!app.data.has(run.id)) app.follow(run.id);
  });
  app.on('theme', () => watch.refresh());
  app.on('answer', (ok, text) => {
    const words = ASKED[text] ?? text;
    if (words) toast(words, { kind: ok ? 'done' : 'bad' });
  });
  attachKeys(app, watch, shell, palette);
  startStates(app, shell, banner, main, watch);
  fill(document.getElementById('app')!, shell);
  show();
  loop(app, watch, compare, diffusion, [fan, path]);
  return watch;
}

/** The live one, else the last that can be read. */
function newestRun(app: AppState): string {
  const readable = app.runs.filter(run => run.state !== 'unreadable');
  const live = app.runs.filter(run => run.state === 'live' || run.state === 'paused');
  return (live.at(-1) ?? readable.at(-1) ?? app.runs.at(-1)!).id;
}

/** The stage at the display's rate, charts and numbers ten times a second, hidden parts never. */
function loop(
  app: AppState,
  watch: WatchView,
  compare: CompareView,
  diffusion: DiffusionView,
  sampled: readonly { refresh(now: number): void }[],
): void {
  let last = 0;
  const frame = (now: number) => {
    requestAnimationFrame(frame);
    if (app.view === 'watch') watch.panel.frame(now);
    if (app.view === 'diffusion') diffusion.frame(now);
    if (now - last < 100) return;
    last = now;
    if (app.view === 'watch') {
      watch.refresh();
      for (const part of sampled) part.refresh(now);
    } else if (app.view === 'diffusion') diffusion.refresh();
    else compare.refresh();
  };
  requestAnimationFrame(frame);
}
