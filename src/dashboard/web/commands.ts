import type { AppState } from './appState.ts';
import { integer } from './format.ts';
import { views } from './rail.ts';
import { toast } from './toast.ts';
import type { WatchView } from './watchView.ts';

export interface PageCommand {
  readonly label: string;
  readonly icon: string;
  readonly key?: string;
  readonly run: () => void;
  /** Called when the key is let go: the command holds only while it is pressed. */
  readonly release?: () => void;
}

/** Every command of the page: the palette lists them, the keys call them. */
export function pageCommands(app: AppState, watch: WatchView): PageCommand[] {
  const { player, panel } = watch;
  const list: PageCommand[] = [
    ...views.map(({ view, icon, label }, i) => ({ label, icon, key: String(i + 1), run: () => app.show(view) })),
    { label: 'Play or pause', icon: 'play', key: 'Space', run: () => player.toggle() },
    { label: 'One frame back', icon: 'back', key: '←', run: () => player.step(-1) },
    { label: 'One frame on', icon: 'forward', key: '→', run: () => player.step(1) },
    { label: 'Slower', icon: 'play', key: '-', run: () => panel.changeSpeed(-1) },
    { label: 'Faster', icon: 'play', key: '=', run: () => panel.changeSpeed(1) },
    { label: 'From the start', icon: 'reset', key: 'Backspace', run: () => panel.onReset() },
    { label: 'Follow the training live', icon: 'arrow', key: 'End', run: () => followLive(app, watch) },
    { label: 'Next camera', icon: 'camera', key: ']', run: () => panel.useCamera(panel.camera + 1) },
    { label: 'Camera before', icon: 'camera', key: '[', run: () => panel.useCamera(panel.camera - 1) },
    { label: 'Free camera', icon: 'camera', key: 'Esc', run: () => freeCamera(watch) },
    { label: 'Next world', icon: 'grid', key: '.', run: () => nextWorld(watch, 1) },
    { label: 'World before', icon: 'grid', key: ',', run: () => nextWorld(watch, -1) },
    { label: 'Contacts', icon: 'arrow', key: 'C', run: () => panel.toggleLayer('contacts') },
    { label: 'Skeleton', icon: 'skeleton', key: 'K', run: () => panel.toggleLayer('skeleton') },
    { label: 'Collision shapes', icon: 'stage', key: 'X', run: () => toggleShapes(watch) },
    {
      label: 'Walls of the maze at full height',
      icon: 'grid',
      key: 'V',
      run: () => setWalls(watch, !panel.stage?.maze.full),
      release: () => setWalls(watch, false),
    },
    { label: 'Ghost: on or off', icon: 'ghost', key: 'G', run: () => void watch.toggleGhost() },
    {
      label: 'Touch: your own copy, or Watch',
      icon: 'touch',
      key: 'T',
      run: () => panel.onTouch(!panel.element.classList.contains('touching')),
    },
    { label: 'Select the next body', icon: 'target', key: 'PgDn', run: () => watch.touch?.select('next') },
    { label: 'Select the body that carries it', icon: 'target', key: 'PgUp', run: () => watch.touch?.select('parent') },
    ...pushes(watch),
    { label: 'Full screen', icon: 'stage', key: 'F', run: () => void fullScreen(panel.element) },
    { label: 'Replay the best episode', icon: 'play', run: () => void watch.best() },
    { label: 'Newest recorded episode', icon: 'play', run: () => void watch.newest() },
    { label: 'Light or dark', icon: 'theme', run: () => app.toggleTheme() },
    { label: 'Picture of the stage as PNG', icon: 'download', run: () => void savePicture(watch) },
    { label: 'All keys', icon: 'command', key: '?', run: () => showKeys(app, watch) },
  ];
  if (app.control) list.push(...controlCommands(app));
  for (const run of app.runs) list.push({ label: `Run: ${run.id}`, icon: 'runs', run: () => app.choose(run.id) });
  for (const { step, best } of app.currentData?.snapshot?.checkpoints ?? [])
    list.push({
      label: `Ghost: step ${integer(step)}${best ? ', the best' : ''}`,
      icon: 'ghost',
      run: () => void watch.toggleGhost(step),
    });
  // A spread is drawn as the band of its mean, not on its own.
  const metrics = [...(app.currentData?.metrics.keys() ?? [])].filter(key => !/Std$/.test(key));
  for (const key of metrics)
    list.push({
      label: `Pin ${key}`,
      icon: 'pin',
      run: () => app.changeSettings(() => void (app.pinned.delete(key) || app.pinned.add(key))),
    });
  return list;
}

