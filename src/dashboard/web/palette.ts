import type { AppState } from './appState.ts';
import { type PageCommand, pageCommands } from './commands.ts';
import { fill, h, icon } from './dom.ts';
import { toast } from './toast.ts';
import type { WatchView } from './watchView.ts';

/** How well `text` matches what was typed: letters in order, at word starts and in a row best; undefined for no match. */
export function fuzzyScore(text: string, typed: string): number | undefined {
  const low = text.toLowerCase();
  let at = 0;
  let score = 0;
  let row = 0;
  for (const letter of typed.toLowerCase().replaceAll(' ', '')) {
    const found = low.indexOf(letter, at);
    if (found < 0) return undefined;
    row = found === at && at > 0 ? row + 1 : 0;
    score += 1 + row * 2 + (found === 0 || /[\s:/]/.test(low[found - 1]!) ? 3 : 0) - (found - at) * 0.05;
    at = found + 1;
  }
  return score - text.length * 0.01;
}

const recent: string[] = [];

function veil(content: HTMLElement): () => void {
  const before = document.activeElement as HTMLElement | null;
  const layer = h('div', { class: 'veil' }, content);
  const close = () => {
    layer.remove();
    before?.focus();
  };
  layer.addEventListener('pointerdown', event => {
    if (event.target === layer) close();
  });
  layer.addEventListener('keydown', event => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    close();
  });
  document.body.append(layer);
  return close;
}

/** Ctrl K: every command with its key, runs, metrics, checkpoints, and `Go to step…`; what was used last comes first. */
export function openPalette(app: AppState, watch: WatchView): void {
  if (document.querySelector('.palette')) return;
  const commands = pageCommands(app, watch);
  const list = h('ul', { role: 'listbox', id: 'palette-list' });
  const count = h('p', { class: 'palette-count' });
  const input = h('input', {
    type: 'text',
    placeholder: 'Search or run a command',
    role: 'combobox',
    'aria-expanded': 'true',
    'aria-controls': 'palette-list',
    'aria-label': 'Command',
  });
  let shown: PageCommand[] = [];
  let at = 0;
  const run = (command: PageCommand | undefined) => {
    if (!command) return;
    close();
    recent.unshift(command.label);
    command.run();
  };
  const draw = () => {
    fill(
      list,
      ...shown
        .slice(0, 60)
        .map((command, i) =>
          h(
            'li',
            { role: 'option', 'aria-selected': String(i === at), onclick: () => run(command) },
            icon(command.icon),
            h('span', { class: 'grow' }, command.label),
            command.key ? h('kbd', {}, command.key) : null,
          ),
        ),
    );
    list.children[at]?.scrollIntoView({ block: 'nearest' });
    fill(count, `↑ ↓ choose · Enter run · ${shown.length} commands`);
  };
  const search = () => {
    const typed = input.value.trim();
    at = 0;
    const step = /^(?:go to )?(?:step )?([\d,. ]+k?)$/i.exec(typed)?.[1];
    shown = typed ? ranked(commands, typed) : byRecency(commands);
    if (step)
      shown.unshift({ label: `Go to step ${step}`, icon: 'flag', run: () => void watch.goToStep(parseStep(step)) });
    else if (!typed)
      shown.push({
        label: 'Go to step… (type a number)',
        icon: 'flag',
        run: () => toast('Type the step into the palette'),
      });
    draw();
  };
  input.addEventListener('input', search);
  input.addEventListener('keydown', event => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) at = Math.max(0, Math.min(shown.length - 1, at + move));
    else if (event.key === 'Enter') run(shown[at]);
    else return;
    event.preventDefault();
    draw();
  });
  const close = veil(
    h(
      'div',
      { class: 'palette', role: 'dialog', 'aria-label': 'Commands' },
      h('div', { class: 'palette-head' }, icon('search'), input, h('kbd', {}, 'Esc')),
      list,
      count,
    ),
  );
  search();
  input.focus();
}

function ranked(commands: readonly PageCommand[], typed: string): PageCommand[] {
  return commands
    .map(command => ({ command, score: fuzzyScore(command.label, typed) }))
    .filter((entry): entry is { command: PageCommand; score: number } => entry.score !== undefined)
    .sort((a, b) => b.score - a.score)
    .map(({ command }) => command);
}

function byRecency(commands: readonly PageCommand[]): PageCommand[] {
  const rank = (command: PageCommand) => {
    const i = recent.indexOf(command.label);
    return i < 0 ? recent.length : i;
  };
  return [...commands].sort((a, b) => rank(a) - rank(b));
}

export function parseStep(text: string): number {
  const plain = text.replace(/[, ]/g, '');
  return /k$/i.test(plain) ? Number.parseFloat(plain) * 1000 : Number.parseFloat(plain);
}

/** F1 or ?: all keys on one sheet. */
export function openKeys(commands: readonly PageCommand[]): void {
  if (document.querySelector('.keys')) return;
  const mouse: [string, string][] = [
    ['Look around', 'drag'],
    ['Move the view', 'right or Shift drag'],
    ['Zoom', 'wheel'],
    ['Select a body', 'double click'],
    ['Pull a body (Touch)', 'Ctrl right-drag'],
    ['Turn a body (Touch)', 'Ctrl left-drag'],
    ['Loop a part of the episode', 'Shift drag'],
    ['Zoom a lane of the timeline', 'wheel or + −'],
    ['Move it, show it all', 'Shift wheel, 0'],
    ['Fold the panels', 'Tab on the stage'],
    ['All commands', 'Ctrl K'],
  ];
  const rows = [
    ...commands.filter(({ key }) => key).map(({ label, key }) => [label, key!] as [string, string]),
    ...mouse,
  ];
  const done = h('button', { type: 'button', title: 'Close', onclick: () => close() }, h('kbd', {}, 'Esc'));
  const sheet = h(
    'div',
    { class: 'keys', role: 'dialog', 'aria-label': 'All keys' },
    h('div', { class: 'keys-head' }, h('h2', { class: 'title' }, 'All keys'), h('span', { class: 'grow' }), done),
    h('ul', {}, ...rows.map(([label, key]) => h('li', {}, h('span', { class: 't2' }, label), h('kbd', {}, key)))),
  );
  const close = veil(sheet);
  done.focus();
}
