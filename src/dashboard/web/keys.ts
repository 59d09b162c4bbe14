import type { AppState } from './appState.ts';
import { pageCommands } from './commands.ts';
import type { WatchView } from './watchView.ts';

/** The name of a key press as commands spell it: `Shift P`, `←`, `Space`. */
export function keyName(event: KeyboardEvent): string {
  const names: Record<string, string> = {
    ' ': 'Space',
    ArrowLeft: '←',
    ArrowRight: '→',
    ArrowUp: '↑',
    ArrowDown: '↓',
    PageUp: 'PgUp',
    PageDown: 'PgDn',
    Escape: 'Esc',
    F1: '?',
    '+': '=',
    _: '-',
  };
  const named = names[event.key] ?? event.key;
  if (/^[←→↑↓]$/.test(named)) return event.shiftKey ? `Shift ${named}` : named;
  if (named.length > 1 || !/[a-z]/i.test(named)) return named;
  return event.shiftKey ? `Shift ${named.toUpperCase()}` : named.toUpperCase();
}

/** Keys of the page. The browser's own (F5, Ctrl R, L, P, T, W) stay the browser's; while typing, none are ours. */
export function attachKeys(app: AppState, watch: WatchView, shell: HTMLElement, palette: () => void): void {
  addEventListener('keydown', event => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      palette();
      return;
    }
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('.veil, .menu')) return;
    if (takes(target, event.key)) return;
    if (event.key === 'Tab') {
      foldPanels(event, target, shell);
      return;
    }
    if (event.key === 'Escape' && target.classList.contains('stage-canvas')) target.blur();
    const name = keyName(event);
    const found = pageCommands(app, watch).find(command => command.key === name);
    if (!found) return;
    event.preventDefault();
    if (!found.release) return found.run();
    if (event.repeat) return; // held
    found.run();
    const { code } = event;
    const { release } = found;
    const end = new AbortController();
    const letGo = (up: Event) => {
      if (up instanceof KeyboardEvent && up.code !== code) return;
      release();
      end.abort();
    };
    addEventListener('keyup', letGo, { signal: end.signal });
    addEventListener('blur', letGo, { signal: end.signal }); // let go in another window
  });
}

/** Whether a control with the focus wants the key for itself: text all of them, a slider the ones that move it. */
function takes(target: HTMLElement, key: string): boolean {
  if (target instanceof HTMLInputElement && target.type === 'range') return /^(Arrow|Page|Home|End)/.test(key);
  if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return true;
  return key === ' ' && /^(BUTTON|A)$/.test(target.tagName);
}

/** Tab folds the panels only while the stage has the focus; Escape leaves it, and Tab moves the focus as everywhere. */
function foldPanels(event: KeyboardEvent, target: HTMLElement, shell: HTMLElement): void {
  if (!target.classList.contains('stage-canvas')) return;
  event.preventDefault();
  shell.classList.toggle('wide');
}