/** What a hand does with Ctrl and the mouse; directions as in the picture. */
function pushes(watch: WatchView): PageCommand[] {
  const keys = { left: '←', right: '→', away: '↑', towards: '↓' } as const;
  return (['left', 'right', 'away', 'towards'] as const).map(direction => ({
    label: `Push the selected body: ${direction}`,
    icon: 'touch',
    key: `Shift ${keys[direction]}`,
    run: () => watch.touch?.push(direction),
  }));
}

function controlCommands(app: AppState): PageCommand[] {
  const paused = app.run()?.state === 'paused';
  return [
    {
      label: paused ? 'Resume training' : 'Pause training',
      icon: paused ? 'play' : 'pause',
      key: 'Shift P',
      run: () => app.act({ kind: app.run()?.state === 'paused' ? 'resume' : 'pause' }),
    },
    { label: 'One update', icon: 'forward', key: 'U', run: () => app.act({ kind: 'update' }) },
    { label: 'Checkpoint now', icon: 'save', key: 'Shift C', run: () => app.act({ kind: 'checkpoint' }) },
    { label: 'Evaluate now', icon: 'target', key: 'Shift E', run: () => app.act({ kind: 'evaluate' }) },
  ];
}

function toggleShapes({ panel: { stage } }: WatchView): void {
  if (stage?.dressed) stage.show.shapes = !stage.show.shapes;
  toast(stage?.show.shapes || !stage?.dressed ? 'The collision shapes are shown' : 'The robot is shown');
}

function setWalls({ panel: { stage } }: WatchView, full: boolean): void {
  if (!stage) return;
  if (full && !stage.maze.hasWalls) toast('This task has no maze');
  stage.maze.full = full;
}

function followLive(app: AppState, { player }: WatchView): void {
  const state = app.run()?.state;
  if (state === 'live' || state === 'paused') player.follow();
  else toast('Nothing trains this run now: there is no live edge');
}

function freeCamera({ panel }: WatchView): void {
  const { stage } = panel;
  const preset = stage?.orbit.preset;
  if (!stage || !preset) return;
  const { azimuth, elevation, distance } = stage.orbit;
  const { x, y, z } = stage.orbit.target;
  stage.orbit.use({ ...preset, name: 'Free', azimuth, elevation, distance, z, follow: 'none', at: [x, y] });
  panel.nameCamera('Free');
}

function nextWorld({ player, panel }: WatchView, by: number): void {
  const count = player.newest?.worlds.length ?? 0;
  if (count < 2) {
    toast(count ? 'There is one training world' : 'No training world is live here');
    return;
  }
  player.follow();
  player.world = (player.world + by + count) % count;
  panel.stage?.resetTrail();
}

async function fullScreen(element: HTMLElement): Promise<void> {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await element.requestFullscreen();
}

async function savePicture({ panel }: WatchView): Promise<void> {
  const blob = await panel.stage?.snapshot();
  if (!blob) return toast('There is nothing to draw');
  const { save } = await import('./charts/export.ts');
  save(blob, 'stage.png');
}

/** All keys on one sheet; the palette and F1 or ? open it. */
export function showKeys(app: AppState, watch: WatchView): void {
  void import('./palette.ts').then(({ openKeys }) => openKeys(pageCommands(app, watch)));
}
